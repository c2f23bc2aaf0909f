"""Conversations in SQL: the truth that checkpoints only help to finish (DESIGN §2).

All methods are synchronous, open their own short transaction, and may be called from any thread; asynchronous callers
use ``asyncio.to_thread``.
"""

import contextlib
import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from sqlalchemy import func, select, update

from vitron_agent.artifacts import HANDLE_STEMS, ArtifactRef, ArtifactStore, Kind
from vitron_agent.errors import ThreadBusyError, UnknownThreadError
from vitron_agent.memory import deletion, ledger, lifecycle, moves, queries
from vitron_agent.memory.database import Database
from vitron_agent.memory.leases import Heartbeat
from vitron_agent.memory.models import MAX_THREAD_LENGTH, Thread, Turn
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

_MEDIA_TURNS = 64
"""How many turns back recall() looks for media."""
_TURNS_ON_CHAIN = select(Turn).join(queries.CHAIN, queries.CHAIN.c.id == Turn.id).order_by(Turn.number)


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
    ) -> None:
        self._database = Database(url, busy_seconds)
        self._backing = ledger.Backing(self._database, store, lease_seconds)
        self._busy_seconds = busy_seconds
        self._heartbeat = Heartbeat(self._database, lease_seconds)

    def close(self) -> None:
        """Stops the sign of life and closes all connections; running turns become interrupted."""
        held = self._heartbeat.stop()
        if held:
            with self._database.write() as session:
                session.execute(
                    update(Turn).where(Turn.owner.in_(held), Turn.status == "running").values(owner=None, lease_until=0)
                )
        self._database.close()

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
        lifecycle.check_name(thread)
        wait = self._busy_seconds if wait_seconds is None else wait_seconds

        def attempt() -> RunningTurn:
            with self._database.write() as session:
                return lifecycle.begin(session, self._backing, thread, text, attachments, regions, abandon=abandon)

        return self._hold(lifecycle.retry(wait, attempt))

    def resume_turn(self, thread: str, *, wait_seconds: float | None = None) -> RunningTurn:
        """Takes over the thread's open turn, whose process died or which waits for a decision.

        A process that dies on this machine is noticed at once, one elsewhere after ``lease_seconds``. The former
        holder, should it still live, can write nothing any more.

        Raises:
            ThreadBusyError: Its holder is alive and did not end it within the wait.
            UnknownThreadError: No such thread, or it has no open turn.
        """
        # A holder on another machine is known to be dead only when its lease has run out.
        wait = max(self._busy_seconds, self._backing.lease_seconds + 1) if wait_seconds is None else wait_seconds

        def attempt() -> RunningTurn:
            with self._database.write() as session:
                return lifecycle.resume(session, self._backing, thread)

        return self._hold(lifecycle.retry(wait, attempt))

    def open_turn(self, thread: str) -> OpenTurn | None:
        """The thread's open turn, or None."""
        with self._database.read() as session:
            turn = queries.get_open_turn(session, thread)
            if turn is None:
                return None
            interrupted = not lifecycle.is_worked_on(session, turn)
            return OpenTurn(number=turn.number, status=turn.status, interrupted=interrupted)

    def carry(self, turn: RunningTurn, refs: Sequence[ArtifactRef]) -> tuple[Handle, ...]:
        """Attaches pictures and clips that came with undone turns; each once, so a replay changes nothing.

        The last becomes current, unless the request came with pictures of its own.

        Returns:
            Their new handles: the old ones were undone.
        """
        with self._database.write() as session:
            return ledger.carry(session, self._backing, ledger.guard(session, turn), refs)

    def record_plan(self, turn: RunningTurn, plan: Plan) -> None:
        """Stores the accepted plan, reserves its output handles and keeps its signals from garbage collection.

        Raises:
            UsageError: An output handle belongs to an earlier turn.
        """
        with self._database.write() as session:
            row = ledger.guard(session, turn)
            ledger.reserve(session, row, plan)
            ledger.keep_signals(session, self._backing, row, plan)
            row.plan = plan.model_dump(mode="json")

    def pause_turn(self, turn: RunningTurn) -> None:
        """Ends the work on a turn that needs a decision (status ``needs_approval``); resume_turn goes on."""
        with self._database.write() as session:
            row = ledger.guard(session, turn)
            row.status, row.owner, row.lease_until = "needs_approval", None, 0.0
        self._heartbeat.drop(turn.owner)

    def release_turn(self, turn: RunningTurn) -> None:
        """Gives the turn up unfinished: it is interrupted from now on. For ``finally``; harmless on an ended turn."""
        self._heartbeat.drop(turn.owner)
        with self._database.write() as session:
            session.execute(
                update(Turn)
                .where(Turn.id == turn.id, Turn.owner == turn.owner, Turn.status == "running")
                .values(owner=None, lease_until=0.0)
            )

    def finish_turn(self, turn: RunningTurn, status: EndStatus, reply: str) -> None:
        """Ends the turn and makes it the thread's newest."""
        with self._database.write() as session:
            thread = queries.get_thread(session, turn.thread, lock=True)  # before the turn's row, as resume_turn does
            lifecycle.end(thread, ledger.guard(session, turn), status, reply)
        self._heartbeat.drop(turn.owner)

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
        with self._database.write() as session:
            ledger.guard(session, turn)
            return ledger.claim(session, turn, invocation, position)

    def finish_invocation(self, turn: RunningTurn, result: InvocationResult) -> InvocationResult:
        """Stores a result with its artifacts, handles and lineage in one transaction.

        Returns:
            The result that counts: the first one stored for this id.

        Raises:
            ArtifactError: An output's bytes are not in the store.
            UsageError: It was not claimed, or an output handle is taken.
        """
        with self._database.write() as session:
            return ledger.finish(session, self._backing, ledger.guard(session, turn), result)

    def allot(self, turn: RunningTurn, kinds: Sequence[Kind]) -> tuple[Handle, ...]:
        """New handles for outputs that the plan did not name; a handle is never given twice."""
        with self._database.write() as session:
            row = ledger.guard(session, turn)
            stems = [HANDLE_STEMS[kind] for kind in kinds]
            return tuple(f"{stem}-{ledger.allot(session, row.thread_id, stem)}" for stem in stems)

    # -- reading -------------------------------------------------------------------------------------------------

    def recall(self, thread: str, *, num_turns: int = 8, num_media: int = 48) -> Recollection:
        """What a planner may look at, as seen from the open turn, or else from the newest; empty for a new thread.

        What a standing turn undid is among the turns, as people mean what they took back: "undo that" - "green, then".
        What undone turns made is not among the media.
        """
        with self._database.read() as session:
            row = session.get(Thread, thread)
            if row is None:
                return Recollection(turns=(), media=(), attached=(), current=None, next_numbers=())
            open_turn = queries.get_open_turn(session, thread)
            point = open_turn.id if open_turn else row.head_id
            past = queries.chain_from(open_turn.parent_id if open_turn else point, length=num_turns)
            standing = session.scalars(_TURNS_ON_CHAIN, past).all()
            undone = queries.taken_back(session, standing)
            rows = sorted({*standing, *undone}, key=lambda turn: turn.number)[-num_turns:]
            media = queries.named_artifacts(session, queries.chain_from(point, length=_MEDIA_TURNS), limit=num_media)
            attached = tuple(open_turn.attached) if open_turn else ()
            current = open_turn.current if open_turn else queries.current(session, row)
            missing = {*attached, *([current] if current else [])} - {item.handle for item in media}
            if missing:
                media = queries.named_artifacts(session, queries.chain_from(point), queries.is_handle(missing)) + media
            return Recollection(
                turns=queries.turn_views(session, rows, standing={turn.id for turn in standing}, outcomes=False),
                media=media,
                attached=attached,
                current=current,
                next_numbers=queries.next_numbers(session, thread),
            )

    def resolve(self, thread: str, handles: Sequence[Handle]) -> dict[Handle, ArtifactRef]:
        """The artifacts behind visible handles.

        Raises:
            UnknownThreadError: A handle is unknown, or was undone.
        """
        with self._database.read() as session:
            found = queries.visible(session, queries.get_thread(session, thread), handles)
            return {handle: found[handle].ref for handle in handles}

    def history(self, thread: str, *, limit: int | None = None) -> tuple[TurnView, ...]:
        """All turns, or the newest ``limit``, oldest first; undone ones are marked; a fork's past comes first.

        Raises:
            UnknownThreadError: No such thread.
        """
        with self._database.read() as session:
            row = queries.get_thread(session, thread)
            newest = session.scalars(
                select(Turn).where(queries.own_or_inherited(thread)).order_by(Turn.number.desc()).limit(limit),
                queries.chain_from(row.base_id) if limit is None else queries.chain_from(row.base_id, length=limit),
            ).all()
            if not newest:
                return ()
            line = queries.chain_from(queries.viewpoint(session, row), down_to=newest[-1].number)
            standing = session.scalars(select(queries.CHAIN.c.id), line)
            return queries.turn_views(session, newest[::-1], standing=set(standing))

    def artifacts(self, thread: str) -> tuple[NamedArtifact, ...]:
        """All visible artifacts, oldest first; for searches."""
        with self._database.read() as session:
            row = queries.get_thread(session, thread)
            return queries.named_artifacts(session, queries.chain_from(queries.viewpoint(session, row)))

    def brought(self, thread: str, turns: Collection[int] | None = None) -> tuple[NamedArtifact, ...]:
        """Pictures and clips that the user gave in these turns, undone or not, oldest first.

        Args:
            thread: The conversation.
            turns: Their numbers; None = the newest turn that any came with.
        """
        with self._database.read() as session:
            return queries.brought(session, queries.get_thread(session, thread), turns)

    def ended_turns(self, checkpoint_threads: Sequence[str]) -> tuple[str, ...]:
        """Which of LangGraph's thread ids (``<thread>/<number>``) belong to ended turns of this database."""
        ended = []
        with self._database.read() as session:
            for name in checkpoint_threads:
                thread, _, number = name.rpartition("/")
                if number.isdecimal() and queries.has_ended(session, thread, int(number)):
                    ended.append(name)
        return tuple(ended)

    def threads(self) -> tuple[ThreadView, ...]:
        """All conversations, the last used first."""
        with self._database.read() as session:
            rows = session.execute(
                select(Thread, func.count(Turn.id))
                .outerjoin(Turn, Turn.thread_id == Thread.id)
                .group_by(Thread.id)
                .order_by(Thread.updated.desc(), Thread.id)
            )
            return tuple(
                ThreadView(id=row.id, turns=count, created=row.created, updated=row.updated) for row, count in rows
            )

    # -- moving about --------------------------------------------------------------------------------------------

    def undo(self, thread: str, turns: int = 1, *, within: RunningTurn | None = None) -> tuple[int, ...]:
        """Takes back the newest turns; they stay in the history, marked.

        Args:
            thread: The conversation.
            turns: How many. Turns that brought, made and selected nothing (talk, failures, mere undoing) are taken
                back on the way and not counted.
            within: The running turn that does it ("undo that"): it then follows on what is left. Counted from where
                that turn began, after what its finished undo invocations took back, so a replay undoes nothing more.

        Returns:
            The numbers of the undone turns, newest first; of all that ``within`` undid.

        Raises:
            UsageError: Fewer turns stand; the message says how many.
            TurnOpenError: Another turn is open.
        """
        with self._database.write() as session:
            if within is None:
                return moves.undo(session, thread, turns)
            return moves.undo_within(session, ledger.guard(session, within), turns)

    def select(self, thread: str, handle: Handle, *, within: RunningTurn | None = None, position: int = 0) -> None:
        """Makes a visible picture or clip current ("use the second one"); undoing the turn takes it back.

        Args:
            thread: The conversation.
            handle: A visible handle.
            within: The running turn that does it.
            position: That invocation's place in the turn; a later invocation's output overrides the choice.
        """
        with self._database.write() as session:
            if within is None:
                moves.select(session, thread, handle)
            else:
                moves.select_within(session, ledger.guard(session, within), handle, position)

    def fork(self, thread: str, turn: int | None = None, *, name: str | None = None) -> str:
        """A new thread that sees the past up to a turn (None = all that stands), with its handles and their counters.

        Returns:
            The new thread's name (made up where ``name`` is None).

        Raises:
            UnknownThreadError: No such thread or turn, or the turn is open.
            UsageError: ``name`` is taken.
        """
        made_up = f"{thread[: MAX_THREAD_LENGTH - 9]}-{uuid.uuid4().hex[:8]}"
        with self._database.write() as session:
            return moves.fork(session, thread, turn, lifecycle.check_name(made_up if name is None else name))

    # -- deleting ------------------------------------------------------------------------------------------------

    def delete_thread(self, thread: str) -> None:
        """Deletes a conversation; turns that a fork still sees go over to the fork. Bytes go by collect_garbage.

        Checkpoints of an interrupted turn stay in the saver: a new turn of that number, or the next opening without
        ``keep_checkpoints``, drops them.

        Raises:
            ThreadBusyError: A turn of it is running.
        """
        with self._database.write() as session:
            row = queries.get_thread(session, thread, lock=True)
            turn = queries.get_open_turn(session, thread)
            if turn is not None:
                lifecycle.require_left_alone(session, turn)
            deletion.delete_thread(session, row)

    def delete_older(self, age: timedelta) -> tuple[str, ...]:
        """Deletes threads not used for ``age`` (open turns that somebody works on are left); returns their names."""
        cutoff = datetime.now(UTC) - age
        with self._database.read() as session:
            old = session.scalars(select(Thread.id).where(Thread.updated < cutoff).order_by(Thread.updated)).all()
        deleted = []
        for thread in old:
            with contextlib.suppress(ThreadBusyError, UnknownThreadError):
                self.delete_thread(thread)
                deleted.append(thread)
        return tuple(deleted)

    def collect_garbage(self, grace: timedelta = timedelta(days=1)) -> tuple[str, ...]:
        """Deletes artifacts that no row names and that are older than ``grace``; returns their ids.

        The store must belong to this database alone. What nothing names (a cache, say) goes once it is old; what an
        open turn may have made waits for it. Safe beside writers: bytes are stored before their row, which ``grace``
        covers; and a row is refused (ArtifactError) should its bytes have gone in between.
        """
        return deletion.collect(self._backing, grace)

    def _hold(self, turn: RunningTurn) -> RunningTurn:
        self._heartbeat.hold(turn.owner)
        return turn
