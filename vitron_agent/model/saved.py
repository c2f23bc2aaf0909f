"""What lies beside the PEFT adapter in a saved model's folder: its configuration, projector, region encoder, heads."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from vitron_agent.errors import WeightsError
from vitron_agent.model.media import MediaConfig, MediaEncoder
from vitron_agent.model.signals import SignalConfig, SignalHeads

CONFIG, MODULES = "config.json", "vitron.safetensors"
SEEING = "seeing"
"""Folder, in a saved model's, of the LoRA for answers about what is seen."""


class VitronConfig(BaseModel):
    """What a saved model belongs to.

    Attributes:
        base: Name of the LLM that it was trained on.
        media: How media become tokens; None for a model that reads text alone.
        signals: How many signals there are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str
    media: MediaConfig | None = None
    signals: SignalConfig = SignalConfig()


def writes_signals(folder: Path) -> bool:
    """Whether a saved model writes signals, and may see: other adapters are of text alone."""
    return (folder / MODULES).is_file()


def read_config(folder: Path) -> VitronConfig:
    """The configuration of a saved model.

    Raises:
        WeightsError: There is none, or it is none of ours.
    """
    path = folder / CONFIG
    try:
        values = json.loads(path.read_text())
        if values.pop("model_type", None) != "vitron":
            raise WeightsError(f"{path} is not of a VITRON model; name a folder that save_pretrained wrote")
        return VitronConfig.model_validate(values)
    except (OSError, json.JSONDecodeError, ValidationError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); name a folder that save_pretrained wrote") from error


def save_parts(parts: Mapping[str, nn.Module], config: VitronConfig, folder: Path) -> None:
    """Writes the configuration, and what was trained beside the LLM, by name, in float16."""
    tensors = {f"{name}.{key}": tensor for name, part in parts.items() for key, tensor in _halved(part).items()}
    save_file(tensors, folder / MODULES, metadata={"format": "pt"})
    save_config(config, folder)


def save_part(part: nn.Module, path: Path) -> None:
    """Writes one part in a file of its own, for :func:`load_part`."""
    save_file(_halved(part), path)


def _halved(part: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().to("cpu", torch.float16).contiguous() for name, tensor in part.state_dict().items()}


def load_part(part: nn.Module, path: Path) -> None:
    """Reads it, in place.

    Raises:
        WeightsError: It is missing, or of other sizes.
    """
    try:
        part.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
    except (OSError, RuntimeError, SafetensorError) as error:
        raise WeightsError(f"{path} cannot be used ({error}); train it again") from error


def save_config(config: VitronConfig, folder: Path) -> None:
    """Writes the configuration alone."""
    (folder / CONFIG).write_text(json.dumps({"model_type": "vitron", **config.model_dump()}, indent=2) + "\n")


def load_parts(parts: Mapping[str, nn.Module], folder: Path) -> None:
    """Reads them, in place.

    Raises:
        WeightsError: They are missing, or of other sizes.
    """
    path = folder / MODULES
    try:
        tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
        for name, part in parts.items():
            prefix = f"{name}."
            part.load_state_dict({key.removeprefix(prefix): tensors[key] for key in tensors if key.startswith(prefix)})
    except (OSError, RuntimeError, SafetensorError) as error:
        raise WeightsError(f"{path} does not fit its configuration ({error}); fetch or train it again") from error


def load_trained(folder: Path, width: int, device: torch.device) -> tuple[MediaEncoder | None, SignalHeads]:
    """Projector and region encoder (None where it doesn't see), and signal heads of a saved model, for inference.

    Args:
        folder: Of the model.
        width: Of the LLM.
        device: To run on.

    Raises:
        WeightsError: The folder is incomplete.
    """
    config = read_config(folder)
    media = MediaEncoder(config.media) if config.media else None
    heads = SignalHeads(config.signals, width)
    load_parts({"signals": heads} | ({"media": media} if media else {}), folder)
    return media.to(device).eval() if media else None, heads.to(device).eval()
