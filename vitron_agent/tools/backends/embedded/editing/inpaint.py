"""What was behind a thing, as far as the rest of the picture can tell."""

from collections.abc import Callable

import numpy as np

from vitron_agent.errors import ExpertError
from vitron_agent.tools.backends.embedded.editing import patches
from vitron_agent.tools.backends.embedded.editing.pixels import UnitArray, around, crop_of, resized, stop_if
from vitron_agent.tools.base import MaskArray, Progress
from vitron_agent.tools.image_grounding import ignore_progress, never_cancelled

_THIN_PX = 3.0
"""A hole whose every pixel lies this near to known ones is a scratch or a wire: interpolation is exact enough there."""
_MAX_INTERPOLATED = 20_000
"""Larger holes are interpolated at a lower resolution."""


def inpaint(
    image: UnitArray,
    hole: MaskArray,
    *,
    seed: int = 0,
    report: Callable[[Progress], None] = ignore_progress,
    cancelled: Callable[[], bool] = never_cancelled,
) -> UnitArray:
    """Fills a hole: thin ones by biharmonic interpolation, others with patches from around them.

    ``docs/editing.md`` has the measurements behind the choice.

    Args:
        image: (H, W, 3).
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
    box = around(hole, context_px(hole))
    part = crop_of(box)
    result = image.copy()
    if _is_thin(hole[part]) or not patches.can_complete(hole[part]):
        result[part] = interpolated(image[part], hole[part], cancelled)
    else:
        result[part] = patches.complete(image[part], hole[part], seed=seed, report=report, cancelled=cancelled)
    return result


def interpolated(image: UnitArray, hole: MaskArray, cancelled: Callable[[], bool] = never_cancelled) -> UnitArray:
    """Fills a hole smoothly from its rim (biharmonic); arguments and result as :func:`inpaint`."""
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


def _biharmonic(image: UnitArray, hole: MaskArray, cancelled: Callable[[], bool]) -> UnitArray:
    from skimage.restoration import inpaint_biharmonic

    stop_if(cancelled)
    filled = inpaint_biharmonic(image, hole, channel_axis=2, split_into_regions=bool(_is_thin(hole)))
    return np.where(hole[..., None], np.clip(filled, 0, 1), image).astype(np.float32)


def _is_thin(hole: MaskArray) -> bool:
    import cv2

    return bool(cv2.distanceTransform(hole.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max() <= _THIN_PX)


def context_px(hole: MaskArray) -> int:
    """How far around the hole the filling may come from: as much as its larger side, and 64 pixels at least."""
    x_left, y_top, x_right, y_bottom = around(hole, 0)
    return max(64, x_right - x_left, y_bottom - y_top)
