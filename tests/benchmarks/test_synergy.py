"""The benchmark runs all arms on random states, and prints every score that it promises beside chance."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.train.signals.conftest import make_targets, thing
from vitron_agent.train.signals.phrases import Group, Phrase
from vitron_agent.train.signals.states import States, save_states
from vitron_agent.train.signals.targets import save_targets

THINGS = ("dog", "laptop", "volcano", "espresso")


@pytest.fixture
def synergy(load_benchmark: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load_benchmark("synergy")
    phrases = [Phrase(one, (thing(one).wordnet_id,), Group.TRAIN, described=False) for one in THINGS]
    phrases += [Phrase("lap", phrases[1].things, Group.NEW_WORD, described=False)]
    monkeypatch.setattr(module, "read_phrases", lambda: phrases)
    return module


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    torch.manual_seed(0)
    texts = (*THINGS, "lap") * 8
    states = States(torch.randn(40, 8, 32), texts, torch.arange(40) // 5 % 4)
    save_states(states, tmp_path / "states.safetensors")
    ids = tuple(thing(one).wordnet_id for one in THINGS)
    save_targets(replace(make_targets(), ids=ids), tmp_path / "targets.safetensors")
    return ["--states", str(tmp_path / "states.safetensors"), "--targets", str(tmp_path / "targets.safetensors")]


def test_every_arm_is_measured(synergy: ModuleType, files: list[str], capsys: pytest.CaptureFixture):
    synergy.main([*files, "--size", "debug", "--seeds", "2", "--arms", "synergy", "without", "one", "--json"])
    printed = capsys.readouterr().out
    found = json.loads(printed[printed.rindex("\n{\n") :])
    assert list(found["arms"]) == ["synergy", "without", "one"]
    for arm, scores in found["arms"].items():
        assert set(synergy.COLUMNS) - set(scores) == (set() if arm == "synergy" else {"met"})
        assert all(mean >= 0 and spread >= 0 for mean, spread in scores.values())
    assert found["parameters"]["one"] < found["parameters"]["synergy"] < found["parameters"]["without"]
    assert found["chance"] == pytest.approx(
        {"median": 1.5, "first10": 1, "met": 0.25, "fresh": 0.25, "shared": 0.25, "private": 0.25}
    )


def test_who_finds_every_thing_is_first(synergy: ModuleType, files: list[str]):
    material = synergy.load(Path(files[1]), Path(files[3]))
    assert len(material.new_words) == 8
    assert len(material.learned) == 32

    class Knows:
        def eval(self):
            return lambda given, tasks: (material.targets.weights[[1] * len(given)], torch.zeros(len(given)))

    assert synergy.ranked(Knows(), material) == {"median": 0, "first10": 1}


def test_spread_is_over_seeds(synergy: ModuleType):
    scores = [dict.fromkeys(synergy.COLUMNS, value) for value in (1.0, 3.0)]
    assert synergy.spread(scores)["fresh"] == pytest.approx((2, 2**0.5))
    assert synergy.spread(scores[:1])["fresh"] == (1, 0)
