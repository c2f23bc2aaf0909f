"""What the mask decoder reads: a square window of a picture, the encoder's features there, and hints on a thing.

Windows make masks as sharp for a small thing in a large picture as for a large one, at the same cost.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitron_agent.artifacts import ImageArray
from vitron_agent.messages import Box, Point
from vitron_agent.model.encoders.dense import to_rgb8
from vitron_agent.tools.backends.embedded.mask_decoder import HINTS, SIDE, Patch
from vitron_agent.tools.backends.embedded.masks import Probability, windowed
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.regions import CLICK_RADIUS, PixelBox

_SPOTS = 8
"""Corners and clicks that become tokens; further clicks are only drawn."""
_ROUGH_SIDE = 256
_SUBCELLS = 4
"""Samples a cell a side, so that shrinking does not skip places."""
_GREY = 127


@dataclass(frozen=True)
class Looks:
    """The encoder's features of one whole picture, as the decoder reads them, at three scales.

    Attributes:
        low: [32, h/8, w/8] each.
        things: [160, h/16, w/16] each.
    """

    low: tuple[Tensor, ...]
    things: tuple[Tensor, ...]


@dataclass(frozen=True)
class Cue:
    """What is known of a thing in a picture; positions are shares of the picture.

    Attributes:
        rough: (h, w) of any size over the whole picture: how likely each place is on the thing.
        box: Around it.
        on: Clicks on it.
        off: Clicks beside it.
        stroke: (h, w) of any size: drawn on it.
    """

    rough: Probability | None = None
    box: Box | None = None
    on: Sequence[Point] = ()
    off: Sequence[Point] = ()
    stroke: MaskArray | None = field(default=None)

    @property
    def ambiguous(self) -> bool:
        """Whether it is one click and nothing else, which may mean a thing or a part of it."""
        others = (self.rough, self.box, self.stroke)
        return len(self.on) == 1 and not self.off and all(one is None for one in others)


@dataclass(frozen=True)
class Window:
    """A square part of a picture, which may reach beyond it; in pixels of the picture.

    Attributes:
        left: Its first column.
        top: Its first row.
        side: Its width and height.
    """

    left: int
    top: int
    side: int

    def crop(self, width: int, height: int) -> PixelBox:
        """The part of it that lies in a picture; at least a pixel."""
        left, top = min(max(self.left, 0), width - 1), min(max(self.top, 0), height - 1)
        right, bottom = min(self.left + self.side, width), min(self.top + self.side, height)
        return left, top, max(right, left + 1), max(bottom, top + 1)

    def place(self, width: int, height: int, size: int) -> PixelBox:
        """Where that part lies in a map of the window with ``size`` cells a side; at least a cell."""
        left, top, right, bottom = self.crop(width, height)
        columns = [round((x - self.left) * size / self.side) for x in (left, right)]
        rows = [round((y - self.top) * size / self.side) for y in (top, bottom)]
        (x0, x1), (y0, y1) = ((min(low, size - 1), min(max(high, low + 1), size)) for low, high in (columns, rows))
        return x0, y0, x1, y1


def whole(width: int, height: int) -> Window:
    """The window around all of a picture."""
    return around((0.0, 0.0, 1.0, 1.0), width, height, 0.0)


def around(box: Box, width: int, height: int, margin: float) -> Window:
    """The window around a box, with a margin on each side that is a share of the box."""
    left, top, right, bottom = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    side = max(2, ceil(max(right - left, bottom - top) * (1 + 2 * margin)))
    return Window(round((left + right - side) / 2), round((top + bottom - side) / 2), side)


def make_patch(image: ImageArray, looks: Looks, cue: Cue, window: Window) -> Patch:
    """What the decoder reads of one window of a picture; a batch of one."""
    height, width = image.shape[:2]
    spots, kinds = _spots(cue, window, width, height)
    return Patch(
        torch.from_numpy(framed(to_rgb8(_cropped(image, window)), window, (width, height), SIDE, _GREY))
        .permute(2, 0, 1)[None].float().sub_(_GREY).div_(128),
        torch.cat([_sampled(one, window, width, height, SIDE // 8) for one in looks.low], dim=1),
        torch.cat([_sampled(one, window, width, height, SIDE // 16) for one in looks.things], dim=1),
        torch.from_numpy(_hints(cue, window, width, height))[None],
        spots[None],
        kinds[None],
    )  # fmt: skip


def joined(patches: Iterable[Patch]) -> Patch:
    """One batch of several."""
    several = list(patches)
    return Patch(*(torch.cat([vars(one)[name] for one in several]) for name in vars(several[0])))


def framed(crop: NDArray[np.uint8], window: Window, size: tuple[int, int], side: int, fill: int) -> NDArray[np.uint8]:
    """The crop of a picture of (width, height) where it lies in a window of ``side`` cells; ``fill`` around it."""
    left, top, right, bottom = window.place(*size, side)
    canvas = np.full((side, side, *crop.shape[2:]), fill, np.uint8)
    shrinks = crop.shape[0] > side or crop.shape[1] > side
    fitted = cv2.resize(
        crop, (right - left, bottom - top), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    canvas[top:bottom, left:right] = fitted
    return canvas


def _cropped(image: ImageArray, window: Window) -> ImageArray:
    left, top, right, bottom = window.crop(image.shape[1], image.shape[0])
    return image[top:bottom, left:right]


def _sampled(features: Tensor, window: Window, width: int, height: int, side: int) -> Tensor:
    """Features [channels, h, w] of the picture in a window [1, channels, side, side]; 0 outside the picture."""
    down = _weights(window.top / height, window.side / height, side, features.shape[1])
    across = _weights(window.left / width, window.side / width, side, features.shape[2])
    return (down @ features.float() @ across.T)[None]


def _weights(start: float, extent: float, cells: int, places: int) -> Tensor:
    """[cells, places]: how each of equal cells from ``start`` on is interpolated from places that fill [0, 1]."""
    fine = (torch.arange(cells * _SUBCELLS) + 0.5) / (cells * _SUBCELLS) * extent + start
    between = (fine * places).clamp(0.5, places - 0.5)
    weights = (1 - (between[:, None] - torch.arange(places) - 0.5).abs()).clamp(min=0)
    weights *= ((fine >= 0) & (fine < 1))[:, None]
    return weights.reshape(cells, _SUBCELLS, places).mean(dim=1)


def _hints(cue: Cue, window: Window, width: int, height: int) -> NDArray[np.float32]:
    """The hints' channels [7, S/4, S/4]."""
    side = SIDE // 4
    hints = np.zeros((HINTS, side, side), np.float32)
    left, top, right, bottom = window.place(width, height, side)
    hints[6, top:bottom, left:right] = 1
    if cue.rough is not None:
        hints[0] = (2 * _seen(cue.rough, window, width, height, side) - 1) * hints[6]
        hints[1] = 1
    if cue.box is not None:
        x0, y0, x1, y1 = _in_window(cue.box, window, width, height) * side
        columns, rows = ((np.arange(side) + 1 - low).clip(0, 1) * (high - np.arange(side)).clip(0, 1)
                         for low, high in ((x0, x1), (y0, y1)))  # fmt: skip
        hints[2] = rows[:, None] * columns
        hints[3] = 1
    if cue.stroke is not None:
        hints[4] = np.ceil(_seen(cue.stroke.astype(np.float32), window, width, height, side) - 0.2)
    radius = max(1, round(CLICK_RADIUS * max(width, height) / window.side * side))
    for channel, clicks in ((4, cue.on), (5, cue.off)):
        for x, y in _in_window([value for click in clicks for value in click], window, width, height).reshape(-1, 2):
            cv2.circle(hints[channel], (int(x * side), int(y * side)), radius, 1.0, -1)
    return hints


def _seen(values: Probability, window: Window, width: int, height: int, side: int) -> Probability:
    """A map over the whole picture in a window."""
    factor = min(1.0, _ROUGH_SIDE / max(values.shape))
    size = (max(1, round(values.shape[1] * factor)), max(1, round(values.shape[0] * factor)))
    small = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)
    reach = (window.left, window.top, window.left + window.side, window.top + window.side)
    return windowed(small, reach, (width, height), (side, side))


def _in_window(positions: Sequence[float], window: Window, width: int, height: int) -> NDArray[np.float64]:
    """Alternating x and y as shares of the picture, as shares of a window."""
    flat = np.asarray(positions, np.float64).reshape(-1, 2) * (width, height)
    return ((flat - (window.left, window.top)) / window.side).ravel()


def _spots(cue: Cue, window: Window, width: int, height: int) -> tuple[Tensor, Tensor]:
    """Positions [n, 2] and kinds [n] of corners and clicks."""
    corners = [cue.box[:2], cue.box[2:]] if cue.box is not None else []
    groups = ((corners[:1], 1), (corners[1:], 2), (cue.on, 3), (cue.off, 4))
    listed = [(position, kind) for positions, kind in groups for position in positions][:_SPOTS]
    spots, kinds = torch.zeros(_SPOTS, 2), torch.zeros(_SPOTS, dtype=torch.long)
    if listed:
        flat = [value for position, _ in listed for value in position]
        spots[: len(listed)] = torch.from_numpy(_in_window(flat, window, width, height)).reshape(-1, 2).float()
        kinds[: len(listed)] = torch.tensor([kind for _, kind in listed])
    return spots, kinds
