"""What every expert is: a module's typed tool, and the backend that does the work.

An :class:`Expert` takes a :class:`Job` (an invocation with its inputs) and gives an :class:`Outcome` (arrays, not yet
stored). It holds the module's promises; a :class:`Backend` is one implementation behind it. The graph stores and
verifies what comes out, so an expert never writes artifacts, and nothing unverified becomes anybody's input.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vitron_agent.artifacts import ArtifactRef, ArtifactStore, Boxes, ImageArray, Kind
from vitron_agent.messages import Channels, Finding, Invocation, Module, Operation, Role

MaskArray: TypeAlias = NDArray[np.bool_]
"""(H, W), True = selected."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One sign of life from a running expert: step ``step`` of ``of`` within ``stage``."""

    stage: str
    step: int = 0
    of: int = 0
    preview: str | None = None
    """Artifact id of a small picture, where there is one."""


@dataclass(frozen=True)
class Told:
    """What a backend is told of the thing that is meant.

    Attributes:
        words: The target; empty where only signals may be used.
        signals: [n_s + n_p, d] float32, v_s before v_p; None where only words may be used.
    """

    words: str
    signals: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Job:
    """An invocation with everything that its expert may look at.

    Attributes:
        invocation: What is asked.
        inputs: The artifact of each named input.
        store: Where inputs are read from.
        signal: v_s [n_s, d] and v_p [n_p, d] as ``shared`` and ``private``; None without a signal.
        channels: Which halves of the message the expert may use.
        seed: For everything random.
        report: Receives progress.
        cancelled: True once the turn was cancelled; long work asks at least twice a second and raises TurnCancelled.
    """

    invocation: Invocation
    inputs: Mapping[Role, ArtifactRef]
    store: ArtifactStore
    signal: Mapping[str, NDArray[np.float16]] | None = None
    channels: Channels = "hybrid"
    seed: int = 0
    report: Callable[[Progress], None] = field(default=lambda _: None)
    cancelled: Callable[[], bool] = field(default=lambda: False)

    def image(self, role: Role = Role.BASE) -> ImageArray:
        """The decoded picture of an input, read-only."""
        return self.store.image(self.inputs[role])

    def told(self, backend: "Backend") -> Told:
        """What a backend may know of the target by ``channels``.

        Words are all there is for a backend that consumes no signals, and of a step that has none: one that a person
        edited, or that a planner without signals wrote.
        """
        target = self.invocation.target
        if self.signal is None or not backend.consumes_signals or self.channels == "text":
            return Told(target)
        signals = np.concatenate([self.signal["shared"], self.signal["private"]]).astype(np.float32)
        return Told("" if self.channels == "signal" else target, signals)

    @cached_property
    def mask(self) -> MaskArray | None:
        """The mask input, or None."""
        ref = self.inputs.get(Role.MASK)
        return None if ref is None else self.store.mask(ref)


@dataclass(frozen=True)
class Produced:
    """One output before it is stored: ``value`` is an array, or :class:`Boxes` for kind ``boxes``.

    The main output comes first. Slot ``area`` (kind ``mask``) declares which pixels an edit was allowed to change,
    feather included; without it the whole picture was. It gets no handle.
    """

    slot: str
    kind: Kind
    value: ImageArray | MaskArray | Boxes
    icc: bytes | None = None


@dataclass(frozen=True)
class Outcome:
    """What an expert reached. ``not_found`` and ``unchanged`` are honest ends, not errors, and have no outputs."""

    status: Literal["done", "not_found", "unchanged"] = "done"
    outputs: tuple[Produced, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


class Lacking(str):
    """A refusal because what is asked for needs what this backend does not have, such as a generator."""


@runtime_checkable
class Backend(Protocol):
    """One implementation of a module. Constructing it is cheap; weights load at first use."""

    name: str
    """``embedded``, ``hub``, ``remote`` or the user's own."""
    version: str
    operations: frozenset[Operation]
    consumes_signals: bool

    def refuse(self, invocation: Invocation) -> str | None:
        """Why this backend cannot do this very invocation, as a sentence that says how to mend it; or None.

        A :class:`Lacking` where no other words would help: it names the profile that can, and the planner may not do
        something else instead.

        Called while the plan is validated, before anything runs; looks at the message only, never at pixels.
        """


@runtime_checkable
class Expert(Protocol):
    """The typed tool of one module."""

    @property
    def module(self) -> Module:
        """Which module it is for."""

    @property
    def backend(self) -> Backend:
        """The implementation behind it."""

    def run(self, job: Job) -> Outcome:
        """Does the work; blocking. It is never called twice at the same time.

        Raises:
            ExpertError: It failed for good.
            ConnectionError: A remote backend was lost; the call is tried again, three times in all.
            ConfigError: Weights or settings are missing; ends the turn and reaches the caller.
            TurnCancelled: The turn was cancelled while it ran.
        """
