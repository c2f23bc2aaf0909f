"""Things that phrases mean, pasted on photos, and prompts that do not tell which is meant."""

import numpy as np
import pytest

from vitron_agent.tools.regions import tight_box
from vitron_agent.train.data.photos.split import Part
from vitron_agent.train.masks.meant import DOUBTFUL, loose_box, meant_pictures, rough_map
from vitron_agent.train.signals.phrases import Group, read_phrases


@pytest.fixture
def pictures(folder, cutouts, wordnet):
    learned = [phrase for phrase in read_phrases(wordnet) if phrase.group is Group.TRAIN]
    return lambda count: list(meant_pictures(folder, cutouts.folder, Part.TRAIN, learned, count, wordnet=wordnet))


def test_each_phrase_is_about_one_thing_of_its_picture(pictures):
    found = pictures(8)
    assert len(found) > 2
    for one in found:
        height, width = one.source.image.shape[:2]
        masks = [thing.mask(width, height) for thing in one.source.things]
        assert not np.any(np.sum(masks, axis=0) > 1)
        assert len({phrase.text for _, phrase in one.phrases}) == len(one.phrases) > 0
        for place, phrase in one.phrases:
            assert masks[place].any()
            assert phrase.group is Group.TRAIN


def test_fewer_pictures_are_the_first_of_more(pictures):
    for first, again in zip(pictures(2), pictures(4), strict=False):
        assert first.phrases == again.phrases
        assert first.source.name == again.source.name
        assert np.array_equal(first.source.image, again.source.image)


def square(left: int) -> np.ndarray:
    mask = np.zeros((60, 90), np.bool_)
    mask[20:40, left : left + 15] = True
    return mask


@pytest.mark.parametrize("seed", range(8))
def test_doubtful_prompts_take_in_the_thing_and_now_and_then_the_next(seed):
    random = np.random.default_rng(seed)
    thing, near, far = square(10), square(30), square(70)
    inner = tight_box(thing)
    box = loose_box(thing, [far, near], random).box
    assert box[0] <= inner[0]
    assert box[1] <= inner[1]
    assert box[2] >= inner[2]
    assert box[3] >= inner[3]
    heat = rough_map(thing, [], random).rough
    assert heat[heat.shape[0] // 2, round(17 / 90 * heat.shape[1])] > 0.5
    x, y = DOUBTFUL["click"](thing, [near], random).on[0]
    assert thing[int(y * 60), int(x * 90)]


def test_another_thing_is_often_in_them():
    random = np.random.default_rng(0)
    thing, near, far = square(10), square(30), square(70)
    right = np.array([loose_box(thing, [far, near], random).box[2] * 90 for _ in range(40)])
    assert 0.4 < np.mean(right >= 45) < 0.95
    middles = [rough_map(thing, [far, near], random).rough for _ in range(40)]
    assert 0.4 < np.mean([one[one.shape[0] // 2, round(37 / 90 * one.shape[1])] > 0.5 for one in middles]) < 0.95
