"""Right answers are right, those of other scenes mostly wrong; and means lie in their intervals."""

from dataclasses import astuple
from itertools import pairwise

import numpy as np
import pytest

from vitron_agent.train.data.grounded import ground
from vitron_agent.train.data.samples import Task
from vitron_agent.train.data.scenes import Media, samples
from vitron_agent.train.metrics.answers import Majority, judge, short
from vitron_agent.train.metrics.intervals import Weighted, estimate, estimates


@pytest.mark.parametrize("media", ["image", "video"])
@pytest.mark.parametrize("task", [Task.CAPTION, Task.QUESTION])
def test_right_texts_are_right_and_those_of_other_scenes_contradict(task: Task, media: Media):
    some = list(samples("test", [task], 100, media=media))
    assert {astuple(judge(one.turns[-1].reply, one)) for one in some} == {(1, 1, 0, 0)}
    swapped = [judge(other.turns[-1].reply, one) for one, other in pairwise(some)]
    assert np.mean([answer.contradicts for answer in swapped]) > (0.9 if task is Task.CAPTION else 0.6)
    assert np.mean([answer.exact for answer in swapped]) < 0.1


def test_boxes_and_wording_do_not_count():
    for one in samples("test", [Task.QUESTION], 40):
        assert judge(ground(one).turns[-1].reply, one) == judge(one.turns[-1].reply, one)
    red = next(one for one in samples("test", [Task.QUESTION], 200) if one.turns[-1].reply.endswith(" is red."))
    other = judge("The thing is red.", red)
    assert (other.exact, other.short) == (0, 1)


def test_short_answers():
    assert [
        short(text)
        for text in (
            "Yes, there is a red ball.", "No, the ball is to the left of the star.", "There are two red stars.",
            "There is no ball.", "The large thing is striped.", "The red thing is an arrow.", "I can't tell.",
            "The ball moves left.",
        )
    ] == ["yes", "no", "two", "no", "striped", "arrow", "i can't tell.", "the ball moves left."]  # fmt: skip


def test_the_majority_answer_is_better_than_chance_and_far_from_right():
    learned = Majority(samples("train", [Task.QUESTION], 200))
    right = [learned.is_right(one) for one in samples("test", [Task.QUESTION], 150)]
    assert 0.2 < np.mean(right) < 0.6


def test_nineteen_of_twenty_intervals_hold_the_mean():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        found = estimate(rng.random(60) < 0.3, rounds=400)
        held += found.low <= 0.3 <= found.high
        assert found.low <= found.mean <= found.high
    assert 0.9 < held / 200 < 0.99
    assert estimate([1.0] * 5).low == 1
    assert estimate([0.0, 1.0, 1.0]) == estimate([0.0, 1.0, 1.0])


def test_every_metric_gets_its_interval():
    made = estimates([{"one": 0.0, "other": 1.0}, {"one": 1.0, "other": 1.0}])
    assert (made["one"].mean, made["other"].mean, made["one"].count) == (0.5, 1, 2)
    assert estimates([]) == {}


def test_what_weighs_twice_counts_as_if_it_were_there_twice():
    weighed = estimate([Weighted(0.0, 1), Weighted(0.9, 2), Weighted(0.5, 0)])
    assert weighed.mean == pytest.approx(estimate([0.0, 0.9, 0.9]).mean)
    assert weighed.low <= weighed.mean <= weighed.high
    alike = [0.2, 0.4, 0.9]
    assert estimate([Weighted(value, 4) for value in alike]) == estimate(alike)
