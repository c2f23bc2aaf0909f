"""The gate opens as far as the task's own loss says, on cases that are known."""

import numpy as np
import pytest
import torch
from torch import Tensor

from vitron_agent.tools.backends.embedded.query import QueryAdapter, QueryShape
from vitron_agent.tools.backends.embedded.vision import Places
from vitron_agent.train.signals.gate import Seen, choose_gate, wanted_places

THING = torch.zeros(4, 5)
THING[1:3, 1:4] = 1
RIGHT, WRONG = (6 * THING - 3).expand(3, 4, 5), (3 - 6 * THING).expand(3, 4, 5)


class Plain:
    """Sees things where the likeness is."""

    def locate(self, view: object, likeness: Tensor) -> Places:
        mask = likeness.mean(dim=0).repeat_interleave(2, 0).repeat_interleave(2, 1)
        return Places(mask, likeness[0], likeness[0])


def choose(words: Tensor | None, signals: Tensor, *more: Seen) -> tuple[QueryAdapter, dict[float, float]]:
    adapter = QueryAdapter(QueryShape(dims=4, channels=6))
    losses = choose_gate(adapter, Plain(), [Seen(None, words, signals, THING), *more])
    return adapter, losses


def test_it_stays_shut_where_words_are_right():
    adapter, losses = choose(RIGHT, WRONG)
    assert float(adapter.gate.detach()) == 0
    assert min(losses, key=losses.__getitem__) == 0


def test_it_opens_where_signals_are():
    adapter, losses = choose(WRONG, RIGHT)
    assert float(adapter.gate.detach().tanh()) == pytest.approx(0.9)
    assert losses[0.9] < losses[0.5] < losses[0.0]


def test_it_is_where_both_together_are_best():
    half = THING.clone()
    half[1] = 0
    first, second = (24 * part - 3 for part in (half, THING - half))
    adapter, losses = choose(first.expand(3, 4, 5), second.expand(3, 4, 5))
    assert float(adapter.gate.detach().tanh()) == pytest.approx(0.5)
    assert losses[0.5] == min(losses.values())


def test_cases_without_words_say_only_from_where_on_a_thing_is_there():
    more = [Seen(None, None, RIGHT * factor, THING) for factor in torch.linspace(0.1, 1, 10)]
    adapter, losses = choose(RIGHT, RIGHT, *more)
    assert losses == choose(RIGHT, RIGHT)[1]
    peaks = torch.tensor([3.0, *(3 * torch.linspace(0.1, 1, 10)).tolist()])
    assert (peaks < adapter.present).sum() == 1
    assert float(adapter.present) == pytest.approx(float(peaks.quantile(0.1)))


def test_a_place_is_wanted_by_how_much_of_it_the_thing_covers():
    mask = np.zeros((40, 60), np.bool_)
    mask[10:20, 15:60] = True
    found = wanted_places(mask, (4, 6))
    assert found.shape == (4, 6)
    assert found[1].tolist() == pytest.approx([0, 0.5, 1, 1, 1, 1])
    assert float(found[[0, 2, 3]].sum()) == 0
    assert float(wanted_places(np.ones((7, 9), np.bool_), (4, 6)).min()) == pytest.approx(1)
