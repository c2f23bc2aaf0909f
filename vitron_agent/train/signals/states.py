"""What the frozen LLM makes of signal tokens behind steps, on disk: heads and adapters are learned from it alone."""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from vitron_agent.errors import ConfigError


@dataclass(frozen=True)
class States:
    """States of steps, in any order.

    Attributes:
        hidden: [n, n_s + n_p, width] float32, the signal tokens' last hidden states.
        texts: Of the phrase that each step is about.
        tasks: [n], number of its operation among :data:`vitron_agent.train.signals.steps.OPERATIONS`.
    """

    hidden: Tensor
    texts: tuple[str, ...]
    tasks: Tensor

    def __post_init__(self) -> None:
        if not len(self.hidden) == len(self.texts) == len(self.tasks):
            raise ValueError(f"{len(self.hidden)} states of {len(self.texts)} phrases and {len(self.tasks)} tasks")


def save_states(states: States, path: Path) -> None:
    """Writes safetensors; the states as float16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {"hidden": states.hidden.half().contiguous(), "tasks": states.tasks.contiguous()}
    save_file(tensors, path, {"texts": json.dumps(states.texts)})


def load_states(path: Path) -> States:
    """Reads :func:`save_states` back.

    Raises:
        ConfigError: It is missing, or no such file.
    """
    try:
        with safe_open(path, "pt") as file:
            texts = tuple(json.loads(file.metadata()["texts"]))
            return States(file.get_tensor("hidden").float(), texts, file.get_tensor("tasks"))
    except Exception as error:
        raise ConfigError(f"{path} holds no states of steps ({error}); stage 3 writes them") from error
