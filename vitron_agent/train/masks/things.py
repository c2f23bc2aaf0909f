"""Things whose pixels are known: human segments, annotated masks, and boxes that only say how far a thing reaches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitron_agent.messages import Box
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.regions import PixelBox, mask_box, padded, pixel_box
from vitron_agent.train.data.segments import Divided
from vitron_agent.train.data.voc import Photo

_SMALLEST = 0.002
"""Things below this share of the picture are not learned."""
_VOID_MARGIN = 4
_MIXED = 0.05
"""Annotated classes are divided into things by their boxes, where boxes of a class overlap by less than this."""


@dataclass(frozen=True)
class Thing:
    """One thing of a picture.

    Attributes:
        box: In pixels; beyond it there is nothing of the thing.
        pixels: (h, w) in the box: on the thing; None = only the box is known, and that the thing reaches its sides.
        counted: (h, w) in the box: where ``pixels`` is sure; None = everywhere.
    """

    box: PixelBox
    pixels: MaskArray | None
    counted: MaskArray | None = None

    def mask(self, width: int, height: int) -> MaskArray:
        """(height, width): on the thing; only where ``pixels`` is known."""
        assert self.pixels is not None
        return self._spread(self.pixels, width, height, other=False)

    def sure(self, width: int, height: int) -> MaskArray:
        """(height, width): where it is known whether a pixel is on the thing."""
        if self.pixels is None:
            inside = np.zeros((self.box[3] - self.box[1], self.box[2] - self.box[0]), np.bool_)
            return self._spread(inside, width, height, other=True)
        known = np.ones_like(self.pixels) if self.counted is None else self.counted
        return self._spread(known, width, height, other=True)

    def _spread(self, values: MaskArray, width: int, height: int, *, other: bool) -> MaskArray:
        left, top, right, bottom = self.box
        everywhere = np.full((height, width), other)
        everywhere[top:bottom, left:right] = values
        return everywhere


def thing_of(mask: MaskArray) -> Thing | None:
    """The thing of a mask (H, W); None if it is too small to learn from."""
    box = mask_box(mask)
    if box is None or mask.mean() < _SMALLEST:
        return None
    left, top, right, bottom = box
    return Thing(box, mask[top:bottom, left:right].copy())


def segments_of(photo: Divided) -> list[Thing]:
    """The segments of a photo that may be things, by several people."""
    return [thing for mask in photo.segments() if (thing := thing_of(mask)) is not None]


def annotated(photo: Photo) -> list[Thing]:
    """What is known of a photo of VOC: masks where there are any, else boxes."""
    with_masks = photo.masks is not None
    height, width = photo.image().shape[:2]
    found = []
    for number, thing in enumerate(photo.things):
        others = [
            other.box for position, other in enumerate(photo.things) if position != number and other.name == thing.name
        ]
        box = pixel_box(thing.box, width, height)
        if (box[2] - box[0]) * (box[3] - box[1]) < _SMALLEST * width * height:
            continue
        if not with_masks:
            found.append(Thing(box, None))
        elif all(_shared(thing.box, other) < _MIXED for other in others):
            found.append(_masked(photo, thing.name, padded(box, _VOID_MARGIN, width, height)))
    return found


def _masked(photo: Photo, name: str, box: PixelBox) -> Thing:
    mask = photo.mask(name)
    assert mask is not None
    left, top, right, bottom = box
    return Thing(box, *(plane[top:bottom, left:right].copy() for plane in mask))


def _shared(one: Box, other: Box) -> float:
    """Share of the first box that lies in the other."""
    sides = [min(one[end], other[end]) - max(one[start], other[start]) for start, end in ((0, 2), (1, 3))]
    return max(0.0, sides[0]) * max(0.0, sides[1]) / max((one[2] - one[0]) * (one[3] - one[1]), 1e-9)


def with_masks(photos: Sequence[Photo]) -> tuple[list[Photo], list[Photo]]:
    """The photos that have masks in two halves: to learn from, and to measure on."""
    masked = [photo for photo in photos if photo.masks is not None]
    return masked[::2], masked[1::2]
