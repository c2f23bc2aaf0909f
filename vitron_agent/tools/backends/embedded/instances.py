"""From the localiser's places to instances."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from vitron_agent.messages import Box, Point
from vitron_agent.tools.backends.embedded.vision import Places

MIN_SCORE = 0.2
"""Below this the thing isn't there."""
MIN_SHARE = 0.45
"""Further instances score at least this share of the best one's score."""
_PEAKS = 80
_SAME = 0.5
"""Boxes that overlap by more than this are one instance."""
_SPREAD = 0.05
_INSIDE = 0.85
"""A weaker box that lies in a stronger one by more than this share of itself is a part of that thing."""
_MIN_SIDE = 0.01


@dataclass(frozen=True)
class Instance:
    """One thing.

    Attributes:
        box: Where, as shares of the picture.
        score: In [0, 1].
        point: The place in the box that looks most like the thing.
    """

    box: Box
    score: float
    point: Point


def find_instances(places: Places, min_score: float = MIN_SCORE, max_number: int = 20) -> list[Instance]:
    """The instances that the localiser sees, best first; none if all score less than ``min_score``.

    Each place near the middle of an instance proposes a box; proposals of one instance are averaged.
    """
    boxes, scores = _proposals(places)
    found: list[Instance] = []
    kept: list[NDArray[np.float64]] = []
    alive = np.ones(len(boxes), np.bool_)
    floor = max(min_score, MIN_SHARE * scores[0])
    while len(found) < max_number and alive.any():
        best = int(np.argmax(alive))  # proposals are sorted
        if scores[best] < floor:
            break
        overlap = overlaps(boxes[best], boxes)
        votes = np.where(alive & (overlap > _SAME), scores**2 * np.exp(-((1 - overlap) ** 2) / _SPREAD), 0)
        votes[best] = max(votes[best], 1e-9)
        alive &= overlap <= _SAME
        alive[best] = False
        box = votes @ boxes / votes.sum()
        if any(_share_inside(box, other) > _INSIDE for other in kept):
            continue
        kept.append(box)
        found.append(Instance(_as_box(box), float(scores[best]), _strongest(places, box)))
    return found


def _proposals(places: Places) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, 4) boxes in [0, 1] and (n,) scores, best first."""
    rows, columns = places.center.shape
    scores, positions = places.center.flatten().topk(min(_PEAKS, rows * columns))
    y, x = positions // columns + 0.5, positions % columns + 0.5
    left, top, right, bottom = places.extents.flatten(1)[:, positions]
    boxes = torch.stack([(x - left) / columns, (y - top) / rows, (x + right) / columns, (y + bottom) / rows], dim=1)
    return boxes.clamp(0, 1).double().numpy(), scores.double().numpy()


def overlaps(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of one box (4,) with each of (n, 4)."""
    inner = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.prod(np.clip(inner, 0, None), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    union: NDArray[np.float64] = shared / np.maximum(areas - shared, 1e-12)
    return union


def _share_inside(box: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    inner = np.clip(np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2]), 0, None)
    return float(np.prod(inner) / max(np.prod(box[2:] - box[:2]), 1e-12))


def _as_box(box: NDArray[np.float64]) -> Box:
    """A valid box of at least one hundredth of the picture a side."""
    sides = []
    for low, high in ((box[0], box[2]), (box[1], box[3])):
        middle, half = (low + high) / 2, max(high - low, _MIN_SIDE) / 2
        low = min(max(middle - half, 0.0), 1 - _MIN_SIDE)
        sides.append((float(low), float(min(max(middle + half, low + _MIN_SIDE), 1.0))))
    (x_left, x_right), (y_top, y_bottom) = sides
    return x_left, y_top, x_right, y_bottom


def _strongest(places: Places, box: NDArray[np.float64]) -> Point:
    rows, columns = places.mask.shape
    x0, x1 = (min(int(value * columns), columns - 1) for value in (box[0], box[2]))
    y0, y1 = (min(int(value * rows), rows - 1) for value in (box[1], box[3]))
    window = places.mask[y0 : y1 + 1, x0 : x1 + 1]
    row, column = divmod(int(window.argmax()), window.shape[1])
    return (x0 + column + 0.5) / columns, (y0 + row + 0.5) / rows
