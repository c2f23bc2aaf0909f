"""Grounded samples say the same as before, with the places of the same things behind the same phrases."""

from dataclasses import replace

import numpy as np
import pytest

from tests.train.data.test_examples import sample
from vitron_agent.errors import UsageError
from vitron_agent.grounded import read_grounded
from vitron_agent.train.data.grounded import GROUNDED, ground, grounded, mentions
from vitron_agent.train.data.samples import Bad, Medium, Sample, Task, Thing, Turn
from vitron_agent.train.data.scenes import Media, samples


@pytest.mark.parametrize("media", ["image", "video"])
@pytest.mark.parametrize("task", GROUNDED)
def test_the_words_stay_and_every_thing_gets_its_place(task: Task, media: Media):
    boxes = 0
    for plain in samples("train", [task], 60, media=media):
        made = ground(plain)
        read = read_grounded(made.turns[-1].reply)
        assert read.text == plain.turns[-1].reply
        assert not read.unread
        written = [region for mention in read.mentions for region in mention.regions]
        boxes += len(written)
        for mention, wanted in zip(read.mentions, mentions(plain), strict=True):
            assert mention.words.endswith(wanted.words)
        left = [region.bounds[0] for region in written]
        assert len(written) == len(plain.things)
        assert all((region.frames is None) == (media == "image") for region in written)
        for thing in plain.things:
            middle = min(thing.boxes, key=lambda frame: abs(frame - sum(thing.frames) // 2))
            place = np.round(thing.boxes[middle], 3)
            assert any(np.allclose(region.bounds, place, atol=2e-3) for region in written)
            assert media == "image" or any(region.frames == thing.frames for region in written)
        if len(read.mentions) == 1:
            assert left == sorted(left)
    assert boxes > 30


def test_who_wants_boxes_says_so():
    """As "where is it" calls an expert, and questions are answered in plain words."""
    for media in ("image", "video"):
        for task in GROUNDED:
            for plain in samples("train", [task], 20, media=media):
                asked = ground(plain).turns[-1].user
                assert asked.startswith(plain.turns[-1].user)
                assert task is Task.GROUNDED_CAPTION or "coordinates" in asked.removeprefix(plain.turns[-1].user)
                assert asked.endswith(" The clip has 8 frames.") == (media == "video")


def test_things_of_several_media_are_told_with_their_handles():
    things = (Thing("a cat", {0: (0.1, 0.1, 0.5, 0.5)}), Thing("a cat", {2: (0.2, 0.2, 0.3, 0.3)}, medium=1))
    media = tuple(replace(medium, frames=9) if medium.kind == "video" else medium for medium in sample(clip=True).media)
    two = Sample(Task.QUESTION, "1", "tests", media, (Turn("what", "a cat, and a cat"),), things=things)
    assert ground(two).turns[-1].reply == (
        "a cat image-1(0.100, 0.100, 0.500, 0.500), and a cat video-1(0.200, 0.200, 0.300, 0.300 | 2, 2)"
    )


def test_what_cannot_be_grounded_is_named_and_the_rest_goes_on():
    [good] = samples("train", [Task.REFERRING], 1)
    wrong = replace(good, id="wrong", turns=(Turn("where", "nowhere"),))
    clip = Medium("video", "clip", lambda: np.zeros((2, 8, 8, 3), np.uint8))
    unknown = replace(good, id="unknown", media=(clip,))
    reports: list[Bad] = []
    made = list(grounded([wrong, good, unknown, replace(good, task=Task.EDIT)], reports.append))
    assert made == [ground(good)]
    assert ["isn't in the text" in reports[0].why, "how many frames" in reports[1].why] == [True, True]
    assert len(reports) == 3
    with pytest.raises(UsageError, match="boxes are learned from"):
        ground(replace(good, task=Task.CAPTION))
