"""Runs turns through the graph, and finishes what crashed, waits for a decision or was cancelled."""

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any
from weakref import WeakValueDictionary

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Command, Interrupt

from vitron_agent.artifacts import ArtifactRef
from vitron_agent.errors import (
    PersistenceError,
    ThreadBusyError,
    TurnCancelled,
    TurnOpenError,
    UnknownThreadError,
    UsageError,
    VitronError,
)
from vitron_agent.events import Event
from vitron_agent.graphs.approval import describe, read_decisions, read_pending
from vitron_agent.graphs.build import build, recursion_limit
from vitron_agent.graphs.reply import render
from vitron_agent.graphs.services import Services
from vitron_agent.graphs.state import SAVED_TYPES
from vitron_agent.graphs.workers import Stop
from vitron_agent.memory.checkpoints import drop, drop_ended, open_checkpointer, unlock
from vitron_agent.memory.views import RunningTurn, TurnView
from vitron_agent.messages import Handle, InvocationResult, Region
from vitron_agent.replies import Reply, ReplyStatus, step_of, view_of

Listener = Callable[[Event], None]
CANCELLED = "you cancelled it"
BUSY_SECONDS = 60.0
"""How long a message waits for another process's turn of the same thread; a dead one elsewhere is known after 30 s."""


class Runner:
    """Everything of ``VitronAgent`` that lives on its background event loop.

    Args:
        services: What the graph works with.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._stack = AsyncExitStack()
        self._closing = False

    async def open(self) -> None:
        """Opens the checkpoints, and drops those of turns that ended in a crash."""
        opened = open_checkpointer(self._services.settings.database, allow=SAVED_TYPES)
        self._saver: BaseCheckpointSaver[Any] = await self._stack.enter_async_context(opened)
        self._graph = build(self._services, checkpointer=self._saver)
        if not self._services.settings.keep_checkpoints:
            await drop_ended(self._saver, self._services.repository)

    async def close(self) -> None:
        """Closes the checkpoints."""
        await self._stack.aclose()

    def leave_turns_open(self) -> None:
        """From now on cancelled turns are left for ``resume`` instead of being ended."""
        self._closing = True

    # -- turns ---------------------------------------------------------------------------------------------------

    async def turn(
        self,
        thread: str,
        text: str,
        attachments: Sequence[ArtifactRef | Handle],
        regions: Sequence[Region],
        *,
        listener: Listener | None = None,
        stop: Stop | None = None,
    ) -> Reply:
        """Begins a turn and runs it to its end or to its approval."""
        async with self._alone_on(thread):
            held = self._services.turns.of_thread(thread)
            if held is not None and held.asking:  # in a graph without us; nobody works on it while it waits
                await asyncio.to_thread(self._services.turns.give_up, thread, held.running.number)
            try:
                begin = self._services.repository.begin_turn
                running = await _patiently(begin, thread, text, attachments, regions, stop=stop)
            except TurnOpenError as error:
                raise TurnOpenError(
                    f"the last turn of {thread!r} has not ended (it was interrupted, or waits for a decision): "
                    f"resume({thread!r}) goes on with it, cancel({thread!r}) gives it up"
                ) from error
            try:
                await drop(self._saver, running)  # what a deleted conversation of that name left
            except BaseException:
                await asyncio.to_thread(self._services.repository.release_turn, running)
                raise
            return await self._run(running, _input(text, regions), listener, stop)

    async def resume(
        self,
        thread: str,
        decisions: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]] | None,
        *,
        listener: Listener | None = None,
        stop: Stop | None = None,
    ) -> Reply:
        """Goes on with the thread's open turn; the last turn's reply where none is open."""
        repository = self._services.repository
        async with self._alone_on(thread):
            turns = await asyncio.to_thread(repository.history, thread, limit=1)
            if not turns:
                raise UnknownThreadError(f"thread {thread!r} has no turns yet; there is nothing to resume")
            newest = turns[-1]
            if newest.finished is not None and decisions is None:
                return _told(self._reply_of(newest), listener)
            running = await _patiently(repository.resume_turn, thread, stop=stop)
            try:
                step = await self._next_step(running, newest, decisions)
            except BaseException:
                await asyncio.to_thread(repository.release_turn, running)
                raise
            if isinstance(step, Reply):
                await asyncio.to_thread(repository.pause_turn, running)
                return _told(step, listener)
            return await self._run(running, step, listener, stop)

    async def abandon(self, thread: str) -> None:
        """Ends an open turn that nobody works on; raises ThreadBusyError at once where somebody does.

        It doesn't wait behind our own messages: they may be waiting for the very process that holds the turn.
        """
        running = await asyncio.to_thread(self._services.repository.resume_turn, thread, wait_seconds=0)
        await self._stop_short(running, CANCELLED)

    # -- inside --------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _alone_on(self, thread: str) -> AsyncIterator[None]:
        """Turns of one thread wait for each other here, and for other processes in the repository."""
        lock = self._locks.setdefault(thread, asyncio.Lock())
        async with lock:
            yield

    async def _run(self, running: RunningTurn, step: Any, listener: Listener | None, stop: Stop | None) -> Reply:
        turns = self._services.turns
        turns.enter(running, stop)
        try:
            values, interrupts = await self._stream(running, step, listener)
            if interrupts:
                reply = _waiting(running, interrupts[0])
                await asyncio.to_thread(self._services.repository.pause_turn, running)
            else:
                reply = self._finished(running, values)
                await self._drop(running)
        except asyncio.CancelledError:
            if self._closing:
                await asyncio.to_thread(self._services.repository.release_turn, running)
            else:
                await self._stop_short(running, CANCELLED)
            raise
        except Exception as error:
            says = str(error) if isinstance(error, VitronError) else f"{type(error).__name__}: {error}"
            await self._fail(running, says)
            if listener is not None:
                listener(Event(type="error", text=says))
            raise
        finally:
            turns.leave(running.thread, running.number)
        return _told(reply, listener)

    async def _stream(
        self, running: RunningTurn, step: Any, listener: Listener | None
    ) -> tuple[dict[str, Any], tuple[Interrupt, ...]]:
        values: dict[str, Any] = {}
        interrupts: tuple[Interrupt, ...] = ()
        parts = self._graph.astream(
            step,
            self._config(running),
            stream_mode=["custom", "values"],
            output_keys=["messages", "turn_results", "turn_status"],
            durability="sync",
            version="v2",
        )
        async for part in parts:
            if part["type"] == "values":
                values, interrupts = dict(part["data"]), part["interrupts"]
            elif listener is not None:
                listener(Event.model_validate(part["data"]))
        if interrupts and listener is not None:
            listener(Event(type="approval_needed", pending=read_pending(interrupts[0].id, interrupts[0].value)))
        return values, interrupts

    async def _next_step(self, running: RunningTurn, view: TurnView, decisions: Any) -> Any:
        """What the graph goes on with; a reply where it still waits."""
        snapshot = await self._graph.aget_state(self._config(running))
        if snapshot.interrupts:
            waiting = snapshot.interrupts[0]
            if decisions is None:
                return _waiting(running, waiting)
            count = len(waiting.value["action_requests"])
            return Command(resume={waiting.id: {"decisions": read_decisions(decisions, count)}})
        if decisions is not None:
            raise UsageError(
                f"turn {running.number} of {running.thread!r} waits for no decision; resume it without any"
            )
        # Where all tasks of a step are done but the next step isn't saved yet, ``snapshot.next`` is empty too.
        return _input(view.text, view.regions) if snapshot.created_at is None else None

    async def _stop_short(self, running: RunningTurn, reason: str) -> None:
        """Ends a turn as stopped, with what was finished; harmless where it has just ended."""
        repository = self._services.repository
        view = (await asyncio.to_thread(repository.history, running.thread, limit=1))[-1]
        if view.number == running.number and view.finished is None:
            text = render(view.invocations, halt=reason)
            await asyncio.to_thread(repository.finish_turn, running, "stopped", text)
        await self._drop(running)

    async def _fail(self, running: RunningTurn, says: str) -> None:
        """Ends a turn that an error broke, as far as the database still lets us."""
        with contextlib.suppress(PersistenceError):
            await asyncio.to_thread(self._services.repository.finish_turn, running, "failed", says)
            await self._drop(running)

    async def _drop(self, running: RunningTurn) -> None:
        if self._services.settings.keep_checkpoints:
            await unlock(self._saver)
        else:
            await drop(self._saver, running)

    def _config(self, running: RunningTurn) -> RunnableConfig:
        limit = recursion_limit(self._services.settings.budget)
        return {"configurable": {"thread_id": running.checkpoint_thread}, "recursion_limit": limit}

    def _finished(self, running: RunningTurn, values: Mapping[str, Any]) -> Reply:
        return self._reply(
            running.thread,
            running.number,
            values["messages"][-1].text,
            values["turn_status"],
            values["turn_results"].values(),
        )

    def _reply_of(self, view: TurnView) -> Reply:
        status: Any = view.status
        return self._reply(view.thread, view.number, view.reply, status, view.invocations)

    def _reply(self, thread: str, turn: int, text: str, status: ReplyStatus, results: Any) -> Reply:
        store = self._services.store
        ordered: list[InvocationResult] = sorted(results, key=lambda result: _place(result.invocation.id))
        return Reply(
            thread=thread,
            turn=turn,
            text=text,
            status=status,
            invocations=tuple(step_of(result, store) for result in ordered),
            artifacts=tuple(view_of(output, store) for result in ordered for output in result.outputs if output.handle),
        )


async def _patiently(take: Callable[..., RunningTurn], *arguments: Any, stop: Stop | None) -> RunningTurn:
    """Takes a turn as soon as other processes leave the thread alone, without keeping a worker thread waiting.

    Raises:
        ThreadBusyError: They did not in ``BUSY_SECONDS``.
        TurnCancelled: ``stop`` was raised before; nothing was begun.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    pause = 0.01
    while True:
        if stop is not None and stop.is_set():
            raise TurnCancelled(stop.reason)
        try:
            return await asyncio.to_thread(functools.partial(take, *arguments, wait_seconds=0))
        except ThreadBusyError:
            if time.monotonic() + pause > deadline:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def _input(text: str, regions: Sequence[Region]) -> dict[str, Any]:
    return {"messages": [HumanMessage(text)], "regions": tuple(regions)}


def _waiting(running: RunningTurn, interrupt: Interrupt) -> Reply:
    pending = read_pending(interrupt.id, interrupt.value)
    wishes = "; ".join(map(describe, pending.invocations))
    trouble = f" Your last decisions could not be followed: {pending.error}." if pending.error else ""
    return Reply(
        thread=running.thread,
        turn=running.number,
        text=f"Waiting for your decision on: {wishes}.{trouble}",
        status="needs_approval",
        pending=pending,
    )


def _told(reply: Reply, listener: Listener | None) -> Reply:
    """The reply, of which the listener hears as the last thing."""
    if listener is not None:
        listener(Event(type="finish", text=reply.text, reply=reply))
    return reply


def _place(invocation_id: str) -> tuple[int, ...]:
    """Sorts ids ``<turn>.<attempt>.<n>`` as they ran."""
    return tuple(map(int, invocation_id.split(".")))
