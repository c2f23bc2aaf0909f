"""What a planner gets and gives."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from vitron_agent.artifacts import ImageArray, Kind
from vitron_agent.messages import Handle, Module, Operation, Plan, Region


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Medium(_Frozen):
    """An artifact that the conversation knows by name."""

    handle: Handle
    kind: Kind
    artifact: str = ""
    """Its id, for planners that look at it."""


class PastTurn(_Frozen):
    """An earlier turn. What an undone one made is not among the media any more; the turn that undid it follows.

    Attributes:
        text: The request.
        plan: Its steps, or the answer in words.
        reply: What the user was told, which says what became of the steps.
    """

    text: str
    plan: Plan
    reply: str = ""


class Rejection(_Frozen):
    """A plan for this very request that could not be run, and why.

    Attributes:
        plan: In its wire form; empty where what was written was no plan.
        error: What to do about it.
        only: Where the profile lacks what the plan asks for: what the plan does. Nobody asked for anything else, so the
            next plan leaves out what cannot be done, and adds nothing. Empty otherwise.
        steps: How many steps the plan had, where it could not be run as written: a next plan of fewer steps leaves
            something out, and the user is told. 0 otherwise.
    """

    plan: str
    error: str
    only: tuple[tuple[Module, Operation], ...] = ()
    steps: int = 0


class PlanRequest(_Frozen):
    """Everything that a planner may look at.

    Attributes:
        text: The user's words.
        media: Known artifacts, oldest first; the newest dozens only.
        attached: Handles that came with this message.
        current: What "it" means: the newest or selected picture or clip.
        regions: What the user drew with this message; the n-th is called ``region-n``.
        history: Earlier turns, oldest first; the newest few only.
        next_numbers: Next free number of each handle stem (``image``, ``mask``, ``boxes``, ``video`` …); 1 if absent.
        rejections: Earlier tries at this request, oldest first.
    """

    text: str
    media: tuple[Medium, ...] = ()
    attached: tuple[Handle, ...] = ()
    current: Handle | None = None
    regions: tuple[Region, ...] = ()
    history: tuple[PastTurn, ...] = ()
    next_numbers: tuple[tuple[str, int], ...] = ()
    rejections: tuple[Rejection, ...] = ()


@runtime_checkable
class Planner(Protocol):
    """From a request to a plan. Constructing it is cheap; weights load at first use."""

    name: str

    def plan(self, request: PlanRequest, on_token: Callable[[str], None] | None = None) -> Plan:
        """Plans; blocking. ``on_token`` receives the text as it is written.

        Raises:
            InvocationError: What it wrote is not a plan; it is asked again with the message.
        """


@dataclass(frozen=True, eq=False)
class SignalEmbedding:
    """What one invocation tells its expert beside its words (paper §3.2).

    Attributes:
        shared: v_s, task-invariant: (n_s, d) float16.
        private: v_p, task-specific: (n_p, d) float16.

    Raises:
        ValueError: Another shape or dtype, no token, or a number that is not finite.
    """

    shared: NDArray[np.float16]
    private: NDArray[np.float16]

    def __post_init__(self) -> None:
        for name, tokens in (("shared", self.shared), ("private", self.private)):
            if tokens.ndim != 2 or not tokens.size or tokens.dtype != np.float16:
                raise ValueError(f"{name} signals are (n, d) float16, got {tokens.shape} {tokens.dtype}")
            if not np.isfinite(tokens).all():
                raise ValueError(f"{name} signals are not finite; the planner's weights or its arithmetic are wrong")
        if self.shared.shape[1] != self.private.shape[1]:
            raise ValueError(
                f"shared and private signals have one d, got {self.shared.shape[1]} and {self.private.shape[1]}"
            )


@dataclass(frozen=True, eq=False)
class SignalledPlan:
    """A plan with the continuous half of its messages.

    Attributes:
        plan: The words.
        signals: One an invocation, in order; None where it has none. Empty where the whole plan has none.

    Raises:
        ValueError: More or fewer signals than invocations.
    """

    plan: Plan
    signals: tuple[SignalEmbedding | None, ...] = ()

    def __post_init__(self) -> None:
        if self.signals and len(self.signals) != len(self.plan.invocations):
            raise ValueError(f"{len(self.plan.invocations)} invocations need as many signals, got {len(self.signals)}")


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture or clip that an answer is about.

    Attributes:
        id: The same id means the same pixels.
        frames: (H, W, 3|4) each; of a picture, itself.
        width: In pixels.
        height: In pixels.
        num_frames: How many there are; None for a picture.
        regions: What was drawn on it with the question.
        region_masks: The pixels of each mask region, by artifact id, at its size.
    """

    id: str
    frames: Iterable[ImageArray]
    width: int
    height: int
    num_frames: int | None = None
    regions: tuple[Region, ...] = ()
    region_masks: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)


@runtime_checkable
class SeeingPlanner(Planner, Protocol):
    """A planner that can look at pictures and clips itself."""

    def answer(self, question: str, shown: Shown) -> str | None:
        """What it sees of what is asked; None where it is not sure, or its weights do not see. Blocking."""


@runtime_checkable
class SignallingPlanner(Planner, Protocol):
    """A planner that tells experts more than words. It is asked for words alone where ``channels`` is ``text``."""

    def plan_with_signals(self, request: PlanRequest, on_token: Callable[[str], None] | None = None) -> SignalledPlan:
        """As :meth:`plan`, with signals."""
