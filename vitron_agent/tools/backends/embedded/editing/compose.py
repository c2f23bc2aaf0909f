"""Things taken out of pictures and put into pictures."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vitron_agent.tools.backends.embedded.editing.background import covering
from vitron_agent.tools.backends.embedded.editing.colors import from_oklab, to_oklab
from vitron_agent.tools.backends.embedded.editing.inpaint import context_px, inpaint, interpolated
from vitron_agent.tools.backends.embedded.editing.matte import layers, matte
from vitron_agent.tools.backends.embedded.editing.pixels import UnitArray, around, crop_of, mixed, resized, stop_if
from vitron_agent.tools.backends.embedded.editing.placing import Frame
from vitron_agent.tools.base import MaskArray, Progress
from vitron_agent.tools.guarantee import grown
from vitron_agent.tools.regions import PixelBox, mask_box

_SHADOW = 0.45
"""Darkness of the shadow right under a thing."""
_SHADOW_HEIGHT = 0.09
"""Of the thing's width: how far its shadow spreads up and down."""
_RELIT = (0.75, 1.12)
"""Limits of the factor by which a thing's lightness follows its new surroundings."""
_RETINTED = 0.012
"""Limit of the shift, in Oklab, by which its colours do."""


@dataclass(frozen=True)
class Thing:
    """A thing cut out of a picture.

    Attributes:
        color: (h, w, 3), its own colours.
        alpha: (h, w).
        box: Of its mask in the crop; what lies around it is soft edge.
    """

    color: UnitArray
    alpha: UnitArray
    box: PixelBox

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the thing without its soft edge."""
        return self.box[2] - self.box[0], self.box[3] - self.box[1]


def cut_out(picture: UnitArray, mask: MaskArray, radius: int, cancelled: Callable[[], bool]) -> Thing:
    """Cuts a thing out with soft edges.

    Args:
        picture: (H, W, 3|4); an alpha of it that says more than the mask is used instead of a matte.
        mask: (H, W).
        radius: As for :func:`matte`.
        cancelled: As for :func:`matte`.
    """
    box = around(mask, 3 * radius + 4)
    part = crop_of(box)
    color, inside = picture[part][..., :3], mask[part]
    if picture.shape[2] == 4 and (picture[part][..., 3] < 1).any():
        alpha = np.where(grown(inside, radius), picture[part][..., 3], 0)
    else:
        alpha = matte(color, inside, radius, cancelled)
        color = layers(color, alpha)[0]
    own = mask_box(inside)
    assert own is not None
    return Thing(color, alpha, own)


def relit(thing: Thing, own: UnitArray, new: UnitArray) -> Thing:
    """A thing lit as the picture that it comes into: half way, since it may well differ from what is around it.

    Args:
        thing: Cut out.
        own: (h, w, 3), the picture that it was in.
        new: (H, W, 3), the picture that it comes into.
    """
    before, after = (_light_of(picture) for picture in (own, new))
    lab = to_oklab(thing.color)
    lab[..., 0] *= np.clip((after[0] / max(before[0], 0.05)) ** 0.5, *_RELIT)
    lab[..., 1:] += np.clip((after[1:] - before[1:]) / 2, -_RETINTED, _RETINTED)
    return replace(thing, color=from_oklab(lab))


def paste(
    canvas: UnitArray, thing: Thing, frame: Frame, *, before: UnitArray | None = None, shadow: bool = False
) -> tuple[UnitArray, MaskArray]:
    """Puts a thing into a picture.

    Args:
        canvas: (H, W, 3|4).
        thing: Cut out.
        frame: Where its mask's box goes, in pixels of the canvas.
        before: (H, W), alpha of what stays in front of it.
        shadow: Whether it throws a soft shadow at its foot.

    Returns:
        The new picture, and the (H, W) mask of the pixels that it covers, shadow included.
    """
    height, width = canvas.shape[:2]
    layer = _scaled(thing, frame)
    left, top, right, bottom = layer.frame.box
    shade = frame.top + frame.height + round(_SHADOW_HEIGHT * frame.width) + 1 if shadow else bottom
    region = max(0, left), max(0, top), min(width, right), min(height, max(bottom, shade))
    result, covered = canvas.copy(), np.zeros((height, width), np.bool_)
    if region[0] >= region[2] or region[1] >= region[3]:
        return result, covered
    part = crop_of(region)
    inside = slice(region[1] - top, region[3] - top), slice(region[0] - left, region[2] - left)
    pad = ((0, max(0, region[3] - bottom)), (0, 0))
    unhidden = np.float32(1) if before is None else 1 - before[part]
    alpha = np.pad(layer.alpha, pad)[inside] * unhidden
    dark = _shadow(frame, region) * unhidden if shadow else np.zeros_like(alpha)
    below = result[part]
    color = np.pad(layer.color, (*pad, (0, 0)))[inside]
    below[..., :3] = mixed(below[..., :3] * (1 - dark)[..., None], color, alpha)
    if canvas.shape[2] == 4:
        below[..., 3] = alpha + below[..., 3] * (1 - alpha)
    covered[part] = (alpha > 0) | (dark > 0)
    return result, covered


def erased(
    image: UnitArray,
    mask: MaskArray,
    feather: int,
    *,
    seed: int,
    report: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> UnitArray:
    """The picture without a thing.

    The hole is the mask and ``feather`` pixels around it, where fringes and the beginnings of shadows are; in the
    outer half of those it fades over into the picture, which hides the seam.

    Args:
        image: (H, W, 3|4); an alpha is filled, too.
        mask: (H, W).
        feather: Pixels around the mask that may change.
        seed: As for :func:`inpaint`.
        report: As for :func:`inpaint`.
        cancelled: As for :func:`inpaint`.
    """
    import cv2

    hole = grown(mask, feather)
    part = crop_of(around(hole, context_px(hole)))
    before, gap = image[part], hole[part]
    distance = cv2.distanceTransform((~mask[part]).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    weight = np.clip(2 * (1 - distance / (feather + 1)), 0, 1).astype(np.float32)
    filled = inpaint(before[..., :3], gap, seed=seed, report=report, cancelled=cancelled)
    result = image.copy()
    result[part][..., :3] = mixed(before[..., :3], filled, weight)
    if image.shape[2] == 4 and (before[..., 3] < 1).any():
        planes = np.repeat(before[..., 3:], 3, axis=2)
        result[part][..., 3] = interpolated(planes, gap, cancelled)[..., 0]
    return result


def resurfaced(
    image: UnitArray, mask: MaskArray, source: UnitArray, source_mask: MaskArray, radius: int,
    cancelled: Callable[[], bool],
) -> UnitArray:  # fmt: skip
    """A sky, wall or ground in place of another: the source's, scaled to cover where the old one was.

    Args:
        image: (H, W, 3).
        mask: (H, W), the old one.
        source: (h, w, 3).
        source_mask: (h, w), the new one; what stands before it there is painted over from it.
        radius: As for :func:`matte`.
        cancelled: As for :func:`matte`.
    """
    part, taken = crop_of(around(mask, radius)), crop_of(around(source_mask, 0))
    texture = source[taken]
    if not source_mask[taken].all():
        texture = interpolated(texture, ~source_mask[taken], cancelled)
    stop_if(cancelled)
    alpha = matte(image[part], mask[part], radius, cancelled)
    result = image.copy()
    height, width = alpha.shape
    result[part] = mixed(layers(image[part], alpha)[1], covering(texture, width, height), alpha)
    return result


def _light_of(picture: UnitArray) -> NDArray[np.float32]:
    """(3,) mean Oklab of a picture."""
    step = max(1, max(picture.shape[:2]) // 200)
    mean: NDArray[np.float32] = to_oklab(picture[::step, ::step]).mean(axis=(0, 1))
    return mean


@dataclass(frozen=True)
class _Layer:
    """A thing at its final size: colours, alpha, and where they lie, soft edges included."""

    color: UnitArray
    alpha: UnitArray
    frame: Frame


def _scaled(thing: Thing, frame: Frame) -> _Layer:
    scale_x, scale_y = frame.width / thing.size[0], frame.height / thing.size[1]
    width = max(1, round(thing.alpha.shape[1] * scale_x))
    height = max(1, round(thing.alpha.shape[0] * scale_y))
    left = frame.left - round(thing.box[0] * scale_x)
    top = frame.top - round(thing.box[1] * scale_y)
    # Colours are scaled together with the alpha, or what surrounded the thing would seep in.
    weighted = resized(thing.color * thing.alpha[..., None], width, height)
    alpha = resized(thing.alpha, width, height)
    color = np.clip(weighted / np.maximum(alpha, 1e-3)[..., None], 0, 1)
    return _Layer(np.asarray(color, np.float32), alpha, Frame(left, top, width, height))


def _shadow(frame: Frame, region: PixelBox) -> UnitArray:
    """Darkness of a soft flat shadow under a thing's foot, for the pixels of a region."""
    rows = (np.arange(region[1], region[3]) - (frame.top + frame.height)) / max(1.0, _SHADOW_HEIGHT * frame.width)
    columns = (np.arange(region[0], region[2]) - (frame.left + frame.width / 2)) / max(1.0, 0.5 * frame.width)
    near = np.clip(1 - (rows[:, None] ** 2 + columns[None] ** 2), 0, 1)
    return np.asarray(_SHADOW * near, np.float32)
