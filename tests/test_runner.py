"""Turns between agents, as between processes: who waits for whom, what is stopped, and whose approval holds."""

import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from tests.scenes import detect, picture, recolor, steps
from vitron_agent.errors import ThreadBusyError, TurnCancelled
from vitron_agent.graphs.approval import needs_approval
from vitron_agent.graphs.workers import Stop
from vitron_agent.messages import Plan
from vitron_agent.tools import fakes

# -- approval -----------------------------------------------------------------------------------------------------


def die_while_planning(agent):
    """Closes an agent whose planner is at work on the thread "demo"."""
    planning, closed = threading.Event(), threading.Event()

    def think(request, on_token=None):
        planning.set()
        closed.wait()

    agent._services.planner.plan = think
    with ThreadPoolExecutor(1) as pool:
        chat = pool.submit(agent.chat, "make it red", picture(), thread="demo")
        assert planning.wait(10)
        agent.close()
        closed.set()
        with pytest.raises(CancelledError):
            chat.result(10)


def pictures(plan):
    return needs_approval(plan, "edits")


def nothing(plan):
    return False


@pytest.mark.parametrize(
    ("begun_with", "ours", "plan"),
    [
        ("always", "never", steps(detect())),
        ("always", nothing, steps(detect())),
        ("edits", "never", steps(recolor())),
        ("edits", "never", steps(detect())),
        ("never", "edits", steps(recolor())),
        (pictures, "never", steps(detect())),
        (pictures, nothing, steps(recolor())),
        ("never", pictures, steps(recolor())),
    ],
)
def test_a_turn_that_goes_on_elsewhere_asks_where_either_agent_would(make_agent, begun_with, ours, plan):
    die_while_planning(make_agent(approval=begun_with))
    reply = make_agent(plan, approval=ours).resume("demo")
    # A function is not kept with the turn: another one stands in for it, or else all is asked for.
    first = begun_with if not callable(begun_with) else ours if callable(ours) else "always"
    asks = needs_approval(plan, first) or needs_approval(plan, ours)
    assert reply.status == ("needs_approval" if asks else "done")


# -- stopping -----------------------------------------------------------------------------------------------------


@pytest.fixture
def others_turn(make_agent):
    """An agent at work on the thread "demo", until the test ends it."""
    agent = make_agent(steps(recolor()), behave=fakes.work_slowly(30))
    working = threading.Event()

    def work():
        for event in agent.stream("make it red", images=[picture()], thread="demo"):
            if event.type == "progress":
                working.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert working.wait(10)
    yield agent
    agent.cancel("demo")
    thread.join(10)
    assert [(turn.text, turn.status) for turn in agent.history("demo")] == [("make it red", "stopped")]


def test_a_message_that_waits_for_another_process_is_stopped_at_once_and_never_run(make_agent, others_turn):
    agent = make_agent(Plan(text="Hello!"))
    stop = Stop()
    waiting = agent._loop.submit(agent._runner.turn("demo", "hi", [], [], stop=stop))
    with pytest.raises(TimeoutError):
        waiting.result(0.3)
    stop.set("enough")
    with pytest.raises(TurnCancelled, match="enough"):
        waiting.result(2)
    assert others_turn.history("demo")[-1].status == "running"


def test_nobody_cancels_what_another_process_works_on_nor_waits_for_it(make_agent, others_turn):
    agent = make_agent(Plan(text="Hello!"))
    stop = Stop()
    waiting = agent._loop.submit(agent._runner.turn("demo", "hi", [], [], stop=stop))
    started = time.monotonic()
    with pytest.raises(ThreadBusyError, match="turn 1 of thread 'demo' is running"):
        agent.cancel("demo")
    assert time.monotonic() - started < 2
    stop.set("enough")
    assert isinstance(waiting.exception(2), TurnCancelled)


def test_a_closed_stream_has_ended_its_turn(make_agent):
    agent = make_agent(steps(recolor()), behave=fakes.work_slowly(30))
    events = agent.stream("make it red", images=[picture()], thread="demo")
    assert any(event.type == "progress" for event in events)
    events.close()
    assert agent.history("demo")[0].status == "stopped"


def test_what_is_stopped_while_it_is_planned_does_not_wait_for_a_decision(make_agent):
    def plan_after_cancelling(request):
        agent.cancel("demo")
        return steps(recolor())

    agent = make_agent(plan_after_cancelling, approval="always")
    assert agent.chat("make it red", images=[picture()], thread="demo").status == "stopped"
