"""What the repository gives back: frozen, typed, detached from the database."""

from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from vitron_agent.artifacts import ArtifactRef
from vitron_agent.messages import Handle, InvocationResult, Plan, Region

TurnStatus: TypeAlias = Literal["running", "done", "needs_approval", "stopped", "failed"]
"""``running`` and ``needs_approval`` are open: the thread takes no other turn until they end."""
EndStatus: TypeAlias = Literal["done", "stopped", "failed"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RunningTurn(_Frozen):
    """The right to write one turn; every writing call takes it, and fails once somebody else took the turn over.

    Attributes:
        id: Row of the turn.
        thread: Its conversation.
        number: Its number there, from 1; the first turn of a fork goes on counting.
        owner: Token of this very holder.
    """

    id: int
    thread: str
    number: int
    owner: str

    @property
    def checkpoint_thread(self) -> str:
        """LangGraph's ``thread_id`` for this turn: ``<thread>/<number>``."""
        return f"{self.thread}/{self.number}"


class OpenTurn(_Frozen):
    """A turn that has not ended.

    Attributes:
        number: Its number.
        status: ``running`` or ``needs_approval``.
        interrupted: Nobody works on it: it waits for a decision, or its process died. ``resume_turn`` takes it over.
    """

    number: int
    status: Literal["running", "needs_approval"]
    interrupted: bool


class NamedArtifact(_Frozen):
    """An artifact that a conversation knows by name.

    Attributes:
        handle: Its name there.
        ref: The artifact.
        turn: Number of the turn that made or attached it.
        invocation: Id of the invocation that made it; None = attached by the user.
        slot: Output slot of that invocation ("image", "mask" …); ``attached`` for what the user gave, ``carried`` for
            what the user gave in a turn that was undone.
    """

    handle: Handle
    ref: ArtifactRef
    turn: int
    invocation: str | None
    slot: str


class TurnView(_Frozen):
    """One turn of a conversation.

    Attributes:
        thread: The conversation that it was made in (a fork shows its past under the old name).
        number: Its number there, from 1.
        text: The request.
        attached: Handles that came with the request, in order; after them what was carried over from undone turns.
        regions: What the user drew; the n-th is ``region-n``.
        plan: The last plan that was accepted; None before planning.
        reply: The answer; empty while it is open.
        status: How it stands.
        undone: It was undone: its artifacts cannot be seen any more, its handles stay taken.
        invocations: Finished invocations in plan order.
        handles: Artifacts that it made or that were attached to it, in order.
        created: UTC.
        finished: UTC; None while it is open.
    """

    thread: str
    number: int
    text: str
    attached: tuple[Handle, ...]
    regions: tuple[Region, ...]
    plan: Plan | None
    reply: str
    status: TurnStatus
    undone: bool
    invocations: tuple[InvocationResult, ...]
    handles: tuple[NamedArtifact, ...]
    created: datetime
    finished: datetime | None


class Recollection(_Frozen):
    """What a planner needs to know of a conversation; costs the same at turn 2 and at turn 1,000.

    Attributes:
        turns: Newest ended turns that still stand, oldest first, without their invocations and handles.
        media: Newest visible artifacts, oldest first; always holds ``current`` and what came with the open turn.
        attached: As in the open turn's TurnView.
        current: What "it" means: the newest or selected picture or clip.
        next_numbers: Next free number of each handle stem that was ever used; 1 for the others.
    """

    turns: tuple[TurnView, ...]
    media: tuple[NamedArtifact, ...]
    attached: tuple[Handle, ...]
    current: Handle | None
    next_numbers: tuple[tuple[str, int], ...]


class ThreadView(_Frozen):
    """One conversation in a list."""

    id: str
    turns: int
    created: datetime
    updated: datetime
