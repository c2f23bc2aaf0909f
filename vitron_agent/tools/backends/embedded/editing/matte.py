"""Soft edges: from a mask to how much of each pixel belongs to the thing, and to the thing's own colours."""

from collections.abc import Callable

import numpy as np

from vitron_agent.tools.backends.embedded.editing.closed_form import solve_alpha, split_colors
from vitron_agent.tools.backends.embedded.editing.pixels import UnitArray, resized, scaled_to
from vitron_agent.tools.base import MaskArray

_MAX_PIXELS = 300_000
"""The matte is solved at this many pixels and refined on the full picture."""
_KNOWN_MARGIN = 0.04
"""Alphas this near to 0 or 1 are meant to be 0 or 1."""


def matte(image: UnitArray, mask: MaskArray, radius: int, cancelled: Callable[[], bool]) -> UnitArray:
    """Solves the edge of a mask by closed-form matting.

    Args:
        image: (H, W, 3), the surroundings of the thing.
        mask: (H, W), where it is, more or less.
        radius: How many pixels the true edge may lie off the mask's.
        cancelled: Asked at each step of the solver.

    Returns:
        (H, W) alpha: 0 further than ``radius`` outside the mask, 1 well inside. Where there is nothing to solve from
        (a thing without inside, or without surroundings) the mask itself.

    Raises:
        TurnCancelled: ``cancelled`` said so.
    """
    inside, outside = _distances(mask)
    trimap = _trimap(inside, outside, radius)
    if min(mask.shape) < 3 or not (trimap == 1).any() or not (trimap == 0).any():
        return mask.astype(np.float32)
    small = scaled_to(image, _MAX_PIXELS)
    factor = small.shape[0] / image.shape[0]
    if factor < 1:
        alpha = _refined(image, _solved(small, _shrunk(trimap, small), cancelled), round(2 / factor))
    else:
        alpha = _solved(image, trimap, cancelled)
    alpha = np.clip((alpha - _KNOWN_MARGIN) / (1 - 2 * _KNOWN_MARGIN), 0, 1)
    return np.where(trimap == 0.5, alpha, trimap).astype(np.float32)


def layers(image: UnitArray, alpha: UnitArray) -> tuple[UnitArray, UnitArray]:
    """Takes a picture apart along a matte.

    Args:
        image: (H, W, 3).
        alpha: (H, W).

    Returns:
        The thing's colours without those that shine through its edges, and the background's without the thing's;
        both (H, W, 3), equal to ``image`` where the matte is 1, or 0.
    """
    soft = ((alpha > 0) & (alpha < 1))[..., None]
    if not soft.any():
        return image, image
    front, back = split_colors(image, alpha)
    return np.where(soft, front, image), np.where(soft, back, image)


def _distances(mask: MaskArray) -> tuple[UnitArray, UnitArray]:
    """How many pixels each pixel lies inside, and outside."""
    import cv2

    inside = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform((~mask).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(inside, np.float32), np.asarray(outside, np.float32)


def _trimap(inside: UnitArray, outside: UnitArray, radius: int) -> UnitArray:
    """1 = surely the thing, 0 = surely not, 0.5 = to be solved.

    The middle of a part that is thinner than the band still counts as the thing, or legs and stems would fade.
    """
    import cv2

    window = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    ridge = (inside >= 0.99 * cv2.dilate(inside, window)) & (inside > 1.5)
    trimap = np.full(inside.shape, 0.5, np.float32)
    trimap[(inside > radius) | ridge] = 1
    trimap[outside > radius] = 0
    return trimap


def _shrunk(trimap: UnitArray, like: UnitArray) -> UnitArray:
    """A smaller trimap: a pixel is known only where all that it covers was."""
    shrunk = resized(trimap, like.shape[1], like.shape[0])
    return np.where(shrunk > 0.999, 1, np.where(shrunk < 0.001, 0, 0.5)).astype(np.float32)


def _solved(image: UnitArray, trimap: UnitArray, cancelled: Callable[[], bool]) -> UnitArray:
    if min(trimap.shape) < 3 or not all((trimap == value).any() for value in (0, 0.5, 1)):
        return trimap
    return solve_alpha(image, trimap, cancelled)


def _refined(image: UnitArray, alpha: UnitArray, radius: int) -> UnitArray:
    """A small matte at the picture's size, its edges drawn to those of the picture."""
    import cv2

    large = resized(np.asarray(alpha, np.float32), image.shape[1], image.shape[0])
    return np.asarray(cv2.ximgproc.guidedFilter(image, large, radius, 1e-5), np.float32)
