"""Module B: which pixels belong to what a phrase, a drawing or another picture means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vitron_agent.artifacts import ImageArray
from vitron_agent.messages import Finding, Module, Region, Role, output_kind
from vitron_agent.tools.base import Backend, Job, MaskArray, Outcome, Produced, Progress, Told
from vitron_agent.tools.image_grounding import ignore_progress, never_cancelled
from vitron_agent.tools.regions import rasterise

EVERYTHING = "everything"
"""The target that asks for a partition of the whole picture, or for all of what was drawn."""
SOFT = "soft"
"""The value that asks for an alpha matte beside the mask."""


@dataclass(frozen=True)
class Prompt:
    """What to segment. A phrase together with regions means: that thing, where it was drawn.

    Attributes:
        phrase: A noun phrase; empty = whatever the regions (or the reference) show, and without those the picture's
            main subject ("blur the background").
        regions: Drawings on the picture itself; several are one selection.
        region_masks: The pixels of each mask region, by artifact id, at the picture's size.
        soft: Whether an alpha matte is wanted too.
        reference: Another picture of the thing that is meant.
        reference_id: Its artifact id.
        signals: [n_s + n_p, d], the planner's signals of what is meant; they may stand in for the phrase.
    """

    phrase: str = ""
    regions: tuple[Region, ...] = ()
    region_masks: Mapping[str, MaskArray] = field(default_factory=dict)
    soft: bool = False
    reference: ImageArray | None = None
    reference_id: str = ""
    signals: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Segmentation:
    """What was segmented.

    Attributes:
        mask: (H, W) bool at the picture's own size; at least one pixel is selected.
        alpha: (H, W) float32 in [0, 1] where a matte was asked for, else None. 1 well inside, 0 well outside.
        findings: The instances that the mask holds, best first.
        notes: Sentences for the user.
    """

    mask: MaskArray
    alpha: NDArray[np.float32] | None = None
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotFound:
    """Nothing in the picture answers to the prompt.

    Attributes:
        notes: Why, and the nearest words that are known.
    """

    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Partition:
    """Every pixel's part of the picture.

    Attributes:
        labels: (H, W) uint16; part n is described by ``findings[n]``; every number is used.
        findings: What each part looks most like; the label is ``region`` where that isn't known.
        notes: Sentences for the user.
    """

    labels: NDArray[np.uint16]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()


@runtime_checkable
class SegmentationBackend(Backend, Protocol):
    """Selects pixels."""

    def segment(
        self,
        image: ImageArray,
        prompt: Prompt,
        *,
        image_id: str,
        report: Callable[[Progress], None] = ignore_progress,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Segmentation | NotFound:
        """Selects what ``prompt`` means.

        Args:
            image: (H, W, 3|4), RGB or RGBA, uint8 or uint16.
            prompt: What is meant.
            image_id: Artifact id of ``image``; features are cached under it.
            report: Receives progress.
            cancelled: Asked now and then.

        Raises:
            TurnCancelled: ``cancelled`` said so.
            WeightsError: The weights are missing or damaged.
        """

    def partition(
        self,
        image: ImageArray,
        *,
        image_id: str,
        report: Callable[[Progress], None] = ignore_progress,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Partition:
        """Divides the whole picture into parts; arguments and errors as for :meth:`segment`."""


class ImageSegmentationExpert:
    """The typed tool of module B."""

    module = Module.IMAGE_SEGMENTATION

    def __init__(self, backend: SegmentationBackend) -> None:
        """Takes the backend that does the work."""
        self.backend = backend

    def run(self, job: Job) -> Outcome:
        """Gives a mask (and, for ``soft``, slot ``cutout``: the picture with the matte as alpha), or a partition."""
        image = job.image()
        image_id = job.inputs[Role.BASE].id
        if output_kind(job.invocation) == "partition":
            parts = self.backend.partition(image, image_id=image_id, report=job.report, cancelled=job.cancelled)
            produced = Produced("partition", "partition", parts.labels)
            return Outcome(outputs=(produced,), findings=parts.findings, notes=parts.notes)
        prompt = prompt_of(job, job.told(self.backend))
        found = self.backend.segment(image, prompt, image_id=image_id, report=job.report, cancelled=job.cancelled)
        if isinstance(found, NotFound):
            return Outcome(status="not_found", notes=found.notes)
        outputs = [Produced("mask", "mask", found.mask)]
        if found.alpha is not None:
            icc = job.store.icc(job.inputs[Role.BASE])
            outputs.append(Produced("cutout", "image", cut_out(image, found.alpha), icc=icc))
        return Outcome(outputs=tuple(outputs), findings=found.findings, notes=found.notes)


def prompt_of(job: Job, told: Told) -> Prompt:
    """Reads what a job asks to select, of which a backend is told so much; a mask input is one more drawn region.

    Raises:
        WrongMediaError: A mask is empty or not of the picture's size.
    """
    invocation = job.invocation
    regions = invocation.regions
    if Role.MASK in job.inputs:
        regions = (*regions, Region.mask(job.inputs[Role.MASK].id))
    height, width = job.image().shape[:2]
    masks = {region.artifact: rasterise(region, width, height, job.store.mask) for region in regions if region.artifact}
    reference = job.inputs.get(Role.REFERENCE)
    return Prompt(
        phrase="" if invocation.target.lower() == EVERYTHING else told.words,
        regions=regions,
        region_masks=masks,
        soft=invocation.value == SOFT,
        reference=None if reference is None else job.store.image(reference),
        reference_id="" if reference is None else reference.id,
        # What nobody named (the picture's subject, whatever was drawn) is not meant by any signal either.
        signals=told.signals if invocation.target and invocation.target.lower() != EVERYTHING else None,
    )


def cut_out(image: ImageArray, alpha: NDArray[np.float32]) -> ImageArray:
    """The picture with a matte as its alpha.

    Args:
        image: (H, W, 3|4); an alpha that it already has is multiplied in.
        alpha: (H, W) in [0, 1].

    Returns:
        (H, W, 4) with straight alpha, in the dtype of ``image``; its colours are unchanged.
    """
    full = np.iinfo(image.dtype).max
    before = image[..., 3].astype(np.float32) / full if image.shape[2] == 4 else np.float32(1)
    plane = np.rint(alpha * before * full).astype(image.dtype)
    return np.dstack([image[..., :3], plane])
