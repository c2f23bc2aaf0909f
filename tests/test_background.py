import asyncio
import threading
import time
from concurrent.futures import CancelledError

import pytest

from vitron_agent.background import BackgroundLoop
from vitron_agent.errors import UsageError


async def nothing():
    return None


async def value(number, seconds=0.0):
    await asyncio.sleep(seconds)
    return number


@pytest.fixture
def loop():
    opened = BackgroundLoop()
    yield opened
    opened.close(nothing)


def test_runs_for_threads_and_for_other_loops(loop):
    assert loop.run(value(1)) == 1
    assert asyncio.run(loop.arun(value(2))) == 2
    assert loop.submit(value(3)).result() == 3


def test_errors_come_through(loop):
    async def fail():
        raise KeyError("x")

    with pytest.raises(KeyError):
        loop.run(fail())


def test_a_cancelled_waiter_cancels_the_work(loop):
    ended = threading.Event()

    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def impatient():
        await asyncio.wait_for(loop.arun(work()), 0.1)

    with pytest.raises(TimeoutError):
        asyncio.run(impatient())
    assert ended.wait(5)


def test_waiting_for_itself_is_refused(loop):
    async def nested():
        loop.run(value(1))

    with pytest.raises(UsageError, match="wait for itself"):
        loop.run(nested())


def test_closing_cancels_what_runs_waits_for_it_and_then_for_the_last():
    loop, order = BackgroundLoop(), []

    async def work():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.1)
            order.append("work")

    async def last():
        order.append("last")

    running = loop.submit(work())
    time.sleep(0.05)
    loop.close(last)
    assert order == ["work", "last"]
    with pytest.raises(CancelledError):
        running.result(1)
    loop.close(last)
    with pytest.raises(UsageError, match="closed"):
        loop.run(value(1))


def test_nobody_waits_for_ever_when_it_is_closed_meanwhile():
    for _ in range(20):
        loop, ends = BackgroundLoop(), []

        def ask(loop=loop, ends=ends):
            try:
                ends.append(loop.run(value(1, 0.001)))
            except (CancelledError, UsageError) as error:
                ends.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        loop.close(nothing)
        for thread in threads:
            thread.join(5)
        assert len(ends) == 4
