"""Segmentation in the embedded profile: the localiser's map, cut out of the picture's colours and edges."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vitron_agent.artifacts import ImageArray
from vitron_agent.messages import Box, Finding, Invocation, Operation
from vitron_agent.tools.backends.embedded.editing.matte import matte
from vitron_agent.tools.backends.embedded.editing.pixels import around, crop_of, to_unit
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.masks import Hints, cut_mask
from vitron_agent.tools.backends.embedded.naming import Naming
from vitron_agent.tools.backends.embedded.parts import name_parts, split_parts
from vitron_agent.tools.backends.embedded.prompts import (
    AROUND,
    EAGER,
    area_of,
    clicks,
    probability,
    region_hints,
)
from vitron_agent.tools.backends.embedded.subject import find_subject
from vitron_agent.tools.backends.embedded.vision import Places, View
from vitron_agent.tools.base import MaskArray, Progress
from vitron_agent.tools.image_grounding import ignore_progress, never_cancelled
from vitron_agent.tools.image_segmentation import NotFound, Partition, Prompt, Segmentation
from vitron_agent.tools.regions import drawn_ones, mask_box, normalised

_BOX_SLACK = 0.08
"""How far a thing may reach over its found box, as a share of the box."""
_SOFT_EDGE = 0.04
"""How far a mask's edge may be off the true one when it is softened, as a share of the thing's size."""


class EmbeddedSegmentation:
    """Implements :class:`vitron_agent.tools.image_segmentation.SegmentationBackend`.

    Args:
        grounding: Finds what phrases mean; its features are shared.
    """

    name = "embedded"
    version = "1"
    operations = frozenset({Operation.SEGMENT})
    consumes_signals = False

    def __init__(self, grounding: EmbeddedGrounding) -> None:
        self._grounding = grounding
        self._vision = grounding.vision

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
        hints, findings, notes = found
        report(Progress("cutting it out", 2, 3))
        mask = self._whole(prompt, image) if hints is None else cut_mask(image, hints, cancelled)
        if not mask.any():
            return NotFound((*notes, "nothing stands out where it should be"))
        alpha = soften(image, mask, cancelled) if prompt.soft else None
        if not findings:
            findings = (_drawn_finding(mask),)
        return Segmentation(mask, alpha, findings, notes)

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

    def _find(
        self, view: View, prompt: Prompt, cancelled: Callable[[], bool]
    ) -> NotFound | tuple[Hints | None, tuple[Finding, ...], tuple[str, ...]]:
        """Hints on what is meant (None: exactly the drawn pixels), what was found, and notes."""
        if not (prompt.phrase or prompt.regions) and prompt.reference is None:
            subject = find_subject(self._grounding, view)
            if not subject.findings or subject.places is None:
                return NotFound(("No subject stands out; name it, or draw around it.",))
            return _hints(subject.places, subject.findings), subject.findings, subject.notes
        if not prompt.phrase and prompt.reference is None:
            if all(region.kind == "mask" for region in prompt.regions):
                return None, (), ()
            return region_hints(view, self._vision, prompt), (), ()
        exemplar = None
        if prompt.reference is not None:
            seen = self._vision.look(prompt.reference, prompt.reference_id, cancelled)
            exemplar = self._grounding.exemplar(seen, prompt.phrase)
        search = self._grounding.search(view, prompt.phrase, exemplar)
        if not prompt.regions:
            if not search.findings or search.places is None:
                return NotFound(search.notes)
            return _hints(search.places, search.findings), search.findings, search.notes
        rows, columns = view.features.grid
        drawings = [area_of([region], prompt, (4 * columns, 4 * rows)) for region in prompt.regions]
        meant = drawn_ones(search.findings, drawings)
        if not meant or search.places is None:
            note = f"{prompt.phrase or 'the reference'}: not recognised there, so what was drawn was segmented"
            return region_hints(view, self._vision, prompt), (), (note,)
        return self._both(view, prompt, _hints(search.places, meant)), meant, search.notes

    def _both(self, view: View, prompt: Prompt, hints: Hints) -> Hints:
        """A phrase's hints within what was drawn."""
        inside, outside = clicks(prompt, view.features.width, view.features.height)
        around_it = [region for region in prompt.regions if region.kind in AROUND]
        if around_it:
            outside |= ~area_of(around_it, prompt, (inside.shape[1], inside.shape[0]))
        return Hints(hints.prior, inside, outside)

    @staticmethod
    def _whole(prompt: Prompt, image: ImageArray) -> MaskArray:
        height, width = image.shape[:2]
        return area_of(prompt.regions, prompt, (width, height))


def soften(image: ImageArray, mask: MaskArray, cancelled: Callable[[], bool]) -> NDArray[np.float32]:
    """The mask's alpha matte (H, W) in [0, 1], solved around its edge; raises TurnCancelled."""
    radius = max(2, round(_SOFT_EDGE * float(mask.sum()) ** 0.5))
    rows, columns = crop_of(around(mask, 2 * radius))
    alpha = np.zeros(mask.shape, np.float32)
    alpha[rows, columns] = matte(to_unit(image[rows, columns, :3]), mask[rows, columns], radius, cancelled)
    return alpha


def _hints(places: Places, findings: tuple[Finding, ...]) -> Hints:
    """The localiser's map, kept to the boxes of what is meant."""
    rows, columns = places.mask.shape
    allowed = np.zeros((rows, columns), np.bool_)
    for finding in findings:
        assert finding.box is not None
        allowed |= _box_area(finding.box, (columns, rows), _BOX_SLACK)
    return Hints(probability(np.where(allowed, places.mask.numpy() + EAGER, -30).astype(np.float32)))


def _box_area(box: Box, size: tuple[int, int], slack: float) -> MaskArray:
    """The pixels of a box that was grown by a share of itself; at least one."""
    width, height = size
    grow_x, grow_y = (box[2] - box[0]) * slack, (box[3] - box[1]) * slack
    left, right = int(max(0.0, box[0] - grow_x) * width), int(np.ceil(min(1.0, box[2] + grow_x) * width))
    top, bottom = int(max(0.0, box[1] - grow_y) * height), int(np.ceil(min(1.0, box[3] + grow_y) * height))
    area = np.zeros((height, width), np.bool_)
    area[min(top, height - 1) : max(bottom, top + 1), min(left, width - 1) : max(right, left + 1)] = True
    return area


def _drawn_finding(mask: MaskArray) -> Finding:
    box = mask_box(mask)
    assert box is not None
    return Finding(label="drawn thing", score=1.0, box=normalised(box, mask.shape[1], mask.shape[0]))
