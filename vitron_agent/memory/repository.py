"""Conversations in SQL: the truth that checkpoints only help to finish (DESIGN §2).

All methods are synchronous, open their own short transaction, and may be called from any thread; asynchronous callers
use ``asyncio.to_thread``.
"""

from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self

from vitron_agent.artifacts import ArtifactRef, ArtifactStore, Kind
from vitron_agent.memory.views import (
    EndStatus,
    NamedArtifact,
    OpenTurn,
    Recollection,
    RunningTurn,
    ThreadView,
    TurnView,
)
from vitron_agent.messages import Handle, Invocation, InvocationResult, Plan, Region


class Repository:
    """Threads, turns, the invocation ledger, handles and lineage.

    Args:
        url: ``sqlite:///file.db``, ``sqlite://`` (in memory) or ``postgresql://user:password@host/database``.
        store: Where the bytes lie; a row is only ever written for bytes that are there.
        lease_seconds: A running turn whose process gives no sign of life for so long counts as interrupted.
        busy_seconds: How long calls wait for another writer before they raise.

    Raises:
        ConfigError: The URL is wrong, its driver is missing or the server cannot be reached.
        PersistenceError: The database is damaged, cannot be written or is newer than this version.
    """

    def __init__(
        self, url: str, store: ArtifactStore, *, lease_seconds: float = 30.0, busy_seconds: float = 30.0
    ) -> None: ...

    def close(self) -> None:
        """Stops the sign of life and closes all connections; running turns become interrupted."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: tuple[type[BaseException], BaseException, TracebackType] | None) -> None:
        self.close()

    # -- turns ---------------------------------------------------------------------------------------------------

    def begin_turn(
        self,
        thread: str,
        text: str,
        attachments: Sequence[ArtifactRef | Handle] = (),
        regions: Sequence[Region] = (),
        *,
        wait_seconds: float | None = None,
        abandon: bool = False,
    ) -> RunningTurn:
        """Opens the next turn of a thread (a new thread where there is none) and holds it until it ends.

        Args:
            thread: Name of the conversation, 1 to 200 characters.
            text: The request.
            attachments: New artifacts (they get handles, in order), or handles that the conversation knows already.
            regions: What the user drew.
            wait_seconds: How long to wait for another writer's running turn; None = ``busy_seconds``.
            abandon: End an interrupted turn as ``stopped`` instead of raising TurnOpenError.

        Raises:
            ThreadBusyError: Another writer's turn was still running after the wait.
            TurnOpenError: The last turn was interrupted or waits for a decision: resume it, or abandon it.
            UnknownThreadError: An attached handle is unknown.
        """

    def resume_turn(self, thread: str, *, wait_seconds: float | None = None) -> RunningTurn:
        """Takes over the thread's open turn, whose process died or which waits for a decision.

        A process that dies on this machine is noticed at once, one elsewhere after ``lease_seconds``. The former
        holder, should it still live, can write nothing any more.

        Raises:
            ThreadBusyError: Its holder is alive and did not end it within the wait.
            UnknownThreadError: No such thread, or it has no open turn.
        """

    def open_turn(self, thread: str) -> OpenTurn | None:
        """The thread's open turn, or None."""

    def attach(self, turn: RunningTurn, attachments: Sequence[ArtifactRef | Handle]) -> tuple[Handle, ...]:
        """Attaches media after the turn began; a replay returns the handles of the first call."""

    def record_plan(self, turn: RunningTurn, plan: Plan) -> None:
        """Stores the accepted plan, reserves its output handles and keeps its signals from garbage collection.

        Raises:
            UsageError: An output handle belongs to an earlier turn.
        """

    def pause_turn(self, turn: RunningTurn) -> None:
        """Ends the work on a turn that needs a decision (status ``needs_approval``); resume_turn goes on."""

    def release_turn(self, turn: RunningTurn) -> None:
        """Gives the turn up unfinished: it is interrupted from now on. For ``finally``; harmless on an ended turn."""

    def finish_turn(self, turn: RunningTurn, status: EndStatus, reply: str) -> TurnView:
        """Ends the turn and makes it the thread's newest."""

    # -- ledger --------------------------------------------------------------------------------------------------

    def claim_invocation(self, turn: RunningTurn, invocation: Invocation, position: int) -> InvocationResult | None:
        """Asks to run an invocation.

        Args:
            turn: The turn that it belongs to.
            invocation: With its id, unique within the turn.
            position: Its place in the turn, counted over replans; orders history and what is ``current``.

        Returns:
            The stored result where it ran before (don't run it again), or None: run it, then finish_invocation.
        """

    def finish_invocation(self, turn: RunningTurn, result: InvocationResult) -> InvocationResult:
        """Stores a result with its artifacts, handles and lineage in one transaction.

        Returns:
            The result that counts: the first one stored for this id.

        Raises:
            ArtifactError: An output's bytes are not in the store.
            UsageError: It was not claimed, or an output handle is taken.
        """

    def allot(self, turn: RunningTurn, kinds: Sequence[Kind]) -> tuple[Handle, ...]:
        """New handles for outputs that the plan did not name; a handle is never given twice."""

    # -- reading -------------------------------------------------------------------------------------------------

    def recall(self, thread: str, *, num_turns: int = 8, num_media: int = 48) -> Recollection:
        """What a planner may look at, as seen from the open turn, or else from the newest; empty for a new thread."""

    def resolve(self, thread: str, handles: Sequence[Handle]) -> dict[Handle, ArtifactRef]:
        """The artifacts behind visible handles.

        Raises:
            UnknownThreadError: A handle is unknown, or was undone.
        """

    def history(self, thread: str, *, limit: int | None = None) -> tuple[TurnView, ...]:
        """All turns, or the newest ``limit``, oldest first; undone ones are marked; a fork's past comes first.

        Raises:
            UnknownThreadError: No such thread.
        """

    def artifacts(self, thread: str) -> tuple[NamedArtifact, ...]:
        """All visible artifacts, oldest first; for searches."""

    def threads(self) -> tuple[ThreadView, ...]:
        """All conversations, the last used first."""

    # -- moving about --------------------------------------------------------------------------------------------

    def undo(self, thread: str, turns: int = 1, *, within: RunningTurn | None = None) -> tuple[int, ...]:
        """Takes back the newest turns; they stay in the history, marked.

        Args:
            thread: The conversation.
            turns: How many. Turns that did nothing but undo are passed over and not counted.
            within: The running turn that does it ("undo that"): it then follows on what is left. Counted from where
                that turn began, so a replay undoes nothing more.

        Returns:
            The numbers of the undone turns, newest first.

        Raises:
            UsageError: Fewer turns stand; the message says how many.
            TurnOpenError: Another turn is open.
        """

    def select(self, thread: str, handle: Handle, *, within: RunningTurn | None = None, position: int = 0) -> None:
        """Makes a visible picture or clip current ("use the second one"); undoing the turn takes it back.

        Args:
            thread: The conversation.
            handle: A visible handle.
            within: The running turn that does it.
            position: That invocation's place in the turn; a later invocation's output overrides the choice.
        """

    def fork(self, thread: str, turn: int | None = None, *, name: str | None = None) -> str:
        """A new thread that sees the past up to a turn (None = all that stands), with its handles and their counters.

        Returns:
            The new thread's name (made up where ``name`` is None).

        Raises:
            UnknownThreadError: No such thread or turn, or the turn is open.
            UsageError: ``name`` is taken.
        """

    # -- deleting ------------------------------------------------------------------------------------------------

    def delete_thread(self, thread: str) -> None:
        """Deletes a conversation; turns that a fork still sees go over to the fork. Bytes go by collect_garbage.

        Raises:
            ThreadBusyError: A turn of it is running.
        """

    def delete_older(self, age: timedelta) -> tuple[str, ...]:
        """Deletes threads not used for ``age`` (open turns that somebody works on are left); returns their names."""

    def collect_garbage(self, grace: timedelta = timedelta(days=1)) -> tuple[str, ...]:
        """Deletes artifacts that no row names and that are older than ``grace``; returns their ids.

        Safe beside writers: bytes are stored before their row, which ``grace`` covers; and a row is refused
        (ArtifactError) should its bytes have gone in between.
        """
