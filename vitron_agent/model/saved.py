"""What lies beside the PEFT adapter in a saved model's folder: its configuration, projector and region encoder."""

import json
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from vitron_agent.errors import WeightsError
from vitron_agent.model.media import MediaConfig, MediaEncoder

CONFIG, MODULES = "config.json", "vitron.safetensors"


class VitronConfig(BaseModel):
    """What a saved model belongs to.

    Attributes:
        base: Name of the LLM that it was trained on.
        media: How media become tokens.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str
    media: MediaConfig


def has_media(folder: Path) -> bool:
    """Whether a saved model sees: older adapters and the released VITRON's are of text alone."""
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


def load_media(media: MediaEncoder, folder: Path) -> None:
    """Reads projector and region encoder from a saved model's folder.

    Raises:
        WeightsError: They are missing, or of other sizes.
    """
    path = folder / MODULES
    try:
        media.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
    except (OSError, RuntimeError, SafetensorError) as error:
        raise WeightsError(f"{path} does not fit its configuration ({error}); fetch or train it again") from error


def save_media(media: MediaEncoder, config: VitronConfig, folder: Path) -> None:
    """Writes configuration, projector and region encoder, in float16."""
    state = media.state_dict().items()
    tensors = {name: tensor.detach().to("cpu", torch.float16).contiguous() for name, tensor in state}
    save_file(tensors, folder / MODULES, metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps({"model_type": "vitron", **config.model_dump()}, indent=2) + "\n")


def load_media_encoder(folder: Path, device: torch.device) -> MediaEncoder:
    """The projector and region encoder of a saved model, for inference.

    Raises:
        WeightsError: The folder is incomplete.
    """
    media = MediaEncoder(read_config(folder).media)
    load_media(media, folder)
    return media.to(device).eval()
