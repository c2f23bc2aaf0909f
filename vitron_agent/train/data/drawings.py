"""What a user draws on a thing: clicks, a rough box, an outline, a stroke."""

from collections.abc import Callable
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from vitron_agent.messages import Point, Region
from vitron_agent.tools.regions import tight_box


def drawn(mask: NDArray[np.bool_], rng: Random, source: str) -> Region:
    """A drawing of any kind but a mask on a thing (H, W) with at least one pixel, as ``region-1`` on ``source``."""
    return rng.choice(_KINDS)(mask, rng).model_copy(update={"source": source, "name": "region-1"})


def _click(mask: NDArray[np.bool_], rng: Random) -> Region:
    """A click well within the thing, sometimes two, sometimes one beside it that is labelled so."""
    points = [_point(mask, *_deep(mask, rng)) for _ in range(rng.choice((1, 1, 1, 2)))]
    labels = [True] * len(points)
    rows, columns = (cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) == 0).nonzero()
    if len(rows) and rng.random() < 0.15:
        place = rng.randrange(len(rows))
        points.append(_point(mask, rows[place], columns[place]))
        labels.append(False)
    return Region.points(points, labels=labels)


def _rough_box(mask: NDArray[np.bool_], rng: Random) -> Region:
    """The thing's box, each side off by up to a tenth of its length."""
    box = tight_box(mask)
    width, height = box[2] - box[0], box[3] - box[1]
    lengths = (width, height, width, height)
    sides = (side + length * rng.uniform(-0.1, 0.1) for side, length in zip(box, lengths, strict=True))
    return Region.box(*(min(max(side, 0.0), 1.0) for side in sides))


def _outline(mask: NDArray[np.bool_], rng: Random) -> Region:
    """Around the largest visible piece, with few corners."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=len)
    rough = cv2.approxPolyDP(contour, rng.uniform(0.5, 0.02 * len(contour) + 0.5), closed=True)
    corners = rough if len(rough) >= 3 else contour
    if len(corners) < 3:  # a piece of one or two pixels has no outline
        return Region.box(*tight_box(mask))
    return Region.polygon(_point(mask, row, column) for column, row in corners[:, 0])


def _stroke(mask: NDArray[np.bool_], rng: Random) -> Region:
    """A walk of a few steps that stays on the thing and keeps its way where it can."""
    row, column = _deep(mask, rng)
    length = max(2.0, 0.1 * max(np.ptp(mask.nonzero(), axis=1)))
    way = rng.uniform(0, 2 * np.pi)
    stroke = [_point(mask, row, column)]
    for _ in range(rng.randint(3, 8)):
        for turn in (0, 0.5, -0.5, 1, -1, 1.6, -1.6):
            next_row = round(row + length * np.sin(way + turn))
            next_column = round(column + length * np.cos(way + turn))
            inside = 0 <= next_row < mask.shape[0] and 0 <= next_column < mask.shape[1]
            if inside and mask[next_row, next_column]:
                row, column, way = next_row, next_column, way + turn
                stroke.append(_point(mask, row, column))
                break
    return Region.scribble(stroke)


_KINDS: tuple[Callable[[NDArray[np.bool_], Random], Region], ...] = (_click, _rough_box, _outline, _stroke)


def _deep(mask: NDArray[np.bool_], rng: Random) -> tuple[int, int]:
    """Row and column of a pixel that is not at the mask's edge: people click on things, not on their outlines."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    rows, columns = (depth >= 0.6 * depth.max()).nonzero()
    place = rng.randrange(len(rows))
    return int(rows[place]), int(columns[place])


def _point(mask: NDArray[np.bool_], row: int, column: int) -> Point:
    """The center of a pixel."""
    height, width = mask.shape
    return (float(column + 0.5) / width, float(row + 0.5) / height)
