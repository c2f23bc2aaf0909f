"""The graph for ``langgraph dev`` and Studio, configured by ``VITRON_*`` variables; the server brings the saver."""

import asyncio
from functools import cache
from typing import Any

from langgraph.graph.state import CompiledStateGraph

from vitron_agent.artifacts import ArtifactStore
from vitron_agent.config import Settings
from vitron_agent.graphs.build import build
from vitron_agent.graphs.services import Services
from vitron_agent.memory.repository import Repository
from vitron_agent.profiles import load_profile


@cache
def _compiled() -> CompiledStateGraph[Any, Any, Any, Any]:
    settings = Settings.load()
    store = ArtifactStore(settings.artifacts)
    repository = Repository(settings.database, store)
    return build(Services.of(load_profile(settings), store=store, repository=repository, settings=settings))


async def graph() -> CompiledStateGraph[Any, Any, Any, Any]:
    """What langgraph.json names. The server calls it for each request; it is made once, weights load at first use."""
    return await asyncio.to_thread(_compiled)
