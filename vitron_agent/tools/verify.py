"""Nothing that an expert made is used or spoken of before it was read back and checked here."""

from collections.abc import Mapping
from typing import Literal

from vitron_agent.artifacts import ArtifactRef
from vitron_agent.errors import ArtifactError, VerificationError
from vitron_agent.messages import Module, Operation, Role, output_kind
from vitron_agent.tools.base import Job, MaskArray
from vitron_agent.tools.edit_words import means_transparent
from vitron_agent.tools.guarantee import check_form, check_outside, is_changed

IMAGE = "image"
"""The slot of an edit's result."""
AREA = "area"
"""The slot of the mask of the pixels that an edit was allowed to change, feather included."""


def verify_outputs(job: Job, outputs: Mapping[str, ArtifactRef]) -> Literal["done", "unchanged"]:
    """Reads back what an expert made and checks it against what was asked.

    Everything exists, is what its reference says, and has the size of the base. An edited picture has the depth and
    channels of its base, is bit-identical to it outside the area, and differs inside it by the threshold that
    :func:`~vitron_agent.tools.guarantee.is_changed` states.

    Args:
        job: What was asked.
        outputs: What was stored, by slot.

    Returns:
        ``unchanged`` where an edit left (nearly) everything as it was, else ``done``.

    Raises:
        VerificationError: Something is missing or breaks a guarantee; none of the outputs may be used.
    """
    due = output_kind(job.invocation)
    if not any(ref.kind == due for slot, ref in outputs.items() if slot != AREA):
        made = ", ".join(f"{slot} ({ref.kind})" for slot, ref in outputs.items()) or "nothing"
        raise VerificationError(f"{job.invocation.operation.value} should give {due}, but gave {made}")
    try:
        for slot, ref in outputs.items():
            _check(job, slot, ref)
        if job.invocation.module is Module.IMAGE_EDITING:
            return _check_edit(job, outputs)
    except ArtifactError as error:
        raise VerificationError(f"an output cannot be read back: {error}") from error
    return "done"


def _check(job: Job, slot: str, ref: ArtifactRef) -> None:
    """Checks one output for itself and against the size of the base."""
    if ref.kind in ("video", "masks"):
        frames = sum(1 for _ in job.store.frames(ref))
        if not frames or frames != ref.frames:
            raise VerificationError(f"{slot} has {frames} frames, its reference says {ref.frames}")
        return
    job.store.read(ref)  # compares the bytes with their hash; the decoded pixels below may come from a cache
    if ref.kind in ("image", "mask", "partition"):
        _check_pixels(job, slot, ref)
    elif ref.kind == "boxes":
        if not len(job.store.boxes(ref)):
            raise VerificationError(f"{slot} holds no boxes; an expert that finds nothing says not_found")
        _check_size(job, slot, (ref.width or 0, ref.height or 0))
    elif ref.kind == "interval":
        job.store.interval(ref)
    else:
        job.store.tensors(ref)


def _check_pixels(job: Job, slot: str, ref: ArtifactRef) -> None:
    readers = {"image": job.store.image, "mask": job.store.mask, "partition": job.store.partition}
    pixels = readers[ref.kind](ref)
    if pixels.shape != ref.shape or str(pixels.dtype) != ref.dtype:
        raise VerificationError(f"{slot} is {pixels.dtype} {pixels.shape}, its reference says {ref.dtype} {ref.shape}")
    _check_size(job, slot, (pixels.shape[1], pixels.shape[0]))
    if ref.kind == "mask" and not pixels.any():
        raise VerificationError(f"{slot} is empty; an expert that finds nothing says not_found")


def _check_size(job: Job, slot: str, size: tuple[int, int]) -> None:
    base = job.inputs.get(Role.BASE)
    if base is not None and base.kind == "image" and size != (base.width, base.height):
        raise VerificationError(
            f"{slot} is {size[0]} x {size[1]}, the picture that was worked on {base.width} x {base.height}"
        )


def _check_edit(job: Job, outputs: Mapping[str, ArtifactRef]) -> Literal["done", "unchanged"]:
    if IMAGE not in outputs or outputs[IMAGE].kind != "image":
        raise VerificationError(f"an edit gives its picture in slot {IMAGE!r}, but gave {', '.join(outputs)}")
    base, result = job.image(), job.store.image(outputs[IMAGE])
    check_form(base, result, may_gain_alpha=_gains_alpha(job))
    area: MaskArray | None = None
    if AREA in outputs:
        area = job.store.mask(outputs[AREA])
        check_outside(base, result, area)
    return "done" if is_changed(base, result, area) else "unchanged"


def _gains_alpha(job: Job) -> bool:
    invocation = job.invocation
    return invocation.operation is Operation.BACKGROUND and means_transparent(invocation.value)
