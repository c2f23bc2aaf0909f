"""Worth of boxes: the truth reaches all of it, what nobody asked for costs, and a clip is judged as VidSTG does."""

from dataclasses import astuple, replace

import numpy as np
import pytest

from vitron_agent.grounded import Mention, write_grounded
from vitron_agent.messages import Region
from vitron_agent.train.data.grounded import GROUNDED, ground
from vitron_agent.train.data.samples import Medium, Sample, Task, Thing, Turn
from vitron_agent.train.data.scenes import Media, samples
from vitron_agent.train.metrics.grounding import baselines, ceiling, compare, overlap, places, said

LEFT, RIGHT = (0.0, 0.0, 0.4, 0.4), (0.5, 0.5, 0.9, 0.9)


def sample(*things: Thing, frames: int | None = None) -> Sample:
    medium = Medium("image" if frames is None else "video", "x", lambda: np.zeros((4, 4, 3), np.uint8), 4.0, frames)
    return Sample(Task.REFERRING, "1", "tests", (medium,), (Turn("where", "here are two cats"),), things=things)


CATS = sample(Thing("two cats", {0: LEFT}), Thing("two cats", {0: RIGHT}))


@pytest.mark.parametrize("media", ["image", "video"])
@pytest.mark.parametrize("task", GROUNDED)
def test_the_truth_is_worth_most(task: Task, media: Media):
    stated = [ground(plain) for plain in samples("test", [task], 60, media=media)]
    for one, other in zip(stated, stated[1:] + stated[:1], strict=True):
        reply = one.turns[-1].reply
        top = ceiling(one)
        reached = places(reply, one)  # three decimals cost a little
        assert reached.overlap == pytest.approx(top.overlap, abs=0.03)
        assert reached.time == top.time == 1
        assert (said(reply, one).named, said(reply, one).unread) == (1, 0)
        if media == "image":
            assert astuple(top) == (1, 1, 1)
            assert reached.accuracy == 1
            assert said(reply, one).recall == 1
        if one.things and one.things != other.things:
            assert places(other.turns[-1].reply, one).overlap < top.overlap


def test_still_boxes_pair_with_the_things_that_they_fit_in_any_order():
    one, other = Region.box(*LEFT), Region.box(*RIGHT)
    assert astuple(compare([one, other], CATS)) == astuple(compare([other, one], CATS)) == (1, 1, 1)
    assert compare([one], CATS).accuracy == 0.5
    assert compare([one, one], CATS).accuracy == pytest.approx(1 / 2)
    assert compare([one, other, other], CATS).accuracy == pytest.approx(2 / 3)
    assert compare([], CATS).overlap == 0


def test_of_what_is_not_there_no_box_is_right():
    assert astuple(compare([], sample())) == (1, 1, 1)
    assert astuple(compare([Region.box(*LEFT)], sample())) == (0, 0, 0)
    assert [said(text, sample()).recall for text in ("No cat.", "A cat (0.1, 0.1, 0.2, 0.2).")] == [1, 0]


def test_a_clip_is_judged_by_the_frames_that_either_has():
    """VidSTG: shared frames 4 to 7, all frames 2 to 9; the box overlaps by a half there."""
    thing = Thing("cat", dict.fromkeys(range(4, 10), (0.0, 0.0, 0.5, 1.0)))
    said_of_it = Region.box(0.0, 0.0, 1.0, 1.0, frames=(2, 7))
    assert overlap(said_of_it, thing, 12) == pytest.approx((4 * 0.5 / 8, 4 / 8))
    everywhere = said_of_it.model_copy(update={"frames": None})
    assert overlap(everywhere, thing, 12) == pytest.approx((6 * 0.5 / 12, 6 / 12))
    assert overlap(said_of_it.model_copy(update={"frames": (0, 3)}), thing, 12) == (0, 0)
    assert overlap(said_of_it.model_copy(update={"frames": (0, 10**9)}), thing, 12)[0] < 1e-6


def test_baselines_see_nothing():
    still, clip = baselines(CATS), baselines(sample(Thing("cat", {0: LEFT, 1: LEFT}), frames=8))
    assert still["whole picture"].overlap == pytest.approx((0.16 + 0) / 2 + 0.08)
    assert set(clip) - set(still) == {"center box, middle half of the frames"}
    assert clip["center box"].time == pytest.approx(2 / 8)
    assert clip["center box, middle half of the frames"].time == 0
    for media in ("image", "video"):
        one = [ground(plain) for plain in samples("test", [Task.REFERRING], 60, media=media)]
        for name in baselines(one[0]):
            worth = [(baselines(each)[name].overlap, ceiling(each).overlap) for each in one]
            assert np.mean([low for low, _ in worth]) < 0.4 * np.mean([high for _, high in worth])


def test_a_phrase_counts_with_its_own_box():
    stated = replace(CATS, things=(Thing("a cat", {0: LEFT}), Thing("a dog", {0: RIGHT})))
    here, there = (Region.box(*LEFT),), (Region.box(*RIGHT),)
    text = "a cat and a dog"
    both = said(write_grounded(text, [Mention("a cat", here), Mention("a dog", there)]), stated)
    swapped = said(write_grounded(text, [Mention("a cat", there), Mention("a dog", here)]), stated)
    assert (both.recall, both.named) == (1, 1)
    assert (swapped.recall, swapped.named) == (0, 1)
    assert said("a cat (0.0, 0.0, 0.4, 0.4) and a dog", stated) == said("A cat: (0, 0, .4, .4) and a dog", stated)
    assert said("a cat (0.0, 0.0, 0.4, 0.4) and a dog", stated).named == 0.5
    assert said(text, stated).recall == 0
    assert said("a dog and a cat (0.0, 0.0, 0.4", stated).unread == 1


def test_a_box_on_another_medium_is_worth_nothing():
    two = replace(CATS, media=CATS.media * 2, things=(Thing("a cat", {0: LEFT}, medium=1),))
    assert [compare([Region.box(*LEFT, source=name)], two).overlap for name in ("image-1", "image-2")] == [0, 1]
