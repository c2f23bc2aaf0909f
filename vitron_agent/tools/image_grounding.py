"""Module H: where the things are that a phrase names."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vitron_agent.artifacts import ImageArray
from vitron_agent.boxes import Boxes
from vitron_agent.messages import Finding, Module, Role
from vitron_agent.tools.base import Backend, Job, Outcome, Produced, Progress
from vitron_agent.tools.regions import drawn_ones, rasterise


def ignore_progress(progress: Progress) -> None:
    """Receives progress and drops it."""


def never_cancelled() -> bool:
    """Says that nobody stopped the turn."""
    return False


@dataclass(frozen=True)
class Detections:
    """All instances that a phrase means, best first; none found is an answer, not an error.

    Attributes:
        findings: One per instance, each with its box; the fact ``point`` is a spot on the thing itself
            (``"0.512 0.334"``, x and y in [0, 1]), which the middle of a box need not be.
        notes: Sentences for the user: which relation was used ("cow: searched as ox"), nearest known words.
    """

    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


@runtime_checkable
class GroundingBackend(Backend, Protocol):
    """Finds things by name."""

    def detect(
        self,
        image: ImageArray,
        phrase: str,
        *,
        image_id: str,
        reference: ImageArray | None = None,
        reference_id: str = "",
        signals: NDArray[np.float32] | None = None,
        report: Callable[[Progress], None] = ignore_progress,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Detections:
        """Finds every instance of ``phrase``, or of what ``signals`` mean, or of what answers to both.

        Args:
            image: (H, W, 3|4), RGB or RGBA, uint8 or uint16.
            phrase: A noun phrase, such as ``second dog from the left``; may be empty with a ``reference`` or
                with ``signals``.
            image_id: Artifact id of ``image``; features are cached under it.
            reference: A picture of the thing that is meant.
            reference_id: Its artifact id.
            signals: [n_s + n_p, d], the planner's; None for a backend that consumes none.
            report: Receives progress.
            cancelled: Asked now and then.

        Raises:
            TurnCancelled: ``cancelled`` said so.
            WeightsError: The weights are missing or damaged.
        """


class ImageGroundingExpert:
    """The typed tool of module H."""

    module = Module.IMAGE_GROUNDING

    def __init__(self, backend: GroundingBackend) -> None:
        """Takes the backend that does the work."""
        self.backend = backend

    def run(self, job: Job) -> Outcome:
        """Gives one boxes artifact with all instances (those that were drawn, if any were), or ``not_found``.

        Raises:
            WrongMediaError: A drawn mask is not of the picture's size.
            TurnCancelled: The turn was cancelled while it ran.
        """
        reference = job.inputs.get(Role.REFERENCE)
        told = job.told(self.backend)
        found = self.backend.detect(
            job.image(),
            told.words,
            image_id=job.inputs[Role.BASE].id,
            reference=None if reference is None else job.store.image(reference),
            reference_id="" if reference is None else reference.id,
            signals=told.signals,
            report=job.report,
            cancelled=job.cancelled,
        )
        if not found.findings:
            return Outcome(status="not_found", notes=found.notes)
        height, width = job.image().shape[:2]
        drawings = [rasterise(region, width, height, job.store.mask) for region in job.invocation.regions]
        findings = drawn_ones(found.findings, drawings)
        if not findings:
            return Outcome(status="not_found", notes=(*found.notes, "there is one, but not where you drew"))
        boxes = Boxes(
            np.array([finding.box for finding in findings], dtype=np.float64),
            tuple(finding.label for finding in findings),
            tuple(finding.score for finding in findings),
        )
        return Outcome(outputs=(Produced("boxes", "boxes", boxes),), findings=findings, notes=found.notes)
