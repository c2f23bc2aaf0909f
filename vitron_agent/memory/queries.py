"""Questions to the tables, within a caller's transaction; all read bounded windows, never a whole conversation."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, Row, bindparam, false, literal, or_, select
from sqlalchemy.orm import Session, aliased

from vitron_agent.artifacts import ArtifactRef
from vitron_agent.errors import UnknownThreadError
from vitron_agent.memory.models import (
    OPEN_STATUSES,
    Artifact,
    Counter,
    HandleRow,
    LedgerEntry,
    Thread,
    Turn,
)
from vitron_agent.memory.views import NamedArtifact, TurnView
from vitron_agent.messages import Handle, InvocationResult, Plan, Region

_REF_FIELDS = tuple(ArtifactRef.model_fields)
_ENDLESS = 2**31 - 1


def _chain() -> CTE:
    first = select(Turn.id, Turn.parent_id, Turn.number, literal(0).label("depth")).where(Turn.id == bindparam("start"))
    line = first.cte("chain", recursive=True)
    parent = aliased(Turn)
    return line.union_all(
        select(parent.id, parent.parent_id, parent.number, line.c.depth + 1)
        .join(line, parent.id == line.c.parent_id)
        .where(line.c.depth + 1 < bindparam("length"), parent.number >= bindparam("down_to"))
    )


CHAIN = _chain()
"""A turn and its ancestors as (id, parent_id, number, depth), the turn itself at depth 0; see chain_from()."""
_NAMED = (
    select(
        HandleRow.stem, HandleRow.number, HandleRow.turn_id, HandleRow.slot, Turn.number, LedgerEntry.id,
        *(getattr(Artifact, name) for name in _REF_FIELDS),
    )
    .join(Turn, Turn.id == HandleRow.turn_id)
    .join(Artifact, Artifact.pk == HandleRow.artifact_pk)
    .outerjoin(LedgerEntry, LedgerEntry.pk == HandleRow.invocation_pk)
)  # fmt: skip
_NEWEST_FIRST = (Turn.number.desc(), HandleRow.position.desc(), HandleRow.ordinal.desc())
_NAMED_ON_CHAIN = _NAMED.join(CHAIN, CHAIN.c.id == HandleRow.turn_id).order_by(*_NEWEST_FIRST)


def get_thread(session: Session, thread: str, *, lock: bool = False) -> Thread:
    """The thread's row; raises UnknownThreadError."""
    # A lock that lets rows that refer to the thread be written meanwhile (PostgreSQL; SQLite locks the whole file).
    row = session.get(Thread, thread, with_for_update={"key_share": True} if lock else None)
    if row is None:
        raise UnknownThreadError(f"there is no thread {thread!r}; threads are made by their first turn")
    return row


def get_open_turn(session: Session, thread: str) -> Turn | None:
    """The turn that has not ended, if any; there is at most one."""
    return session.scalar(select(Turn).where(Turn.thread_id == thread, Turn.status.in_(OPEN_STATUSES)))


def taken_back(session: Session, turns: Sequence[Turn]) -> Sequence[Turn]:
    """The turns that some of these undid by a step of their plan: of each the newest one that it undid."""
    undone = {turn.began_after for turn in turns} - {turn.parent_id for turn in turns}
    return session.scalars(select(Turn).where(Turn.id.in_(undone))).all() if undone else ()


def current(session: Session, thread: Thread) -> Handle | None:
    """What "it" means in an idle thread."""
    return thread.selected or session.scalar(select(Turn.current).where(Turn.id == thread.head_id))


def has_ended(session: Session, thread: str, number: int) -> bool:
    """Whether the thread has such a turn, and it ended."""
    ended = select(Turn.id).where(Turn.thread_id == thread, Turn.number == number, Turn.finished.is_not(None))
    return session.scalar(ended) is not None


def viewpoint(session: Session, thread: Thread) -> int | None:
    """The turn whose past is what the thread sees: the open one, or else the newest that stands."""
    open_turn = get_open_turn(session, thread.id)
    return thread.head_id if open_turn is None else open_turn.id


def chain_from(start: int | None, *, length: int = _ENDLESS, down_to: int = 0) -> dict[str, int | None]:
    """The parameters of a statement on CHAIN.

    Args:
        start: Row of the turn; None gives an empty chain.
        length: How many turns at most.
        down_to: Ancestors with smaller numbers are left out (numbers fall along a chain).
    """
    return {"start": start, "length": length, "down_to": down_to}


def named_artifacts(
    session: Session, line: dict[str, int | None], *where: ColumnElement[bool], limit: int | None = None
) -> tuple[NamedArtifact, ...]:
    """The artifacts named on a chain, oldest first; with a limit the newest ones."""
    rows = session.execute(_NAMED_ON_CHAIN.where(*where).limit(limit), line).all()
    return tuple(_named(row) for row in rows[::-1])


def own_or_inherited(thread: str) -> ColumnElement[bool]:
    """A condition on Turn: it is the thread's, or in the past of a fork; for CHAIN from the thread's ``base_id``."""
    return (Turn.thread_id == thread) | Turn.id.in_(select(CHAIN.c.id))


def brought(session: Session, thread: Thread, turns: Collection[int] | None) -> tuple[NamedArtifact, ...]:
    """See Repository.brought."""
    line = chain_from(thread.base_id)
    given = _NAMED.where(
        own_or_inherited(thread.id), HandleRow.invocation_pk.is_(None), Artifact.kind.in_(("image", "video"))
    ).order_by(*_NEWEST_FIRST)
    if turns is None:
        newest = session.execute(given.limit(1), line).first()
        turns = [_named(newest).turn] if newest else []
    return tuple(_named(row) for row in session.execute(given.where(Turn.number.in_(turns)), line).all()[::-1])


def visible(session: Session, thread: Thread, handles: Sequence[Handle]) -> dict[Handle, NamedArtifact]:
    """Artifacts by handle, as the thread sees them now.

    Raises:
        UnknownThreadError: A handle is unknown, or was undone.
    """
    if not handles:
        return {}
    wanted = is_handle(handles)
    # A thread's own handles tell how far back to look; those of a fork's past do not.
    own = session.execute(
        select(HandleRow.stem, HandleRow.number, Turn.number)
        .join(Turn, Turn.id == HandleRow.turn_id)
        .where(HandleRow.thread_id == thread.id, wanted)
    )
    made = {f"{stem}-{number}": turn for stem, number, turn in own}
    down_to = min(made.values()) if len(made) == len(set(handles)) else 0
    line = chain_from(viewpoint(session, thread), down_to=down_to)
    found = {item.handle: item for item in named_artifacts(session, line, wanted)}
    for handle in handles:
        if handle not in found:
            why = f"was undone with turn {made[handle]}" if handle in made else "is unknown"
            raise UnknownThreadError(f"{handle} {why} in thread {thread.id!r}; history() shows what there is")
    return found


def is_handle(handles: Iterable[Handle]) -> ColumnElement[bool]:
    """A condition on HandleRow: it has one of these names."""
    wanted: dict[str, list[int]] = defaultdict(list)
    for handle in handles:
        stem, number = split_handle(handle)
        wanted[stem].append(number)
    return or_(false(), *((HandleRow.stem == stem) & HandleRow.number.in_(them) for stem, them in wanted.items()))


def split_handle(handle: Handle) -> tuple[str, int]:
    """``image-2`` as ("image", 2).

    Raises:
        UnknownThreadError: It is no handle.
    """
    stem, _, number = handle.rpartition("-")
    if not stem or not (number.isascii() and number.isdigit() and len(number) < 10):
        raise UnknownThreadError(f"{handle!r} is no handle; handles look like image-1")
    return stem, int(number)


def next_numbers(session: Session, thread: str) -> tuple[tuple[str, int], ...]:
    """Next free number of each stem that was used."""
    rows = session.execute(select(Counter.stem, Counter.next).where(Counter.thread_id == thread).order_by(Counter.stem))
    return tuple((stem, number) for stem, number in rows)


def turn_views(
    session: Session, turns: Sequence[Turn], standing: Collection[int], *, outcomes: bool = True
) -> tuple[TurnView, ...]:
    """Views of turns, in their order.

    Args:
        session: Of the transaction.
        turns: Which.
        standing: Rows of those that were not undone.
        outcomes: With their invocations and handles, which take most of the time.
    """
    ids = [turn.id for turn in turns] if outcomes else []
    results: dict[int, list[InvocationResult]] = defaultdict(list)
    handles: dict[int, list[NamedArtifact]] = defaultdict(list)
    if ids:
        for entry in session.scalars(
            select(LedgerEntry)
            .where(LedgerEntry.turn_id.in_(ids), LedgerEntry.status.is_not(None))
            .order_by(LedgerEntry.position, LedgerEntry.pk)
        ):
            results[entry.turn_id].append(read_result(entry))
        for row in session.execute(_NAMED.where(HandleRow.turn_id.in_(ids)).order_by(*_NEWEST_FIRST)).all()[::-1]:
            handles[row.turn_id].append(_named(row))
    return tuple(_view(turn, turn.id not in standing, results[turn.id], handles[turn.id]) for turn in turns)


def read_result(entry: LedgerEntry) -> InvocationResult:
    """The result of a finished ledger entry."""
    return InvocationResult.model_validate({**(entry.result or {}), "invocation": entry.invocation})


def artifact_values(ref: ArtifactRef) -> dict[str, object]:
    """Column values of an artifact's row."""
    return {**ref.model_dump(), "shape": None if ref.shape is None else list(ref.shape)}


def _named(row: Row[Any]) -> NamedArtifact:
    values = tuple(row)
    stem, number, _, slot, turn, invocation = values[:6]
    ref = ArtifactRef.model_validate(dict(zip(_REF_FIELDS, values[6:], strict=True)))
    return NamedArtifact(handle=f"{stem}-{number}", ref=ref, turn=turn, invocation=invocation, slot=slot)


def _view(turn: Turn, undone: bool, results: Sequence[InvocationResult], handles: Sequence[NamedArtifact]) -> TurnView:
    return TurnView(
        thread=turn.thread_id,
        number=turn.number,
        text=turn.request,
        attached=tuple(turn.attached),
        regions=tuple(Region.model_validate(region) for region in turn.regions),
        plan=None if turn.plan is None else Plan.model_validate(turn.plan),
        reply=turn.reply,
        status=turn.status,
        undone=undone,
        invocations=tuple(results),
        handles=tuple(handles),
        created=turn.created,
        finished=turn.finished,
    )
