"""The visual agent as people use it."""

import asyncio
import contextlib
import os
import queue
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from langchain_core.tools import BaseTool
from langgraph.graph.state import CompiledStateGraph

from vitron_agent.artifacts import ArtifactRef, ArtifactStore
from vitron_agent.attachments import Attachments, check_request, check_sources, listed, named, take_in
from vitron_agent.background import BackgroundLoop
from vitron_agent.config import Budget, Settings
from vitron_agent.events import Event
from vitron_agent.graphs.build import build
from vitron_agent.graphs.planning import HISTORY, MEDIA, draft, plan_request
from vitron_agent.graphs.services import Approval, Services
from vitron_agent.graphs.workers import Stop
from vitron_agent.memory.ledger import PICTURES_AND_CLIPS
from vitron_agent.memory.repository import Repository
from vitron_agent.memory.views import NamedArtifact, TurnView
from vitron_agent.messages import Channels, Handle, Module, Plan, Region
from vitron_agent.planners.base import Planner
from vitron_agent.profiles import Profile, load_profile
from vitron_agent.replies import Reply
from vitron_agent.runner import CANCELLED, Listener, Runner

Decision: TypeAlias = str | Mapping[str, Any]
_STOP_SECONDS = 10.0
"""How long closing a stream waits for the end of its turn, which takes about a second."""


class VitronAgent:
    """Sees, finds, selects and edits what plain sentences name, over many turns.

    Safe to call from many threads, from notebooks and from async programs. Turns of one thread follow each other; those
    of different threads run side by side. Nothing is loaded before the first turn needs it.

    Args:
        profile: Which planner and experts: a name (``embedded``, or what an installed package provides) or a
            :class:`Profile`.
        database: SQLAlchemy URL of the conversations.
        artifacts: Folder or fsspec URL of the artifact store.
        planner: Instead of the profile's.
        approval: Which plans wait for a decision: ``never``, ``always``, ``edits`` (those that make or change pictures
            or clips), or a function of the plan. It is kept with the turn: where another agent goes on with it, plans
            wait that either of the two would have wait.
        budget: What one turn may cost; see :class:`Budget`.
        channels: Which halves of the planner's message experts may read.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` …
        seed: For everything random.
        roots: Folders that paths must lie in; None = anywhere.
        settings: Everything else; None = defaults and ``VITRON_*`` variables. Other arguments win.

    Raises:
        ConfigError: A setting is wrong; the message names the fix.
        PersistenceError: The database cannot be opened.
        ArtifactError: The artifact store cannot be opened.
    """

    def __init__(
        self,
        profile: str | Profile | None = None,
        database: str | None = None,
        artifacts: str | os.PathLike[str] | None = None,
        planner: Planner | None = None,
        approval: Approval | None = None,
        budget: Budget | Mapping[str, float] | None = None,
        channels: Channels | None = None,
        device: str | None = None,
        seed: int | None = None,
        roots: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        given = {
            "profile": profile if isinstance(profile, str) else None,
            "database": database,
            "artifacts": None if artifacts is None else os.fspath(artifacts),
            "approval": None if callable(approval) else approval,
            "budget": budget,
            "channels": channels,
            "device": device,
            "seed": seed,
            "roots": _folders(roots),
        }
        self.settings = Settings.load(**given) if settings is None else settings.replace(**given)
        chosen = profile if isinstance(profile, Profile) else load_profile(self.settings)
        store = ArtifactStore(self.settings.artifacts)
        self._repository = Repository(self.settings.database, store)
        self._services = Services.of(
            chosen,
            store=store,
            repository=self._repository,
            settings=self.settings,
            planner=planner,
            approval=approval if callable(approval) else None,
        )
        self._runner = Runner(self._services)
        self._loop = BackgroundLoop()
        try:
            self._loop.run(self._runner.open())
        except BaseException:
            self._loop.close(self._runner.close)
            self._repository.close()
            raise

    # -- talking -------------------------------------------------------------------------------------------------

    def chat(
        self,
        text: str,
        images: Attachments = None,
        videos: Attachments = None,
        regions: Region | Iterable[Region] | None = None,
        thread: str | None = None,
    ) -> Reply:
        """Does what a message asks for.

        Args:
            text: What to do, or a question.
            images: Paths, https addresses, bytes, PIL images, arrays (H, W, 3 or 4; uint8 or uint16), or earlier
                artifacts (of a reply, or their handles).
            videos: The same for clips; arrays are (N, H, W, 3).
            regions: What was drawn; on the newest picture unless they name a source.
            thread: The conversation; None = a new one, whose name is in the reply.

        Raises:
            UsageError: An argument cannot work, or the thread's last turn waits for something.
            ConfigError: Something that is needed is not installed or not configured.
            PersistenceError: The database cannot be read or written, or another process holds the thread.
        """
        return self._loop.run(self._turn(text, images, videos, regions, thread))

    async def achat(
        self,
        text: str,
        images: Attachments = None,
        videos: Attachments = None,
        regions: Region | Iterable[Region] | None = None,
        thread: str | None = None,
    ) -> Reply:
        """Like :meth:`chat`, from any event loop. Cancelling it ends the turn as ``stopped``."""
        return await self._loop.arun(self._turn(text, images, videos, regions, thread))

    def stream(
        self,
        text: str,
        images: Attachments = None,
        videos: Attachments = None,
        regions: Region | Iterable[Region] | None = None,
        thread: str | None = None,
    ) -> Generator[Event, None, None]:
        """Like :meth:`chat`, with every event as it happens; the last one, ``finish``, holds the reply.

        Closing the iterator before its end stops the turn, and returns when it has ended; a message that still waits
        for another process's turn is never run.
        """
        yield from self._events(
            lambda listener, stop: self._turn(text, images, videos, regions, thread, listener, stop)
        )

    async def astream(
        self,
        text: str,
        images: Attachments = None,
        videos: Attachments = None,
        regions: Region | Iterable[Region] | None = None,
        thread: str | None = None,
    ) -> AsyncIterator[Event]:
        """Like :meth:`stream`, from any event loop."""
        events = self._aevents(lambda listener, stop: self._turn(text, images, videos, regions, thread, listener, stop))
        async for event in events:
            yield event

    def plan(
        self,
        text: str,
        images: Attachments = None,
        videos: Attachments = None,
        regions: Region | Iterable[Region] | None = None,
        thread: str | None = None,
    ) -> Plan:
        """What :meth:`chat` would do; nothing is executed and the conversation stays as it is.

        Raises:
            UsageError: The message doesn't fit, as for :meth:`chat`; an open turn is no obstacle here.
            InvocationError: The planner found no plan that can be run.
        """
        name = _thread_name(thread)
        taken, drawn = self._checked(text, images, videos, regions, name)
        memory = self._repository.recall(name, num_turns=HISTORY, num_media=MEDIA)
        if memory.current is None and not taken and memory.next_numbers:  # all was undone: what came with it stays
            taken = [item.ref for item in self._repository.brought(name)]
        handles = named(taken, memory)
        new = tuple(
            NamedArtifact(handle=handles[position], ref=item, turn=0, invocation=None, slot="attached")
            for position, item in enumerate(taken)
            if isinstance(item, ArtifactRef)
        )
        numbers = dict(memory.next_numbers)
        for item in new:
            stem, _, number = item.handle.rpartition("-")
            numbers[stem] = int(number) + 1
        attached = tuple(handles.values())
        seen = memory.model_copy(
            update={"media": memory.media + new, "attached": attached, "next_numbers": tuple(numbers.items())}
        )
        meant = [handle for handle in attached if handle.rpartition("-")[0] in PICTURES_AND_CLIPS]
        current = meant[-1] if meant else memory.current
        return draft(self._services, name, seen, plan_request(seen, text, regions=drawn, current=current))

    # -- turns and conversations ---------------------------------------------------------------------------------

    def resume(self, thread: str, decisions: Decision | Sequence[Decision] | None = None) -> Reply:
        """Goes on with a turn that waits for decisions, or that a crash interrupted; nothing runs twice.

        Args:
            thread: The conversation.
            decisions: For a turn that waits: one for all invocations or one for each, in the order of
                ``reply.pending.invocations``. ``"approve"``, ``"reject"``, or a dictionary ``{"type": "approve"}``,
                ``{"type": "reject", "message": why}``, ``{"type": "edit", "edited_action": {"name": module, "args":
                {field: value}}}``, ``{"type": "respond", "message": words for the planner}``.

        Returns:
            The reply of the turn; of the last turn, where none is open.

        Raises:
            UnknownThreadError: No such thread.
            UsageError: The decisions don't fit.
        """
        return self._loop.run(self._runner.resume(thread, _plain(decisions)))

    async def aresume(self, thread: str, decisions: Decision | Sequence[Decision] | None = None) -> Reply:
        """Like :meth:`resume`, from any event loop."""
        return await self._loop.arun(self._runner.resume(thread, _plain(decisions)))

    def stream_resume(
        self, thread: str, decisions: Decision | Sequence[Decision] | None = None
    ) -> Generator[Event, None, None]:
        """Like :meth:`resume`, with every event as it happens; closing it is as for :meth:`stream`."""
        plain = _plain(decisions)
        yield from self._events(lambda listener, stop: self._runner.resume(thread, plain, listener=listener, stop=stop))

    def cancel(self, thread: str) -> bool:
        """Stops this agent's running turn of the thread, or gives up one that waits or was interrupted.

        What is finished is kept.

        Returns:
            Whether there was an open turn.

        Raises:
            ThreadBusyError: The turn runs in another process.
        """
        held = self._services.turns.of_thread(thread)
        if held is not None and held.asking:
            self._services.turns.give_up(thread, held.running.number)
        elif held is not None:
            held.stop.set(CANCELLED)
            return True
        if self._repository.open_turn(thread) is None:
            return False
        self._loop.run(self._runner.abandon(thread))
        return True

    def history(self, thread: str) -> tuple[TurnView, ...]:
        """All turns of a conversation, oldest first; undone ones are marked. Raises UnknownThreadError."""
        return self._repository.history(thread)

    def undo(self, thread: str, turns: int = 1) -> tuple[int, ...]:
        """Takes back the newest turns that brought, made or selected something, and the talk between and after them.

        They stay in the history. Pictures that came with them are there again in the next turn, where nothing else is
        left to work on.

        Returns:
            The numbers of all turns that were taken back, newest first.

        Raises:
            UnknownThreadError: No such thread.
            UsageError: Fewer such turns stand, or the last one has not ended.
        """
        return self._repository.undo(thread, turns)

    def fork(self, thread: str, turn: int | None = None, name: str | None = None) -> str:
        """A new conversation that shares the past of another up to a turn, and its handles; returns its name.

        Raises:
            UnknownThreadError: No such thread or turn.
            UsageError: The name is taken.
        """
        return self._repository.fork(thread, turn, name=name)

    # -- as a part of something else -----------------------------------------------------------------------------

    @property
    def repository(self) -> Repository:
        """The conversations: threads, deletion, retention, garbage collection."""
        return self._repository

    @property
    def store(self) -> ArtifactStore:
        """Where artifacts are."""
        return self._services.store

    @cached_property
    def graph(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """The compiled LangGraph, without a saver: a node of any graph that has a ``messages`` key.

        The thread of the run's configuration names the conversation in this agent's database.
        """
        return build(self._services)

    def as_tool(self, module: Module | str | None = None) -> BaseTool:
        """This agent as a tool for other agents, or one of its experts.

        Args:
            module: Which expert; None = the whole agent, which takes a request in words.

        Raises:
            UsageError: The profile has no expert for that module.
        """
        from vitron_agent.tools.as_tool import agent_tool, expert_tool

        if module is None:
            return agent_tool(self)
        return expert_tool(self.graph, self._services.experts, module)

    def close(self) -> None:
        """Ends all work and closes the database; running turns can be resumed by another agent."""
        self._runner.leave_turns_open()
        self._loop.close(self._runner.close)
        self._repository.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- inside --------------------------------------------------------------------------------------------------

    async def _turn(
        self,
        text: str,
        images: Any,
        videos: Any,
        regions: Any,
        thread: str | None,
        listener: Listener | None = None,
        stop: Stop | None = None,
    ) -> Reply:
        name = _thread_name(thread)
        taken, drawn = await asyncio.to_thread(self._checked, text, images, videos, regions, name)
        return await self._runner.turn(name, text, taken, drawn, listener=listener, stop=stop)

    def _checked(
        self, text: str, images: Any, videos: Any, regions: Any, thread: str
    ) -> tuple[list[ArtifactRef | Handle], list[Region]]:
        """Takes media in and checks everything before a turn begins. Blocking."""
        services = self._services
        taken = take_in(
            images,
            videos,
            thread=thread,
            store=services.store,
            repository=self._repository,
            settings=self.settings,
        )
        drawn = listed(regions)
        check_request(text, drawn, taken, self.settings)
        check_sources(drawn, taken, thread, self._repository)
        return taken, drawn

    def _events(self, start: Callable[[Listener, Stop], Any]) -> Generator[Event, None, None]:
        events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        stop = Stop()
        future: Future[Any] | None = None
        try:  # from the start: Ctrl-C may come as soon as the turn is under way
            future = self._loop.submit(start(events.put, stop))
            future.add_done_callback(lambda _: events.put(None))
            while (event := events.get()) is not None:
                yield event
            future.result()
        finally:
            stop.set("its events were no longer read")
            if future is not None:
                _await_end(future)

    async def _aevents(self, start: Callable[[Listener, Stop], Any]) -> AsyncIterator[Event]:
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        stop = Stop()

        def put(event: Event | None) -> None:
            with contextlib.suppress(RuntimeError):  # the reader's loop was closed: nobody reads any more
                loop.call_soon_threadsafe(events.put_nowait, event)

        future = self._loop.submit(start(put, stop))
        future.add_done_callback(lambda _: put(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            future.result()
        finally:
            stop.set("its events were no longer read")


def _await_end(future: "Future[Any]") -> None:
    """Waits for a turn that was told to stop, except where that keeps an event loop, perhaps its own, from running."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        wait((future,), _STOP_SECONDS)


def _folders(roots: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None) -> tuple[Path, ...] | None:
    if roots is None:
        return None
    return (Path(roots),) if isinstance(roots, str | os.PathLike) else tuple(map(Path, roots))


def _thread_name(thread: str | None) -> str:
    return f"thread-{uuid.uuid4().hex[:12]}" if thread is None else thread


def _plain(decisions: Any) -> Any:
    """Decisions as LangGraph keeps them: no mappings but dictionaries."""
    if decisions is None or isinstance(decisions, str):
        return decisions
    if isinstance(decisions, Mapping):
        return dict(decisions)
    return [item if isinstance(item, str) else dict(item) for item in decisions]
