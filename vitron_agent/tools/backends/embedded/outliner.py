"""Cuts things out with the mask decoder: a first look, a second one closer by, and colours for the last pixels."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from weakref import WeakKeyDictionary

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitron_agent.artifacts import ImageArray
from vitron_agent.errors import TurnCancelled
from vitron_agent.messages import Box
from vitron_agent.model.encoders.dense import to_rgb8
from vitron_agent.tools.backends.embedded.mask_decoder import AMBIGUOUS, CLEAR, WEIGHTS, MaskDecoder, load_decoder
from vitron_agent.tools.backends.embedded.masks import Hints, Probability, cut_mask, windowed
from vitron_agent.tools.backends.embedded.vision import View
from vitron_agent.tools.backends.embedded.windows import Cue, Looks, Window, around, make_patch, whole
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.regions import mask_box, normalised

_MARGIN = 0.25
"""Surroundings of the thing in a window, as a share of the thing."""
_CLOSER = 0.75
"""A second look is taken if its window is smaller than this share of the first one's, or if the thing leaves that."""
_FINEST = 1024
"""Longer side up to which edges are followed; larger things have smooth outlines."""
_ROUGH = 256


class Outliner:
    """Safe for several threads. Weights load at first use.

    Args:
        weights: Of the decoder.
        adapter: Weights of what reads signals; None = they change nothing.
    """

    def __init__(self, weights: Path = WEIGHTS, adapter: Path | None = None) -> None:
        self._weights, self._adapter = weights, adapter
        self._looks: WeakKeyDictionary[View, Looks] = WeakKeyDictionary()

    @cached_property
    def decoder(self) -> MaskDecoder:
        """The network."""
        return load_decoder(self._weights, self._adapter)

    @torch.inference_mode()
    def cut(
        self,
        image: ImageArray,
        view: View,
        cue: Cue,
        cancelled: Callable[[], bool] = lambda: False,
        signals: NDArray[np.float32] | None = None,
    ) -> MaskArray:
        """The pixels (H, W) of what a cue means; may be empty.

        Args:
            image: (H, W, 3|4).
            view: Of the same picture.
            cue: What is known.
            cancelled: Asked between the steps.
            signals: [n_s + n_p, signal_dims], what the planner's model means.

        Raises:
            TurnCancelled: ``cancelled`` said so.
        """
        height, width = image.shape[:2]
        window = _first_window(cue, width, height)
        if window is None:
            return np.zeros((height, width), np.bool_)
        meant = None if signals is None else torch.from_numpy(signals)[None]
        found = self._look(image, view, cue, window, meant, cancelled)
        closer = _closer_window(found, window, width, height)
        if closer is not None:
            seen = replace(cue, rough=_over_picture(found, window, width, height))
            window, found = closer, self._look(image, view, seen, closer, meant, cancelled)
        return _at_full_size(found, window, image, cancelled)

    def _look(
        self,
        image: ImageArray,
        view: View,
        cue: Cue,
        window: Window,
        signals: Tensor | None,
        cancelled: Callable[[], bool],
    ) -> Probability:
        """The best mask in a window [S/2, S/2]."""
        if cancelled():
            raise TurnCancelled("stopped while segmenting")
        patch = make_patch(image, self._seen(view), cue, window)
        decoded = self.decoder(patch, signals)
        asked = AMBIGUOUS if cue.ambiguous else CLEAR
        best = int(decoded.quality[0, asked].argmax())
        return np.asarray(decoded.masks[0, asked][best].sigmoid().numpy(), np.float32)

    def _seen(self, view: View) -> Looks:
        if view not in self._looks:
            low, things = zip(*map(self.decoder.reader, view.features.scales), strict=True)
            self._looks[view] = Looks(low, things)
        return self._looks[view]


def _first_window(cue: Cue, width: int, height: int) -> Window | None:
    """Around what is known of the thing; None if the rough map is empty."""
    if cue.box is not None:
        return around(cue.box, width, height, _MARGIN)
    if cue.rough is not None:
        box = _box_of(cue.rough)
        return None if box is None else around(box, width, height, _MARGIN)
    return whole(width, height)


def _box_of(rough: Probability) -> Box | None:
    box = mask_box(rough > 0.5)
    return None if box is None else normalised(box, rough.shape[1], rough.shape[0])


def _closer_window(found: Probability, window: Window, width: int, height: int) -> Window | None:
    """The window around what was found, if that is worth another look."""
    box = _box_of(found)
    if box is None:
        return None
    x0, x1 = (window.left + x * window.side for x in (box[0], box[2]))
    y0, y1 = (window.top + y * window.side for y in (box[1], box[3]))
    closer = around((x0 / width, y0 / height, x1 / width, y1 / height), width, height, _MARGIN)
    reached = np.array([box[0], box[1], 1 - box[2], 1 - box[3]]) < 1 / found.shape[0]
    goes_on = (window.left > 0, window.top > 0, window.left + window.side < width, window.top + window.side < height)
    leaves = bool((reached & goes_on).any())
    return closer if leaves or closer.side < _CLOSER * window.side else None


def _over_picture(found: Probability, window: Window, width: int, height: int) -> Probability:
    """A window's map as one over the whole picture; 0 around the window."""
    factor = min(1.0, _ROUGH / max(width, height))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    picture = (-window.left, -window.top, width - window.left, height - window.top)
    bordered = np.pad(found, 1)
    cell = window.side / found.shape[0]
    reach = (picture[0] + cell, picture[1] + cell, picture[2] + cell, picture[3] + cell)
    side = window.side + 2 * cell
    return windowed(bordered, reach, (side, side), size)


def _at_full_size(found: Probability, window: Window, image: ImageArray, cancelled: Callable[[], bool]) -> MaskArray:
    """The pixels (H, W) of what was found; colours decide where the decoder is in doubt."""
    height, width = image.shape[:2]
    left, top, right, bottom = window.crop(width, height)
    x0, y0, x1, y1 = window.place(width, height, found.shape[0])
    crop = _at_most(to_rgb8(image[top:bottom, left:right]), _FINEST)
    cut = cut_mask(crop, Hints(np.ascontiguousarray(found[y0:y1, x0:x1])), cancelled)
    mask = np.zeros((height, width), np.bool_)
    mask[top:bottom, left:right] = cv2.resize(cut.astype(np.float32), (right - left, bottom - top)) > 0.5
    return mask


def _at_most(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The same picture, shrunk to a longer side where that is larger."""
    height, width = pixels.shape[:2]
    factor = min(1.0, side / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
