"""From rough maps to sharp masks: GrabCut on a crop, then the picture's own edges at full size."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vitron_agent.artifacts import ImageArray
from vitron_agent.errors import TurnCancelled
from vitron_agent.model.encoders.dense import to_rgb8
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.regions import PixelBox

_WORK = 256
"""Longer side, in pixels, of the crop that GrabCut works on."""
_MARGIN = 0.25
"""Surroundings of the thing that GrabCut sees, as a share of its size."""
_ITERATIONS = 3
_SURE, _EXCLUDED = 0.9, 0.05
"""Priors beyond these are not put into question."""
_EDGE_RADIUS, _EDGE_SMOOTHNESS = 2, 1e-3

Probability = NDArray[np.float32]
"""(h, w) in [0, 1]."""


@dataclass(frozen=True)
class Hints:
    """What is known of a thing in one picture.

    Attributes:
        prior: (h, w), how likely each place is on the thing; of any size over the whole picture.
        inside: (h, w) of any size: surely on the thing; None = nothing is.
        outside: (h, w) of any size: surely not; None = nothing is.
    """

    prior: Probability
    inside: MaskArray | None = None
    outside: MaskArray | None = None


def cut_mask(image: ImageArray, hints: Hints, cancelled: Callable[[], bool]) -> MaskArray:
    """The pixels of a thing at the picture's own size; may be empty.

    Args:
        image: (H, W, 3|4).
        hints: What is known.
        cancelled: Asked between the steps.

    Raises:
        TurnCancelled: ``cancelled`` said so.
    """
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.bool_)
    window = _window(hints, width, height)
    if window is None:
        return mask
    left, top, right, bottom = window
    crop = to_rgb8(image[top:bottom, left:right])
    work = _shrunk(crop)
    size = (work.shape[1], work.shape[0])
    if cancelled():
        raise TurnCancelled("stopped while segmenting")
    cut = _grab_cut(work, _trimap(hints, window, (width, height), size))
    if cancelled():
        raise TurnCancelled("stopped while segmenting")
    mask[top:bottom, left:right] = sharpen(cut.astype(np.float32), work, crop) > 0.5
    return mask


def sharpen(rough: Probability, small: NDArray[np.uint8], large: NDArray[np.uint8]) -> Probability:
    """Enlarges a map along the picture's edges (fast guided filter).

    Args:
        rough: (h, w).
        small: (h, w, 3), the picture at that size.
        large: (H, W, 3), the picture at the wanted size.

    Returns:
        (H, W).
    """
    height, width = large.shape[:2]
    if rough.shape == (height, width):
        return rough
    guide = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    side = (2 * _EDGE_RADIUS + 1, 2 * _EDGE_RADIUS + 1)
    mean_guide, mean_rough = cv2.blur(guide, side), cv2.blur(rough, side)
    covariance = cv2.blur(guide * rough, side) - mean_guide * mean_rough
    variance = cv2.blur(guide * guide, side) - mean_guide * mean_guide
    slope = covariance / (variance + _EDGE_SMOOTHNESS)
    offset = mean_rough - slope * mean_guide
    wide_slope, wide_offset = (cv2.resize(cv2.blur(plane, side), (width, height)) for plane in (slope, offset))
    full = cv2.cvtColor(large, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    return np.asarray(np.clip(wide_slope * full + wide_offset, 0, 1), np.float32)


def _window(hints: Hints, width: int, height: int) -> PixelBox | None:
    """The pixels around everything that may be on the thing."""
    likely = hints.prior > 0.5
    if hints.inside is not None:
        likely |= _resized_mask(hints.inside, (likely.shape[1], likely.shape[0]))
    if not likely.any():
        return None
    rows, columns = np.nonzero(likely)
    scale_x, scale_y = width / likely.shape[1], height / likely.shape[0]
    left, right = columns.min() * scale_x, (columns.max() + 1) * scale_x
    top, bottom = rows.min() * scale_y, (rows.max() + 1) * scale_y
    extra_x, extra_y = (right - left) * _MARGIN + 2 * scale_x, (bottom - top) * _MARGIN + 2 * scale_y
    return (
        max(0, int(left - extra_x)), max(0, int(top - extra_y)),
        min(width, int(right + extra_x) + 1), min(height, int(bottom + extra_y) + 1),
    )  # fmt: skip


def _trimap(hints: Hints, window: PixelBox, full: tuple[int, int], size: tuple[int, int]) -> NDArray[np.uint8]:
    """GrabCut's four labels for the window at a working size of (width, height)."""
    prior = windowed(hints.prior, window, full, size)
    trimap = np.full(prior.shape, cv2.GC_BGD, np.uint8)
    trimap[prior > _EXCLUDED] = cv2.GC_PR_BGD
    trimap[prior > 0.5] = cv2.GC_PR_FGD
    trimap[prior > _SURE] = cv2.GC_FGD
    for known, label in ((hints.outside, cv2.GC_BGD), (hints.inside, cv2.GC_FGD)):
        if known is not None:
            trimap[windowed(known.astype(np.float32), window, full, size) > 0.5] = label
    return trimap


def windowed(
    values: Probability, window: tuple[float, float, float, float], full: tuple[float, float], size: tuple[int, int]
) -> Probability:
    """A map over the whole picture, as seen in a window of it.

    Args:
        values: The map, of any size.
        window: (left, top, right, bottom) in the picture; it may reach beyond it, where the border goes on.
        full: Width and height of the picture.
        size: Width and height of what is returned.
    """
    scale_x, scale_y = values.shape[1] / full[0], values.shape[0] / full[1]
    left, top, right, bottom = window
    step_x, step_y = (right - left) / size[0] * scale_x, (bottom - top) / size[1] * scale_y
    transform = np.array([
        [step_x, 0, left * scale_x + step_x / 2 - 0.5],
        [0, step_y, top * scale_y + step_y / 2 - 0.5],
    ])  # fmt: skip
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(values, transform, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _grab_cut(pixels: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> MaskArray:
    """The foreground (h, w); the trimap's own where it leaves nothing to decide from."""
    thing = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD))
    undecided = np.isin(trimap, (cv2.GC_PR_FGD, cv2.GC_PR_BGD))
    if not thing.any() or thing.all() or not undecided.any():
        return thing
    labels = trimap.copy()
    cv2.setRNGSeed(0)  # GrabCut starts from k-means
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(pixels, labels, (0, 0, 1, 1), background, foreground, _ITERATIONS, cv2.GC_INIT_WITH_MASK)
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))


def _shrunk(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    factor = min(1.0, _WORK / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def _resized_mask(mask: MaskArray, size: tuple[int, int]) -> MaskArray:
    """A mask at another size (width, height); a pixel of it survives shrinking."""
    shrunk = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    found: MaskArray = shrunk > 0
    return found
