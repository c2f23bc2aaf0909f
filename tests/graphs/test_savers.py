"""The graph on every saver, and what the strict reader makes of a checkpoint."""

import asyncio
from contextlib import asynccontextmanager
from typing import get_type_hints

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from pydantic import BaseModel

from tests.scenes import Region, picture, recolor, remove, segment, steps
from vitron_agent.config import Settings
from vitron_agent.graphs.build import build
from vitron_agent.graphs.services import Services
from vitron_agent.graphs.state import SAVED_TYPES, Candidate, TurnState
from vitron_agent.ingest import ingest
from vitron_agent.memory.checkpoints import open_checkpointer, serializer
from vitron_agent.memory.repository import Repository
from vitron_agent.messages import InvocationResult, Plan
from vitron_agent.planners.base import Rejection
from vitron_agent.planners.scripted import ScriptedPlanner
from vitron_agent.tools import fakes


@asynccontextmanager
async def memory_saver(folder):
    yield InMemorySaver(serde=serializer(SAVED_TYPES))


def sqlite_saver(folder):
    return open_checkpointer(f"sqlite:///{folder}/vitron.db", allow=SAVED_TYPES)


@pytest.fixture
def services(tmp_path, store):
    behaviours = iter([fakes.paint, fakes.touch_outside, fakes.paint, fakes.paint])
    experts = fakes.fake_experts(lambda job: next(behaviours)(job))
    profile = fakes.fake_profile(experts=experts)
    plan = steps(
        segment(output="mask-1"),
        remove(base="image-1", output="image-2"),
        recolor(base="image-2", regions=(Region.box(0, 0, 0.5, 1),)),
    )
    with Repository(f"sqlite:///{tmp_path}/vitron.db", store) as repository:
        yield Services.of(
            profile,
            store=store,
            repository=repository,
            settings=Settings.load(approval="always"),
            planner=ScriptedPlanner([steps(recolor(base="image-9")), plan, plan]),
        )


def begin(services, text="go"):
    ref = ingest(picture(), store=services.store)
    running = services.repository.begin_turn("demo", text, [ref])
    services.turns.enter(running)
    return {"configurable": {"thread_id": running.checkpoint_thread}}


@pytest.mark.parametrize("open_saver", [memory_saver, sqlite_saver])
@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_turn_with_refusal_approval_and_new_plan_on_every_saver(services, tmp_path, open_saver, durability):
    async def turn():
        async with open_saver(tmp_path) as saver:
            graph = build(services, checkpointer=saver)
            config = begin(services)
            given = {"messages": [HumanMessage("go")], "regions": (Region.box(0, 0, 0.5, 1),)}
            while True:
                out = await graph.ainvoke(given, config, durability=durability, version="v2")
                if not out.interrupts:
                    return out.value
                count = len(out.interrupts[0].value["action_requests"])
                answer = {"decisions": [{"type": "approve"}] * count}
                given = Command(resume={out.interrupts[0].id: answer})

    values = asyncio.run(turn())
    assert values["turn_status"] == "done"
    ends = [(result.invocation.operation.value, result.status) for result in values["turn_results"].values()]
    assert ends == [("segment", "done"), ("remove", "done"), ("recolor", "failed"), ("recolor", "done")]
    assert set(values) == {"messages", "turn_status", "turn_results"}


def test_every_channel_comes_back_from_a_strict_checkpoint_as_what_it_was(services, tmp_path, monkeypatch):
    """Whatever is put is read back equal and of the same types all the way down, which only ``repr`` tells apart."""
    put = {}
    inner = AsyncSqliteSaver.aput

    async def aput(self, config, checkpoint, *rest):
        saved = await inner(self, config, checkpoint, *rest)
        put[saved["configurable"]["checkpoint_id"]] = dict(checkpoint["channel_values"])
        return saved

    monkeypatch.setattr(AsyncSqliteSaver, "aput", aput)

    async def turns():
        async with sqlite_saver(tmp_path) as saver:
            graph = build(services, checkpointer=saver)
            for text, message in MESSAGES.items():
                config, given = begin(services, text), {"messages": [message], "regions": (Region.box(0, 0, 0.5, 1),)}
                while given is not None:
                    out = await graph.ainvoke(given, config, version="v2")
                    given = out.interrupts and Command(resume=approve(out.interrupts[0])) or None

    async def checkpoints():
        async with sqlite_saver(tmp_path) as saver:
            return [item.checkpoint async for item in saver.alist(None)]

    asyncio.run(turns())
    monkeypatch.undo()
    read = {checkpoint["id"]: checkpoint["channel_values"] for checkpoint in asyncio.run(checkpoints())}
    assert read == put
    assert repr({key: read[key] for key in put}) == repr(put)
    filled = {channel for values in read.values() for channel, value in values.items() if value}
    channels = get_type_hints(TurnState).keys()
    assert channels <= filled, f"add a turn in which something is in {sorted(channels - filled)}"


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
