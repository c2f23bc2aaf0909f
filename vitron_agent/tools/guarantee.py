"""The mask guarantee (DESIGN §6.1): outside the area that an edit may change, nothing changes, bit for bit.

Experts call :func:`composite` on whatever their backend gave; verification calls :func:`check_outside` and
:func:`is_changed` on what was stored. Both work on pictures as (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16.
"""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from vitron_agent.artifacts import ImageArray
from vitron_agent.errors import VerificationError
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.regions import PixelBox, mask_box, padded

CHANGED_LEVEL = 2 / 255
"""A pixel counts as changed if a channel differs by more than this fraction of full range: rounding doesn't."""
CHANGED_SHARE = 0.005
"""An edit counts as done if at least this share of its area (and at least one pixel) changed."""

_TILES = (64, 32)
"""Sides of a tile; powers of two, as the registration is off by half a pixel where it must pad."""
_MISFIT = 0.5
"""Mean difference, in standard deviations of a tile, up to which two tiles show the same."""
_MUCH_BETTER = 0.7
_TEXTURE = 0.01
"""Standard deviation, as a fraction of full range, from which a tile has something to register."""


def allowed_area(mask: MaskArray, feather_px: int, placed: MaskArray | None = None) -> MaskArray:
    """The pixels that an edit may change: the mask, grown by the feather, and where something was put.

    Args:
        mask: (H, W).
        feather_px: Radius of the growth in pixels.
        placed: (H, W), pixels outside the mask that belong to the edit, such as where a moved thing went.

    Returns:
        A new (H, W) mask.
    """
    area = grown(mask, feather_px)
    if placed is not None:
        area |= placed
    return area


def grown(mask: MaskArray, radius: int) -> MaskArray:
    """A mask with every pixel within ``radius`` (Euclidean, pixels) of it, as a new (H, W) mask."""
    import cv2

    area = mask.copy()
    around = mask_box(mask)
    if radius < 1 or around is None:
        return area
    height, width = mask.shape
    x_left, y_top, x_right, y_bottom = padded(around, radius, width, height)
    crop = area[y_top:y_bottom, x_left:x_right]
    distance = cv2.distanceTransform((~crop).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    crop |= distance <= radius
    return area


def composite(base: ImageArray, edited: ImageArray, area: MaskArray | None) -> ImageArray:
    """What a backend gave inside the area, the base everywhere else.

    Args:
        base: The picture that was worked on.
        edited: What the backend made of it; it may have an alpha where the base has none.
        area: (H, W); None = the whole picture was meant.

    Returns:
        A new picture in the dtype of ``base`` with the channels of ``edited``.

    Raises:
        VerificationError: ``edited`` has another size or depth, lost a channel, or lies shifted or scaled over the
            base, so that the inside would not fit the outside.
    """
    check_form(base, edited, may_gain_alpha=True)
    if area is None:
        return edited.copy()
    outside = with_channels(base, edited.shape[2])
    moved = displacement(outside, edited, area)
    if moved is not None:
        raise VerificationError(
            f"the backend's picture lies {moved[0]:+.1f} pixels right and {moved[1]:+.1f} down of the base (shifted or "
            "scaled); it must work in the base's own frame"
        )
    result = outside.copy()
    np.copyto(result, edited, where=area[..., None])
    return result


def check_form(base: ImageArray, edited: ImageArray, *, may_gain_alpha: bool = False) -> None:
    """Raises VerificationError unless ``edited`` has the size, depth and channels of ``base``."""
    if edited.shape[:2] != base.shape[:2] or edited.ndim != base.ndim:
        raise VerificationError(
            f"the edited picture is {_size(edited)}, its base {_size(base)}; an edit keeps the size of its base"
        )
    if edited.dtype != base.dtype:
        raise VerificationError(
            f"the edited picture is {edited.dtype}, its base {base.dtype}; an edit keeps the depth of its base"
        )
    channels = edited.shape[2]
    if channels != base.shape[2] and not (may_gain_alpha and channels == 4):
        raise VerificationError(
            f"the edited picture has {channels} channels, its base {base.shape[2]}; an edit keeps the channels"
        )


def check_outside(base: ImageArray, result: ImageArray, area: MaskArray) -> None:
    """Raises VerificationError, with the number of pixels and the first one, if anything outside the area changed."""
    different = _in_any_channel(with_channels(base, result.shape[2]) != result)
    different &= ~area
    count = int(np.count_nonzero(different))
    if count:
        row, column = np.unravel_index(int(different.argmax()), different.shape)
        raise VerificationError(
            f"{count} pixels outside the area of the edit changed, the first at x={column}, y={row}; "
            "nothing outside it may change"
        )


def is_changed(base: ImageArray, result: ImageArray, area: MaskArray | None) -> bool:
    """Whether enough of the area changed for the edit to count as done.

    A pixel changed if a channel differs by more than :data:`CHANGED_LEVEL` of full range; :data:`CHANGED_SHARE` of
    the area, and at least one pixel, must have.
    """
    before = with_channels(base, result.shape[2])
    level = int(np.iinfo(base.dtype).max * CHANGED_LEVEL)
    difference = np.maximum(before, result) - np.minimum(before, result)
    changed = _in_any_channel(difference > level)
    if area is not None:
        changed &= area
    size = changed.size if area is None else int(np.count_nonzero(area))
    return int(np.count_nonzero(changed)) >= max(1, ceil(CHANGED_SHARE * size))


def with_channels(image: ImageArray, channels: int) -> ImageArray:
    """A picture with an opaque alpha if four channels are wanted and it has three; else itself."""
    if image.shape[2] == channels:
        return image
    opaque = np.full((*image.shape[:2], 1), np.iinfo(image.dtype).max, image.dtype)
    return np.concatenate([image, opaque], axis=2)


def _in_any_channel(channels: NDArray[np.bool_]) -> MaskArray:
    """``channels.any(axis=2)``, which numpy takes five times as long for."""
    found = channels[..., 0].copy()
    for channel in range(1, channels.shape[2]):
        found |= channels[..., channel]
    return found


def displacement(base: ImageArray, edited: ImageArray, area: MaskArray) -> tuple[float, float] | None:
    """How far ``edited`` lies off ``base`` outside the area, as (right, down) in pixels; None where it fits.

    Tiles that lie wholly outside the area are registered by phase correlation. It takes most of those that have
    texture to say that a picture moved: one that was only repainted or recoded outside fits best where it is.
    """
    if _same_outside(base, edited, area):
        return None
    shifts = []
    for x_left, y_top, x_right, y_bottom in _tiles(area):
        tile = np.s_[y_top:y_bottom, x_left:x_right]
        before, after = _grey(base[tile]), _grey(edited[tile])
        if min(before.std(), after.std()) > _TEXTURE:
            shifts.append(_tile_shift(before, after))
    moved = [shift for shift in shifts if shift is not None]
    if 2 * len(moved) <= len(shifts):
        return None
    return max(moved, key=lambda shift: abs(shift[0]) + abs(shift[1]))


def _same_outside(base: ImageArray, edited: ImageArray, area: MaskArray) -> bool:
    around = mask_box(area)
    if around is None:
        return np.array_equal(base, edited)
    x_left, y_top, x_right, y_bottom = around
    if not (
        np.array_equal(base[:y_top], edited[:y_top])
        and np.array_equal(base[y_bottom:], edited[y_bottom:])
        and np.array_equal(base[y_top:y_bottom, :x_left], edited[y_top:y_bottom, :x_left])
        and np.array_equal(base[y_top:y_bottom, x_right:], edited[y_top:y_bottom, x_right:])
    ):
        return False
    inner = np.s_[y_top:y_bottom, x_left:x_right]
    return not (_in_any_channel(base[inner] != edited[inner]) & ~area[inner]).any()


def _tiles(area: MaskArray) -> list[PixelBox]:
    """Up to 5 x 5 tiles, spread over the picture, that hold no pixel of the area."""
    height, width = area.shape
    side = next((side for side in _TILES if side <= min(width, height) // 3), None)
    if side is None:
        return []
    lefts = np.linspace(0, width - side, 5).astype(int).tolist()
    tops = np.linspace(0, height - side, 5).astype(int).tolist()
    tiles = [(left, top, left + side, top + side) for top in tops for left in lefts]
    return [tile for tile in tiles if not area[tile[1] : tile[3], tile[0] : tile[2]].any()]


def _grey(image: ImageArray) -> NDArray[np.float32]:
    grey: NDArray[np.float32] = image[..., :3].mean(axis=2, dtype=np.float32) * np.float32(
        1 / np.iinfo(image.dtype).max
    )
    return grey


def _tile_shift(before: NDArray[np.float32], after: NDArray[np.float32]) -> tuple[float, float] | None:
    """The (right, down) shift between two tiles; None unless they fit much better there than in place."""
    import cv2

    side = len(before)
    before, after = _standard(before), _standard(after)
    (right, down), _ = cv2.phaseCorrelate(before, after, cv2.createHanningWindow((side, side), cv2.CV_32F))
    if not 0.5 < max(abs(right), abs(down)) < side / 3:
        return None
    rows, columns = ceil(abs(down)), ceil(abs(right))
    inner = np.s_[rows : side - rows, columns : side - columns]

    def misfit(x: float, y: float) -> float:
        back = cv2.warpAffine(after, np.array([[1.0, 0.0, -x], [0.0, 1.0, -y]]), (side, side))
        return float(np.abs(before - back)[inner].mean())

    # Interpolation between pixels blurs, so a shift by whole pixels is tried as such.
    moved = min(misfit(right, down), misfit(round(right), round(down)))
    return (right, down) if moved < min(_MISFIT, _MUCH_BETTER * misfit(0, 0)) else None


def _standard(tile: NDArray[np.float32]) -> NDArray[np.float32]:
    """A tile whose brightness and contrast don't matter any more."""
    standard: NDArray[np.float32] = (tile - tile.mean()) / tile.std()
    return standard


def _size(image: NDArray[np.uint8] | NDArray[np.uint16]) -> str:
    return f"{image.shape[1]} x {image.shape[0]}" if image.ndim == 3 else f"an array of shape {image.shape}"
