"""Segmentation in the embedded profile: what is found or drawn, cut out to the pixel."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitron_agent.artifacts import ImageArray
from vitron_agent.messages import Finding, Invocation, Operation
from vitron_agent.tools.backends.embedded.editing.matte import matte
from vitron_agent.tools.backends.embedded.editing.pixels import around, crop_of, to_unit
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding, Search
from vitron_agent.tools.backends.embedded.mask_decoder import WEIGHTS
from vitron_agent.tools.backends.embedded.mask_makers import DecoderMasks, GrabCutMasks, MaskMaker
from vitron_agent.tools.backends.embedded.naming import Naming
from vitron_agent.tools.backends.embedded.parts import name_parts, split_parts
from vitron_agent.tools.backends.embedded.prompts import area_of
from vitron_agent.tools.backends.embedded.subject import find_subject
from vitron_agent.tools.backends.embedded.vision import View
from vitron_agent.tools.base import MaskArray, Progress
from vitron_agent.tools.image_grounding import ignore_progress, never_cancelled
from vitron_agent.tools.image_segmentation import NotFound, Partition, Prompt, Segmentation
from vitron_agent.tools.regions import drawn_ones, tight_box

_SOFT_EDGE = 0.04
"""How far a mask's edge may be off the true one when it is softened, as a share of the thing's size."""


class EmbeddedSegmentation:
    """Implements :class:`vitron_agent.tools.image_segmentation.SegmentationBackend`.

    Args:
        grounding: Finds what phrases mean; its features are shared.
        decoder: Weights of the mask decoder; None = GrabCut on colour, the baseline.
        adapter: Weights of what makes the mask decoder read signals, beside where they make grounding look; None =
            it cuts out the same with and without them.
    """

    name = "embedded"
    version = "1"
    operations = frozenset({Operation.SEGMENT})

    def __init__(
        self, grounding: EmbeddedGrounding, decoder: Path | None = WEIGHTS, adapter: Path | None = None
    ) -> None:
        self._grounding = grounding
        self.consumes_signals = grounding.consumes_signals
        self._vision = grounding.vision
        self._masks: MaskMaker = GrabCutMasks(self._vision) if decoder is None else DecoderMasks(decoder, adapter)

    def refuse(self, invocation: Invocation) -> str | None:
        """Refuses to segment nothing in particular."""
        named = any(item.role in ("reference", "mask") for item in invocation.inputs)
        if invocation.target or invocation.regions or named:
            return None
        return "segment needs a target (or 'everything'), a drawn region or a reference picture"

    def segment(
        self,
        image: ImageArray,
        prompt: Prompt,
        *,
        image_id: str,
        report: Callable[[Progress], None] = ignore_progress,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Segmentation | NotFound:
        """As :meth:`vitron_agent.tools.image_segmentation.SegmentationBackend.segment`."""
        report(Progress("looking at the picture", 0, 3))
        view = self._vision.look(image, image_id, cancelled)
        report(Progress("finding what is meant", 1, 3))
        found = self._find(view, prompt, cancelled)
        if isinstance(found, NotFound):
            return found
        report(Progress("cutting it out", 2, 3))
        mask = self._mask(view, image, prompt, found, cancelled)
        if not mask.any():
            return NotFound((*found.notes, "nothing stands out where it should be"))
        alpha = soften(image, mask, cancelled) if prompt.soft else None
        findings = found.findings if found.places is not None else (_drawn_finding(mask),)
        return Segmentation(mask, alpha, findings, found.notes)

    def partition(
        self,
        image: ImageArray,
        *,
        image_id: str,
        report: Callable[[Progress], None] = ignore_progress,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Partition:
        """As :meth:`vitron_agent.tools.image_segmentation.SegmentationBackend.partition`."""
        report(Progress("looking at the picture", 0, 2))
        view = self._vision.look(image, image_id, cancelled)
        report(Progress("dividing it", 1, 2))
        labels = split_parts(view, image, cancelled)
        return Partition(labels, name_parts(view, Naming(self._vision), labels))

    def _find(self, view: View, prompt: Prompt, cancelled: Callable[[], bool]) -> NotFound | Search:
        """What is meant; without places: exactly what is drawn."""
        named = bool(prompt.phrase) or prompt.signals is not None
        if not (named or prompt.regions) and prompt.reference is None:
            subject = find_subject(self._grounding, view)
            if not subject.findings or subject.places is None:
                return NotFound(("No subject stands out; name it, or draw around it.",))
            return subject
        if not named and prompt.reference is None:
            return Search("", None, (), ())
        exemplar = None
        if prompt.reference is not None:
            seen = self._vision.look(prompt.reference, prompt.reference_id, cancelled)
            exemplar = self._grounding.exemplar(seen, prompt.phrase)
        search = self._grounding.search(view, prompt.phrase, exemplar, prompt.signals)
        if not prompt.regions:
            return NotFound(search.notes) if not search.findings or search.places is None else search
        rows, columns = view.features.grid
        drawings = [area_of([region], prompt, (4 * columns, 4 * rows)) for region in prompt.regions]
        meant = drawn_ones(search.findings, drawings)
        if not meant or search.places is None:
            name = prompt.phrase or ("what is meant" if prompt.reference is None else "the reference")
            note = f"{name}: not recognised there, so what was drawn was segmented"
            return Search(search.label, None, (), (note,))
        return replace(search, findings=meant)

    def _mask(
        self, view: View, image: ImageArray, prompt: Prompt, found: Search, cancelled: Callable[[], bool]
    ) -> MaskArray:
        if found.places is not None:
            return self._masks.found(image, view, found.places, found.findings, prompt, cancelled)
        if not prompt.phrase and prompt.reference is None and all(region.kind == "mask" for region in prompt.regions):
            return area_of(prompt.regions, prompt, (image.shape[1], image.shape[0]))
        return self._masks.drawn(image, view, prompt, cancelled)


def soften(image: ImageArray, mask: MaskArray, cancelled: Callable[[], bool]) -> NDArray[np.float32]:
    """The mask's alpha matte (H, W) in [0, 1], solved around its edge; raises TurnCancelled."""
    radius = max(2, round(_SOFT_EDGE * float(mask.sum()) ** 0.5))
    rows, columns = crop_of(around(mask, 2 * radius))
    alpha = np.zeros(mask.shape, np.float32)
    alpha[rows, columns] = matte(to_unit(image[rows, columns, :3]), mask[rows, columns], radius, cancelled)
    return alpha


def _drawn_finding(mask: MaskArray) -> Finding:
    return Finding(label="drawn thing", score=1.0, box=tight_box(mask))
