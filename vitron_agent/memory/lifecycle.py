"""Opening, taking over and ending turns, within the caller's transaction."""

import time
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vitron_agent.artifacts import ArtifactRef
from vitron_agent.errors import ThreadBusyError, TurnOpenError, UnknownThreadError, UsageError
from vitron_agent.memory import ledger, queries
from vitron_agent.memory.database import now_seconds
from vitron_agent.memory.leases import is_dead, new_owner
from vitron_agent.memory.models import MAX_THREAD_LENGTH, Thread, Turn
from vitron_agent.memory.views import EndStatus, RunningTurn
from vitron_agent.messages import Handle, Region

_T = TypeVar("_T")


def begin(
    session: Session,
    backing: ledger.Backing,
    thread: str,
    text: str,
    attachments: Sequence[ArtifactRef | Handle],
    regions: Sequence[Region],
    *,
    abandon: bool,
) -> RunningTurn:
    """See Repository.begin_turn; raises ThreadBusyError at once."""
    now = datetime.now(UTC)
    row = _thread(session, thread, now)
    open_turn = queries.get_open_turn(session, thread)
    if open_turn is not None:
        require_left_alone(session, open_turn)
        if not abandon:
            raise _still_open(open_turn)
        end(row, open_turn, "stopped", "")
        session.flush()
    current = queries.current(session, row)
    turn = Turn(
        thread_id=thread,
        number=_next_number(session, row),
        parent_id=row.head_id,
        began_after=row.head_id,
        request=_storable(text),
        attached=[],
        regions=[region.model_dump(mode="json", exclude_defaults=True) for region in regions],
        status="running",
        began_with=current,
        current=current,
        owner=new_owner(),
        lease_until=now_seconds() + backing.lease_seconds,
        created=now,
    )
    session.add(turn)
    session.flush()
    row.updated = now
    attach(session, backing, turn, attachments)
    ledger.pin_masks(session, backing, turn, regions)
    return _running(turn)


def resume(session: Session, backing: ledger.Backing, thread: str) -> RunningTurn:
    """See Repository.resume_turn; raises ThreadBusyError at once."""
    queries.get_thread(session, thread, lock=True)
    turn = queries.get_open_turn(session, thread)
    if turn is None:
        raise UnknownThreadError(f"thread {thread!r} has no interrupted turn; there is nothing to resume")
    require_left_alone(session, turn)
    turn.status, turn.owner = "running", new_owner()
    turn.lease_until = now_seconds() + backing.lease_seconds
    return _running(turn)


def attach(
    session: Session, backing: ledger.Backing, row: Turn, attachments: Sequence[ArtifactRef | Handle]
) -> tuple[Handle, ...]:
    """Names what came with the request; the last picture or clip becomes current.

    Raises:
        UnknownThreadError: A handle is unknown.
    """
    known = [item for item in attachments if not isinstance(item, ArtifactRef)]
    thread = queries.get_thread(session, row.thread_id)
    kinds = {handle: item.ref.kind for handle, item in queries.visible(session, thread, known).items()}
    handles = ledger.attach(session, backing, row, attachments)
    for handle, item in zip(handles, attachments, strict=True):
        kind = item.kind if isinstance(item, ArtifactRef) else kinds[handle]
        if kind in ledger.PICTURES_AND_CLIPS:
            ledger.set_current(row, handle, ledger.ATTACHED)
    return handles


def end(thread: Thread, turn: Turn, status: EndStatus, reply: str) -> None:
    """Ends a turn and makes it the head of its thread, whose row is locked."""
    now = datetime.now(UTC)
    turn.status, turn.reply, turn.finished = status, _storable(reply), now
    turn.owner, turn.lease_until = None, 0.0
    thread.head_id, thread.selected, thread.updated = turn.id, None, now


def idle_thread(session: Session, thread: str) -> Thread:
    """The locked row of a thread without an open turn; raises ThreadBusyError or TurnOpenError where there is one."""
    row = queries.get_thread(session, thread, lock=True)
    turn = queries.get_open_turn(session, thread)
    if turn is not None:
        require_left_alone(session, turn)
        raise _still_open(turn)
    return row


def require_left_alone(session: Session, turn: Turn) -> None:
    """Raises ThreadBusyError where somebody works on an open turn."""
    if is_worked_on(session, turn):
        raise ThreadBusyError(
            f"turn {turn.number} of thread {turn.thread_id!r} is running since {turn.created:%H:%M:%S} UTC; "
            "wait for it, or use another thread or a fork"
        )


def is_worked_on(session: Session, turn: Turn) -> bool:
    """Whether an open turn's owner lives, as far as can be known."""
    if turn.owner is None or is_dead(turn.owner):
        return False
    return bool(session.scalar(select(now_seconds() < turn.lease_until)))


def check_name(thread: str) -> str:
    """Returns a thread's name; raises UsageError where it cannot be one."""
    printable = not any(unicodedata.category(character)[0] == "C" for character in thread)
    if not (printable and 0 < len(thread) <= MAX_THREAD_LENGTH):
        raise UsageError(f"a thread's name has 1 to {MAX_THREAD_LENGTH} printable characters, got {thread!r}")
    return thread


def retry(seconds: float, attempt: Callable[[], _T]) -> _T:
    """Tries again while the thread is busy, for so many seconds."""
    deadline = time.monotonic() + seconds
    pause = 0.01
    while True:
        try:
            return attempt()
        except ThreadBusyError:
            if time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def _thread(session: Session, thread: str, now: datetime) -> Thread:
    """The locked row of a thread, made where there is none."""
    try:
        return queries.get_thread(session, thread, lock=True)
    except UnknownThreadError:
        ledger.insert_missing(session, Thread, {"id": thread, "created": now, "updated": now})
        return queries.get_thread(session, thread, lock=True)


def _next_number(session: Session, thread: Thread) -> int:
    newest = session.scalar(select(func.max(Turn.number)).where(Turn.thread_id == thread.id))
    if newest is None:
        newest = session.scalar(select(Turn.number).where(Turn.id == thread.base_id))
    return (newest or 0) + 1


def _running(turn: Turn) -> RunningTurn:
    assert turn.owner is not None
    return RunningTurn(id=turn.id, thread=turn.thread_id, number=turn.number, owner=turn.owner)


def _still_open(turn: Turn) -> TurnOpenError:
    what = "waits for a decision" if turn.status == "needs_approval" else "was interrupted"
    return TurnOpenError(
        f"turn {turn.number} of thread {turn.thread_id!r} {what}: finish it with resume({turn.thread_id!r}), "
        "or give it up with abandon=True"
    )


def _storable(text: str) -> str:
    """Text without what databases refuse: NUL and lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
