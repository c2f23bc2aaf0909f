"""Synergy on random states: from stage 3's files to a model and an adapter for each task, and runs that go on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests import tiny
from tests.train.signals.conftest import make_targets, make_vitron, thing
from vitron_agent.model.signals import SignalHeads
from vitron_agent.model.vitron import VitronModel
from vitron_agent.tools.backends.embedded.query import load_adapter
from vitron_agent.train.signals.aligning import AlignmentLoss
from vitron_agent.train.signals.phrases import Group, Phrase
from vitron_agent.train.signals.states import States, save_states
from vitron_agent.train.signals.steps import OPERATIONS
from vitron_agent.train.signals.targets import save_targets
from vitron_agent.train.stage3_decoder import new_adapter
from vitron_agent.train.stage5_synergy import Config, debug, groups, learn, main, place_of, rows_of
from vitron_agent.train.synergy.experts import TASKS, Arm, Experts
from vitron_agent.train.synergy.joint import Joint

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
WORDS = ("poodle", "volcano", "espresso", "laptop", "cot")
"""Three to learn, a new word, a new thing."""


def states_of(count: int = 40) -> States:
    """Random states that tell, by one number each, what they are about and for which task."""
    torch.manual_seed(0)
    hidden = torch.randn(count, tiny.SIGNALS.num_tokens, 32) * 0.1
    tasks = torch.arange(count) // len(WORDS) % TASKS
    hidden[torch.arange(count), :, torch.arange(count) % len(WORDS)] += 3
    hidden[torch.arange(count), :, 10 + tasks] += 3
    return States(hidden, tuple(WORDS[number % len(WORDS)] for number in range(count)), tasks)


def experts(arm: Arm = Arm.SYNERGY) -> Experts:
    torch.manual_seed(1)
    return Experts.of(arm, lambda: SignalHeads(tiny.SIGNALS, 32), lambda: new_adapter(tiny.SIGNALS, make_targets()))


def taught(config: Config, out: Path, rows: list[int | None] | None = None, arm: Arm = Arm.SYNERGY) -> Joint:
    states, alignment = states_of(), AlignmentLoss(make_targets())
    found = rows or [(1, 2, 3, None, None)[number % 5] for number in range(len(states.texts))]
    return learn(config.of(arm), experts(arm), states, found, range(len(found)), alignment, out)


def weights(joint: Joint) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in joint.named_parameters()}


# -- learning ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arm", Arm)
def test_each_tasks_expert_learns_what_states_are_about(arm: Arm, tmp_path: Path):
    joint = taught(replace(debug(), epochs=30, learning_rate=1e-2, adversary=0.1), tmp_path, arm=arm).eval()
    assert (joint.discriminator is not None) == (arm is Arm.SYNERGY)
    states, alignment = states_of(), AlignmentLoss(make_targets())
    learned = [number for number in range(40) if number % 5 < 3]
    with torch.no_grad():
        found, _ = joint.experts(states.hidden[learned], states.tasks[learned])
    ranks = alignment.ranks(found, torch.tensor([1 + number % 5 for number in learned]))
    assert int(ranks.max()) == 0


def test_steps_without_a_target_teach_nothing(tmp_path: Path):
    config = replace(debug(), epochs=2)
    one = taught(config, tmp_path / "one")
    states, alignment = states_of(), AlignmentLoss(make_targets())
    rows = [(1, 2, 3, None, None)[number % 5] for number in range(40)]
    known = [number for number, row in enumerate(rows) if row is not None]
    other = learn(config, experts(), states, rows, known, alignment, tmp_path / "other")
    assert all(torch.equal(value, weights(other)[name]) for name, value in weights(one).items())


def test_a_run_that_goes_on_is_the_run_without_a_pause(tmp_path: Path):
    config = replace(debug(), epochs=4, save_steps=5)
    whole = taught(config, tmp_path / "whole")
    taught(replace(config, stop_after=5), tmp_path / "paused")
    again = taught(config, tmp_path / "paused")
    assert float(whole.reversal.passed.detach()) == 12
    assert all(torch.equal(value, weights(again)[name]) for name, value in weights(whole).items())


def test_arms_without_an_adversary_have_none_of_its_terms():
    config = replace(debug(), seed=7)
    assert config.of(Arm.SYNERGY) == config
    for arm in set(Arm) - {Arm.SYNERGY}:
        assert config.of(arm) == replace(config, adversary=0, difference=0)


def test_states_of_another_wordnet_are_refused():
    phrases = [Phrase(word, (thing("dog").wordnet_id,), Group.TRAIN, described=False) for word in WORDS]
    assert groups(states_of(5), phrases) == [Group.TRAIN] * 5
    assert rows_of(states_of(5), phrases, AlignmentLoss(make_targets())) == [0] * 5
    with pytest.raises(ValueError, match="'cot' is no phrase of this WordNet"):
        groups(states_of(5), phrases[:-1])


# -- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, wordnet: Path) -> Callable[..., Path]:
    base, _ = tiny.folders(tmp_path)
    make_vitron(str(base)).save_pretrained(tmp_path / "stage3")
    save_states(states_of(), tmp_path / "states.safetensors")
    save_targets(make_targets(), tmp_path / "targets.safetensors")

    def start(*more: str) -> Path:
        given = {
            "model": tmp_path / "stage3", "states": tmp_path / "states.safetensors", "wordnet": wordnet,
            "targets": tmp_path / "targets.safetensors", "out": tmp_path / "out", "size": "debug",
        }  # fmt: skip
        main([part for name, value in given.items() for part in (f"--{name}", str(value))] + list(more))
        return tmp_path / "out"

    return start


def test_a_debug_run_from_the_command_line(run: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture):
    was = dict(VitronModel.from_pretrained(tmp_path / "stage3").named_parameters())
    out = run()
    after = VitronModel.from_pretrained(out / "model").named_parameters()
    changed = {name for name, value in after if not torch.equal(value, was[name])}
    assert {"signals.shared.1.weight", "signals.private.1.weight"} <= changed
    assert all(name.startswith(("signals.shared", "signals.private")) for name in changed)
    adapters = [load_adapter(place_of(operation, out)) for operation in OPERATIONS]
    assert len({float(one.narrow.weight.sum()) for one in adapters}) == TASKS
    assert (out / "grounding_signals.safetensors").is_file()
    assert sorted(path.stem for path in (out / "experts").iterdir()) == ["recolor", "remove", "segment"]
    assert any((out / "terms").iterdir())
    assert "tells the task (chance 0.250): the discriminator that v_s was hidden from 0." in capsys.readouterr().err


def test_without_an_adversary_nobody_was_met(run: Callable[..., Path], capsys: pytest.CaptureFixture):
    run("--adversary", "0", "--difference", "0")
    assert "hidden from none, one taught afterwards 0." in capsys.readouterr().err


def test_adapters_begin_as_stage_threes(run: Callable[..., Path], tmp_path: Path):
    first = run()
    (first / "grounding_signals.safetensors").rename(tmp_path / "stage3.safetensors")
    begun = load_adapter(tmp_path / "stage3.safetensors")
    (first / "joint").rename(tmp_path / "old")
    out = run("--adapter", str(tmp_path / "stage3.safetensors"), "--learning-rate", "1e-9")
    for operation in OPERATIONS:
        torch.testing.assert_close(load_adapter(place_of(operation, out)).narrow.weight, begun.narrow.weight)
