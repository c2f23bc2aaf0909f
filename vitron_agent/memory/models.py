"""The tables. A thread's turns form a tree: undo moves the thread's head, a fork's first turn has a foreign parent.

Whoever changes a table adds a migration (``alembic revision --autogenerate``) and sets ``SCHEMA_REVISION``.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA_REVISION = "0002"
"""The migration that these models describe."""
VERSION_TABLE = "vitron_schema_version"
MAX_THREAD_LENGTH = 200
OPEN_STATUSES = ("running", "needs_approval")


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes on all databases (SQLite keeps no zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002, D102
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Row = BigInteger().with_variant(Integer, "sqlite")
Document = JSON(none_as_null=True)
Key = Annotated[int, mapped_column(Row, primary_key=True)]
ThreadName = Annotated[str, mapped_column(String(MAX_THREAD_LENGTH))]
ContentId = Annotated[str, mapped_column(String(71))]
"""``sha256:`` and 64 hexadecimal digits."""


def _owned_by(column: str) -> ForeignKey:
    return ForeignKey(column, ondelete="CASCADE")


class Base(DeclarativeBase):
    """All tables carry a prefix: a PostgreSQL database is often shared with other programs."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime(), dict[str, Any]: Document, list[Any]: Document}  # noqa: RUF012


class Thread(Base):
    """A conversation.

    ``head_id`` is the newest turn that stands, ``base_id`` the turn that a fork began after. They are no foreign keys,
    because threads and turns would need each other. ``selected`` overrides the head's ``current`` until the head moves
    (the head may be another thread's head, too).
    """

    __tablename__ = "vitron_threads"

    id: Mapped[ThreadName] = mapped_column(primary_key=True)
    head_id: Mapped[int | None] = mapped_column(Row)
    base_id: Mapped[int | None] = mapped_column(Row, index=True)
    selected: Mapped[str | None] = mapped_column(String(32))
    created: Mapped[datetime]
    updated: Mapped[datetime] = mapped_column(UtcDateTime(), index=True)


class Turn(Base):
    """One request and what became of it; its ancestors by ``parent_id`` are its past.

    ``began_after`` is the parent that it was opened with: "undo that" gives a running turn an older parent.
    ``current`` is the newest or selected picture as of this turn, ``began_with`` the one as of its parent;
    ``current_position`` is the position of the invocation that set it (-1: attached; -2: carried over from an
    undone turn; None: inherited).
    ``owner`` and ``lease_until`` (seconds since 1970 by the database's clock) say who writes it; see leases.py.
    """

    __tablename__ = "vitron_turns"
    __table_args__ = (
        UniqueConstraint("thread_id", "number"),
        Index(
            "uq_vitron_turns_one_open",
            "thread_id",
            unique=True,
            sqlite_where=text("status IN ('running', 'needs_approval')"),
            postgresql_where=text("status IN ('running', 'needs_approval')"),
        ),
    )

    id: Mapped[Key]
    thread_id: Mapped[ThreadName] = mapped_column(_owned_by("vitron_threads.id"))
    number: Mapped[int]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("vitron_turns.id"), index=True)
    began_after: Mapped[int | None] = mapped_column(Row)
    request: Mapped[str] = mapped_column(Text)
    attached: Mapped[list[Any]]
    regions: Mapped[list[Any]]
    plan: Mapped[dict[str, Any] | None]
    reply: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[str] = mapped_column(String(16))
    began_with: Mapped[str | None] = mapped_column(String(32))
    current: Mapped[str | None] = mapped_column(String(32))
    current_position: Mapped[int | None]
    owner: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[float] = mapped_column(Float(53), default=0.0)
    created: Mapped[datetime]
    finished: Mapped[datetime | None]


class LedgerEntry(Base):
    """An invocation that was claimed (``result`` is None) or is finished; found by its id within the turn."""

    __tablename__ = "vitron_invocations"
    __table_args__ = (UniqueConstraint("turn_id", "id"),)

    pk: Mapped[Key]
    turn_id: Mapped[int] = mapped_column(Row, _owned_by("vitron_turns.id"))
    id: Mapped[str] = mapped_column(String(200))
    position: Mapped[int]
    invocation: Mapped[dict[str, Any]]
    status: Mapped[str | None] = mapped_column(String(16))
    result: Mapped[dict[str, Any] | None]
    claims: Mapped[int]
    claimed: Mapped[datetime]
    finished: Mapped[datetime | None]


class Artifact(Base):
    """What the store holds under ``id``, read as ``kind``."""

    __tablename__ = "vitron_artifacts"
    __table_args__ = (UniqueConstraint("id", "kind"),)

    pk: Mapped[Key]
    id: Mapped[ContentId]
    kind: Mapped[str] = mapped_column(String(16))
    mime: Mapped[str] = mapped_column(String(100))
    nbytes: Mapped[int] = mapped_column(BigInteger)
    width: Mapped[int | None]
    height: Mapped[int | None]
    frames: Mapped[int | None]
    fps: Mapped[float | None] = mapped_column(Float(53))
    dtype: Mapped[str | None] = mapped_column(String(32))
    shape: Mapped[list[Any] | None]
    created: Mapped[datetime]


class HandleRow(Base):
    """The name of an artifact in a thread: ``<stem>-<number>``. Rows stay when their turn is undone.

    In the order of their making: turn, ``position`` of the invocation (negative: see Turn), ``ordinal`` in its outputs.
    """

    __tablename__ = "vitron_handles"

    thread_id: Mapped[ThreadName] = mapped_column(_owned_by("vitron_threads.id"), primary_key=True)
    stem: Mapped[str] = mapped_column(String(16), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    turn_id: Mapped[int] = mapped_column(Row, _owned_by("vitron_turns.id"), index=True)
    artifact_pk: Mapped[int] = mapped_column(Row, ForeignKey("vitron_artifacts.pk"), index=True)
    invocation_pk: Mapped[int | None] = mapped_column(Row, _owned_by("vitron_invocations.pk"), index=True)
    position: Mapped[int]
    ordinal: Mapped[int]
    slot: Mapped[str] = mapped_column(String(32))


class Counter(Base):
    """Next free number of a stem in a thread. Numbers below ``first`` belong to a fork's past."""

    __tablename__ = "vitron_counters"

    thread_id: Mapped[ThreadName] = mapped_column(_owned_by("vitron_threads.id"), primary_key=True)
    stem: Mapped[str] = mapped_column(String(16), primary_key=True)
    first: Mapped[int]
    next: Mapped[int]


class Lineage(Base):
    """Which artifact an output slot of an invocation became (slots without a handle too)."""

    __tablename__ = "vitron_lineage"

    invocation_pk: Mapped[int] = mapped_column(Row, _owned_by("vitron_invocations.pk"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    slot: Mapped[str] = mapped_column(String(32))
    artifact_pk: Mapped[int] = mapped_column(Row, ForeignKey("vitron_artifacts.pk"), index=True)


class Signal(Base):
    """The SignalEmbedding of a planned invocation; see SignalRef."""

    __tablename__ = "vitron_signals"

    turn_id: Mapped[int] = mapped_column(Row, _owned_by("vitron_turns.id"), primary_key=True)
    invocation_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    artifact_id: Mapped[ContentId] = mapped_column(index=True)
    num_shared: Mapped[int]
    num_private: Mapped[int]
    dim: Mapped[int]


class Pin(Base):
    """An artifact that a turn needs under no name: a mask that the user drew."""

    __tablename__ = "vitron_pins"

    turn_id: Mapped[int] = mapped_column(Row, _owned_by("vitron_turns.id"), primary_key=True)
    artifact_id: Mapped[ContentId] = mapped_column(primary_key=True, index=True)
