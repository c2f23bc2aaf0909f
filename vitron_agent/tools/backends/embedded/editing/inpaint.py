"""What was behind a thing, as far as the rest of the picture can tell.

Three methods, each where it measured best on holes cut into real photos (``docs/editing.md``): thin holes are
reconstructed from few frequencies (OpenCV's FSR), others get texture and structure from patches around them, tied to
their rims by biharmonic interpolation.
"""

from collections.abc import Callable

import numpy as np

from vitron_agent.errors import ExpertError
from vitron_agent.tools.backends.embedded.editing import patches
from vitron_agent.tools.backends.embedded.editing.pixels import UnitArray, around, crop_of, resized, smoothed, stop_if
from vitron_agent.tools.base import MaskArray, Progress
from vitron_agent.tools.image_grounding import ignore_progress, never_cancelled

_THIN_PX = 3.0
"""A hole whose every pixel lies this near to known ones is a scratch or a wire."""
_MAX_THIN = 3_000
"""Pixels of a thin hole up to which FSR takes a second at most; it cannot be stopped."""
_MIN_SIDE = 16
"""Smaller pictures are too little for FSR to see frequencies in."""
_MAX_INTERPOLATED = 20_000
"""Larger holes are interpolated at a lower resolution."""
_TIE_BLUR, _TIE_REACH = 0.06, 0.2
"""How coarse the correction at the rim is and how far it reaches, as fractions of the hole's depth."""
_TIE_LIMIT = 0.08
"""The largest correction: a larger difference is another thing at the rim, which mustn't bleed in."""


def inpaint(
    image: UnitArray,
    hole: MaskArray,
    *,
    seed: int = 0,
    report: Callable[[Progress], None] = ignore_progress,
    cancelled: Callable[[], bool] = never_cancelled,
) -> UnitArray:
    """Fills a hole.

    Args:
        image: (H, W, 3); what lies in the hole is ignored.
        hole: (H, W), not empty.
        seed: Of the random search.
        report: Receives progress.
        cancelled: Asked twice a second.

    Returns:
        A new (H, W, 3), equal to ``image`` outside the hole.

    Raises:
        ExpertError: The hole is the whole picture.
        TurnCancelled: ``cancelled`` said so.
    """
    if hole.all():
        raise ExpertError("the thing covers the whole picture, so nothing is left to fill its place from")
    part = crop_of(around(hole, context_px(hole)))
    known, gap = image[part], hole[part]
    depth = _depth(gap)
    if depth <= _THIN_PX and np.count_nonzero(gap) <= _MAX_THIN and min(gap.shape) >= _MIN_SIDE:
        filled = few_frequencies(known, gap)
    elif depth <= _THIN_PX or not patches.can_complete(gap):
        filled = interpolated(known, gap, cancelled)
    else:
        completed = patches.complete(known, gap, seed=seed, report=report, cancelled=cancelled)
        filled = _tied(completed, interpolated(known, gap, cancelled), gap)
    result = image.copy()
    result[part] = filled
    return result


def interpolated(image: UnitArray, hole: MaskArray, cancelled: Callable[[], bool] = never_cancelled) -> UnitArray:
    """Fills a hole with the smoothest surface through its rim (biharmonic); arguments and result as :func:`inpaint`."""
    factor = min(1.0, (_MAX_INTERPOLATED / np.count_nonzero(hole)) ** 0.5)
    if factor == 1:
        return _biharmonic(image, hole, cancelled)
    height, width = (max(1, round(side * factor)) for side in hole.shape)
    known = (~hole).astype(np.float32)
    weight = resized(known, width, height)
    total = resized(image * known[..., None], width, height)
    small = np.asarray(total / np.maximum(weight, 1e-6)[..., None], np.float32)
    filled = resized(_biharmonic(small, weight < 0.5, cancelled), hole.shape[1], hole.shape[0])
    return np.where(hole[..., None], filled, image)


def few_frequencies(image: UnitArray, hole: MaskArray) -> UnitArray:
    """Fills a thin hole by frequency selective reconstruction, at 8 bits; arguments and result as :func:`inpaint`."""
    import cv2

    pixels = np.rint(image * 255).astype(np.uint8)
    filled = np.zeros_like(pixels)
    cv2.xphoto.inpaint(pixels, np.where(hole, 0, 255).astype(np.uint8), filled, cv2.xphoto.INPAINT_FSR_FAST)
    return np.where(hole[..., None], filled.astype(np.float32) / 255, image)


def context_px(hole: MaskArray) -> int:
    """How far around the hole the filling may come from: as much as its larger side, and 64 pixels at least."""
    x_left, y_top, x_right, y_bottom = around(hole, 0)
    return max(64, x_right - x_left, y_bottom - y_top)


def _tied(filled: UnitArray, smooth: UnitArray, hole: MaskArray) -> UnitArray:
    """Corrects the coarse colours of a filling to those that continue the rim, less and less further inside.

    Patches bring the right texture, but not quite the brightness that belongs at their new place.
    """
    import cv2

    distance = cv2.distanceTransform(hole.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    sigma = max(1.0, _TIE_BLUR * float(distance.max()))
    inside = hole.astype(np.float32)
    weight = np.maximum(smoothed(inside, sigma), 1e-6)
    correction = smoothed((smooth - filled) * inside[..., None], sigma) / weight[..., None]
    correction = _TIE_LIMIT * np.tanh(correction / _TIE_LIMIT)
    reach = max(1.0, _TIE_REACH * float(distance.max()))
    tied = filled + correction * np.exp(-distance / reach)[..., None]
    return np.where(hole[..., None], np.clip(tied, 0, 1), filled).astype(np.float32)


def _biharmonic(image: UnitArray, hole: MaskArray, cancelled: Callable[[], bool]) -> UnitArray:
    from skimage.restoration import inpaint_biharmonic

    stop_if(cancelled)
    filled = inpaint_biharmonic(image, hole, channel_axis=2, split_into_regions=_depth(hole) <= _THIN_PX)
    return np.where(hole[..., None], np.clip(filled, 0, 1), image).astype(np.float32)


def _depth(hole: MaskArray) -> float:
    """How far from known pixels the deepest pixel of the hole lies."""
    import cv2

    return float(cv2.distanceTransform(hole.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max())
