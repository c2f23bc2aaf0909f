"""Decoder alignment on a tiny random Llama: what is learned, what stays as it was, and the run of the command line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import tiny
from tests.train.signals.conftest import make_targets, make_vitron, thing
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.model.signals import SignalConfig, SignalHeads
from vitron_agent.model.vitron import VitronModel
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.query import load_adapter
from vitron_agent.tools.backends.embedded.vision import Vision
from vitron_agent.train.signals.aligning import AlignmentLoss, examples
from vitron_agent.train.signals.arms import SignalArm
from vitron_agent.train.signals.phrases import Group, Phrase
from vitron_agent.train.signals.states import States, load_states
from vitron_agent.train.signals.targets import Targets
from vitron_agent.train.stage3_decoder import begin_tokens, debug, learn_arm, main, new_adapter

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
BEGIN = " the image cat red make remove now new"
"""Eight words of the tiny tokenizer."""
WORDS = ("dog", "volcano", "espresso", "cat")


def phrases_of(group: Group = Group.TRAIN) -> list[Phrase]:
    return [Phrase(word, (thing(word).wordnet_id,), group, described=False) for word in WORDS]


def states_of(count: int = 24) -> States:
    """States that tell, by one number, what they are about; of a cat too, which has no target."""
    torch.manual_seed(0)
    hidden = torch.randn(count, tiny.SIGNALS.num_tokens, 32) * 0.1
    for number in range(count):
        hidden[number, :, number % len(WORDS)] += 3
    return States(hidden, tuple(WORDS[number % len(WORDS)] for number in range(count)), torch.zeros(count).long())


@pytest.fixture
def targets() -> Targets:
    return make_targets()


def test_signal_tokens_begin_as_words(vitron_of_eight: VitronModel):
    begin_tokens(vitron_of_eight, BEGIN)
    ids = vitron_of_eight.tokenizer.encode_text(BEGIN)
    assert torch.equal(vitron_of_eight.signals.tokens, vitron_of_eight.llm.get_input_embeddings().weight[ids])
    with pytest.raises(ValueError, match="has 1 tokens and a step has 8 signals; say it in 8"):
        begin_tokens(vitron_of_eight, " cat")


@pytest.fixture
def vitron_of_eight() -> VitronModel:
    return make_vitron(signals=SignalConfig(dim=6))


def test_heads_and_adapter_learn_what_states_are_about(targets, tmp_path: Path):
    torch.manual_seed(0)
    heads = SignalHeads(tiny.SIGNALS, 32)
    before = {name: value.clone() for name, value in heads.state_dict().items()}
    config = replace(debug(), epochs=40, learning_rate=1e-2)
    alignment, adapter = AlignmentLoss(targets), new_adapter(tiny.SIGNALS, targets)
    made = examples(phrases_of() * 6, states_of().hidden, alignment)
    learn_arm(config, SignalArm(heads, adapter), made, alignment, None, tmp_path)
    assert torch.equal(heads.tokens, before["tokens"])
    assert not torch.equal(heads.shared[1].weight, before["shared.1.weight"])
    assert float(adapter.gate.detach()) == 0  # it is chosen last
    with torch.no_grad():
        weights, _ = adapter.coefficients(heads(states_of().hidden).together())
    for number, word in enumerate(WORDS[:3]):
        row = targets.ids.index(thing(word).wordnet_id)
        apart = (weights[number] - targets.weights).norm(dim=1)
        assert int(apart[[0, 2, 3]].argmin()) == [0, 2, 3].index(row)


def test_a_new_adapter_has_the_sizes_of_signals_and_targets(targets):
    shape = new_adapter(tiny.SIGNALS, targets).shape
    assert (shape.tokens, shape.signal_dims, shape.dims, shape.channels, shape.known) == (5, 6, 6, 12, 4)


@pytest.fixture
def run(tmp_path: Path, folder: Path, wordnet: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs the stage at its smallest on the model of an earlier one."""
    base, _ = tiny.folders(tmp_path)
    make_vitron(str(base), SignalConfig()).save_pretrained(tmp_path / "stage2")
    monkeypatch.setenv("VITRON_CACHE", str(tmp_path / "cache"))

    def start(*more: str) -> Path:
        given = ["--model", tmp_path / "stage2", "--photos", folder, "--wordnet", wordnet, "--out", tmp_path / "out"]
        size = ["--size", "debug", "--begin", BEGIN, "--learned", "12", "--tested", "2", "--pictures", "2"]
        main([*map(str, given), *size, *more])
        return tmp_path / "out"

    return start


def test_a_debug_run_from_the_command_line(run, tmp_path: Path):
    before = VitronModel.from_pretrained(tmp_path / "stage2")
    out = run()
    after = VitronModel.from_pretrained(out / "model")
    was = dict(before.named_parameters())
    changed = {name for name, value in after.named_parameters() if not torch.allclose(value, was[name], atol=1e-3)}
    assert {"signals.tokens", "signals.shared.1.weight", "signals.private.1.weight"} <= changed
    assert all(name.startswith("signals.") for name in changed)
    assert len(load_states(out / "states.safetensors").texts) == 12 + 2 + 2
    adapter = load_adapter(out / "grounding_signals.safetensors")
    assert (adapter.shape.tokens, adapter.shape.signal_dims, adapter.shape.channels) == (8, 768, 1280)
    assert float(adapter.gate) == 0
    assert all(bool(value.isfinite().all()) for value in adapter.state_dict().values())


@pytest.mark.slow
def test_the_gate_is_chosen_on_pasted_things_and_what_was_made_is_not_made_again(run, cutouts):
    out = run()
    made = {path: path.stat().st_mtime_ns for path in (out / "targets.safetensors", *(out / "states").iterdir())}
    shut = load_adapter(out / "grounding_signals.safetensors")
    again = run("--cutouts", str(cutouts.folder), "--calibration", "2")
    assert {path: path.stat().st_mtime_ns for path in made} == made
    opened = load_adapter(again / "grounding_signals.safetensors")
    assert 0 <= float(opened.gate.tanh()) <= 0.91
    assert float(opened.present) != float(shut.present)
    grounding = EmbeddedGrounding(Vision(DenseEncoder(out.parent / "cache")), again / "grounding_signals.safetensors")
    signals = np.random.default_rng(0).normal(size=(8, 768)).astype(np.float32)
    picture = np.full((60, 90, 3), 90, np.uint8)
    assert grounding.consumes_signals
    grounding.detect(picture, "quonkle", image_id="grey", signals=signals)


@pytest.mark.parametrize(
    ("options", "message"),
    [((), "name --photos or --voc"), (("--voc", "voc", "--cutouts", "cut"), "--cutouts needs the --photos")],
)
def test_what_a_run_needs_is_said_before_it_starts(options, message, tmp_path: Path, capsys):
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path / "out"), *options])
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
