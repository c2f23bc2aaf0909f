"""What a user draws on a thing: a click, a rough box, an outline, a stroke."""

from collections.abc import Callable
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from vitron_agent.messages import Point, Region
from vitron_agent.tools.regions import mask_box, normalised

_SLACK = 0.06
"""A drawn box is off by this share of its sides at most."""
_COARSE = 0.015
"""An outline is off by this share of its length at most."""
_STEPS = 6


def drawn(rng: Random, mask: NDArray[np.bool_], source: str = "image-1") -> Region:
    """A drawing of any kind but a mask on a thing (H, W), as ``region-1``."""
    region = rng.choice(_KINDS)(rng, mask)
    return region.model_copy(update={"source": source, "name": "region-1"})


def _click(rng: Random, mask: NDArray[np.bool_]) -> Region:
    return Region.points([_point(mask, *_deep(rng, mask))])


def _box(rng: Random, mask: NDArray[np.bool_]) -> Region:
    box = mask_box(mask)
    assert box is not None
    left, top, right, bottom = normalised(box, mask.shape[1], mask.shape[0])
    lengths = (right - left, bottom - top) * 2
    off = (length * rng.uniform(-_SLACK, _SLACK) for length in lengths)
    sides = (min(max(side + one, 0.0), 1.0) for side, one in zip((left, top, right, bottom), off, strict=True))
    return Region.box(*sides)


def _outline(rng: Random, mask: NDArray[np.bool_]) -> Region:
    """Around the largest visible piece."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = max(contours, key=cv2.contourArea)
    coarse = cv2.approxPolyDP(largest, rng.uniform(0, _COARSE) * cv2.arcLength(largest, closed=True), closed=True)
    corners = (coarse if len(coarse) > 2 else cv2.boxPoints(cv2.minAreaRect(largest))[:, None]).astype(int)
    return Region.polygon([_point(mask, row, column) for column, row in corners[:, 0]])


def _stroke(rng: Random, mask: NDArray[np.bool_]) -> Region:
    """From one place well within the thing towards another one, as far as the way stays on the thing."""
    start, end = (np.array(_deep(rng, mask)) for _ in range(2))
    way = [np.rint(start + (end - start) * step / _STEPS).astype(int) for step in range(_STEPS + 1)]
    off = next((number for number, (row, column) in enumerate(way) if not mask[row, column]), len(way))
    return Region.scribble([_point(mask, row, column) for row, column in (way[:off] if off > 1 else way[:1] * 2)])


_KINDS: tuple[Callable[[Random, NDArray[np.bool_]], Region], ...] = (_click, _box, _outline, _stroke)


def _deep(rng: Random, mask: NDArray[np.bool_]) -> tuple[int, int]:
    """Row and column of a pixel away from the thing's edge."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    rows, columns = np.nonzero(depth >= 0.5 * depth.max())
    place = rng.randrange(len(rows))
    return int(rows[place]), int(columns[place])


def _point(mask: NDArray[np.bool_], row: int, column: int) -> Point:
    """The middle of a pixel; what lies outside is brought to the border."""
    height, width = mask.shape
    return min(max((column + 0.5) / width, 0.0), 1.0), min(max((row + 0.5) / height, 0.0), 1.0)
