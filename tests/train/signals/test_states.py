from pathlib import Path

import pytest
import torch

from vitron_agent.errors import ConfigError
from vitron_agent.train.signals.states import States, load_states, save_states


def test_states_come_back_in_half_precision(tmp_path: Path):
    states = States(torch.randn(3, 5, 8), ("a cat", 'a "large" pot', "a cat"), torch.tensor([0, 3, 1]))
    save_states(states, tmp_path / "new" / "states.safetensors")
    again = load_states(tmp_path / "new" / "states.safetensors")
    assert torch.equal(again.hidden, states.hidden.half().float())
    assert again.texts == states.texts
    assert torch.equal(again.tasks, states.tasks)


def test_states_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="3 states of 2 phrases and 3 tasks"):
        States(torch.randn(3, 5, 8), ("a cat", "a dog"), torch.tensor([0, 3, 1]))


@pytest.mark.parametrize("content", [None, b"no states"])
def test_a_file_without_states_is_named(tmp_path: Path, content: bytes | None):
    path = tmp_path / "states.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"states\.safetensors holds no states of steps"):
        load_states(path)
