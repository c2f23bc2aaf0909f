"""LangGraph's own savers for the running turn; what they hold is dropped when the turn ends (DESIGN §2)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from langgraph.checkpoint.base import BaseCheckpointSaver

from vitron_agent.memory.views import RunningTurn


@asynccontextmanager
async def open_checkpointer(database: str) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """The asynchronous saver that belongs to a conversation database; use it on one event loop.

    Args:
        database: The repository's URL. PostgreSQL keeps checkpoints in the same database, SQLite in a file beside it.

    Raises:
        ConfigError: The driver is missing.
        PersistenceError: The database cannot be opened.
    """
    raise NotImplementedError
    yield


async def drop(saver: BaseCheckpointSaver[str], turn: RunningTurn) -> None:
    """Deletes the checkpoints of an ended turn."""


@asynccontextmanager
async def checkpointer() -> AsyncIterator[BaseCheckpointSaver[str]]:
    """What ``checkpointer.path`` of langgraph.json names: the saver of the configured database."""
    raise NotImplementedError
    yield
