"""Steps are drawn, read and written in shards; a run that was interrupted reads on where it stopped."""

from pathlib import Path
from random import Random

import pytest
import torch

from tests import tiny
from vitron_agent.messages import Operation
from vitron_agent.train.signals import reading
from vitron_agent.train.signals.aligning import SignalReader
from vitron_agent.train.signals.phrases import Group, Phrase
from vitron_agent.train.signals.reading import draw_states, load_drawn, read_states
from vitron_agent.train.signals.steps import OPERATIONS, step_ids

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
TOKENIZER = tiny.tokenizer()
PHRASES = [
    Phrase(f"{group.value} {number}", (f"n{number}",), group, described=False) for group in Group for number in range(5)
]


@pytest.fixture
def reader(vitron, monkeypatch: pytest.MonkeyPatch) -> SignalReader:
    monkeypatch.setattr(reading, "_SHARD", 8)
    monkeypatch.setattr(reading, "_BATCH", 4)
    return SignalReader(vitron)


def draw(reader: SignalReader, folder: Path, seed: int = 0) -> list[tuple[int, int]]:
    """Draws fourteen steps to learn from and three of each other group; returns what was reported."""
    told: list[tuple[int, int]] = []
    draw_states(
        reader, TOKENIZER, PHRASES, folder, learned=14, tested=3, seed=seed, report=lambda *done: told.append(done)
    )
    return told


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_all_that_is_wanted_is_read_and_reported(reader, tmp_path):
    assert draw(reader, tmp_path) == [(8, 20), (16, 20), (20, 20)]
    states = load_drawn(tmp_path)
    assert states.hidden.shape == (20, tiny.SIGNALS.num_tokens, 32)
    assert bool(states.hidden.isfinite().all())
    assert set(states.tasks.tolist()) == set(range(len(OPERATIONS)))
    of = {group: [text for text in states.texts if text.startswith(f"{group.value} ")] for group in Group}
    assert [len(of[group]) for group in Group] == [14, 3, 3]
    assert len(set(of[Group.NEW_WORD])) == len(set(of[Group.NEW_THING])) == 3


def test_what_was_read_is_not_read_again(reader, tmp_path):
    draw(reader, tmp_path)
    whole = content(tmp_path)
    assert sorted(whole) == ["0000.safetensors", "0001.safetensors", "0002.safetensors"]
    (tmp_path / "0000.safetensors").write_bytes(b"already there")
    (tmp_path / "0001.safetensors").unlink()
    (tmp_path / "0002.part").write_bytes(b"as by Ctrl-C")
    draw(reader, tmp_path)
    assert content(tmp_path) == {**whole, "0000.safetensors": b"already there", "0002.part": b"as by Ctrl-C"}


def test_the_same_seed_reads_the_same(reader, tmp_path):
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        draw(reader, tmp_path / name, seed)
    assert content(tmp_path / "first") == content(tmp_path / "again")
    assert not content(tmp_path / "first").items() & content(tmp_path / "other").items()


def test_states_come_in_the_order_of_their_steps(reader):
    steps = [
        step_ids(phrase, Operation.DETECT, PHRASES, TOKENIZER, Random(number))
        for number, phrase in enumerate(PHRASES[:7])
    ]
    together = read_states(reader, steps)
    for states, step in zip(together, steps, strict=True):
        torch.testing.assert_close(states, read_states(reader, [step])[0], rtol=2e-2, atol=2e-2)
