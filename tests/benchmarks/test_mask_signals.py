"""The benchmark of signals in the mask decoder: which arms see which signal, and what an untrained adapter scores."""

from collections.abc import Callable
from types import ModuleType

import pytest
import torch

from tests.train.masks.conftest import FakeEncoder, draw
from vitron_agent.tools.backends.embedded.mask_decoder import MaskDecoder, Shape
from vitron_agent.train.mask_signals import see_all
from vitron_agent.train.masks.examples import Source
from vitron_agent.train.masks.meant import Meant
from vitron_agent.train.masks.things import thing_of
from vitron_agent.train.signals.phrases import Group, Phrase

SHAPE = Shape(width=16, layers=1, heads=2, signal_dims=6)


@pytest.fixture
def bench(load_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return load_benchmark("mask_signals")


def decoders(gate: float) -> list[MaskDecoder]:
    made = []
    for seed in range(2):
        torch.manual_seed(0)  # the same decoder
        made.append(MaskDecoder(SHAPE).eval())
        torch.manual_seed(seed)  # another adapter
        torch.nn.init.normal_(made[-1].adapter.out.weight, std=30.0)
        torch.nn.init.constant_(made[-1].adapter.gate, gate)
    return made


@pytest.fixture
def pictures():
    """A picture with a disc and a bar that both have a phrase, and one whose bar alone has."""
    meant = []
    for number, asked in enumerate([("disc", "bar"), (None, "pole")]):
        image, masks = draw(number)
        phrases = [
            (place, Phrase(text, ("n0",), Group.NEW_THING, described=False)) for place, text in enumerate(asked) if text
        ]
        meant.append(Meant(Source(str(number), image, [thing_of(mask) for mask in masks]), phrases))
    return see_all(meant, FakeEncoder(), decoders(0.0)[0])


def test_each_thing_is_asked_for_once_beside_the_signals_of_others(bench, pictures):
    cases = bench.cases_of(pictures)
    assert [(case.phrase, case.other) for case in cases] == [("disc", "bar"), ("bar", "disc"), ("pole", None)]
    assert [case.shuffled for case in cases[:2]] == ["pole", "pole"]
    assert cases[2].shuffled in ("disc", "bar")
    assert all(set(case.questions) <= set(bench.KINDS) for case in cases)


@pytest.mark.parametrize("gate", [0.0, 2.0])
def test_arms_differ_only_where_the_gate_is_open(bench, pictures, gate):
    torch.manual_seed(3)
    signals = {text: torch.randn(1, 5, 6) for text in ("disc", "bar", "pole")}
    first, beside = bench.measure(bench.cases_of(pictures), decoders(gate), signals)
    assert list(first) == ["none", "signal", "shuffled"]
    assert list(beside) == ["none", "signal", "shuffled", "other"]
    assert all(len(values) == 2 for kinds in first.values() for values in kinds.values())
    assert all(values[0] == values[1] for values in first["none"].values())
    assert (first["signal"] == first["none"]) is (gate == 0)
    assert (beside["other"] == beside["none"]) is (gate == 0)
