"""Opens the turn: finds the request in the messages and takes its media through the gate."""

import asyncio
import base64
import binascii
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage
from langgraph.config import get_config
from langgraph.types import Overwrite
from pydantic import ValidationError

from vitron_agent.artifacts import ArtifactRef
from vitron_agent.errors import MediaError, MediaLimitError, MediaSourceError, TurnCancelled, UsageError
from vitron_agent.graphs.approval import kept
from vitron_agent.graphs.services import Node, Services
from vitron_agent.graphs.state import TurnInput
from vitron_agent.graphs.toolcalls import asks_modules
from vitron_agent.graphs.workers import Stop
from vitron_agent.ingest import Source, ingest
from vitron_agent.memory.views import RunningTurn
from vitron_agent.messages import Region

OUR_NAME = "vitron"
_MEDIA = frozenset({"image", "video", "file"})


def ingest_node(services: Services) -> Node:
    """Makes the node.

    ``VitronAgent`` has begun the turn and taken its media in. Elsewhere (Studio, a parent graph) the thread of the
    run's configuration names the conversation, and media come as content blocks of the messages since our last reply.
    """

    async def ingest(state: TurnInput) -> dict[str, Any]:
        messages = state["messages"]
        request = next((message for message in reversed(messages) if isinstance(message, HumanMessage)), None)
        given = asks_modules(messages[-1]) if messages else False
        if request is None and not given:
            raise UsageError(
                "messages hold no request: end them with a HumanMessage, or an AIMessage that calls modules"
            )
        text = request.text if request is not None else ""
        regions = _read_regions(state.get("regions") or ())
        thread_id = get_config()["configurable"].get("thread_id")
        opened = services.turns.on_checkpoint(thread_id) if thread_id else None
        if opened is None:
            thread = str(thread_id or uuid.uuid4())
            stop = Stop()
            try:
                running, update = await asyncio.to_thread(_open, services, thread, text, messages, regions, stop)
            except BaseException:
                stop.set("its run failed")  # where this was cancelled, _open still runs
                held = services.turns.of_thread(thread)
                if held is not None and held.stop is stop:
                    await asyncio.to_thread(services.turns.give_up, thread, held.running.number)
                raise
        else:
            running, update = opened.running, {"failure": ""}
        begun = {"thread": running.thread, "turn": running.number, "text": text, "given": given, "regions": regions}
        return {**_FRESH, **update, **begun, "approval": kept(services.approval)}

    return ingest


def _read_regions(given: Sequence[Any]) -> tuple[Region, ...]:
    """Regions; a server's input holds them as JSON."""
    try:
        return tuple(map(Region.model_validate, given))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"regions: {place or 'a region'}: {first['msg']}") from error


_FRESH: dict[str, Any] = {
    "attempt": 0, "plan": None, "known": {}, "problem": "", "call_ids": (), "ask": False, "start": None,
    "rejections": (), "refusals": 0, "replans": 0, "position": 0, "seconds": 0.0, "halt": "",
    "candidates": Overwrite({}), "turn_results": Overwrite({}),
}  # fmt: skip
"""Under Studio the state of the last turn is still there."""


def _open(
    services: Services, thread: str, text: str, messages: Sequence[AnyMessage], regions: tuple[Region, ...], stop: Stop
) -> tuple[RunningTurn, dict[str, Any]]:
    failure, refs = "", dict[str, list[ArtifactRef]]()
    try:
        if len(text) > services.settings.max_characters:
            raise MediaLimitError(f"the message has {len(text)} characters; {services.settings.max_characters} may be")
        refs = _take_media(services, messages)
    except MediaError as error:
        failure = str(error)
    if stop.is_set():
        raise TurnCancelled(stop.reason)
    _leave_asking(services, thread)
    flat = [ref for taken in refs.values() for ref in taken]
    running = services.repository.begin_turn(
        thread, text[: services.settings.max_characters], flat, regions, abandon=True
    )
    services.turns.enter(running, stop, of_graph=True)
    if stop.is_set():
        services.turns.give_up(thread, running.number)
    handles = iter(services.repository.recall(thread).attached)
    replaced = [
        _without_media(message, [next(handles) for _ in refs[message.id]]) for message in messages if message.id in refs
    ]
    return running, {"failure": failure, "messages": replaced}


def _leave_asking(services: Services, thread: str) -> None:
    """A new message takes the place of a turn that waits for a decision."""
    held = services.turns.of_thread(thread)
    if held is not None and held.asking:
        services.repository.finish_turn(held.running, "stopped", "Stopped: a new message came instead of a decision.")
        services.turns.leave(thread, held.running.number)


def _take_media(services: Services, messages: Sequence[AnyMessage]) -> dict[str, list[ArtifactRef]]:
    """Artifacts by the id of the message that they came with."""
    ours = [number for number, message in enumerate(messages) if message.name == OUR_NAME]
    new = [message for message in messages[ours[-1] + 1 if ours else 0 :] if isinstance(message, HumanMessage)]
    settings = services.settings
    taken: dict[str, list[ArtifactRef]] = {}
    for message in new:
        refs = [
            ingest(source, store=services.store, limits=settings.limits, roots=settings.roots)
            for source in _sources(message)
        ]
        if refs:
            taken[str(message.id)] = refs
    if (count := sum(map(len, taken.values()))) > settings.max_attachments:
        raise MediaLimitError(f"{count} media came at once; {settings.max_attachments} may (setting max_attachments)")
    return taken


def _sources(message: BaseMessage) -> Iterator[Source]:
    """What the media blocks of a message hold: bytes, https addresses or ids of earlier artifacts; never paths."""
    for block in message.content_blocks:
        if block["type"] not in _MEDIA:
            continue
        fields: dict[str, Any] = dict(block)
        address = fields.get("url", "")
        encoded = fields.get("base64")
        if address.startswith("data:"):
            encoded = address.partition(",")[2]
        if encoded is not None:
            try:
                yield base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError) as error:
                raise MediaSourceError(f"a {block['type']} block is not valid base64: {error}") from error
        elif address.startswith("https://") or str(fields.get("file_id", "")).startswith("sha256:"):
            yield address or fields["file_id"]
        else:
            raise MediaSourceError(
                f"a {block['type']} block needs base64, an https: url, or an artifact's id as file_id"
            )


def _without_media(message: BaseMessage, handles: Sequence[str]) -> HumanMessage:
    """The message with each medium replaced by its handle, so that state stays small."""
    rest = iter(handles)
    blocks: list[str | dict[Any, Any]] = [
        {"type": "text", "text": f"[{next(rest)}]"} if block["type"] in _MEDIA else dict(block)
        for block in message.content_blocks
    ]
    return HumanMessage(content=blocks, id=message.id, name=message.name)
