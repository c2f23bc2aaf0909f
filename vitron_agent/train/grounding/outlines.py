"""Outlines of annotated things: the localiser's map, cut out of the photo within the annotated box."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vitron_agent.messages import Box
from vitron_agent.tools.backends.embedded.localiser import Localiser, Scene
from vitron_agent.tools.backends.embedded.masks import Hints, cut_mask
from vitron_agent.tools.backends.embedded.prompts import fitting_threshold, probability
from vitron_agent.tools.backends.embedded.vision import locate
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.regions import pixel_box
from vitron_agent.train.grounding.examples import Example, half_places

_REACH, _FILL = 0.85, (0.2, 0.97)
"""An outline is trusted if it meets so many of its box's columns and rows and fills a share of it between these."""
_DOUBTED = 0.3
"""What a place in the box of an outline that isn't trusted counts."""
_CUT, _SEEN = 0.6, 0.4
"""How much GrabCut and the localiser say about a place of the outline."""

Outline = tuple[NDArray[np.float32], NDArray[np.float32]]
"""A mask (H, W) in [0, 1], and how much each of its pixels counts."""


@torch.inference_mode()
def find_outline(localiser: Localiser, example: Example, kind: int, image: NDArray[np.uint8]) -> Outline:
    """The outline of all things of a kind in a photo, from their boxes."""
    scene = example.scene
    whole = Scene(scene.features.float(), scene.low.float(), scene.lab.float(), scene.valid.float())
    logits = locate(localiser, whole, example.likeness["learned"][kind][None].float(), example.grid).mask.numpy()
    height, width = image.shape[:2]
    mask, certainty = np.zeros((height, width), np.float32), np.ones((height, width), np.float32)
    for thing in example.things:
        if thing.kind != kind:
            continue
        left, top, right, bottom = pixel_box(thing.box, width, height)
        inside = (slice(top, bottom), slice(left, right))
        if thing.difficult:
            certainty[inside] = 0
            continue
        seen, cut = _cut(logits, thing.box, image)
        mask = np.maximum(mask, _CUT * cut + _SEEN * seen)
        certainty[inside] = np.minimum(certainty[inside], 1.0 if _is_trusted(cut[inside]) else _DOUBTED)
    return mask, certainty


def _cut(logits: NDArray[np.float32], box: Box, image: NDArray[np.uint8]) -> tuple[MaskArray, MaskArray]:
    """What the localiser sees of the thing in a box, and what GrabCut makes of it; (H, W) both."""
    height, width = image.shape[:2]
    rows, columns = logits.shape
    left, top, right, bottom = pixel_box(box, columns, rows)
    area = np.zeros((rows, columns), np.bool_)
    area[top:bottom, left:right] = True
    prior = probability(np.where(area, logits - fitting_threshold(logits, area), -30).astype(np.float32))
    left, top, right, bottom = pixel_box(box, width, height)
    outside = np.ones((height, width), np.bool_)
    outside[top:bottom, left:right] = False
    cut = cut_mask(image, Hints(prior, outside=outside), lambda: False)
    seen = cv2.resize(prior, (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    return seen & ~outside, cut & ~outside


def _is_trusted(cut: MaskArray) -> bool:
    reach = min(cut.any(axis=side).mean() for side in (0, 1))
    return bool(reach >= _REACH and _FILL[0] < cut.mean() < _FILL[1])


def give_outline(examples: Sequence[Example], photo: int, kind: int, outline: Outline) -> None:
    """Gives the examples that show a photo, or a part of it, their part of an outline."""
    mask, certainty = outline
    for example in examples:
        if example.photo == photo and any(thing.kind == kind for thing in example.things):
            left, top, right, bottom = pixel_box(example.window, mask.shape[1], mask.shape[0])
            part = (slice(top, bottom), slice(left, right))
            example.outlines[kind] = (
                half_places(mask[part], example.grid)[0],
                half_places(certainty[part], example.grid)[0],
            )
