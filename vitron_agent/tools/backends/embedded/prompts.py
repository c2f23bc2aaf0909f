"""From drawn regions to hints: where the drawn thing probably, surely and surely not is."""

from collections.abc import Iterable
from typing import TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from vitron_agent.messages import Point, Region
from vitron_agent.tools.backends.embedded.masks import Hints, Probability
from vitron_agent.tools.backends.embedded.vision import View, Vision
from vitron_agent.tools.backends.embedded.windows import Cue
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.image_segmentation import Prompt
from vitron_agent.tools.regions import CLICK_RADIUS, rasterise, split_points, tight_box

Size: TypeAlias = tuple[int, int]
"""(width, height)."""

AROUND = frozenset({"box", "polygon", "mask"})
"""Drawings that go around the thing; points and scribbles lie on it."""
_HINT_SIDE = 512
"""Longer side of the maps in which clicks and strokes are drawn."""
_THRESHOLDS = np.arange(-3.0, 3.01, 0.5)
_USUAL_FILL, _FILL_WEIGHT = 0.6, 0.35
"""A thing fills about so much of what was drawn around it."""
_SLACK = 0.015
"""How far, in shares of the picture, a thing may reach over what was drawn around it."""
_REACH = 0.35
"""How far, in shares of the picture, a thing may reach from a click on it."""
EAGER = 1.0
"""Added to the localiser's logits, which are cautious."""


def area_of(regions: Iterable[Region], prompt: Prompt, size: Size) -> MaskArray:
    """Everything that some regions cover, at a size of the picture."""
    covered = np.zeros((size[1], size[0]), np.bool_)
    for region in regions:
        if region.kind == "mask":
            given = prompt.region_masks[region.artifact or ""].astype(np.float32)
            covered |= cv2.resize(given, size, interpolation=cv2.INTER_AREA) > 0
        else:
            covered |= rasterise(region, *size)
    return covered


def region_hints(view: View, vision: Vision, prompt: Prompt) -> Hints:
    """What the regions say, together with what looks like the thing in them."""
    rows, columns = view.features.grid
    size = (2 * columns, 2 * rows)
    around = [region for region in prompt.regions if region.kind in AROUND]
    inside, outside = clicks(prompt, view.features.width, view.features.height)
    area = area_of(around, prompt, size)
    seed = _fitted(inside, size) if inside.any() else _middle(area)
    logits = _look_for(view, vision, seed)
    if around:
        logits -= _fitting_threshold(logits, area)
        outside |= ~reach(prompt, inside.shape[::-1])
        logits[~_grown(area, _SLACK)] = -np.inf
    else:
        logits += EAGER
        logits[_distance(seed > 0) > _REACH * max(size)] = -np.inf
        logits[~_connected(logits > 0, seed > 0)] = -np.inf
    return Hints(probability(logits), inside, outside)


def region_cues(prompt: Prompt, width: int, height: int) -> list[Cue]:
    """What the regions say to the mask decoder.

    Args:
        prompt: Its regions.
        width: Of the map in which strokes are drawn.
        height: Of that map.

    Returns:
        A cue for each thing around which something is drawn, or one for all clicks and strokes.
    """
    on: list[Point] = []
    off: list[Point] = []
    strokes = [region for region in prompt.regions if region.kind == "scribble"]
    for region in prompt.regions:
        if region.kind == "points":
            positive = region.labels or (True,) * len(region.coordinates)
            for point, wanted in zip(region.coordinates, positive, strict=True):
                (on if wanted else off).append(point)
    stroke = area_of(strokes, prompt, (width, height)) if strokes else None
    around = [region for region in prompt.regions if region.kind in AROUND]
    if not around:
        return [Cue(on=on, off=off, stroke=stroke)]
    return [_cue_around(region, Cue(on=on, off=off, stroke=stroke), prompt, (width, height)) for region in around]


def _cue_around(region: Region, clicked: Cue, prompt: Prompt, size: Size) -> Cue:
    """What a drawing around a thing says, with the clicks and strokes in it."""
    area = area_of([region], prompt, size)
    box = tight_box(area)
    inner = [(x, y) for x, y in clicked.on if box[0] <= x <= box[2] and box[1] <= y <= box[3]]
    stroke = None if clicked.stroke is None else clicked.stroke & area
    rough = None if region.kind == "box" else area.astype(np.float32)
    return Cue(rough, box, inner, clicked.off, stroke if stroke is not None and stroke.any() else None)


def reach(prompt: Prompt, size: Size) -> MaskArray:
    """Everything that may be on a thing around which something was drawn."""
    return _grown(area_of((region for region in prompt.regions if region.kind in AROUND), prompt, size), _SLACK)


def probability(logits: NDArray[np.float32]) -> Probability:
    """The logistic function."""
    return np.asarray(1 / (1 + np.exp(-logits.clip(-30, 30))), np.float32)


def clicks(prompt: Prompt, width: int, height: int) -> tuple[MaskArray, MaskArray]:
    """Where points and strokes say "on it" and "not this"; maps over the whole picture, of ``_HINT_SIDE`` at most."""
    factor = min(1.0, _HINT_SIDE / max(width, height))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    inside = area_of((region for region in prompt.regions if region.kind not in AROUND), prompt, size)
    outside = np.zeros_like(inside)
    radius = max(1, round(CLICK_RADIUS * max(size)))
    for region in prompt.regions:
        if region.kind == "points":
            drawn = outside.view(np.uint8)
            for x, y in split_points(region, *size)[1]:
                cv2.circle(drawn, (min(int(x), size[0] - 1), min(int(y), size[1] - 1)), radius, 1, -1)
    return inside & ~outside, outside


def _look_for(view: View, vision: Vision, seed: Probability) -> NDArray[np.float32]:
    """Logits of what looks like the places under a seed [2 rows, 2 columns]."""
    weight = F.avg_pool2d(torch.from_numpy(seed)[None], 2)[0]
    likeness = view.like_exemplar(view.exemplar(weight + 1e-6))
    return vision.locate(view, likeness).mask.numpy().copy()


def _middle(area: MaskArray) -> Probability:
    """The area, its middle weighing most."""
    depth = cv2.distanceTransform(np.pad(area, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    return np.asarray(depth, np.float32) / max(float(depth.max()), 1e-6)


def _fitted(mask: MaskArray, size: Size) -> Probability:
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)


def _fitting_threshold(logits: NDArray[np.float32], area: MaskArray) -> float:
    """Where to cut the logits so that what is above reaches the sides of the area without filling it."""

    def fit(threshold: float) -> float:
        above = (logits > threshold) & area
        reach = np.mean([above.any(axis=side).sum() / area.any(axis=side).sum() for side in (0, 1)])
        return float(reach - _FILL_WEIGHT * abs(above.sum() / area.sum() - _USUAL_FILL))

    return float(max(_THRESHOLDS, key=fit))


def _grown(mask: MaskArray, share: float) -> MaskArray:
    radius = max(1, round(share * max(mask.shape)))
    grown: MaskArray = cv2.dilate(mask.astype(np.uint8), np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)) > 0
    return grown


def _distance(mask: MaskArray) -> NDArray[np.float32]:
    """Of each pixel from a mask."""
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5), np.float32)


def _connected(mask: MaskArray, seed: MaskArray) -> MaskArray:
    """The parts of a mask that a seed touches, and the seed."""
    _, parts = cv2.connectedComponents((mask | seed).astype(np.uint8))
    return np.isin(parts, np.unique(parts[seed]))
