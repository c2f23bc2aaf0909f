"""LangGraph's own savers for the running turn; what they hold is dropped when the turn ends (DESIGN §2).

With SQLite, checkpoints live in a file of their own, ``<database>-checkpoints``: in the conversation's file the saver
and the repository would wait for one write lock, and with four turns at once the slowest checkpoints took 0.4 to 0.9 s
instead of 0.06 s. The file may be deleted whenever no turn is open. PostgreSQL holds both in one database.

Checkpoints are read strictly: only the classes of messages.py and those that a caller names are made from them, never
a pickle. Still, whoever can write to this database can choose what an agent sees: keep it as private as the code.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, closing
from enum import Enum
from typing import TYPE_CHECKING, Any

import aiosqlite
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from pydantic import BaseModel
from sqlalchemy.engine import URL

from vitron_agent import messages
from vitron_agent.artifacts import ArtifactRef
from vitron_agent.config import Settings
from vitron_agent.memory.database import driver_needed, explain, is_memory, parse_url, turn_wal_on
from vitron_agent.memory.repository import Repository
from vitron_agent.memory.views import RunningTurn

if TYPE_CHECKING:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from psycopg import AsyncConnection

_BUSY_SECONDS = 30.0
_SETUP_LOCK = 0x7669_7403
"""Key of a PostgreSQL advisory lock."""
_KEPT = "SELECT DISTINCT thread_id FROM checkpoints"
_KEPT_IN_POSTGRES = """
SELECT thread_id, coalesce(bool_or(thread_id = concat(
    checkpoint->'channel_values'->>'thread', '/', checkpoint->'channel_values'->>'turn')), false) AS ours
FROM checkpoints GROUP BY thread_id
"""
"""What says itself to be a turn's is ours; others may keep their checkpoints in the same database."""


def serializer(allow: Iterable[type] = ()) -> JsonPlusSerializer:
    """Reads back the classes of messages.py, ArtifactRef and the given ones; anything else comes back as plain data."""
    ours = [
        kind
        for kind in vars(messages).values()
        if isinstance(kind, type) and issubclass(kind, BaseModel | Enum) and kind.__module__ == messages.__name__
    ]
    return JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=[*ours, ArtifactRef, *allow])


@asynccontextmanager
async def open_checkpointer(database: str, *, allow: Iterable[type] = ()) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """The asynchronous saver that belongs to a conversation database; use it on one event loop.

    Args:
        database: The repository's URL. PostgreSQL keeps checkpoints in the same database, SQLite in a file beside it.
        allow: Classes of graph state beside those of messages.py.

    Raises:
        ConfigError: The URL is wrong or the driver is missing.
        PersistenceError: The database cannot be opened.
    """
    url = parse_url(database)
    opened = _open_sqlite(url, allow) if url.drivername == "sqlite" else _open_postgres(url, allow)
    async with opened as saver:
        yield saver


async def drop(saver: BaseCheckpointSaver[Any], turn: RunningTurn) -> None:
    """Deletes the checkpoints of an ended turn."""
    await saver.adelete_thread(turn.checkpoint_thread)


async def drop_ended(saver: BaseCheckpointSaver[Any], repository: Repository) -> tuple[str, ...]:
    """Deletes the checkpoints of turns that ended (their process died before it dropped them) or were deleted.

    Returns:
        Their LangGraph thread ids.
    """
    if isinstance(saver, AsyncSqliteSaver):
        async with saver.lock, saver.conn.execute(_KEPT) as cursor:
            kept = {row[0]: row[0].rpartition("/")[2].isdecimal() for row in await cursor.fetchall()}
    else:
        kept = await _kept_in_postgres(saver)
    over = await asyncio.to_thread(_over, repository, kept)
    for thread in over:
        await saver.adelete_thread(thread)
    return over


async def unlock(saver: BaseCheckpointSaver[Any]) -> None:
    """Ends the transaction that a cancelled write left open, which keeps other processes from writing to SQLite."""
    if isinstance(saver, AsyncSqliteSaver):
        async with saver.lock:
            await saver.conn.rollback()


def _over(repository: Repository, kept: Mapping[str, bool]) -> tuple[str, ...]:
    """Of kept LangGraph threads (and whether they are surely ours) those whose turn is not open any more."""
    ended = set(repository.ended_turns(tuple(kept)))
    return tuple(name for name, ours in kept.items() if name in ended or (ours and not _is_open(repository, name)))


def _is_open(repository: Repository, checkpoint_thread: str) -> bool:
    thread, _, number = checkpoint_thread.rpartition("/")
    turn = repository.open_turn(thread)
    return turn is not None and turn.number == int(number)


@asynccontextmanager
async def checkpointer() -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """What ``checkpointer.path`` of langgraph.json names: the saver of the configured database.

    The server's LANGGRAPH_STRICT_MSGPACK=true adds the classes of the graph's state to what may be read.
    """
    async with open_checkpointer(Settings.load().database) as saver:
        yield saver


@asynccontextmanager
async def _open_sqlite(url: URL, allow: Iterable[type]) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    path = ":memory:" if is_memory(url) else f"{url.database}-checkpoints"
    try:
        if not is_memory(url):
            await asyncio.to_thread(_prepare_file, path)
        async with aiosqlite.connect(path, timeout=_BUSY_SECONDS) as connection:
            await connection.execute("PRAGMA synchronous = NORMAL")
            saver = AsyncSqliteSaver(connection, serde=serializer(allow))
            await saver.setup()
            try:
                yield saver
            finally:
                # A cancelled write leaves its transaction open, and a cancelled read's cursor keeps it, and the lock on
                # the file, alive after the close. Nobody may write in between.
                async with saver.lock:
                    await connection.rollback()
                    await connection.close()
    except sqlite3.Error as error:
        raise explain(error, url.set(database=path)) from error


def _prepare_file(path: str) -> None:
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as connection:
        connection.execute("PRAGMA auto_vacuum = FULL")  # what dropped turns leave goes back to the disk
        turn_wal_on(connection, _BUSY_SECONDS)


@asynccontextmanager
async def _open_postgres(url: URL, allow: Iterable[type]) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    with driver_needed(url):
        import psycopg
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
        from psycopg.rows import dict_row
        from psycopg_pool import AsyncConnectionPool, PoolTimeout
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    options: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0, "connect_timeout": 10}
    try:
        async with await psycopg.AsyncConnection.connect(address, row_factory=dict_row, **options) as connection:
            await _set_up_postgres(AsyncPostgresSaver(connection), connection)
        # A pool, because it replaces connections that a restarted server lost.
        pool = AsyncConnectionPool(
            address,
            kwargs={**options, "row_factory": dict_row},
            connection_class=psycopg.AsyncConnection[dict[str, Any]],
            min_size=1,
            max_size=2,
            open=False,
            check=AsyncConnectionPool.check_connection,
        )
        async with pool:
            yield AsyncPostgresSaver(pool, serde=serializer(allow))
    except (psycopg.Error, PoolTimeout) as error:
        raise explain(error, url) from error


async def _set_up_postgres(saver: "AsyncPostgresSaver", connection: "AsyncConnection[dict[str, Any]]") -> None:
    """Runs the saver's migrations, one process at a time.

    They build indexes concurrently, which waits for all open statements: a process that waited in pg_advisory_lock
    would never be waited out, so this asks again and again instead.
    """
    while True:
        answer = await connection.execute(f"SELECT pg_try_advisory_lock({_SETUP_LOCK}) AS got")
        if any([row["got"] async for row in answer]):
            break
        await asyncio.sleep(0.05)
    await saver.setup()  # the lock goes with the connection


async def _kept_in_postgres(saver: Any) -> dict[str, bool]:
    async with saver.conn.connection() as connection:
        rows = await (await connection.execute(_KEPT_IN_POSTGRES)).fetchall()
        return {row["thread_id"]: row["ours"] for row in rows}
