"""Alembic migrations, run when a database is opened."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from vitron_agent.errors import PersistenceError


def config(connection: Connection) -> Config:
    """An Alembic configuration that works on an open connection."""
    made = Config()
    made.set_main_option("script_location", str(files(__name__)).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection, found: str | None) -> None:
    """Brings the schema up to date within the connection's transaction.

    Args:
        connection: With a transaction that keeps others out.
        found: The revision that it is at; None = blank.

    Raises:
        PersistenceError: A newer version of this package wrote it.
    """
    settings = config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(settings).walk_revisions()}
    if found is not None and found not in known:
        raise PersistenceError(
            f"the database has schema {found!r}, which a newer vitron-agent wrote; "
            "upgrade with: pip install -U vitron-agent"
        )
    command.upgrade(settings, "head")
