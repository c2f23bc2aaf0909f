"""The graph on every saver, and what the strict reader makes of a checkpoint."""

import asyncio
from contextlib import asynccontextmanager
from typing import get_type_hints

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from tests.scenes import Region, picture, recolor, remove, segment, steps
from vitron_agent.config import Settings
from vitron_agent.errors import WireSyntaxError
from vitron_agent.graphs.build import build
from vitron_agent.graphs.services import Services
from vitron_agent.graphs.state import SAVED_TYPES, TurnState
from vitron_agent.ingest import ingest
from vitron_agent.memory.checkpoints import open_checkpointer, serializer
from vitron_agent.memory.repository import Repository
from vitron_agent.planners.base import Rejection
from vitron_agent.planners.scripted import ScriptedPlanner
from vitron_agent.testing import fake_profile
from vitron_agent.tools import fakes


@asynccontextmanager
async def memory_saver(folder):
    yield InMemorySaver(serde=serializer(SAVED_TYPES))


def sqlite_saver(folder):
    return open_checkpointer(f"sqlite:///{folder}/vitron.db", allow=SAVED_TYPES)


@pytest.fixture
def script():
    """What the planner says: a plan that is refused, one of which a step breaks a guarantee, and what replaces it."""
    plan = steps(
        segment(output="mask-1"),
        remove(base="image-1", output="image-2"),
        recolor(base="image-2", regions=(Region.box(0, 0, 0.5, 1),)),
    )
    return [steps(recolor(base="image-9")), plan, plan]


@pytest.fixture
def services(tmp_path, store, script):
    behaviours = iter([fakes.paint, fakes.touch_outside, fakes.paint])
    experts = fakes.fake_experts(lambda job: next(behaviours)(job))
    profile = fake_profile(experts=experts)
    with Repository(f"sqlite:///{tmp_path}/vitron.db", store) as repository:
        yield Services.of(
            profile,
            store=store,
            repository=repository,
            settings=Settings.load(approval="always"),
            planner=ScriptedPlanner(script),
        )


def begin(services, text="go"):
    ref = ingest(picture(), store=services.store)
    running = services.repository.begin_turn("demo", text, [ref])
    services.turns.enter(running)
    return {"configurable": {"thread_id": running.checkpoint_thread}}


async def finished(graph, config, message, **options):
    """Runs a turn to its end, where everything is approved."""
    given = {"messages": [message], "regions": (Region.box(0, 0, 0.5, 1),)}
    while True:
        out = await graph.ainvoke(given, config, version="v2", **options)
        if not out.interrupts:
            return out.value
        count = len(out.interrupts[0].value["action_requests"])
        given = Command(resume={out.interrupts[0].id: {"decisions": [{"type": "approve"}] * count}})


@pytest.mark.parametrize("open_saver", [memory_saver, sqlite_saver])
@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_turn_with_refusal_approval_and_new_plan_on_every_saver(services, tmp_path, open_saver, durability):
    async def turn():
        async with open_saver(tmp_path) as saver:
            graph = build(services, checkpointer=saver)
            return await finished(graph, begin(services), HumanMessage("go"), durability=durability)

    values = asyncio.run(turn())
    assert values["turn_status"] == "done"
    ends = [(result.invocation.operation.value, result.status) for result in values["turn_results"].values()]
    assert ends == [("segment", "done"), ("remove", "done"), ("recolor", "failed"), ("recolor", "done")]
    assert set(values) == {"messages", "turn_status", "turn_results"}


def content(value):
    """All that is in a value but whether a sequence is a tuple; only repr tells an enum's member from its words."""
    if isinstance(value, dict):
        return {key: content(item) for key, item in value.items()}
    return [content(item) for item in value] if isinstance(value, list | tuple) else (value, repr(value))


class Checked:
    """The strict serialiser; notes what it does not read back as what it was."""

    def __init__(self):
        self.filled, self.wrong = set(), []
        self._inner = serializer(SAVED_TYPES)

    def dumps_typed(self, value):
        data = self._inner.dumps_typed(value)
        back = self._inner.loads_typed(data)
        if content(back) != content(value):
            self.wrong.append((value, back))
        channels = value.get("channel_values", {}) if isinstance(value, dict) else {}
        self.filled |= {name for name, held in channels.items() if held}
        return data

    def loads_typed(self, data):
        return self._inner.loads_typed(data)


def test_every_channel_comes_back_from_a_strict_checkpoint_as_what_it_was(services, script, tmp_path):
    """Every checkpoint and every write of three turns; each channel holds something in at least one of them."""

    def garble(request):
        raise WireSyntaxError("no such module")

    def stop_before_anything_runs(request):
        services.turns.of_thread("demo").stop.set("enough")
        return steps(segment())

    script += [garble, stop_before_anything_runs]
    calls = [{"name": "image_editing", "args": {"operation": "remove", "target": ""}, "id": "call"}]
    serde = Checked()
    messages = HumanMessage("go"), HumanMessage("again"), AIMessage("", tool_calls=calls)

    async def ends():
        async with sqlite_saver(tmp_path) as saver:
            saver.serde = serde
            graph = build(services, checkpointer=saver)
            return [(await finished(graph, begin(services, one.text), one))["turn_status"] for one in messages]

    assert asyncio.run(ends()) == ["done", "stopped", "failed"]
    assert serde.wrong == []
    channels = set(get_type_hints(TurnState))
    assert channels <= serde.filled, f"no turn here has anything in {channels - serde.filled}"


def test_no_pixels_in_any_checkpoint(services, tmp_path):
    async def biggest():
        async with memory_saver(tmp_path) as saver:
            graph = build(services, checkpointer=saver)
            await graph.ainvoke({"messages": [HumanMessage("go")]}, begin(services))
            return max(len(serializer(SAVED_TYPES).dumps_typed(item.checkpoint)[1]) for item in saver.list(None))

    assert asyncio.run(biggest()) < 16_000


def test_the_reader_makes_nothing_that_was_not_named():
    blocked = serializer().loads_typed(serializer([Rejection]).dumps_typed({"x": Rejection(plan="p", error="e")}))
    assert not isinstance(blocked["x"], Rejection)
