"""A PostgreSQL server for tests: the one that VITRON_TEST_POSTGRES names, or a private one from local binaries."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

_REASON = "no PostgreSQL: set VITRON_TEST_POSTGRES=postgresql://user:password@host/database, or install postgresql"


class NoPostgresError(Exception):
    """Neither a server nor binaries are there."""


def _binaries() -> Path:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    folders += [Path(on_path).parent] if on_path else []
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise NoPostgresError(_REASON)


@contextmanager
def server() -> Iterator[URL]:
    """A server's URL with the right to create databases.

    Raises:
        NoPostgresError: Neither a server nor binaries are there.
    """
    given = os.environ.get("VITRON_TEST_POSTGRES")
    if given:
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    binaries = _binaries()
    # PostgreSQL refuses to run as root, and its user must reach the folder.
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="vitron-pg-", ignore_cleanup_errors=True) as name:
        if user is not None:
            os.chown(name, user.pw_uid, user.pw_gid)
        data = f"{name}/data"

        def run(*command: str) -> None:
            identity = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            with Path(name, "log").open("ab") as log:
                subprocess.run(command, check=True, cwd=name, stdout=log, stderr=log, **identity)

        run(f"{binaries}/initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={name} -c fsync=off -c max_connections=200"
        run(f"{binaries}/pg_ctl", "-D", data, "-o", options, "-w", "start")
        try:
            yield URL.create("postgresql+psycopg", "postgres", database="postgres", query={"host": name})
        finally:
            run(f"{binaries}/pg_ctl", "-D", data, "-m", "immediate", "stop")


@contextmanager
def database(server_url: URL) -> Iterator[str]:
    """The URL of a fresh database on a server, dropped at the end."""
    name = f"vitron_test_{uuid.uuid4().hex[:12]}"
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield server_url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        engine.dispose()
