"""Samples of procedural scenes: the form of all sources, drawings on things, edits that change only their own."""

import pickle
from collections import Counter
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vitron_agent.errors import UsageError
from vitron_agent.messages import Region
from vitron_agent.train.data.samples import Sample, Task
from vitron_agent.train.data.scenes import DEFAULT, TASKS, Media, Recipe, Scene, Split, sample, samples
from vitron_agent.train.data.scenes.__main__ import sheet
from vitron_agent.train.data.scenes.drawing import patch

MEDIA: tuple[Media, ...] = ("image", "video")


def scene_of(sample: Sample, medium: int) -> Scene:
    loader: Any = sample.media[medium].load
    scene: Scene = loader.args[0]
    return scene


def said(one: Sample) -> tuple[Any, ...]:
    return one.id, one.turns, one.regions, [(thing.phrase, thing.boxes, thing.medium) for thing in one.things]


@pytest.fixture(params=MEDIA)
def some(request: pytest.FixtureRequest) -> list[Sample]:
    return list(samples("val", TASKS, 20 * len(TASKS), media=request.param))


def test_samples_are_the_same_each_time_and_any_can_be_had_alone(some: Sequence[Sample]) -> None:
    media = some[0].media[0].kind
    for index in (0, 3, 40, 138):
        alone = sample("val", TASKS, index, media=media)
        assert said(alone) == said(some[index])
        assert alone.media == some[index].media
    later = samples("val", TASKS, 5, media=media, start=30)
    assert [said(one) for one in later] == [said(one) for one in some[30:35]]


def test_every_task_is_taught_in_turn_and_nothing_twice(some: Sequence[Sample]) -> None:
    assert [one.task for one in some[: len(TASKS)]] == list(TASKS)
    assert set(TASKS) == set(Task) - {Task.INVOCATION}
    assert len({one.id for one in some}) == len(some)
    twice = list(samples("train", [Task.QUESTION] * 4, 40))
    assert len({one.id for one in twice}) == 40
    assert len({one.media[0].name for one in twice}) <= 12
    assert len({one.turns for one in twice}) > 30


def test_the_same_name_means_the_same_pixels(some: Sequence[Sample]) -> None:
    pixels: dict[str, bytes] = {}
    for one in some[:70]:
        for medium in one.media:
            drawn = medium.load()
            assert drawn.dtype == np.uint8
            assert drawn.shape[-3:] == (DEFAULT.side, DEFAULT.side, 3)
            assert (medium.kind == "video") == (drawn.ndim == 4) == (medium.fps is not None)
            assert pixels.setdefault(medium.name, drawn.tobytes()) == drawn.tobytes()
    assert len(set(pixels.values())) == len(pixels)
    other = sample("val", TASKS, 0, Recipe(side=64), some[0].media[0].kind)
    assert other.media[0].name not in pixels


def test_things_are_words_of_the_reply_in_their_order(some: Sequence[Sample]) -> None:
    for one in some:
        reply = one.turns[-1].reply
        begins = [reply.index(thing.phrase) for thing in one.things if thing.medium == 0]
        assert begins == sorted(begins)
        assert one.things or one.task is Task.QUESTION
        for thing in one.things:
            assert thing.phrase in reply
            assert thing.boxes.keys() == thing.masks.keys()
            for frame, (x_left, y_top, x_right, y_bottom) in thing.boxes.items():
                assert 0 <= x_left < x_right <= 1
                assert 0 <= y_top < y_bottom <= 1
                rows, columns = thing.masks[frame].nonzero()
                assert (x_left * DEFAULT.side, y_bottom * DEFAULT.side) == (columns.min(), rows.max() + 1)


@pytest.mark.parametrize("media", MEDIA)
def test_drawings_lie_on_their_thing(media: Media) -> None:
    kinds: Counter[str] = Counter()
    for one in samples("train", [Task.REGION_CAPTION], 150, media=media):
        (region,), (thing,) = one.regions, one.things
        frame = region.frames[0] if region.frames else 0
        assert region.source == f"{media}-1"
        assert region.name == "region-1"
        assert (region.frames == (frame, frame)) == (media == "video")
        kinds[region.kind] += 1
        mask = thing.masks[frame]
        if region.kind == "box":
            assert overlap(region.bounds, thing.boxes[frame]) > 0.6
        elif region.kind == "polygon":
            assert iou(filled(region, mask.shape), mask | holes(mask)) > 0.4
        else:
            labels = region.labels or (True,) * len(region.coordinates)
            on = [bool(mask[int(y * len(mask)), int(x * len(mask))]) for x, y in region.coordinates]
            assert on == list(labels)
            assert True in labels
    assert min(kinds.values()) > 15
    assert len(kinds) == 4


def filled(region: Region, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    corners = np.floor(np.array(region.coordinates) * shape[0]).astype(np.int32)
    return np.asarray(cv2.fillPoly(np.zeros(shape, np.uint8), [corners], 1) > 0)


def holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros(mask.shape, np.uint8), contours, -1, 1, -1) > 0)


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    sides = [min(one[axis + 2], other[axis + 2]) - max(one[axis], other[axis]) for axis in (0, 1)]
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    common = max(sides[0], 0) * max(sides[1], 0)
    return common / (sum(areas) - common)


@pytest.mark.parametrize("media", MEDIA)
def test_edits_change_their_things_and_nothing_else(media: Media) -> None:
    operations: Counter[str] = Counter()
    for one in samples("train", [Task.EDIT], 80 if media == "image" else 40, media=media):
        operation = one.id.rsplit("-", 1)[1]
        before, after = (np.atleast_3d(medium.load()) for medium in one.media)
        if media == "image":
            before, after = before[None], after[None]
        operations[operation] += 1
        changed = (before != after).any(axis=-1)
        assert changed.any()
        bodies = [set(scene_of(one, medium).bodies) for medium in (0, 1)]
        assert len(bodies[0] ^ bodies[1]) == (1 if operation in ("add", "remove") else 2)
        for frame in range(len(changed)):
            untouched = np.ones(changed.shape[1:], bool)
            for body in bodies[0] ^ bodies[1]:
                place = patch(body, frame, DEFAULT.side)
                untouched[place.window] &= place.coverage == 0
            assert not (changed[frame] & untouched).any()
        mediums = {thing.medium for thing in one.things}
        assert mediums == {"remove": {0}, "add": {1}}.get(operation, {0, 1})
    assert len(operations) == 5


def test_media_can_be_sent_to_other_processes(some: Sequence[Sample]) -> None:
    for medium in some[0].media:
        assert (pickle.loads(pickle.dumps(medium)).load() == medium.load()).all()


def test_what_scenes_cannot_give_is_refused() -> None:
    with pytest.raises(UsageError, match="scenes teach"):
        sample("train", [Task.INVOCATION], 0)
    with pytest.raises(UsageError, match="scenes teach"):
        sample("train", [], 0)
    split: Split = "val"
    with pytest.raises(UsageError, match="val has"):
        sample(split, [Task.CAPTION], 10**9)


def test_a_sheet_shows_every_sample(some: Sequence[Sample]) -> None:
    one, more = (sheet(some[:count], columns=2) for count in (2, 4))
    assert more.shape[0] > one.shape[0]
    assert more.shape[1] == one.shape[1]
    assert more.shape[2] == 3
