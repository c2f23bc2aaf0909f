"""The benchmark of channels: what each arm is told, from where on it counts a thing as there, and what differs."""

import math
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from tests.train.signals.conftest import thing
from vitron_agent.tools.backends.embedded.query import QueryAdapter, QueryShape
from vitron_agent.train.signals.gallery import Known
from vitron_agent.train.signals.phrases import Group, Phrase
from vitron_agent.train.signals.trials import Answer

GRID = (4, 4)
MASK = np.ones((8, 8), np.bool_)


class View:
    """Looks like whatever a query says, everywhere."""

    features = SimpleNamespace(grid=GRID)

    def like_signal(self, query: float) -> torch.Tensor:
        return torch.full((3, *GRID), query)


class Vision:
    """Knows that the words of the table are there a little."""

    def likeness(self, view: View, meaning: object) -> torch.Tensor:
        return torch.ones(3, *GRID)

    def look(self, pixels: object, name: str) -> View:
        return View()


def phrase(text: str, word: str = "") -> Phrase:
    return Phrase(text, (thing(word or text).wordnet_id,), Group.TRAIN, described=False)


DOG, SLANG, VOLCANO = phrase("dog"), phrase("curly doggo", "poodle"), phrase("volcano")
VALUES = {DOG: 5.0, SLANG: 7.0, VOLCANO: -3.0}
OTHERS = {"dog": VOLCANO, "curly doggo": VOLCANO, "volcano": DOG}


@pytest.fixture
def bench(load_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return load_benchmark("message_passing")


@pytest.fixture
def says(bench):
    adapter = QueryAdapter(QueryShape(tokens=1, signal_dims=2, dims=2, channels=2))
    torch.nn.init.constant_(adapter.gate.requires_grad_(False), math.atanh(0.5))
    arms = {arm: [(VALUES.__getitem__, adapter)] * 2 for arm in ("encoder", "signal")}
    return bench.channels(Vision(), arms, OTHERS)


def told(says, arm: str, phrase: Phrase) -> float | None:
    likeness = says[arm][0](View(), phrase)
    return None if likeness is None else float(likeness.mean())


@pytest.mark.parametrize(
    ("arm", "listed", "unlisted"),
    [
        ("table", 1, None), ("signal", 5, 7), ("encoder", 5, 7), ("hybrid", 3, 7), ("table and encoder", 3, 7),
        ("signal, shuffled", -3, -3), ("hybrid, shuffled", -1, -3), ("signal, zero", -1e4, -1e4),
    ],
)  # fmt: skip
def test_what_each_arm_says_of_words_of_the_table_and_of_others(says, arm, listed, unlisted):
    assert (told(says, arm, DOG), told(says, arm, SLANG)) == (listed, unlisted)


def test_each_arm_lets_a_tenth_pass_of_what_is_not_there(bench, says):
    plain = {arm: [bench.Channel(say, math.inf, math.inf) for say in seeds] for arm, seeds in says.items()}
    known = Known("a", (thing("volcano").wordnet_id,), lambda: (MASK, [MASK]), "", complete=True)
    found = bench.answers([known], {"val": [DOG, VOLCANO]}, 5, Vision(), plain)
    assert [one.there for one in found["table"][0]] == [True, False]
    ready = bench.calibrated(says, found)
    assert [(arm, one.listed, one.unlisted) for arm in ("table", "signal", "hybrid") for one in ready[arm][:1]] == [
        ("table", 1, 1), ("signal", 5, 5), ("hybrid", 3, 5),
    ]  # fmt: skip
    assert (ready["hybrid, shuffled"][0].listed, ready["signal, zero"][0].listed) == (3, 5)
    assert ready["hybrid, shuffled"][0].say is says["hybrid, shuffled"][0]


def test_differences_are_of_the_same_things(bench):
    def answers(*right: float) -> list[Answer]:
        absent = Answer("new", False, 9.0, 0.0, 0.0, 0.0, 0.0)
        return [absent, *(Answer("new", True, 1.0, one, one, one, 1.0) for one in right)]

    found = {"signal": [answers(1, 1, 0), answers(1, 0, 0)], "encoder": [answers(0, 0, 0)] * 2}
    best, pointing = bench.differences(found, "new")
    assert best.startswith("signal - encoder, best: +0.500 (+0.000 to +1.000)")
    assert pointing.startswith("signal - encoder, pointing: +0.500")


def test_phrases_of_the_list_are_not_in_the_table(bench):
    unlisted = bench.read_unlisted()
    assert len(unlisted) > 100
    assert not [one.text for one in unlisted if bench.in_table(one)]
