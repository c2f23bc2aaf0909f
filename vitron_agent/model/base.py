"""The frozen base of the planner as transformers loads it; for training."""

from pathlib import Path
from typing import TYPE_CHECKING

from vitron_agent.config import Settings
from vitron_agent.errors import WeightsError
from vitron_agent.model.tokens import PlannerTokenizer
from vitron_agent.model.weights import base_folder

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BASE = "SmolLM2-135M-Instruct"
"""Name of the embedded base, which ``vitron pull embedded`` fetches."""


def load_base(name: Path | str = BASE) -> "tuple[PreTrainedModel, PlannerTokenizer]":
    """A causal language model and its tokenizer, in float32.

    Args:
        name: The embedded base, or a folder or repository of transformers.

    Raises:
        WeightsError: It cannot be read.
    """
    import tokenizers
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = base_folder(Settings.load().cache) if name == BASE else name
    remedy = "run: vitron pull embedded" if name == BASE else "name a causal language model with a chat's <|im_start|>"
    try:
        model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)
        if (Path(place) / "tokenizer.json").is_file():
            return model, PlannerTokenizer.from_file(Path(place) / "tokenizer.json")
        read: tokenizers.Tokenizer = AutoTokenizer.from_pretrained(place).backend_tokenizer
        return model, PlannerTokenizer(read)
    except (OSError, ValueError) as error:
        raise WeightsError(f"the base {place} cannot be loaded ({error}); {remedy}") from error
