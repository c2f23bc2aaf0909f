"""The turns that this process works on: the right to write each, and the flag that stops it."""

import asyncio
import threading
from dataclasses import dataclass, field

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
    """

    running: RunningTurn
    stop: Stop = field(default_factory=Stop)
    asking: bool = False


class OpenTurns:
    """Open turns by thread and number; safe from many threads.

    Args:
        repository: Where turns are taken over that another process left.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._turns: dict[tuple[str, int], OpenTurn] = {}
        self._lock = threading.Lock()

    def enter(self, running: RunningTurn, stop: Stop | None = None) -> OpenTurn:
        """Notes a turn that was begun or taken over; ``stop`` is what ends it early."""
        turn = OpenTurn(running, stop or Stop())
        with self._lock:
            self._turns[running.thread, running.number] = turn
        return turn

    async def take(self, thread: str, number: int) -> OpenTurn:
        """The open turn; taken over from the process that died with it, where it isn't ours.

        Raises:
            ThreadBusyError: Its holder is alive.
            UnknownThreadError: It has ended.
        """
        with self._lock:
            known = self._turns.get((thread, number))
        return known or self.enter(await asyncio.to_thread(self._repository.resume_turn, thread))

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
