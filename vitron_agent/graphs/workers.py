"""Blocking work off the event loop, with a limit in time and a way to stop it.

Python cannot kill a thread. Work that ignores its limit is left behind in a daemon thread: its result is dropped, and
it doesn't keep the program from ending.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Hashable
from typing import TypeVar

from vitron_agent.errors import ExpertTimeout, TurnCancelled

ResultT = TypeVar("ResultT")

POLL_SECONDS = 0.05
GRACE_SECONDS = 1.0
"""How long stopped work gets to end by itself before it is left behind."""


class Stop:
    """A flag that may be raised from any thread, once, with a reason."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.reason = ""

    def set(self, reason: str) -> None:
        """Raises it; the first reason stays."""
        if not self._event.is_set():
            self.reason = reason
            self._event.set()

    def is_set(self) -> bool:
        """Whether it was raised."""
        return self._event.is_set()


class Workers:
    """Runs blocking functions in threads, at most ``parallel`` at a time, and one at a time for each key.

    Args:
        parallel: How many run at the same time.
    """

    def __init__(self, parallel: int) -> None:
        self._free = parallel
        self._busy: set[Hashable] = set()
        self._lock = threading.Lock()

    async def run(
        self, work: Callable[[Callable[[], bool]], ResultT], *, key: Hashable, seconds: float, stop: Stop
    ) -> tuple[ResultT, float]:
        """Waits for a free place, then for the work.

        Args:
            work: Gets a function that is True once it should end; long work asks it twice a second.
            key: What can do only one thing at a time, such as an expert's name.
            seconds: Limit, counted from the start of the work.
            stop: Ends the work, or the wait for a place.

        Returns:
            The result of the work, and the seconds that it took.

        Raises:
            ExpertTimeout: It took longer.
            TurnCancelled: ``stop`` was raised, or the work raised this.
        """
        while not self._take(key):
            if stop.is_set():
                raise TurnCancelled(stop.reason)
            await asyncio.sleep(POLL_SECONDS / 5)
        started = time.perf_counter()
        try:
            result = await call(work, seconds=seconds, stop=stop)
            return result, time.perf_counter() - started
        finally:
            self._give(key)

    def _take(self, key: Hashable) -> bool:
        with self._lock:
            if self._free == 0 or key in self._busy:
                return False
            self._free -= 1
            self._busy.add(key)
            return True

    def _give(self, key: Hashable) -> None:
        with self._lock:
            self._free += 1
            self._busy.discard(key)


async def call(work: Callable[[Callable[[], bool]], ResultT], *, seconds: float, stop: Stop) -> ResultT:
    """Runs work in a thread of its own; arguments and errors as :meth:`Workers.run`."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[ResultT] = loop.create_future()
    left = threading.Event()

    def settle(result: ResultT | None, error: Exception | None) -> None:
        if left.is_set():
            return
        if error is not None:
            # A future refuses StopIteration, which would end the coroutine that awaits it.
            future.set_exception(RuntimeError("StopIteration") if isinstance(error, StopIteration) else error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def body() -> None:
        result: ResultT | None = None
        error: Exception | None = None
        try:
            result = work(lambda: left.is_set() or stop.is_set())
        except Exception as raised:
            error = raised
        except BaseException as raised:  # SystemExit and its like must not end the event loop's thread
            error = RuntimeError(f"it tried to end the program ({type(raised).__name__})")
        if not left.is_set():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=body, name="vitron-work", daemon=True).start()
    try:
        return await _await(future, seconds, stop)
    finally:
        left.set()


async def _await(future: "asyncio.Future[ResultT]", seconds: float, stop: Stop) -> ResultT:
    end = time.monotonic() + seconds
    while True:
        remaining = end - time.monotonic()
        done, _ = await asyncio.wait({future}, timeout=min(POLL_SECONDS, max(remaining, 0.0)))
        if done:
            return future.result()
        if stop.is_set():
            done, _ = await asyncio.wait({future}, timeout=GRACE_SECONDS)
            if done:
                return future.result()
            raise TurnCancelled(stop.reason)
        if remaining <= 0:
            raise ExpertTimeout(f"it ran longer than the {seconds:g} s that it may")
