import asyncio
import threading
import time

import pytest

from vitron_agent.errors import ExpertTimeout, TurnCancelled
from vitron_agent.graphs.workers import Stop, Workers


def run(work, *, seconds=5.0, stop=None, workers=None, key="k"):
    return asyncio.run((workers or Workers(2)).run(work, key=key, seconds=seconds, stop=stop or Stop()))


def test_gives_the_result_and_its_seconds_from_another_thread():
    (thread, value), seconds = run(lambda cancelled: (threading.get_ident(), 7))
    assert value == 7
    assert thread != threading.get_ident()
    assert 0 <= seconds < 1


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("y"), TurnCancelled("z")])
def test_errors_come_through(error):
    def work(cancelled):
        raise error

    with pytest.raises(type(error)):
        run(work)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), StopIteration()])
def test_what_would_end_the_loop_comes_as_an_ordinary_error(error):
    def work(cancelled):
        raise error

    with pytest.raises(RuntimeError):
        run(work)


def test_work_that_ignores_its_limit_is_left_behind():
    release = threading.Event()
    started = time.monotonic()
    with pytest.raises(ExpertTimeout, match=r"0\.1 s"):
        run(lambda cancelled: release.wait(), seconds=0.1)
    assert time.monotonic() - started < 2
    release.set()


def test_polite_work_learns_that_its_time_is_over():
    told = threading.Event()

    def work(cancelled):
        while not cancelled():
            time.sleep(0.01)
        told.set()

    with pytest.raises(ExpertTimeout):
        run(work, seconds=0.1)
    assert told.wait(2)


def test_a_stop_ends_work_with_its_reason():
    stop = Stop()

    def work(cancelled):
        stop.set("enough")
        while not cancelled():
            time.sleep(0.01)
        raise TurnCancelled(stop.reason)

    with pytest.raises(TurnCancelled, match="enough"):
        run(work, stop=stop)


def test_a_stop_ends_the_wait_for_work_that_ignores_it():
    stop, release = Stop(), threading.Event()

    def work(cancelled):
        stop.set("enough")
        release.wait()

    with pytest.raises(TurnCancelled, match="enough"):
        run(work, stop=stop)
    release.set()


def test_work_that_ends_just_in_time_counts():
    stop = Stop()

    def work(cancelled):
        stop.set("enough")
        time.sleep(0.2)
        return "finished"

    assert run(work, stop=stop)[0] == "finished"


def test_the_first_reason_stays():
    stop = Stop()
    stop.set("first")
    stop.set("second")
    assert stop.reason == "first"


def test_no_more_than_so_many_at_a_time_and_one_for_each_key():
    workers, lock = Workers(2), threading.Lock()
    running: list[str] = []
    most = {"all": 0, "a": 0}

    def work(key):
        def body(cancelled):
            with lock:
                running.append(key)
                most["all"] = max(most["all"], len(running))
                most["a"] = max(most["a"], running.count("a"))
            time.sleep(0.03)
            with lock:
                running.remove(key)

        return body

    async def everything():
        await asyncio.gather(
            *(workers.run(work(key), key=key, seconds=5, stop=Stop()) for key in ["a", "a", "b", "c", "a", "b"])
        )

    asyncio.run(everything())
    assert most == {"all": 2, "a": 1}


def test_a_stopped_wait_for_a_place_takes_none():
    workers, release, stop = Workers(1), threading.Event(), Stop()

    async def everything():
        first = asyncio.create_task(workers.run(lambda cancelled: release.wait(5), key="a", seconds=5, stop=Stop()))
        await asyncio.sleep(0.05)
        stop.set("enough")
        with pytest.raises(TurnCancelled):
            await workers.run(lambda cancelled: None, key="b", seconds=5, stop=stop)
        release.set()
        await first
        await workers.run(lambda cancelled: None, key="b", seconds=5, stop=Stop())

    asyncio.run(everything())


def test_a_place_left_by_abandoned_work_is_free_again():
    workers, release = Workers(1), threading.Event()
    with pytest.raises(ExpertTimeout):
        run(lambda cancelled: release.wait(), seconds=0.05, workers=workers)
    assert run(lambda cancelled: "next", workers=workers)[0] == "next"
    release.set()


def test_a_cancelled_caller_tells_its_work():
    told = threading.Event()

    def work(cancelled):
        while not cancelled():
            time.sleep(0.01)
        told.set()

    async def everything():
        task = asyncio.create_task(Workers(1).run(work, key="a", seconds=60, stop=Stop()))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(everything())
    assert told.wait(2)
