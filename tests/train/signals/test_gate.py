"""The gate opens as far as the task's own loss says, on cases that are known."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.signals.conftest import thing
from vitron_agent.tools.backends.embedded.query import QueryAdapter, QueryShape
from vitron_agent.tools.backends.embedded.vision import Places
from vitron_agent.train.signals.cases import Case
from vitron_agent.train.signals.gate import Seen, choose_gate, see_all, strongest, threshold_at, wanted_places
from vitron_agent.train.signals.phrases import Group, Phrase

THING = torch.zeros(4, 5)
THING[1:3, 1:4] = 1
RIGHT, WRONG = (6 * THING - 3).expand(3, 4, 5), (3 - 6 * THING).expand(3, 4, 5)
NOTHING = torch.tensor([-3.0])


class Plain:
    """Sees things where the likeness is; what words mean looks like their number of letters."""

    def locate(self, view: object, likeness: Tensor) -> Places:
        mask = likeness.mean(dim=0).repeat_interleave(2, 0).repeat_interleave(2, 1)
        return Places(mask, likeness[0], likeness[0])

    def likeness(self, view: object, meaning) -> Tensor:
        return torch.full((3, 4, 5), float(len(meaning.word)))


def choose(words: Tensor | None, signals: Tensor, *more: Seen) -> tuple[QueryAdapter, dict[float, float]]:
    adapter = QueryAdapter(QueryShape(dims=4, channels=6))
    losses = choose_gate(adapter, Plain(), [Seen(None, words, signals, THING, NOTHING), *more])
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
    more = [Seen(None, None, RIGHT, THING, torch.tensor([value])) for value in torch.linspace(0, 1, 20)]
    adapter, losses = choose(RIGHT, RIGHT, *more)
    assert losses == choose(RIGHT, RIGHT)[1]
    assert float(adapter.present) == pytest.approx(float(torch.linspace(0, 1, 20)[17]), abs=0.06)


def test_a_tenth_of_what_is_not_there_passes():
    torch.manual_seed(0)
    absent = torch.randn(1000)
    assert float((absent >= threshold_at(absent.tolist(), 0.1)).float().mean()) == pytest.approx(0.1)


def test_a_map_is_as_strong_as_its_best_place_over_all_scales():
    one, other = torch.zeros(3, 4, 5), torch.zeros(3, 4, 5)
    one[0, 1, 1], other[:, 2, 2] = 6, 3
    assert strongest([one, other]).tolist() == [2, 3]
    assert strongest([]).shape == (0,)


def case(word: str, described: bool = False) -> tuple[Case, SimpleNamespace]:
    """With a view on which signals look like what their query is."""
    text = f"a thing that is called {word}" if described else word
    phrase = Phrase(text, (thing(word).wordnet_id,), Group.TRAIN, described)
    view = SimpleNamespace(
        features=SimpleNamespace(grid=(4, 5)), like_signal=lambda query: torch.full((3, 4, 5), float(len(query)))
    )
    return Case(phrase, word, np.zeros((8, 10, 3), np.uint8), (0, 0, 1, 1), np.ones((8, 10), np.bool_)), view


def test_a_case_is_seen_by_words_by_signals_and_by_those_of_something_else():
    pairs = [case("dog"), case("poodle"), case("volcano", described=True), case("espresso")]
    seen = see_all(Plain(), pairs, lambda phrase: phrase.text)
    texts = [one.phrase.text for one, _ in pairs]
    assert [int(one.signals[0, 0, 0]) for one in seen] == [len(text) for text in texts]
    others = [(2, 3), (2, 3), (3, 0, 1), (0, 1, 2)]  # a poodle is a dog
    assert [one.absent.tolist() for one in seen] == [[len(texts[number]) for number in turn] for turn in others]
    assert [None if one.words is None else int(one.words[0, 0, 0]) for one in seen][:2] == [3, 6]
    assert all(bool((one.wanted == 1).all()) for one in seen)


def test_a_place_is_wanted_by_how_much_of_it_the_thing_covers():
    mask = np.zeros((40, 60), np.bool_)
    mask[10:20, 15:60] = True
    found = wanted_places(mask, (4, 6))
    assert found.shape == (4, 6)
    assert found[1].tolist() == pytest.approx([0, 0.5, 1, 1, 1, 1])
    assert float(found[[0, 2, 3]].sum()) == 0
    assert float(wanted_places(np.ones((7, 9), np.bool_), (4, 6)).min()) == pytest.approx(1)
