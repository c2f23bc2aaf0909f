"""The turns that this process works on: the right to write each, and the flag that stops it."""

import asyncio
import contextlib
import threading
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from vitron_agent.errors import PersistenceError, UnknownThreadError
from vitron_agent.graphs.workers import Stop
from vitron_agent.memory.repository import Repository
from vitron_agent.memory.views import RunningTurn


@dataclass
class OpenTurn:
    """A turn in the hands of this process.

    Attributes:
        running: The right to write it.
        stop: Raised to end it early.
        asking: It waits for the user's approval, so a new message may take its place.
        of_graph: The graph itself began it or took it over (Studio, a parent graph), so a run that fails gives it up;
            ``VitronAgent`` ends its own.
    """

    running: RunningTurn
    stop: Stop = field(default_factory=Stop)
    asking: bool = False
    of_graph: bool = False


class OpenTurns:
    """Open turns by thread and number; safe from many threads.

    Args:
        repository: Where turns are taken over that another process left.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._turns: dict[tuple[str, int], OpenTurn] = {}
        self._lock = threading.Lock()
        self._takers: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()

    def enter(self, running: RunningTurn, stop: Stop | None = None, *, of_graph: bool = False) -> OpenTurn:
        """Notes a turn that was begun or taken over; ``stop`` is what ends it early."""
        turn = OpenTurn(running, stop or Stop(), of_graph=of_graph)
        with self._lock:
            self._turns[running.thread, running.number] = turn
        return turn

    async def take(self, thread: str, number: int) -> OpenTurn:
        """The open turn; taken over from the process that died with it, where it isn't ours.

        Raises:
            ThreadBusyError: Its holder is alive.
            UnknownThreadError: It has ended.
        """
        known = self._known(thread, number)
        return await asyncio.to_thread(self._take_over, thread, number) if known is None else known

    def on_checkpoint(self, checkpoint_thread: str) -> OpenTurn | None:
        """The turn that runs on this thread of checkpoints, where ``VitronAgent`` began it."""
        with self._lock:
            turns = list(self._turns.values())
        return next((turn for turn in turns if turn.running.checkpoint_thread == checkpoint_thread), None)

    def of_thread(self, thread: str) -> OpenTurn | None:
        """The conversation's open turn in this process."""
        with self._lock:
            return next((turn for (name, _), turn in self._turns.items() if name == thread), None)

    def leave(self, thread: str, number: int) -> None:
        """Forgets a turn that ended or was given up."""
        with self._lock:
            self._turns.pop((thread, number), None)

    def give_up(self, thread: str, number: int) -> None:
        """Leaves a turn of a failed run to whoever goes on with it, unless ``VitronAgent`` began it. Blocking."""
        turn = self._known(thread, number)
        if turn is None or not turn.of_graph:
            return
        self.leave(thread, number)
        with contextlib.suppress(PersistenceError):  # it is not renewed any more, so it runs out
            self._repository.release_turn(turn.running)

    def _known(self, thread: str, number: int) -> OpenTurn | None:
        with self._lock:
            return self._turns.get((thread, number))

    def _take_over(self, thread: str, number: int) -> OpenTurn:
        with self._lock:
            taker = self._takers.setdefault(thread, threading.Lock())
        with taker:  # of experts side by side the first takes it over for all
            if known := self._known(thread, number):
                return known
            waiting = self._repository.open_turn(thread)
            if waiting is None or waiting.number != number:
                raise _ended(thread, number)
            running = self._repository.resume_turn(thread)
            if running.number != number:  # begun while we waited for the other's end
                self._repository.release_turn(running)
                raise _ended(thread, number)
            return self.enter(running, of_graph=True)


def _ended(thread: str, number: int) -> UnknownThreadError:
    return UnknownThreadError(f"turn {number} of thread {thread!r} has ended; send a new message")
