"""Undo, select and fork, within the caller's transaction. Each is a row's pointer; nothing is deleted or copied."""

from datetime import UTC, datetime

from sqlalchemy import select as select_rows
from sqlalchemy.orm import Session

from vitron_agent.errors import UnknownThreadError, UsageError
from vitron_agent.memory import ledger, queries
from vitron_agent.memory.lifecycle import idle_thread
from vitron_agent.memory.models import Counter, HandleRow, LedgerEntry, Thread, Turn
from vitron_agent.messages import Handle, Operation


def undo(session: Session, thread: str, num_turns: int) -> tuple[int, ...]:
    """Moves an idle thread's head back; see Repository.undo."""
    row = idle_thread(session, thread)
    undone, oldest = _walk_back(session, row.head_id, num_turns)
    row.head_id, row.selected, row.updated = oldest.parent_id, oldest.began_with, datetime.now(UTC)
    return undone


def undo_within(session: Session, row: Turn, num_turns: int) -> tuple[int, ...]:
    """Gives a running turn an older parent. Counted from where it began, so that a replay changes nothing."""
    undone, oldest = _walk_back(session, row.began_after, _undone_before(session, row) + num_turns)
    row.parent_id, row.began_with = oldest.parent_id, oldest.began_with
    session.flush()
    seen = row.current and queries.named_artifacts(
        session, queries.chain_from(row.id), queries.is_handle([row.current])
    )
    if row.current_position is None or not seen:  # inherited, or attached from what is now undone
        row.current, row.current_position = row.began_with, None
    return undone


def select(session: Session, thread: str, handle: Handle) -> None:
    """Makes a handle current in an idle thread."""
    row = idle_thread(session, thread)
    _require_workable(session, row, handle)
    row.selected, row.updated = handle, datetime.now(UTC)


def select_within(session: Session, row: Turn, handle: Handle, position: int) -> None:
    """Makes a handle current in a running turn, unless a later invocation did so already."""
    _require_workable(session, queries.get_thread(session, row.thread_id), handle)
    ledger.set_current(row, handle, position)


def fork(session: Session, thread: str, number: int | None, name: str) -> str:
    """Makes a thread whose past is another's up to a turn; see Repository.fork."""
    parent = queries.get_thread(session, thread, lock=True)
    if session.get(Thread, name) is not None:
        raise UsageError(f"there is a thread {name!r} already; choose another name for the fork")
    base = parent.head_id if number is None else _ended_turn(session, parent, number)
    selected = parent.selected if base == parent.head_id else None
    now = datetime.now(UTC)
    session.add(Thread(id=name, head_id=base, base_id=base, selected=selected, created=now, updated=now))
    session.flush()
    for counter in session.scalars(select_rows(Counter).where(Counter.thread_id == thread)):
        session.add(Counter(thread_id=name, stem=counter.stem, first=counter.next, next=counter.next))
    return name


def _walk_back(session: Session, start: int | None, num_turns: int) -> tuple[tuple[int, ...], Turn]:
    """The numbers of the newest turns that stand, and the oldest of them.

    Counts the turns that changed something; the others among them go too.

    Raises:
        UsageError: There are fewer.
    """
    if num_turns < 1:
        raise UsageError(f"undo takes back one turn or more, not {num_turns}")
    undone: list[Turn] = []
    counted = 0
    while counted < num_turns:
        if start is None:
            raise UsageError(f"cannot undo {num_turns} turns, only {counted} can be" if counted else "nothing to undo")
        row = session.get_one(Turn, start)
        counted += _changed_something(session, row)
        undone.append(row)
        start = row.parent_id
    return tuple(turn.number for turn in undone), undone[-1]


def _undone_before(session: Session, row: Turn) -> int:
    """How many turns the finished undo invocations of a running turn have taken back."""
    done = session.scalars(select_rows(LedgerEntry).where(LedgerEntry.turn_id == row.id, LedgerEntry.status == "done"))
    steps = [queries.read_result(entry).invocation for entry in done]
    return sum(int(step.value or 1) for step in steps if step.operation is Operation.UNDO)


def _changed_something(session: Session, row: Turn) -> bool:
    """Whether the turn brought, made or selected something; talk, failures and mere undoing did not."""
    named = select_rows(HandleRow.number).where(HandleRow.turn_id == row.id, HandleRow.slot != ledger.CARRIED)
    selected = row.current_position is not None and row.current_position > ledger.ATTACHED
    return selected or session.scalar(named.limit(1)) is not None


def _ended_turn(session: Session, thread: Thread, number: int) -> int:
    """The row of a turn of a thread's history; raises UnknownThreadError."""
    in_history = (Turn.thread_id == thread.id) | Turn.id.in_(select_rows(queries.CHAIN.c.id))
    past = queries.chain_from(thread.base_id, down_to=number)
    row = session.scalar(select_rows(Turn).where(Turn.number == number, in_history), past)
    if row is None or row.finished is None:
        why = "has not ended" if row else "is not in its history"
        raise UnknownThreadError(f"cannot fork thread {thread.id!r} at turn {number}: the turn {why}")
    return row.id


def _require_workable(session: Session, thread: Thread, handle: Handle) -> None:
    kind = queries.visible(session, thread, [handle])[handle].ref.kind
    if kind not in ledger.PICTURES_AND_CLIPS:
        raise UsageError(f"{handle} is of kind {kind}; only pictures and clips can become current")
