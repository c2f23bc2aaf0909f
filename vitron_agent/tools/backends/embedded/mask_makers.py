"""From what was found or drawn to pixels: with the mask decoder, or with GrabCut on colour, its baseline."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vitron_agent.artifacts import ImageArray
from vitron_agent.messages import Box, Finding
from vitron_agent.tools.backends.embedded.masks import Hints, Probability, cut_mask
from vitron_agent.tools.backends.embedded.outliner import Outliner
from vitron_agent.tools.backends.embedded.prompts import (
    AROUND,
    EAGER,
    clicks,
    probability,
    reach,
    region_cues,
    region_hints,
)
from vitron_agent.tools.backends.embedded.vision import Places, View, Vision
from vitron_agent.tools.backends.embedded.windows import Cue
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.image_segmentation import Prompt

_BOX_SLACK = 0.08
"""How far a thing may reach over its found box, as a share of the box."""


class MaskMaker(Protocol):
    """Makes masks (H, W), which may be empty; both methods raise TurnCancelled if ``cancelled`` says so."""

    def found(
        self,
        image: ImageArray,
        view: View,
        places: Places,
        findings: Sequence[Finding],
        prompt: Prompt,
        cancelled: Callable[[], bool],
    ) -> MaskArray:
        """Of things that the localiser found; the prompt's drawings say more about them."""
        ...

    def drawn(self, image: ImageArray, view: View, prompt: Prompt, cancelled: Callable[[], bool]) -> MaskArray:
        """Of what is drawn."""
        ...


class GrabCutMasks:
    """Implements :class:`MaskMaker` with GrabCut.

    Args:
        vision: Says what looks like what was drawn on.
    """

    def __init__(self, vision: Vision) -> None:
        self._vision = vision

    def found(
        self,
        image: ImageArray,
        view: View,
        places: Places,
        findings: Sequence[Finding],
        prompt: Prompt,
        cancelled: Callable[[], bool],
    ) -> MaskArray:
        """As :meth:`MaskMaker.found`."""
        prior = _kept(places, findings)
        return cut_mask(image, Hints(prior, *_bounds(view, prompt)), cancelled)

    def drawn(self, image: ImageArray, view: View, prompt: Prompt, cancelled: Callable[[], bool]) -> MaskArray:
        """As :meth:`MaskMaker.drawn`."""
        return cut_mask(image, region_hints(view, self._vision, prompt), cancelled)


class DecoderMasks:
    """Implements :class:`MaskMaker` with the mask decoder.

    Args:
        weights: Of the decoder.
        adapter: Weights of what reads the prompt's signals; None = they change nothing.
    """

    def __init__(self, weights: Path, adapter: Path | None = None) -> None:
        self._outliner = Outliner(weights, adapter)

    def found(
        self,
        image: ImageArray,
        view: View,
        places: Places,
        findings: Sequence[Finding],
        prompt: Prompt,
        cancelled: Callable[[], bool],
    ) -> MaskArray:
        """As :meth:`MaskMaker.found`."""
        cues = [Cue(rough=_kept(places, [finding]), box=finding.box) for finding in findings]
        return self._cut(image, view, cues, _bounds(view, prompt), prompt.signals, cancelled)

    def drawn(self, image: ImageArray, view: View, prompt: Prompt, cancelled: Callable[[], bool]) -> MaskArray:
        """As :meth:`MaskMaker.drawn`."""
        bounds = _bounds(view, prompt)
        cues = region_cues(prompt, *bounds[0].shape[::-1])
        return self._cut(image, view, cues, bounds, prompt.signals, cancelled)

    def _cut(
        self,
        image: ImageArray,
        view: View,
        cues: Sequence[Cue],
        bounds: tuple[MaskArray, MaskArray],
        signals: NDArray[np.float32] | None,
        cancelled: Callable[[], bool],
    ) -> MaskArray:
        """The masks of all cues together, with what is surely on them and without what surely isn't."""
        height, width = image.shape[:2]
        inside, outside = (_enlarged(bound, width, height) for bound in bounds)
        masks = [self._outliner.cut(image, view, cue, cancelled, signals) for cue in cues]
        mask: MaskArray = np.any([inside, *masks], axis=0) & ~outside
        return mask


def _bounds(view: View, prompt: Prompt) -> tuple[MaskArray, MaskArray]:
    """What drawings say is surely on the thing, and surely not; maps over the whole picture."""
    inside, outside = clicks(prompt, view.features.width, view.features.height)
    if any(region.kind in AROUND for region in prompt.regions):
        outside |= ~reach(prompt, inside.shape[::-1])
    return inside, outside


def _kept(places: Places, findings: Sequence[Finding]) -> Probability:
    """The localiser's map, kept to the boxes of what is meant."""
    rows, columns = places.mask.shape
    allowed = np.zeros((rows, columns), np.bool_)
    for finding in findings:
        assert finding.box is not None
        allowed |= _box_area(finding.box, (columns, rows), _BOX_SLACK)
    return probability(np.where(allowed, places.mask.numpy() + EAGER, -30).astype(np.float32))


def _box_area(box: Box, size: tuple[int, int], slack: float) -> MaskArray:
    """The pixels of a box that was grown by a share of itself; at least one."""
    width, height = size
    grow_x, grow_y = (box[2] - box[0]) * slack, (box[3] - box[1]) * slack
    left, right = int(max(0.0, box[0] - grow_x) * width), int(np.ceil(min(1.0, box[2] + grow_x) * width))
    top, bottom = int(max(0.0, box[1] - grow_y) * height), int(np.ceil(min(1.0, box[3] + grow_y) * height))
    area = np.zeros((height, width), np.bool_)
    area[min(top, height - 1) : max(bottom, top + 1), min(left, width - 1) : max(right, left + 1)] = True
    return area


def _enlarged(mask: MaskArray, width: int, height: int) -> MaskArray:
    enlarged: MaskArray = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    return enlarged
