"""Module C: edits of a picture. Finds what is meant, lets a backend edit it, and holds the mask guarantee.

The expert turns words and drawings into masks (``edit_targets``), so that a backend gets arrays only; what comes back
is composited over the base (``guarantee``), so that no backend can change what it was not asked to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from vitron_agent.artifacts import ImageArray
from vitron_agent.messages import Module, Operation, Role
from vitron_agent.tools.base import Backend, Job, MaskArray, Outcome, Produced, Progress
from vitron_agent.tools.color_profiles import in_profile
from vitron_agent.tools.edit_targets import EditTargets, NothingFoundError
from vitron_agent.tools.edit_words import Placement
from vitron_agent.tools.guarantee import allowed_area, composite
from vitron_agent.tools.image_grounding import ignore_progress, never_cancelled
from vitron_agent.tools.image_segmentation import SegmentationBackend
from vitron_agent.tools.verify import AREA, IMAGE


@dataclass(frozen=True)
class EditRequest:
    """One edit, with everything found that its words speak of. Arrays are read-only.

    Attributes:
        operation: What to do.
        image: (H, W, 3|4), the base.
        target: Its target, as said.
        value: Its value, as said.
        mask: (H, W), what is edited; for ``background`` the subject that stays. None = the whole picture, and for
            ``add`` nothing.
        source: (h, w, 3|4), where a thing or a background comes from, in the colour profile of ``image``.
        source_mask: (h, w), the thing in it.
        placement: Where something goes, read from the value; None = not said.
        anchor: (H, W), the thing in the base that ``placement`` speaks of.
        place: (H, W), what was drawn to say where.
        seed: For everything random.
        report: Receives progress.
        cancelled: Long work asks twice a second, and raises TurnCancelled.
    """

    operation: Operation
    image: ImageArray
    target: str = ""
    value: str = ""
    mask: MaskArray | None = None
    source: ImageArray | None = None
    source_mask: MaskArray | None = None
    placement: Placement | None = None
    anchor: MaskArray | None = None
    place: MaskArray | None = None
    seed: int = 0
    report: Callable[[Progress], None] = ignore_progress
    cancelled: Callable[[], bool] = never_cancelled


@dataclass(frozen=True)
class Edit:
    """What a backend made.

    Attributes:
        image: (H, W, 3|4) in the base's frame and dtype; four channels where the base has three only if a background
            was to be removed.
        placed: (H, W), pixels away from the mask that belong to the edit: where a thing was put.
        notes: Sentences for the user.
    """

    image: ImageArray
    placed: MaskArray | None = None
    notes: tuple[str, ...] = ()


@runtime_checkable
class EditingBackend(Backend, Protocol):
    """Edits pixels."""

    def feather_px(self, request: EditRequest) -> int:
        """How many pixels around the mask it will change, declared before it runs."""

    def edit(self, request: EditRequest) -> Edit:
        """Edits.

        Raises:
            ExpertError: The picture cannot be edited so.
            TurnCancelled: ``request.cancelled`` said so.
        """


class ImageEditingExpert:
    """The typed tool of module C."""

    module = Module.IMAGE_EDITING

    def __init__(self, backend: EditingBackend, segmentation: SegmentationBackend) -> None:
        """Takes the backend that edits, and the one that finds what is to be edited."""
        self.backend = backend
        self.segmentation = segmentation

    def run(self, job: Job) -> Outcome:
        """Gives the edited picture and, unless all of it was meant, the area that was allowed to change.

        Raises:
            VerificationError: The backend gave a picture of another form, or one that is shifted or scaled.
            ExpertError: The picture cannot be edited so.
            TurnCancelled: The turn was cancelled while it ran.
        """
        targets = EditTargets(job, self.segmentation)
        try:
            request = EditRequest(
                operation=job.invocation.operation,
                image=job.image(),
                target=job.invocation.target,
                value=job.invocation.value,
                mask=targets.mask(),
                source=_source(job),
                source_mask=targets.source_mask(),
                placement=targets.placement,
                anchor=targets.anchor(),
                place=targets.place(),
                seed=job.seed,
                report=job.report,
                cancelled=job.cancelled,
            )
        except NothingFoundError as nothing:
            return Outcome("not_found", notes=nothing.notes)
        edit = self.backend.edit(request)
        area = self._area(request, edit)
        image = composite(request.image, edit.image, area)
        outputs = [Produced(IMAGE, "image", image, icc=job.store.icc(job.inputs[Role.BASE]))]
        if area is not None:
            outputs.append(Produced(AREA, "mask", area))
        return Outcome(outputs=tuple(outputs), findings=tuple(targets.findings), notes=(*targets.notes, *edit.notes))

    def _area(self, request: EditRequest, edit: Edit) -> MaskArray | None:
        if request.mask is None:
            return edit.placed
        mask = ~request.mask if request.operation is Operation.BACKGROUND else request.mask
        return allowed_area(mask, self.backend.feather_px(request), edit.placed)


def _source(job: Job) -> ImageArray | None:
    """The source in the base's colour profile."""
    if Role.SOURCE not in job.inputs:
        return None
    profiles = (job.store.icc(job.inputs[role]) for role in (Role.SOURCE, Role.BASE))
    return in_profile(job.image(Role.SOURCE), *profiles)
