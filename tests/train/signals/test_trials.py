"""Questions about pictures whose things are known, and what their answers are worth."""

from random import Random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.train.signals.conftest import thing
from vitron_agent.tools.backends.embedded.vision import Places
from vitron_agent.train.signals.gallery import Known
from vitron_agent.train.signals.phrases import Group, Phrase
from vitron_agent.train.signals.trials import Answer, Question, answer, questions, summary

VIEW = SimpleNamespace(features=SimpleNamespace(grid=(10, 10)))
MASK = np.zeros((10, 10), np.bool_)
MASK[2:6, 2:6] = True


def phrase(word: str) -> Phrase:
    return Phrase(word, (thing(word).wordnet_id,), Group.TRAIN, described=False)


class Plain:
    """Sees one thing, in a box of four places around where the likeness is greatest."""

    def locate(self, view: object, likeness: torch.Tensor) -> Places:
        mean = likeness.mean(dim=0)
        center = (mean == mean.max()).float() * 0.9
        mask = mean.repeat_interleave(2, 0).repeat_interleave(2, 1)
        return Places(mask, center, torch.full((4, 10, 10), 2.0))


def test_each_thing_is_asked_for_once_and_others_that_are_not_akin():
    known = Known("a", (thing("poodle").wordnet_id,) * 2 + (thing("volcano").wordnet_id,), lambda: (MASK, [MASK] * 3),
                  "", complete=True)  # fmt: skip
    words = [phrase(word) for word in ("poodle", "dog", "volcano", "espresso", "teapot")]
    asked = list(questions(known, {"all": words, "none": words[3:4]}, 5, Random(0)))
    there = {one.phrase.text: len(one.masks) for one in asked if one.masks}
    assert there == {"poodle": 2, "volcano": 1}
    assert sorted(one.phrase.text for one in asked if not one.masks and one.group == "all") == ["espresso", "teapot"]
    assert [one.phrase.text for one in asked if one.group == "none"] == ["espresso"]


def likeness(row: int, column: int) -> torch.Tensor:
    found = torch.zeros(3, 10, 10)
    found[:, row, column] = 3
    return found


def asked(row: int, column: int, threshold: float = 2.0, masks: tuple = (MASK,)) -> Answer:
    question = Question(phrase("dog"), "all", masks)
    return answer(question, VIEW, Plain(), lambda view, one: likeness(row, column), threshold)


def test_the_thing_is_found_where_it_looks_likeliest():
    right, wrong = asked(3, 3), asked(8, 8)
    assert (right.best, right.pointing, right.ran) == (1, 1, 1)
    assert right.box_iou > 0.5
    assert (wrong.best, wrong.pointing, wrong.box_iou, wrong.ran) == (0, 0, 0, 1)


def test_below_the_threshold_nothing_is_found_though_the_place_is_right():
    found = asked(3, 3, threshold=3.5)
    assert (found.peak, found.best, found.pointing, found.ran) == (3, 1, 0, 0)


def test_what_means_nothing_to_an_arm_finds_nothing():
    found = answer(Question(phrase("dog"), "all", (MASK,)), VIEW, Plain(), lambda view, one: None, -1e9)
    assert (found.best, found.pointing, found.ran) == (0, 0, 0)
    assert found.peak < -1000


def test_a_summary_tells_what_is_there_from_what_is_not():
    there = [Answer("all", True, peak, 1.0, 0.0, 0.5, 1.0) for peak in (3.0, 1.0)]
    absent = [Answer("all", False, peak, 0.0, 0.0, 0.0, 0.0) for peak in (0.0, 1.0)]
    found = summary([*there, *absent])
    assert found["auc"] == pytest.approx((2 + 1.5) / 4)
    assert (found["best"], found["pointing"], found["box_iou"], found["ran"]) == (1, 0, 0.5, 1)
