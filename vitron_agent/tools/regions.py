"""Drawn regions as pixels.

Pixel frame: pixel ``(row, column)`` covers ``[column, column + 1) x [row, row + 1)`` of a ``width x height`` picture,
so the normalised ``x`` of a region lies at ``x * width``. Every rasterised region holds at least one pixel.
"""

from collections.abc import Callable, Iterable
from math import ceil, floor
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitron_agent.errors import UnknownTargetError, WrongMediaError
from vitron_agent.messages import Box, Finding, Point, Region
from vitron_agent.tools.base import MaskArray

PixelBox: TypeAlias = tuple[int, int, int, int]
"""(x_left, y_top, x_right, y_bottom) in pixels, right and bottom exclusive."""
MaskLoader: TypeAlias = Callable[[str], MaskArray]
"""From the id of a mask artifact to its (H, W) mask."""

CLICK_RADIUS = 0.008
"""A click is a disc of this radius, as a fraction of the larger side."""
_MEANT = 0.4
"""A found thing is the drawn one if it lies in the drawing (or the drawing in it) by this share."""
_SHIFT = 6
_SUBPIXEL = 1 << _SHIFT


def rasterise(region: Region, width: int, height: int, load_mask: MaskLoader | None = None) -> MaskArray:
    """The pixels that a region covers, as a new (height, width) mask.

    A box covers every pixel that it touches; points cover small discs, those labelled False being left out; a polygon
    covers its inside (even-odd) and its outline; a scribble its stroke.

    Args:
        region: What was drawn.
        width: Of its source, in pixels.
        height: Of its source, in pixels.
        load_mask: Reads the artifact of a ``mask`` region; needed for that kind only.

    Raises:
        UnknownTargetError: The artifact of a mask region cannot be looked up.
        WrongMediaError: The mask is empty or not of the source's size.
    """
    if region.kind == "mask":
        return _loaded(region, width, height, load_mask)
    mask = np.zeros((height, width), np.uint8)
    if region.kind == "box":
        x_left, y_top, x_right, y_bottom = pixel_box(region.bounds, width, height)
        mask[y_top:y_bottom, x_left:x_right] = 1
    elif region.kind == "polygon":
        _fill(mask, pixel_points(region.coordinates, width, height))
    elif region.kind == "scribble":
        thickness = max(1, round(region.width * max(width, height)))
        _stroke(mask, pixel_points(region.coordinates, width, height), thickness)
    else:
        positive, _ = split_points(region, width, height)
        radius = max(1, round(CLICK_RADIUS * max(width, height)))
        for point in positive:
            _stroke(mask, point[None], 2 * radius + 1)
    return mask.view(np.bool_)


def rasterise_all(regions: Iterable[Region], width: int, height: int, load_mask: MaskLoader | None = None) -> MaskArray:
    """The union of several regions as a new (height, width) mask; raises as :func:`rasterise`."""
    union = np.zeros((height, width), np.bool_)
    for region in regions:
        union |= rasterise(region, width, height, load_mask)
    return union


def drawn_ones(findings: Iterable[Finding], drawings: Iterable[MaskArray]) -> tuple[Finding, ...]:
    """The findings that some drawing points at; all of them where nothing was drawn, or only clicks beside the thing.

    Args:
        findings: With their boxes.
        drawings: (H, W) each, all of one size.
    """
    drawn = [drawing for drawing in drawings if drawing.any()]
    return tuple(item for item in findings if not drawn or any(_points_at(drawing, item) for drawing in drawn))


def pixel_box(box: Box, width: int, height: int) -> PixelBox:
    """Every pixel that a normalised box touches; at least one in each direction."""
    x_left, y_top, x_right, y_bottom = box
    column = min(floor(x_left * width), width - 1)
    row = min(floor(y_top * height), height - 1)
    return column, row, max(column + 1, ceil(x_right * width)), max(row + 1, ceil(y_bottom * height))


def pixel_points(points: Iterable[Point], width: int, height: int) -> NDArray[np.float64]:
    """Normalised points as (n, 2) x, y in the pixel frame."""
    return np.asarray(list(points), np.float64).reshape(-1, 2) * (width, height)


def split_points(region: Region, width: int, height: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The clicks on the thing and those beside it, each (n, 2) x, y in the pixel frame."""
    points = pixel_points(region.coordinates, width, height)
    positive = np.asarray(region.labels or (True,) * len(points), np.bool_)
    return points[positive], points[~positive]


def mask_box(mask: MaskArray) -> PixelBox | None:
    """The smallest pixel box around a mask; None if it is empty."""
    columns = np.flatnonzero(mask.any(axis=0))
    if not len(columns):
        return None
    rows = np.flatnonzero(mask.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def normalised(box: PixelBox, width: int, height: int) -> Box:
    """A pixel box as fractions of the picture."""
    x_left, y_top, x_right, y_bottom = box
    return x_left / width, y_top / height, x_right / width, y_bottom / height


def tight_box(mask: MaskArray) -> Box:
    """The smallest box around a mask with at least one pixel, as fractions of the picture."""
    box = mask_box(mask)
    assert box is not None
    return normalised(box, mask.shape[1], mask.shape[0])


def padded(box: PixelBox, margin: int, width: int, height: int) -> PixelBox:
    """A pixel box grown by ``margin`` on each side, within the picture."""
    x_left, y_top, x_right, y_bottom = box
    return max(0, x_left - margin), max(0, y_top - margin), min(width, x_right + margin), min(height, y_bottom + margin)


def _points_at(drawing: MaskArray, finding: Finding) -> bool:
    assert finding.box is not None
    x_left, y_top, x_right, y_bottom = pixel_box(finding.box, drawing.shape[1], drawing.shape[0])
    shared = int(np.count_nonzero(drawing[y_top:y_bottom, x_left:x_right]))
    return shared >= _MEANT * min((x_right - x_left) * (y_bottom - y_top), int(np.count_nonzero(drawing)))


def _loaded(region: Region, width: int, height: int, load_mask: MaskLoader | None) -> MaskArray:
    if load_mask is None or region.artifact is None:
        raise UnknownTargetError(f"the mask {region.artifact} of a drawn region cannot be read here; draw a polygon")
    mask = load_mask(region.artifact)
    if mask.shape != (height, width):
        raise WrongMediaError(
            f"the drawn mask is {mask.shape[1]} x {mask.shape[0]}, its picture {width} x {height}; "
            "give a mask of the picture's size"
        )
    if not mask.any():
        raise WrongMediaError("the drawn mask is empty; mark at least one pixel")
    return mask.copy()


def _fixed_point(points: NDArray[np.float64]) -> NDArray[np.int32]:
    """To OpenCV's frame, whose integers are pixel centres, in 1/64 pixel."""
    return np.rint((points - 0.5) * _SUBPIXEL).astype(np.int32)


def _fill(mask: NDArray[np.uint8], points: NDArray[np.float64]) -> None:
    import cv2

    limits = (mask.shape[1] - 0.5, mask.shape[0] - 0.5)
    cv2.fillPoly(mask, [_fixed_point(np.clip(points, 0.5, limits))], (1,), cv2.LINE_8, _SHIFT)


def _stroke(mask: NDArray[np.uint8], points: NDArray[np.float64], thickness: int) -> None:
    import cv2

    limits = (mask.shape[1] - 0.5, mask.shape[0] - 0.5)
    stroke = _fixed_point(np.clip(points, 0.5, limits))
    if len(stroke) == 1:
        stroke = np.repeat(stroke, 2, axis=0)
    cv2.polylines(mask, [stroke], False, (1,), thickness, cv2.LINE_8, _SHIFT)
