"""What a running turn writes: results, artifacts, handles. Each function works within the caller's transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from vitron_agent.artifacts import HANDLE_STEMS, ArtifactRef, ArtifactStore
from vitron_agent.errors import ArtifactError, TurnLostError, UsageError
from vitron_agent.memory.database import Database
from vitron_agent.memory.models import Artifact, Base, Counter, HandleRow, LedgerEntry, Lineage, Pin, Signal, Turn
from vitron_agent.memory.queries import artifact_values, chain_from, named_artifacts, read_result, split_handle
from vitron_agent.memory.views import RunningTurn
from vitron_agent.messages import Handle, Invocation, InvocationResult, Plan, Region

PICTURES_AND_CLIPS = frozenset({"image", "video", "masks"})
"""Kinds that can be ``current``; only images and videos become so by themselves."""
ATTACHED = -1
"""Position of what came with the request, before all invocations."""
CARRIED_OVER = -2
"""Position of what came with undone turns: older than what came with the request."""
CARRIED = "carried"
"""Slot of what came with undone turns; what came with the request has ``attached``."""


@dataclass(frozen=True, slots=True)
class Backing:
    """What a repository stands on."""

    database: Database
    store: ArtifactStore
    lease_seconds: float


def guard(session: Session, turn: RunningTurn) -> Turn:
    """Locks and returns the turn's row; raises TurnLostError where it is no longer held."""
    row = session.get(Turn, turn.id, with_for_update=True)
    if row is None or row.owner != turn.owner or row.status != "running":
        raise TurnLostError(
            f"turn {turn.number} of thread {turn.thread!r} ended, was released or was taken over by resume; "
            "stop working on it"
        )
    return row


def claim(session: Session, turn: RunningTurn, invocation: Invocation, position: int) -> InvocationResult | None:
    """See Repository.claim_invocation."""
    if not invocation.id:
        raise UsageError("an invocation needs an id before it is claimed; validation gives it one")
    entry = _entry(session, turn.id, invocation.id)
    values = invocation.model_dump(mode="json")
    if entry is None:
        session.add(
            LedgerEntry(
                turn_id=turn.id, id=invocation.id, position=position, invocation=values, claims=1, claimed=_now()
            )
        )
        return None
    if entry.status is None:
        entry.claims += 1
        entry.claimed, entry.position, entry.invocation = _now(), position, values
        return None
    result = read_result(entry)
    if result.invocation != invocation:
        raise UsageError(f"invocation id {invocation.id!r} was used for another invocation of this turn")
    return result


def finish(session: Session, backing: Backing, row: Turn, result: InvocationResult) -> InvocationResult:
    """Writes the result of a claimed invocation, its artifacts, handles and lineage; the first result stays.

    Raises:
        ArtifactError: An output's bytes are not in the store.
        UsageError: It was not claimed, or an output handle is taken.
    """
    entry = _entry(session, row.id, result.invocation.id)
    if entry is None:
        raise UsageError(f"invocation {result.invocation.id!r} was not claimed in turn {row.number}; claim it first")
    if entry.status is not None:
        return read_result(entry)
    entry.status = result.status
    entry.invocation = result.invocation.model_dump(mode="json")
    entry.result = result.model_dump(mode="json", exclude={"invocation"})
    entry.finished = _now()
    keys = put_artifacts(session, backing, [output.ref for output in result.outputs])
    for ordinal, output in enumerate(result.outputs):
        key = keys[output.ref.id, output.ref.kind]
        session.add(Lineage(invocation_pk=entry.pk, ordinal=ordinal, slot=output.slot, artifact_pk=key))
        if output.handle is None:
            continue
        stem, number = _new_name(session, row.thread_id, output.handle, output.ref)
        session.add(
            HandleRow(
                thread_id=row.thread_id, stem=stem, number=number, turn_id=row.id, artifact_pk=key,
                invocation_pk=entry.pk, position=entry.position, ordinal=ordinal, slot=output.slot,
            )
        )  # fmt: skip
    main = result.outputs[0] if result.outputs else None  # a matte's cutout comes beside it and replaces no picture
    if main is not None and main.handle and main.ref.kind in ("image", "video"):
        set_current(row, main.handle, entry.position)
    return result


def attach(
    session: Session,
    backing: Backing,
    row: Turn,
    attachments: Sequence[ArtifactRef | Handle],
    *,
    position: int = ATTACHED,
    slot: str = "attached",
) -> tuple[Handle, ...]:
    """Names new artifacts and notes all handles on the turn's row; known handles must have been checked."""
    refs = [item for item in attachments if isinstance(item, ArtifactRef)]
    keys = put_artifacts(session, backing, refs)
    handles = []
    for ordinal, item in enumerate(attachments, len(row.attached)):
        if isinstance(item, ArtifactRef):
            stem = HANDLE_STEMS[item.kind]
            number = allot(session, row.thread_id, stem)
            session.add(
                HandleRow(
                    thread_id=row.thread_id, stem=stem, number=number, turn_id=row.id,
                    artifact_pk=keys[item.id, item.kind], position=position, ordinal=ordinal, slot=slot,
                )
            )  # fmt: skip
            handles.append(f"{stem}-{number}")
        else:
            handles.append(item)
    row.attached = [*row.attached, *handles]
    return tuple(handles)


def carry(session: Session, backing: Backing, row: Turn, refs: Sequence[ArtifactRef]) -> tuple[Handle, ...]:
    """See Repository.carry."""
    line = chain_from(row.id, length=1)
    carried = {item.ref: item.handle for item in named_artifacts(session, line, HandleRow.slot == CARRIED)}
    missing = [ref for ref in dict.fromkeys(refs) if ref not in carried]
    handles = attach(session, backing, row, missing, position=CARRIED_OVER, slot=CARRIED)
    carried |= dict(zip(missing, handles, strict=True))
    if refs:
        set_current(row, carried[refs[-1]], CARRIED_OVER)
    return tuple(carried[ref] for ref in dict.fromkeys(refs))


def set_current(row: Turn, handle: Handle, position: int) -> None:
    """Makes a handle current unless a later invocation of the turn did so already (parallel ones end in any order)."""
    if row.current_position is None or position >= row.current_position:
        row.current, row.current_position = handle, position


def allot(session: Session, thread: str, stem: str) -> int:
    """The next number of a stem; the running turn's row lock keeps others out."""
    counter = _counter(session, thread, stem)
    number = counter.next
    counter.next += 1
    session.flush()
    return number


def reserve(session: Session, row: Turn, plan: Plan) -> None:
    """Keeps the numbers of a plan's outputs from being allotted.

    Raises:
        UsageError: An output handle belongs to an earlier turn.
    """
    for invocation in plan.invocations:
        if invocation.output is None:
            continue
        stem, number = split_handle(invocation.output)
        counter = _counter(session, row.thread_id, stem)
        taken = session.get(HandleRow, (row.thread_id, stem, number))
        if number < counter.first or (taken is not None and taken.turn_id != row.id):
            raise UsageError(f"output {invocation.output} of the plan is taken; the next is {stem}-{counter.next}")
        counter.next = max(counter.next, number + 1)
        session.flush()


def keep_signals(session: Session, backing: Backing, row: Turn, plan: Plan) -> None:
    """Notes the signals of a plan, which keeps their tensors."""
    signals = {item.id: item.signal for item in plan.invocations if item.signal is not None}
    if not signals:
        return
    backing.database.hold_garbage(session)
    require(backing.store, [signal.artifact for signal in signals.values()])
    for invocation_id, signal in signals.items():
        session.merge(
            Signal(
                turn_id=row.id, invocation_id=invocation_id, artifact_id=signal.artifact,
                num_shared=signal.num_shared, num_private=signal.num_private, dim=signal.dim,
            )
        )  # fmt: skip


def pin_masks(session: Session, backing: Backing, row: Turn, regions: Sequence[Region]) -> None:
    """Keeps the masks that the user drew from garbage collection."""
    masks = {region.artifact for region in regions if region.artifact is not None}
    if masks:
        backing.database.hold_garbage(session)
        require(backing.store, masks)
        session.add_all(Pin(turn_id=row.id, artifact_id=mask) for mask in sorted(masks))


def put_artifacts(session: Session, backing: Backing, refs: Sequence[ArtifactRef]) -> Mapping[tuple[str, str], int]:
    """Rows of artifacts, made where they are missing, as {(id, kind): pk}; garbage collection is kept out."""
    if not refs:
        return {}
    backing.database.hold_garbage(session)
    require(backing.store, refs)
    wanted = {(ref.id, ref.kind): ref for ref in refs}
    keys = _artifact_keys(session, wanted)
    missing = sorted(wanted.keys() - keys.keys())  # one order for all writers: no deadlock
    for key in missing:
        insert_missing(session, Artifact, {**artifact_values(wanted[key]), "created": _now()})
    return keys | _artifact_keys(session, missing)


def _artifact_keys(session: Session, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    if not wanted:
        return {}
    found = session.execute(
        select(Artifact.id, Artifact.kind, Artifact.pk).where(tuple_(Artifact.id, Artifact.kind).in_(wanted))
    )
    return {(artifact_id, kind): pk for artifact_id, kind, pk in found}


def require(store: ArtifactStore, artifacts: Iterable[ArtifactRef | str]) -> None:
    """Raises ArtifactError unless the store holds all of them: no row names bytes that are not there."""
    for artifact in artifacts:
        if not store.exists(artifact):
            name = artifact.id if isinstance(artifact, ArtifactRef) else artifact
            raise ArtifactError(f"{name} is not in the store {store.url}; put it there before it is recorded")


def insert_missing(session: Session, table: type[Base], values: Mapping[str, Any]) -> None:
    """Inserts a row unless one with its key is there, whoever writes it at the same time."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    session.execute(dialect.insert(table).values(values).on_conflict_do_nothing())


def _entry(session: Session, turn_id: int, invocation_id: str) -> LedgerEntry | None:
    return session.scalar(select(LedgerEntry).where(LedgerEntry.turn_id == turn_id, LedgerEntry.id == invocation_id))


def _new_name(session: Session, thread: str, handle: Handle, ref: ArtifactRef) -> tuple[str, int]:
    stem, number = split_handle(handle)
    if stem != HANDLE_STEMS[ref.kind]:
        raise UsageError(f"output {handle} is of kind {ref.kind}; its handle must begin with {HANDLE_STEMS[ref.kind]}")
    counter = _counter(session, thread, stem)
    if number < counter.first or session.get(HandleRow, (thread, stem, number)) is not None:
        raise UsageError(f"handle {handle} is taken; the next is {stem}-{counter.next}")
    counter.next = max(counter.next, number + 1)
    return stem, number


def _counter(session: Session, thread: str, stem: str) -> Counter:
    counter = session.get(Counter, (thread, stem))
    if counter is None:
        counter = Counter(thread_id=thread, stem=stem, first=1, next=1)
        session.add(counter)
    return counter


def _now() -> datetime:
    return datetime.now(UTC)
