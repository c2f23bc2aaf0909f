"""Deleting conversations and collecting the artifacts that no conversation needs any more."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from itertools import islice

from sqlalchemy import ColumnElement, delete, exists, func, select, union, update
from sqlalchemy.orm import Session

from vitron_agent.artifacts import ArtifactStore
from vitron_agent.errors import ArtifactError
from vitron_agent.memory.ledger import Backing
from vitron_agent.memory.models import OPEN_STATUSES, Artifact, HandleRow, Lineage, Pin, Signal, Thread, Turn
from vitron_agent.memory.queries import CHAIN, chain_from

_BATCH = 100
"""Artifacts deleted in one transaction; writers of artifacts wait for it."""


def delete_thread(session: Session, thread: Thread) -> None:
    """Deletes a thread's rows; turns that a fork sees become the fork's own."""
    own = select(Turn.id).where(Turn.thread_id == thread.id)
    for fork in session.scalars(select(Thread).where(Thread.base_id.in_(own)).order_by(Thread.created, Thread.id)):
        _hand_over(session, thread, fork)
    session.flush()
    session.execute(delete(Thread).where(Thread.id == thread.id))


def _hand_over(session: Session, thread: Thread, fork: Thread) -> None:
    """Numbers cannot clash: a fork counts on from its base, and its handles from the counters at that time."""
    line = chain_from(fork.base_id)
    shared = select(CHAIN.c.id).join(Turn, Turn.id == CHAIN.c.id).where(Turn.thread_id == thread.id)
    before = session.scalars(
        select(CHAIN.c.parent_id).where(CHAIN.c.id.in_(shared)).order_by(CHAIN.c.number).limit(1), line
    ).all()
    if not before:
        return  # another fork took them
    for table, turn_id in ((HandleRow, HandleRow.turn_id), (Turn, Turn.id)):
        moving = update(table).where(turn_id.in_(shared)).values(thread_id=fork.id)
        session.execute(moving.execution_options(synchronize_session=False), line)
    fork.base_id = before[0]


def collect(backing: Backing, grace: timedelta) -> tuple[str, ...]:
    """See Repository.collect_garbage."""
    database, store = backing.database, backing.store
    with database.read() as session:
        begun = session.scalar(select(func.min(Turn.created)).where(Turn.status.in_(OPEN_STATUSES)))
    # What an open turn made may be known to its checkpoint only, until it resumes.
    now = datetime.now(UTC)
    cutoff = now - grace if begun is None else min(now - grace, begun)
    deleted: list[str] = []
    ids = store.ids()
    while batch := list(islice(ids, _BATCH)):
        with database.read() as session:
            suspects = _unneeded(session, store, batch, cutoff)
        if suspects:
            with database.write() as session:
                database.hold_garbage(session, exclusive=True)
                doomed = _unneeded(session, store, suspects, cutoff)
                session.execute(delete(Artifact).where(Artifact.id.in_(doomed)))
                for artifact in doomed:
                    store.delete(artifact)
            deleted += doomed
    return tuple(deleted)


def _unneeded(session: Session, store: ArtifactStore, ids: Collection[str], cutoff: datetime) -> list[str]:
    needed = set(
        session.scalars(
            union(
                select(Artifact.id).where(Artifact.id.in_(ids), _is_named()),
                select(Signal.artifact_id).where(Signal.artifact_id.in_(ids)),
                select(Pin.artifact_id).where(Pin.artifact_id.in_(ids)),
            )
        )
    )
    oldest = (datetime.now(UTC) - cutoff).total_seconds()
    return [artifact for artifact in ids if artifact not in needed and _age(store, artifact) >= oldest]


def _is_named() -> ColumnElement[bool]:
    return exists().where(HandleRow.artifact_pk == Artifact.pk) | exists().where(Lineage.artifact_pk == Artifact.pk)


def _age(store: ArtifactStore, artifact: str) -> float:
    try:
        return store.age(artifact)
    except ArtifactError:  # another collector was faster
        return -1.0
