"""COCO's ways to write a mask: polygons, run lengths, compressed run lengths."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, FiniteFloat

from vitron_agent.messages import Region
from vitron_agent.tools.regions import rasterise_all
from vitron_agent.train.data.readers.common import Unusable


class RunLengths(BaseModel):
    """A mask as the lengths of its runs of 0 and 1 in turn, from 0, down the columns (or their compressed text).

    Attributes:
        size: Height and width, pixels.
        counts: The lengths.
    """

    size: tuple[int, int]
    counts: list[int] | str


Segmentation: TypeAlias = list[list[FiniteFloat]] | RunLengths
"""Polygons [x1, y1, x2, y2, ...] in pixels, whose union is the thing; or run lengths."""


def to_mask(segmentation: Segmentation, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask (H, W) of a segmentation on a picture of (width, height).

    Polygons are filled as COCO's own tool does where pycocotools is installed (extra ``interop``), else by OpenCV; the
    two differ by some pixels on the outline.

    Raises:
        Unusable: It is damaged, or made for a picture of another size.
    """
    if isinstance(segmentation, RunLengths):
        return _from_runs(segmentation, size)
    if not segmentation or any(len(polygon) < 6 or len(polygon) % 2 for polygon in segmentation):
        raise Unusable("polygon of fewer than three points")
    # Cut first: what fills a polygon takes memory by the length of its outline.
    inside = [np.clip(np.reshape(polygon, (-1, 2)), 0, size) for polygon in segmentation]
    return _filled(inside, size)


def _filled(polygons: Sequence[NDArray[np.float64]], size: tuple[int, int]) -> NDArray[np.bool_]:
    width, height = size
    try:
        tool = import_module("pycocotools.mask")
    except ImportError:
        return rasterise_all((Region.polygon(polygon / size) for polygon in polygons), width, height)
    runs = tool.merge(tool.frPyObjects([polygon.ravel().tolist() for polygon in polygons], height, width))
    return _from_runs(RunLengths(size=(height, width), counts=runs["counts"].decode()), size)


def _from_runs(runs: RunLengths, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Decoded here, not by pycocotools, whose C code trusts the lengths."""
    width, height = size
    if runs.size != (height, width):
        raise Unusable(f"mask of another size: {runs.size[1]} x {runs.size[0]} on {width} x {height}")
    counts = runs.counts if isinstance(runs.counts, list) else list(_lengths(runs.counts))
    if min(counts, default=-1) < 0 or sum(counts) != width * height:
        raise Unusable("damaged run lengths")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def _lengths(text: str) -> Iterator[int]:
    """Compressed run lengths: 5 bits a character, lowest first; from the fourth on the change to the last but one."""
    before = [0, 0]
    value = shift = number = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 30:
            raise Unusable("damaged run lengths")
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            if bits & 16:
                value -= 1 << shift
            if number > 2:
                value += before[0]
            yield value
            before = [before[1], value]
            value, shift, number = 0, 0, number + 1
