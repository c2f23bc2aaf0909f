"""Drawings are on what they are drawn on, whatever its shape."""

from random import Random

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vitron_agent.tools.regions import rasterise
from vitron_agent.train.data.drawings import drawn


def thin() -> NDArray[np.bool_]:
    mask = np.zeros((80, 80), np.bool_)
    mask[10:70, 40:41] = True
    mask[40, 10:70] = True
    return mask


def ring() -> NDArray[np.bool_]:
    return cv2.circle(np.zeros((60, 90), np.uint8), (45, 30), 20, 1, 6).view(np.bool_)


def single() -> NDArray[np.bool_]:
    mask = np.zeros((9, 7), np.bool_)
    mask[8, 0] = True
    return mask


MASKS = {"thin": thin(), "ring": ring(), "one pixel": single(), "everything": np.ones((20, 30), np.bool_)}


@pytest.mark.parametrize("name", MASKS)
def test_every_kind_touches_the_thing(name: str):
    mask = MASKS[name]
    height, width = mask.shape
    kinds = set()
    for seed in range(80):
        region = drawn(mask, Random(seed), "video-1")
        kinds.add(region.kind)
        assert (region.source, region.name) == ("video-1", "region-1")
        assert (rasterise(region, width, height) & mask).any()
    assert kinds >= {"points", "box", "scribble"}


def test_clicks_beside_the_thing_are_labelled_so():
    mask, beside = MASKS["ring"], 0
    for seed in range(200):
        region = drawn(mask, Random(seed), "image-1")
        for (x, y), label in zip(region.coordinates, region.labels, strict=False):
            assert mask[int(y * 60), int(x * 90)] == label
            beside += not label
    assert beside


def test_the_same_seed_draws_the_same():
    assert drawn(thin(), Random(3), "image-1") == drawn(thin(), Random(3), "image-1")
