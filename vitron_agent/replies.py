"""What ``chat`` gives back: text, invocations, and views of the artifacts that load their pixels when asked."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from vitron_agent.artifacts import ArtifactRef, ArtifactStore, Kind
from vitron_agent.errors import UsageError
from vitron_agent.messages import Finding, Handle, Invocation, InvocationResult, Module, Operation, Output, Status

if TYPE_CHECKING:
    from PIL.Image import Image

EndStatus: TypeAlias = Literal["done", "stopped", "failed"]
ReplyStatus: TypeAlias = Literal["done", "needs_approval", "stopped", "failed"]


class PendingApproval(BaseModel):
    """A plan that waits for decisions, one for each of its invocations, in order.

    Attributes:
        id: Of the interrupt that an answer resumes.
        invocations: What would run.
        error: Why the last decisions could not be followed; empty at first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    invocations: tuple[Invocation, ...]
    error: str = ""


@dataclass(frozen=True)
class Artifact:
    """A verified artifact; bytes are read from the store when a method asks for them.

    Attributes:
        handle: Its name in the conversation; empty for one without a name.
        ref: Its reference.
        store: Where its bytes lie.
    """

    handle: Handle
    ref: ArtifactRef
    store: ArtifactStore = field(repr=False, compare=False)

    @property
    def kind(self) -> Kind:
        """What it is: ``image``, ``mask``, ``boxes`` and so on."""
        return self.ref.kind

    @property
    def path(self) -> Path | None:
        """The file in the store; None where the store is not a folder. Copy it, never change it."""
        return self.store.path(self.ref)

    def image(self) -> "Image":
        """As a PIL picture: RGB or RGBA of a picture (16 bits are reduced to 8), mode ``1`` of a mask.

        Raises:
            UsageError: It is neither picture nor mask.
            ArtifactError: Its bytes are missing or damaged.
        """
        from PIL import Image

        if self.kind == "mask":
            return Image.fromarray(self.mask())
        array = self.array()
        return Image.fromarray(array if array.dtype == np.uint8 else (array >> 8).astype(np.uint8))

    def array(self) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """A picture as (H, W, 3) RGB or (H, W, 4) RGBA in its own depth; read-only. Raises as :meth:`image`."""
        self._require("image")
        return self.store.image(self.ref)

    def mask(self) -> NDArray[np.bool_]:
        """A mask as (H, W), True = selected; read-only. Raises as :meth:`image`."""
        self._require("mask")
        return self.store.mask(self.ref)

    def partition(self) -> NDArray[np.uint16]:
        """A partition as (H, W) labels; read-only. Raises as :meth:`image`."""
        self._require("partition")
        return self.store.partition(self.ref)

    def boxes(self) -> NDArray[np.float64]:
        """Boxes as (n, 4) x_left, y_top, x_right, y_bottom in pixels, best first. Raises as :meth:`image`."""
        self._require("boxes")
        assert self.ref.width is not None
        assert self.ref.height is not None
        return self.store.boxes(self.ref).pixels(self.ref.width, self.ref.height)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """The frames of a clip, one after the other, each (H, W, 3) RGB. Raises as :meth:`image`."""
        self._require("video", "masks")
        return self.store.frames(self.ref)

    def _require(self, *kinds: Kind) -> None:
        if self.kind not in kinds:
            raise UsageError(f"{self.handle or 'this artifact'} is a {self.kind}, not a {' or '.join(kinds)}")


@dataclass(frozen=True)
class Step:
    """One invocation of a turn and what became of it.

    Attributes:
        invocation: What was asked.
        status: How it ended.
        outputs: What it made, verified.
        findings: What its expert saw.
        notes: Sentences for the user.
        error: Why it failed, was rejected or skipped.
        seconds: Wall time of the expert.
        backend: Which backend ran.
    """

    invocation: Invocation
    status: Status
    outputs: tuple[Artifact, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    error: str
    seconds: float
    backend: str

    @property
    def module(self) -> Module:
        """Of the invocation."""
        return self.invocation.module

    @property
    def operation(self) -> Operation:
        """Of the invocation."""
        return self.invocation.operation


@dataclass(frozen=True)
class Reply:
    """The end of a turn, or its pause.

    Attributes:
        thread: The conversation; give it to the next ``chat``.
        turn: Number of the turn.
        text: What to show; rendered from what was verified.
        status: ``done``, ``needs_approval``, ``stopped`` (budget, cancel) or ``failed``.
        pending: What waits for a decision (see ``VitronAgent.resume``), or None.
        invocations: The invocations of the turn, in order.
        artifacts: What the turn made, in order.
    """

    thread: str
    turn: int
    text: str
    status: ReplyStatus
    pending: PendingApproval | None = None
    invocations: tuple[Step, ...] = ()
    artifacts: tuple[Artifact, ...] = ()

    @property
    def image(self) -> Artifact | None:
        """The newest picture of the turn."""
        return self._newest("image")

    @property
    def mask(self) -> Artifact | None:
        """The newest mask of the turn."""
        return self._newest("mask")

    @property
    def boxes(self) -> Artifact | None:
        """The newest boxes of the turn."""
        return self._newest("boxes")

    @property
    def video(self) -> Artifact | None:
        """The newest clip of the turn."""
        return self._newest("video")

    def _newest(self, kind: Kind) -> Artifact | None:
        return next((item for item in reversed(self.artifacts) if item.kind == kind), None)

    def __str__(self) -> str:
        return self.text


def view_of(output: Output, store: ArtifactStore) -> Artifact:
    """An output as users see it."""
    return Artifact(output.handle or "", output.ref, store)


def step_of(result: InvocationResult, store: ArtifactStore) -> Step:
    """A result as users see it: with the artifacts that have names."""
    outputs = tuple(view_of(output, store) for output in result.outputs if output.handle)
    facts: dict[str, Any] = {
        name: getattr(result, name) for name in ("status", "findings", "notes", "error", "seconds", "backend")
    }
    return Step(invocation=result.invocation, outputs=outputs, **facts)
