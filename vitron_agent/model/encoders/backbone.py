"""Vision backbones: a frozen network that turns a picture into one map of features over the whole of it.

Interchangeable: the embedded EfficientNet-Lite2, CLIP ViT-L/14 at 336 pixels as in the paper (App. C), or any vision
model of transformers. A model's configuration names its backbone, and :func:`load_backbone` finds it again.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from vitron_agent.artifacts import ImageArray
from vitron_agent.errors import WeightsError
from vitron_agent.model.encoders.dense import DenseFeatures, fit, to_rgb8
from vitron_agent.model.encoders.efficientnet import EfficientNetLite, Levels
from vitron_agent.model.encoders.weights import LITE0, LITE2, load_encoder

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

_SOURCES = {source.name: source for source in (LITE0, LITE2)}
EMBEDDED = LITE2.name
PAPER = "openai/clip-vit-large-patch14-336"
_SIZE, _FRAME_SIZE = 416, 224
"""Longer side of a picture and of a clip's frame for the embedded backbone. A picture's is the smallest of the dense
encoder's sizes, the whole scene; there are many frames, and each takes 0.04 s instead of 0.15 s. Small pictures are
made twice as large at most: more places would show no more."""


class VisionBackbone(Protocol):
    """What the rest of the model asks of a backbone."""

    @property
    def name(self) -> str:
        """Tells :func:`load_backbone` which one it is."""

    @property
    def channels(self) -> int:
        """c, the features of one place."""

    def features(self, picture: ImageArray) -> Tensor:
        """Features [c, h, w] float32 of a picture (H, W, 3|4): row by row from the top left, all of it."""

    def frame_features(self, frame: ImageArray) -> Tensor:
        """The same for one of a clip's frames, on a coarser grid where that is cheaper."""


class EfficientNetBackbone:
    """The embedded backbone: parts and things (``mid`` and ``head``) at stride 16, side by side."""

    def __init__(self, network: EfficientNetLite, name: str = EMBEDDED) -> None:
        self.name = name
        self._network = network
        self.channels = sum(len(level) for level in self._levels(np.zeros((32, 32, 3), np.uint8)))

    def features(self, picture: ImageArray) -> Tensor:
        """As the protocol says; h x w is at most 26 x 26."""
        return self._features(picture, _SIZE)

    def frame_features(self, frame: ImageArray) -> Tensor:
        """As the protocol says; h x w is at most 14 x 14."""
        return self._features(frame, _FRAME_SIZE)

    def _features(self, picture: ImageArray, size: int) -> Tensor:
        height, width = picture.shape[:2]
        size = min(size, 2 * max(height, width))
        resized = Image.fromarray(to_rgb8(picture)).resize(fit(width, height, size), Image.Resampling.BICUBIC)
        return torch.cat(self._levels(np.asarray(resized)))

    def _levels(self, pixels: np.ndarray) -> tuple[Tensor, Tensor]:
        return _used(self._network.levels(torch.from_numpy(pixels.transpose(2, 0, 1).copy())))


def seen(features: DenseFeatures) -> Tensor:
    """What :class:`EfficientNetBackbone` would give, from features that the experts have already."""
    return torch.cat(_used(features.scales[0]))


def _used(levels: Levels) -> tuple[Tensor, Tensor]:
    return levels.mid, levels.head


class TransformersBackbone:
    """A vision model of transformers that takes square pictures, such as CLIP, SigLIP, DINOv2, ViT, Swin or ConvNeXt.

    Pictures are stretched to the model's square: places then keep their share of width and height, as boxes have them.

    Args:
        model: In evaluation mode.
        name: Of its folder or repository.
        mean: Of its training pixels in [0, 1], RGB.
        std: Their deviation.
        layer: Whose hidden states are taken; -2 as in LLaVA and the released VITRON.
    """

    def __init__(
        self, model: "PreTrainedModel", name: str, mean: list[float], std: list[float], layer: int = -2
    ) -> None:
        self.name = name
        self._model = model.eval()  # type: ignore[no-untyped-call]
        self._layer = layer
        self._size = _side(model.config, name)
        self._mean, self._std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (mean, std))
        self.channels, height, width = self.features(np.zeros((8, 8, 3), np.uint8)).shape
        if height != width:
            raise WeightsError(f"{name} gives its features in an order of its own; name a model such as {PAPER}")

    @classmethod
    def from_pretrained(cls, name: str, *, layer: int = -2, **options: Any) -> "TransformersBackbone":
        """Loads a folder or repository; of a model that reads text too, its vision half.

        Raises:
            WeightsError: It cannot be read, or is no vision model.
        """
        from transformers import AutoConfig, AutoImageProcessor, AutoModel

        try:
            config = AutoConfig.from_pretrained(name, **options)
            processor = AutoImageProcessor.from_pretrained(name, **options)  # type: ignore[no-untyped-call]
            model = AutoModel.from_pretrained(name, **options)
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"the vision backbone {name} cannot be loaded ({error}); name a folder or pull it"
            ) from error
        if hasattr(config, "vision_config"):
            model = getattr(model, "vision_model", model)
        if not getattr(processor, "image_mean", None):
            raise WeightsError(f"{name} does not tell the mean of its pixels; name a model such as {PAPER}")
        return cls(model, name, list(processor.image_mean), list(processor.image_std), layer)

    @torch.inference_mode()
    def features(self, picture: ImageArray) -> Tensor:
        """As the protocol says; h x w is the model's own grid."""
        resized = Image.fromarray(to_rgb8(picture)).resize((self._size, self._size), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.asarray(resized).copy()).permute(2, 0, 1)[None].float() / 255
        model = self._model
        pixels = ((pixels - self._mean) / self._std).to(model.device, model.dtype)
        output = model(pixel_values=pixels, output_hidden_states=True)
        states = getattr(output, "reshaped_hidden_states", None) or output.hidden_states  # maps, where it has any
        hidden = states[self._layer][0]
        if hidden.ndim == 2:  # tokens; the few before the patches are class and register tokens
            side = math.isqrt(len(hidden))
            hidden = hidden[-side * side :].T.reshape(-1, side, side)
        features: Tensor = hidden.float().cpu()
        return features

    def frame_features(self, frame: ImageArray) -> Tensor:
        """The same as of a picture: the model has one size."""
        return self.features(frame)


def _side(config: "PreTrainedConfig", name: str) -> int:
    """The side of the pictures that a model takes, which some tell twice."""
    size = getattr(config, "image_size", ())
    sides = set(size if isinstance(size, (list, tuple)) else [size])
    if len(sides) != 1:
        raise WeightsError(f"{name} is no vision model of square pictures of one size; name one such as {PAPER}")
    return int(sides.pop())


def load_backbone(name: str, cache: Path) -> VisionBackbone:
    """The backbone of this name: one of the embedded ones, or a folder or repository of transformers.

    Args:
        name: As a backbone tells it.
        cache: Folder of converted weights of the embedded ones.

    Raises:
        WeightsError: There is none, or its weights are missing or damaged.
    """
    if name in _SOURCES:
        return EfficientNetBackbone(load_encoder(cache, _SOURCES[name]), name)
    return TransformersBackbone.from_pretrained(name)


def pooled(features: Tensor, side: int) -> Tensor:
    """[..., c, h, w] averaged to [..., c, side, side], the same grid for pictures of any shape."""
    return functional.adaptive_avg_pool2d(features, side)
