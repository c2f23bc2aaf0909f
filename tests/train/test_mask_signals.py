"""The mask decoder learns to read signals: what is learned, what stays as it was, and the run of the command line."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests import tiny
from tests.train.data.photos.conftest import SHOWN
from tests.train.masks.conftest import FakeEncoder, draw
from tests.train.signals.conftest import make_vitron
from vitron_agent.model.signals import SignalConfig, SignalHeads
from vitron_agent.tools.backends.embedded.mask_decoder import MaskDecoder, Shape, load_decoder, save_decoder
from vitron_agent.train import mask_signals
from vitron_agent.train.mask_signals import Asker, debug, learn_adapter, main, see_all, signal_loss, signals_of
from vitron_agent.train.masks.examples import Source
from vitron_agent.train.masks.meant import Meant
from vitron_agent.train.masks.things import thing_of
from vitron_agent.train.signals.phrases import Group, Phrase
from vitron_agent.train.signals.states import States, save_states

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
SHAPE = Shape(width=16, layers=1, heads=2, signal_dims=6)


@pytest.fixture
def decoder() -> MaskDecoder:
    torch.manual_seed(0)
    return MaskDecoder(SHAPE, dropout=0.0).eval()


@pytest.fixture
def asker(decoder) -> Asker:
    """A picture with a disc and a bar, and signals that tell them apart."""
    image, masks = draw(0)
    phrases = [Phrase(text, ("n0",), Group.TRAIN, described=False) for text in ("disc", "bar")]
    meant = Meant(Source("drawn", image, [thing_of(mask) for mask in masks]), list(enumerate(phrases)))
    signals = {"disc": torch.eye(6)[None, :5] * 3, "bar": -torch.eye(6)[None, :5] * 3}
    return Asker(see_all([meant], FakeEncoder(), decoder), signals, 0.2, 0)


def batch(*numbers: int) -> list[dict[str, list[int]]]:
    return [{"labels": [number]} for number in numbers]


def test_the_same_number_asks_the_same_of_the_same_thing(asker):
    one, other = asker(batch(3, 4)), asker(batch(4))
    assert torch.equal(one["patch"]["pixels"][1:], other["patch"]["pixels"])
    assert torch.equal(one["signals"][1:], other["signals"])
    assert torch.equal(one["questions"][1].target, other["questions"][0].target)
    assert not torch.equal(one["patch"]["hints"][:1], other["patch"]["hints"])


def test_the_mask_loss_reaches_the_gate_first_and_then_all_of_the_adapter(decoder, asker):
    decoder.requires_grad_(requires_grad=False).adapter.requires_grad_()
    signal_loss(decoder, asker(batch(0, 1))).backward()
    assert decoder.adapter.gate.grad.abs() > 0
    torch.nn.init.constant_(decoder.adapter.gate, 0.5)
    signal_loss(decoder, asker(batch(0, 1))).backward()
    learned = dict(decoder.adapter.named_parameters())
    assert all(value.grad.abs().amax() > 0 for name, value in learned.items() if name != "key_value.bias")
    rest = [value for name, value in decoder.named_parameters() if not name.startswith("adapter.")]
    assert all(value.grad is None for value in rest)


def test_the_adapter_alone_learns(decoder, asker, tmp_path: Path):
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    learn_adapter(replace(debug(), questions=12, learning_rate=1e-2), decoder, asker, tmp_path)
    changed = {name for name, value in decoder.state_dict().items() if not torch.equal(value, before[name])}
    assert "adapter.gate" in changed
    assert all(name.startswith("adapter.") for name in changed)
    assert not decoder.training


def test_signals_of_steps_are_kept_by_phrase():
    heads = SignalHeads(tiny.SIGNALS, 32)
    states = States(torch.randn(3, tiny.SIGNALS.num_tokens, 32), ("cat", "dog", "cat"), torch.zeros(3).long())
    found = signals_of(states, heads)
    assert {text: tuple(one.shape) for text, one in found.items()} == {"cat": (2, 5, 6), "dog": (1, 5, 6)}
    assert torch.allclose(found["dog"][0], heads(states.hidden[1]).together(), atol=1e-5)


def test_a_debug_run_from_the_command_line(tmp_path: Path, folder, cutouts, wordnet, monkeypatch):
    base, _ = tiny.folders(tmp_path)
    make_vitron(str(base), SignalConfig()).save_pretrained(tmp_path / "run" / "model")
    states = States(torch.randn(len(SHOWN), 8, 32), SHOWN, torch.zeros(len(SHOWN)).long())
    save_states(states, tmp_path / "run" / "states.safetensors")
    save_decoder(MaskDecoder(Shape(width=16, layers=1, heads=2)), tmp_path / "decoder.safetensors", {})
    monkeypatch.setattr(mask_signals, "Sight", lambda *_: FakeEncoder())
    given = {"run": tmp_path / "run", "photos": folder, "cutouts": cutouts.folder, "wordnet": wordnet}
    given |= {"decoder": tmp_path / "decoder.safetensors", "out": tmp_path / "out"}
    main([*(str(word) for name, value in given.items() for word in (f"--{name}", value)), "--questions", "4"])
    made = load_decoder(tmp_path / "decoder.safetensors", tmp_path / "out" / "mask_signals.safetensors")
    assert made.shape.width == 16
    assert (tmp_path / "out" / "mask_signals.safetensors").stat().st_size < 1e6
