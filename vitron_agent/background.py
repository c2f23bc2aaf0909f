"""One event loop in a daemon thread, so that blocking calls work in scripts, threads, notebooks and async programs."""

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from vitron_agent.errors import UsageError

ResultT = TypeVar("ResultT")


class BackgroundLoop:
    """Runs coroutines for callers from any thread and any other event loop."""

    def __init__(self) -> None:
        self._loop = _new_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(32, "vitron-database"))
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vitron-loop", daemon=True)
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, ResultT]) -> "Future[ResultT]":
        """Starts it; raises UsageError when the loop was closed."""
        with self._lock:
            if not self._closed:
                return asyncio.run_coroutine_threadsafe(self._known(coroutine), self._loop)
        coroutine.close()
        raise UsageError("this agent was closed; make a new one")

    def run(self, coroutine: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Waits for its result; an interrupted wait (Ctrl-C) cancels it."""
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise UsageError("this was called from the agent's own thread, where it would wait for itself for ever")
        future = self.submit(coroutine)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def arun(self, coroutine: Coroutine[Any, Any, ResultT]) -> ResultT:
        """The same for a caller on another event loop; cancelling the caller cancels it."""
        return await asyncio.wrap_future(self.submit(coroutine))

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancels what runs, waits for it and for ``last``, and ends the thread; harmless when closed already."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._end(last), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _known(self, coroutine: Coroutine[Any, Any, ResultT]) -> ResultT:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            return await coroutine
        finally:
            self._tasks.discard(task)

    async def _end(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        tasks = tuple(self._tasks)  # ours alone: a connection pool's own tasks end with the pool
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await last()
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()


def _new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's: the framework's share of a turn falls by about a tenth (benchmarks/overhead.py)."""
    if sys.platform == "win32":  # uvloop has no build for it
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()
