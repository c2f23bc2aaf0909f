"""Prompts as people and the localiser give them, made from known masks; and the windows that they are read in."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vitron_agent.messages import Box, Point
from vitron_agent.tools.backends.embedded.windows import Cue, Window, around, whole
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.regions import PixelBox, mask_box, normalised, padded, tight_box

_JITTER = 0.07
"""Usual error of a box's side, as a share of the box."""
_WITH_BOX, _WITH_CLICK = 0.5, 0.2
_MARGINS = (0.1, 0.8)
_SHIFT = 0.15
_WHOLE, _INSIDE = 0.25, 0.1
"""How often a window is the whole picture, or so small that the thing leaves it."""


def draw_cue(mask: MaskArray, random: np.random.Generator) -> Cue:
    """A prompt of any kind for a mask (H, W) that is not empty."""
    kinds: list[tuple[float, Callable[[MaskArray, np.random.Generator], Cue]]] = [
        (0.25, by_box), (0.2, by_click), (0.15, by_clicks), (0.1, by_scribble), (0.2, by_heat), (0.1, by_mask),
    ]  # fmt: skip
    return kinds[int(random.choice(len(kinds), p=[share for share, _ in kinds]))][1](mask, random)


def by_box(mask: MaskArray, random: np.random.Generator) -> Cue:
    """A box around it, now and then with a click on it."""
    on = [_inner_point(mask, random)] if random.random() < 0.2 else []
    return Cue(box=jittered(tight_box(mask), random), on=on)


def by_click(mask: MaskArray, random: np.random.Generator) -> Cue:
    """One click on it."""
    return Cue(on=[_inner_point(mask, random)])


def by_clicks(mask: MaskArray, random: np.random.Generator) -> Cue:
    """Two to four clicks on it, and often one or two beside it."""
    on = [_inner_point(mask, random) for _ in range(int(random.integers(1, 5)))]
    beside = _beside(mask)
    number = int(random.integers(3)) if len(on) > 1 else int(random.integers(1, 3))
    off = [point_on(beside, random) for _ in range(number)] if beside.any() else []
    return Cue(on=on, off=off)


def by_scribble(mask: MaskArray, random: np.random.Generator) -> Cue:
    """A stroke on it, which leaves it a little where it bends."""
    height, width = mask.shape
    ends = [_inner_point(mask, random) for _ in range(int(random.integers(2, 5)))]
    line = np.rint([(x * width, y * height) for x, y in ends]).astype(np.int32)
    stroke = np.zeros(mask.shape, np.uint8)
    cv2.polylines(
        stroke, [line], isClosed=False, color=1, thickness=max(1, round(random.uniform(0.01, 0.03) * max(mask.shape)))
    )
    allowed = _spread(mask, 0.01 * max(mask.shape))
    return Cue(stroke=stroke.astype(np.bool_) & allowed)


def by_heat(mask: MaskArray, random: np.random.Generator) -> Cue:
    """A coarse and doubtful map of it, as the localiser makes them."""
    cells = int(random.integers(12, 64))
    height, width = mask.shape
    size = (max(2, round(width * cells / max(mask.shape))), max(2, round(height * cells / max(mask.shape))))
    moved = _moved(mask, random, 0.06)
    coarse = cv2.resize(moved.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), random.uniform(0.4, 1.8), borderType=cv2.BORDER_REPLICATE)
    logits = (coarse - random.uniform(0.35, 0.55)) * random.uniform(4, 14)
    logits += smooth_noise(size, random) * random.uniform(0, 2)
    rough = np.asarray(1 / (1 + np.exp(-logits)), np.float32)
    return _with_more(Cue(rough=rough), mask, random)


def by_mask(mask: MaskArray, random: np.random.Generator) -> Cue:
    """A mask of it that is too large, too small or a little off."""
    rough = _moved(mask, random, 0.04).astype(np.float32)
    return _with_more(Cue(rough=rough), mask, random)


def _with_more(cue: Cue, mask: MaskArray, random: np.random.Generator) -> Cue:
    """The same prompt with a box, or with a click, or alone; as in a second look."""
    draw = random.random()
    if draw < _WITH_BOX:
        return replace(cue, box=jittered(tight_box(mask), random))
    return replace(cue, on=[_inner_point(mask, random)]) if draw < _WITH_BOX + _WITH_CLICK else cue


def jittered(box: Box, random: np.random.Generator) -> Box:
    """A box whose sides are a little off, within the picture."""
    wide, high = box[2] - box[0], box[3] - box[1]
    off = random.normal(0, _JITTER * random.random(), 4) * (wide, high, wide, high)
    x0, y0, x1, y1 = (np.asarray(box) + off.clip(-0.2, 0.2)).clip(0, 1)
    return float(min(x0, x1 - 1e-3)), float(min(y0, y1 - 1e-3)), float(x1), float(y1)


def draw_window(cue: Cue, box: PixelBox, width: int, height: int, random: np.random.Generator) -> Window:
    """A window around a thing in a box of pixels; one that the prompt is in."""
    known = cue.box if cue.box is not None else normalised(box, width, height)
    if random.random() < _WHOLE:
        return whole(width, height)
    window = around(known, width, height, random.uniform(*_MARGINS))
    if random.random() < _INSIDE and cue.on:
        side = max(16, round(window.side * random.uniform(0.3, 0.7)))
        x, y = cue.on[0][0] * width, cue.on[0][1] * height
        left, top = (round(middle - side * random.uniform(0.2, 0.8)) for middle in (x, y))
        return Window(left, top, side)
    left, top = (low + round(window.side * random.uniform(-_SHIFT, _SHIFT) * 0.5) for low in (window.left, window.top))
    return Window(left, top, window.side)


def reach_of(cue: Cue, mask: MaskArray) -> PixelBox:
    """The pixels that a prompt for a mask (H, W) is about; those of the mask where it is a click or a stroke."""
    height, width = mask.shape
    known = None if cue.rough is None else mask_box(cv2.resize(cue.rough, (width, height)) > 0.5)
    box = mask_box(mask) if known is None else known
    assert box is not None
    return box


def _inner_point(mask: MaskArray, random: np.random.Generator) -> Point:
    """A place on it, away from its edge."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return point_on(depth > depth.max() * random.choice((0.15, 0.4, 0.8)), random)


def point_on(mask: MaskArray, random: np.random.Generator) -> Point:
    """A place of a mask, as shares of the picture; any is as likely as the others."""
    rows, columns = np.nonzero(mask)
    chosen = int(random.integers(len(rows)))
    return (float(columns[chosen]) + 0.5) / mask.shape[1], (float(rows[chosen]) + 0.5) / mask.shape[0]


def _beside(mask: MaskArray) -> MaskArray:
    """The surroundings of a mask, where people click to say "not this"."""
    box = mask_box(mask)
    assert box is not None
    height, width = mask.shape
    left, top, right, bottom = padded(box, max(8, max(box[2] - box[0], box[3] - box[1]) // 4), width, height)
    near = np.zeros_like(mask)
    near[top:bottom, left:right] = True
    return near & ~_spread(mask, 0.02 * max(mask.shape))


def _spread(mask: MaskArray, radius: float) -> MaskArray:
    side = 2 * max(1, round(radius)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return cv2.dilate(mask.astype(np.uint8), kernel).astype(np.bool_)


def _moved(mask: MaskArray, random: np.random.Generator, share: float) -> MaskArray:
    """The mask grown or shrunk and shifted, by a share of its own size; partly torn or run over, never empty."""
    size = float(mask.sum()) ** 0.5
    radius = max(1, round(size * random.uniform(0, share)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    change = cv2.erode if random.random() < 0.5 else cv2.dilate
    moved = change(mask.astype(np.uint8), kernel)
    if random.random() < 0.5:  # lumps that it lacks, or that are not of it
        height, width = mask.shape
        cells = (max(2, round(width / size * 6)), max(2, round(height / size * 6)))
        clouds = cv2.resize(smooth_noise(cells, random), (width, height), interpolation=cv2.INTER_CUBIC)
        near = _spread(mask, 0.15 * size)
        lumps = (clouds > random.uniform(0.6, 1.5)) & near
        moved = np.where(lumps, np.uint8(random.random() < 0.5), moved).astype(np.uint8)
    shift = random.normal(0, share / 2, 2) * size
    moved = cv2.warpAffine(
        moved, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), mask.shape[::-1], flags=cv2.INTER_NEAREST
    )
    return moved.astype(np.bool_) if moved.any() else mask


def smooth_noise(size: tuple[int, int], random: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise of unit variance at a size (width, height)."""
    noise = random.normal(size=size[::-1]).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), random.uniform(0.7, 3), borderType=cv2.BORDER_REFLECT)
    return np.asarray(smooth / max(float(smooth.std()), 1e-6), np.float32)
