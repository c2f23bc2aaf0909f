"""Engines, transactions and errors: SQLite and PostgreSQL behind one class."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Float

from vitron_agent.errors import ConfigError, PersistenceError
from vitron_agent.memory.models import SCHEMA_REVISION, VERSION_TABLE

_MIGRATION_LOCK = 0x7669_7401
_GARBAGE_LOCK = 0x7669_7402
"""Keys of PostgreSQL advisory locks."""
_ADVICE = {
    "file is not a database": "it is damaged or something else: move it away, or restore a backup",
    "malformed": "it is damaged: restore a backup, or move the file away to begin anew",
    "unable to open database file": "make its folder, or make it readable and writable",
    "readonly database": "make the file and its folder writable, or choose another place with database=",
    "disk I/O error": "the disk fails, or its folder is not writable: check it, then restore a backup if need be",
    "disk is full": "free some space and try again; nothing of this step was written",
    "database is locked": "another process writes for too long: raise busy_seconds, or use PostgreSQL",
    "does not exist": "create the database and its user, or mend their names in database=",
    "authentication failed": "mend user and password in database=",
    "too many clients": "raise max_connections of the server, or run fewer processes",
    "connection to server": "start the server, or mend host and port in database=",
    "No space left": "free some space on the server and try again; nothing of this step was written",
}
"""Signs in a driver's message, and what to do about each; the first that fits counts."""


class now_seconds(FunctionElement[float]):  # noqa: N801 (reads as an SQL function)
    """Seconds since 1970 by the database's clock, so that machines whose clocks differ agree on leases."""

    type = Float(53)
    inherit_cache = True


@compiles(now_seconds, "sqlite")
def _sqlite_now(element: now_seconds, compiler: SQLCompiler, **_: Any) -> str:  # noqa: ARG001
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now_seconds, "postgresql")
def _postgres_now(element: now_seconds, compiler: SQLCompiler, **_: Any) -> str:  # noqa: ARG001
    return "extract(epoch from clock_timestamp())::float8"


def parse_url(url: str) -> URL:
    """Reads a database URL; PostgreSQL is always spoken to through psycopg 3.

    Raises:
        ConfigError: It is no URL of SQLite or PostgreSQL.
    """
    help_text = "write sqlite:///vitron.db or postgresql://user:password@host/database"
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(f"the database setting is not a URL; {help_text}") from error
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if parsed.query:
            raise ConfigError(f"an SQLite URL takes no options; {help_text}")
        return parsed.set(drivername="sqlite")
    raise ConfigError(f"database {parsed.drivername!r} is not supported; {help_text}")


def is_memory(url: URL) -> bool:
    """Whether it is an SQLite database that lives in memory only."""
    return url.drivername == "sqlite" and url.database in (None, "", ":memory:")


class Database:
    """A migrated database and its transactions.

    Args:
        url: See :func:`parse_url`.
        busy_seconds: How long a transaction waits for another one.

    Raises:
        ConfigError: The URL is wrong or its driver is missing.
        PersistenceError: It cannot be opened, is damaged or newer than this code.
    """

    def __init__(self, url: str, busy_seconds: float) -> None:
        self.url = parse_url(url)
        self.is_sqlite = self.url.drivername == "sqlite"
        with driver_needed(self.url), self.explained():
            self.engine = make_engine(self.url, busy_seconds)
            self._writer = self.engine.execution_options(vitron_write=True)
            # SQLite has one writer at a time. Waiting for it here is fair; its own busy handler is not.
            self._turnstile = threading.Lock() if self.is_sqlite else nullcontext()
            try:
                _migrate(self.engine, self._writer)
            except BaseException:
                self.engine.dispose()
                raise

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A read-only transaction."""
        with self.explained(), Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that commits at the end, or rolls back on an error. SQLite locks at its beginning."""
        with self.explained(), self._turnstile, Session(self._writer) as session, session.begin():
            yield session

    def hold_garbage(self, session: Session, *, exclusive: bool = False) -> None:
        """Keeps garbage collection (or, exclusively, the writers of artifact rows) out until the transaction ends."""
        if not self.is_sqlite:  # an SQLite write transaction keeps everybody out anyway
            function = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
            session.execute(text(f"SELECT {function}({_GARBAGE_LOCK})"))

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turns the driver's errors into ours, which say what to do."""
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise explain(error, self.url) from error


@contextmanager
def driver_needed(url: URL) -> Iterator[None]:
    """Turns a failing import of a driver into a ConfigError."""
    try:
        yield
    except ImportError as error:
        raise ConfigError(
            f"the driver for {url.get_backend_name()} is missing ({error}); "
            "install it with: pip install 'vitron-agent[postgres]'"
        ) from error


def explain(error: Exception, url: URL) -> PersistenceError:
    """What happened to a database and what to do, from the driver's error."""
    name = url.render_as_string(hide_password=True)
    reason = str(error.orig if isinstance(error, DBAPIError) and error.orig is not None else error)
    reason = " ".join(reason.split())
    if isinstance(error, PoolTimeoutError):
        return PersistenceError(f"all connections to {name} stayed busy; use fewer threads at a time")
    fix = next((fix for sign, fix in _ADVICE.items() if sign in reason), "check the database and its log")
    return PersistenceError(f"{name}: {reason}; {fix}")


def make_engine(url: URL, busy_seconds: float = 30.0) -> Engine:
    """An engine with our connection settings; ``execution_options(vitron_write=True)`` locks SQLite at the begin."""
    return _sqlite_engine(url, busy_seconds) if url.drivername == "sqlite" else _postgres_engine(url)


def _sqlite_engine(url: URL, busy_seconds: float) -> Engine:
    connect_args = {"timeout": busy_seconds, "check_same_thread": False}
    make = partial(create_engine, url, connect_args=connect_args, json_serializer=_to_json, poolclass=QueuePool)
    # One connection is the whole of a memory database: threads take turns on it.
    limits = {"pool_size": 1, "max_overflow": 0} if is_memory(url) else {"pool_size": 8, "max_overflow": 56}
    engine = make(pool_timeout=max(busy_seconds, 1.0), **limits)

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # transactions begin where _begin says so
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose the last turns, never the file
        if not is_memory(url):
            turn_wal_on(connection, busy_seconds)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("vitron_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def turn_wal_on(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Makes readers and the writer independent of each other, once per file.

    SQLite does not wait for others here, so two first openers would trip over each other.
    """
    deadline = time.monotonic() + busy_seconds
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _postgres_engine(url: URL) -> Engine:
    return create_engine(
        url, json_serializer=_to_json, pool_pre_ping=True, pool_size=8, max_overflow=24, connect_args={
            "connect_timeout": 10, "application_name": "vitron-agent",
        },
    )  # fmt: skip


def _to_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _migrate(reader: Engine, writer: Engine) -> None:
    with reader.connect() as connection:
        found = _revision(connection)
    if found == SCHEMA_REVISION:
        return
    with writer.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
        from vitron_agent.memory import migrations

        migrations.upgrade(connection, _revision(connection))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
