"""Events of a turn onto LangGraph's custom stream."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context

from langgraph.config import get_stream_writer

from vitron_agent.events import Event


def emitter() -> Callable[[Event], None]:
    """What sends events of the running node; may be called from any thread."""
    writer = get_stream_writer()
    loop, context = asyncio.get_running_loop(), copy_context()

    def emit(event: Event) -> None:
        loop.call_soon_threadsafe(writer, event.to_json(), context=context)

    return emit
