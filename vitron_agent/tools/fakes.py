"""Fake experts, for tests of whatever is built on the agent: no weights, tiny work on real arrays.

A good set, and every kind of misbehaviour that the framework must catch; :func:`vitron_agent.testing.fake_profile` puts
them into a profile.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitron_agent.artifacts import ImageArray
from vitron_agent.boxes import Boxes
from vitron_agent.errors import ExpertError, TurnCancelled
from vitron_agent.messages import OPERATIONS, Box, Finding, Invocation, Module, Operation, Region, output_kind
from vitron_agent.tools.base import Backend, Expert, Job, MaskArray, Outcome, Produced, Progress
from vitron_agent.tools.regions import rasterise, rasterise_all

BOX: Box = (0.25, 0.25, 0.75, 0.75)
"""Where the fakes find things unless told otherwise."""
Behaviour: TypeAlias = Callable[[Job], Outcome]


class FakeBackend:
    """Declares what it is told to declare.

    Args:
        operations: What it can do.
        refusal: Why it refuses every invocation; None = it takes all.
    """

    name = "fake"
    version = "1"
    consumes_signals = False

    def __init__(self, operations: Iterable[Operation], refusal: str | None = None) -> None:
        self.operations = frozenset(operations)
        self.refusal = refusal

    def refuse(self, invocation: Invocation) -> str | None:  # noqa: ARG002 - it looks at nothing
        """The refusal it was made with."""
        return self.refusal


class FakeExpert:
    """An expert that behaves as it is told; the jobs that it saw are in ``jobs``.

    Args:
        module: For which module.
        behave: What ``run`` does.
        operations: What its backend can do; None = all of the module.
        refusal: As in :class:`FakeBackend`.
    """

    def __init__(
        self,
        module: Module,
        behave: Behaviour,
        *,
        operations: Iterable[Operation] | None = None,
        refusal: str | None = None,
    ) -> None:
        self.module = module
        self.backend: Backend = FakeBackend(OPERATIONS[module] if operations is None else operations, refusal)
        self.jobs: list[Job] = []
        self._behave = behave

    def run(self, job: Job) -> Outcome:
        """Notes the job and behaves."""
        self.jobs.append(job)
        return self._behave(job)


class FakeGrounding(FakeExpert):
    """Finds every target once, in one box.

    Args:
        box: Where.
        known: Targets that it finds; None = any.
    """

    def __init__(self, box: Box = BOX, known: Iterable[str] | None = None) -> None:
        self._box = box
        self._known = None if known is None else frozenset(known)
        super().__init__(Module.IMAGE_GROUNDING, self._detect)

    def _detect(self, job: Job) -> Outcome:
        label = job.invocation.target
        if self._known is not None and label not in self._known:
            return Outcome("not_found", notes=(f"known words near {label!r}: {', '.join(sorted(self._known))}",))
        boxes = Boxes(np.array([self._box]), (label,), (0.9,))
        return Outcome(
            outputs=(Produced("boxes", "boxes", boxes),),
            findings=(Finding(label=label, score=0.9, box=self._box),),
        )


class FakeSegmentation(FakeExpert):
    """Selects the drawn region where there is one, else one box; ``soft`` gives a cutout too.

    Args:
        box: Which.
    """

    def __init__(self, box: Box = BOX) -> None:
        self._box = box
        super().__init__(Module.IMAGE_SEGMENTATION, self._segment)

    def _segment(self, job: Job) -> Outcome:
        mask = area_of(job, self._box)
        if output_kind(job.invocation) == "partition":
            labels: NDArray[np.uint16] = mask.astype(np.uint16)
            return Outcome(outputs=(Produced("partition", "partition", labels),))
        outputs = [Produced("mask", "mask", mask)]
        if job.invocation.value == "soft":
            image = job.image()
            cutout: Any = np.zeros_like(image, shape=(*mask.shape, 4))
            cutout[..., :3] = image[..., :3]
            cutout[mask, 3] = np.iinfo(image.dtype).max
            outputs.append(Produced("cutout", "image", cutout))
        return Outcome(outputs=tuple(outputs), findings=(Finding(label=job.invocation.target, score=0.9),))


def area_of(job: Job, box: Box = BOX) -> MaskArray:
    """(H, W): the mask input, else the drawn regions, else a box of the base."""
    height, width = job.image().shape[:2]
    if job.mask is not None:
        return job.mask
    if job.invocation.regions:
        return rasterise_all(job.invocation.regions, width, height, job.store.mask)
    return rasterise(Region.box(*box), width, height)


def paint(job: Job) -> Outcome:
    """Good: inverts the colours of the area, and declares it."""
    area = area_of(job)
    return _edited(_inverted(job.image(), area), area)


def shift_by_a_pixel(job: Job) -> Outcome:
    """Bad: paints, but gives the picture back one pixel further to the right."""
    area = area_of(job)
    return _edited(np.roll(_inverted(job.image(), area), 1, axis=1), area)


def smaller(job: Job) -> Outcome:
    """Bad: gives a picture of half the size."""
    return Outcome(outputs=(Produced("image", "image", job.image()[::2, ::2].copy()),))


def touch_outside(job: Job) -> Outcome:
    """Bad: changes one pixel outside the area that it declares."""
    area = area_of(job)
    image = _inverted(job.image(), area)
    row, column = np.argwhere(~area)[0]
    image[row, column] = image[row, column] ^ 1
    return _edited(image, area)


def give_nothing(job: Job) -> Outcome:  # noqa: ARG001 - it does nothing
    """Bad: says done and gives nothing."""
    return Outcome()


def give_input_back(job: Job) -> Outcome:
    """Bad: says done and gives the base back as it was."""
    return _edited(job.image(), area_of(job))


def give_a_mask(job: Job) -> Outcome:
    """Bad: gives a mask where a picture is due."""
    return Outcome(outputs=(Produced("image", "mask", area_of(job)),))


def not_find(job: Job) -> Outcome:
    """Good: an honest end without a find."""
    return Outcome("not_found", notes=(f"there is no {job.invocation.target}",))


def leave_unchanged(job: Job) -> Outcome:  # noqa: ARG001 - it does nothing
    """Good: an honest end without a change."""
    return Outcome("unchanged")


def fail(job: Job) -> Outcome:
    """Good: fails as experts may."""
    raise ExpertError(f"cannot {job.invocation.operation.value} this picture")


def crash(job: Job) -> Outcome:  # noqa: ARG001 - it does nothing
    """Bad: has a bug."""
    raise IndexError("list index out of range")


def hang(job: Job) -> Outcome:  # noqa: ARG001 - that is what is wrong with it
    """Bad: never ends, whatever it is told."""
    threading.Event().wait()
    raise AssertionError("unreachable")


def work_slowly(seconds: float) -> Behaviour:
    """Good: takes its time, reports progress, and stops when told; then paints."""

    def behave(job: Job) -> Outcome:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if job.cancelled():
                raise TurnCancelled("stopped while working slowly")
            job.report(Progress("working", step=round(100 * (1 - left / seconds)), of=100))
            time.sleep(min(0.02, left))
        return paint(job)

    return behave


def fail_first(times: int, error: Callable[[], Exception], then: Behaviour = paint) -> Behaviour:
    """Raises for so many runs, and behaves well from then on."""
    left = iter(range(times))

    def behave(job: Job) -> Outcome:
        if next(left, None) is not None:
            raise error()
        return then(job)

    return behave


def fake_experts(behave: Behaviour = paint) -> tuple[Expert, ...]:
    """Grounding, segmentation and editing; the editor behaves as told."""
    return FakeGrounding(), FakeSegmentation(), FakeExpert(Module.IMAGE_EDITING, behave)


def _inverted(image: ImageArray, area: MaskArray) -> ImageArray:
    edited = image.copy()
    edited[area, :3] = np.iinfo(image.dtype).max - edited[area, :3]
    return edited


def _edited(image: ImageArray, area: MaskArray) -> Outcome:
    return Outcome(outputs=(Produced("image", "image", image), Produced("area", "mask", area)))
