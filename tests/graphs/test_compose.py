"""The graph as a part of something else: a parent graph, Studio's chat, another agent's tool calls."""

import _thread
import asyncio
import base64
import io
import itertools
import threading
from typing import Annotated

import numpy as np
import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command
from PIL import Image
from typing_extensions import TypedDict

from tests.scenes import move, picture, recolor, remove, segment, steps
from vitron_agent.config import Settings
from vitron_agent.errors import ConfigError, PersistenceError, TurnOpenError, UsageError
from vitron_agent.graphs.build import build
from vitron_agent.graphs.nodes import ingest as ingest_module
from vitron_agent.graphs.state import SAVED_TYPES
from vitron_agent.memory.checkpoints import serializer
from vitron_agent.messages import Module, Operation, Plan, Region
from vitron_agent.tools import fakes

RUN = {"configurable": {"thread_id": "parent-1"}}


def png(array: np.ndarray) -> str:
    data = io.BytesIO()
    Image.fromarray(array).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def message(text: str, *pictures: np.ndarray, **fields) -> HumanMessage:
    blocks = [{"type": "image", "base64": png(array), "mime_type": "image/png"} for array in pictures]
    return HumanMessage([{"type": "text", "text": text}, *blocks], **fields)


def parent_of(agent, saver=None):
    graph = StateGraph(MessagesState)
    graph.add_node("vitron", agent.graph)
    graph.add_edge(START, "vitron")
    graph.add_edge("vitron", END)
    return graph.compile(checkpointer=saver)


def test_a_parent_with_messages_gets_the_answer_and_the_tool_messages(make_agent):
    agent = make_agent(steps(segment(output="mask-1"), recolor(base="image-1", mask="mask-1")))
    values = parent_of(agent, InMemorySaver(serde=serializer(SAVED_TYPES))).invoke(
        {"messages": [message("red", picture())]}, RUN
    )
    request, plan, first, second, answer = values["messages"]
    assert isinstance(request, HumanMessage)
    assert [call["name"] for call in plan.tool_calls] == ["image_segmentation", "image_editing"]
    assert [item.tool_call_id for item in (first, second)] == [call["id"] for call in plan.tool_calls]
    assert second.artifact[0]["handle"] == "image-2"
    assert answer.text == "Selected the clock: mask-1. Made the clock red: image-2."
    assert answer.name == "vitron"
    assert agent.history("parent-1")[0].reply == answer.text


@pytest.mark.parametrize("awaited", [False, True])
def test_parents_may_wait_or_await(make_agent, awaited):
    parent = parent_of(make_agent(steps(recolor())))
    given = {"messages": [message("red", picture())]}
    values = asyncio.run(parent.ainvoke(given, RUN)) if awaited else parent.invoke(given, RUN)
    assert values["messages"][-1].text == "Made the clock red: image-2."


def test_a_plain_invoke_works_where_an_event_loop_runs(make_agent):
    parent = parent_of(make_agent(steps(recolor())))

    async def notebook():
        return parent.invoke({"messages": [message("red", picture())]}, RUN)

    assert asyncio.run(notebook())["messages"][-1].text == "Made the clock red: image-2."


def test_pictures_leave_the_messages_and_the_conversation_goes_on(make_agent):
    agent = make_agent(steps(recolor()), steps(remove()))
    saver = InMemorySaver(serde=serializer(SAVED_TYPES))
    parent = parent_of(agent, saver)
    noise = picture(height=300, width=300)
    parent.invoke({"messages": [message("make the clock red", noise)]}, RUN)
    values = parent.invoke({"messages": [message("remove the lamp")]}, RUN)
    assert values["messages"][0].text == "make the clock red[image-1]"
    assert values["messages"][-1].text == "Removed the lamp: image-3."
    assert [turn.text for turn in agent.history("parent-1")] == ["make the clock red", "remove the lamp"]
    newest = next(iter(saver.list(RUN)))
    assert len(serializer().dumps_typed(newest.checkpoint)[1]) < 16_000


def test_other_keys_of_the_parent_stay_its_own(make_agent):
    class Busy(TypedDict):
        messages: Annotated[list[AnyMessage], add_messages]
        text: int
        plan: str
        status: list[int]

    graph = StateGraph(Busy)
    graph.add_node("vitron", make_agent(Plan(text="Hello!")).graph)
    graph.add_edge(START, "vitron")
    values = graph.compile().invoke({"messages": [HumanMessage("hi")], "text": 7, "plan": "mine", "status": [1]}, RUN)
    assert (values["text"], values["plan"], values["status"]) == (7, "mine", [1])


def test_an_approval_surfaces_at_the_parent_and_resumes_there(make_agent):
    agent = make_agent(steps(recolor()), approval="always")
    parent = parent_of(agent, InMemorySaver(serde=serializer(SAVED_TYPES)))
    paused = parent.invoke({"messages": [message("red", picture())]}, RUN, version="v2")
    waiting = paused.interrupts[0]
    assert waiting.value["action_requests"][0]["name"] == "image_editing"
    assert waiting.response_schema["properties"]["decisions"]
    values = parent.invoke(Command(resume={waiting.id: {"decisions": [{"type": "approve"}]}}), RUN)
    assert values["messages"][-1].text == "Made the clock red: image-2."


def test_what_waits_in_a_graph_can_be_cancelled_or_is_in_the_agents_way_at_once(make_agent):
    agent = make_agent(steps(recolor()), Plan(text="Hello!"), approval="always")
    graph = build(agent._services, checkpointer=InMemorySaver())
    assert asyncio.run(graph.ainvoke({"messages": [message("red", picture())]}, RUN, version="v2")).interrupts
    with pytest.raises(TurnOpenError, match="cancel"):
        agent.chat("hi", thread="parent-1")
    assert agent.cancel("parent-1")
    assert agent.chat("hi", thread="parent-1").text == "Hello!"


def test_a_new_message_instead_of_a_decision_takes_its_place(make_agent):
    agent = make_agent(steps(recolor()), Plan(text="Hello!"), approval="always")
    graph = build(agent._services, checkpointer=InMemorySaver())
    first = asyncio.run(graph.ainvoke({"messages": [message("red", picture())]}, RUN, version="v2"))
    assert first.interrupts
    again = asyncio.run(graph.ainvoke({"messages": [HumanMessage("hi")]}, RUN))
    assert again["messages"][-1].text == "Hello!"
    left, answered = agent.history("parent-1")
    assert (left.status, answered.status) == ("stopped", "done")
    assert left.reply == "Stopped: a new message came instead of a decision."


def test_under_one_thread_results_of_the_last_turn_are_gone_in_the_next(make_agent):
    agent = make_agent(steps(recolor()), Plan(text="Hello!"))
    graph = build(agent._services, checkpointer=InMemorySaver())
    given = {"messages": [message("red", picture())], "regions": ()}
    assert len(asyncio.run(graph.ainvoke(given, RUN))["turn_results"]) == 1
    values = asyncio.run(graph.ainvoke({"messages": [HumanMessage("hi")]}, RUN))
    assert values["turn_results"] == {}
    assert len(values["messages"]) == 6


# -- runs that fail ----------------------------------------------------------------------------------------------


def breaking(monkeypatch, repository, method: str, at: int = 1) -> None:
    """A method of the repository fails once, at its so-manieth call."""
    inner, calls = getattr(repository, method), itertools.count(1)

    def outer(*args, **kwargs):
        if next(calls) == at:
            raise PersistenceError("the disk is gone")
        return inner(*args, **kwargs)

    monkeypatch.setattr(repository, method, outer)


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize(
    ("method", "at"),
    [
        ("recall", 1), ("recall", 2), ("record_plan", 1), ("claim_invocation", 1), ("finish_invocation", 1),
        ("finish_turn", 1),
    ],
    ids=["ingest", "plan", "approve", "expert", "verify", "reply"],
)  # fmt: skip
def test_whichever_node_fails_the_next_message_finds_the_thread_free(make_agent, monkeypatch, method, at, awaited):
    agent = make_agent(steps(recolor()), steps(recolor()))
    agent.repository._busy_seconds = 0.5
    parent = parent_of(agent)

    def run():
        given = {"messages": [message("red", picture())]}
        return asyncio.run(parent.ainvoke(given, RUN)) if awaited else parent.invoke(given, RUN)

    with monkeypatch.context() as broken:
        breaking(broken, agent.repository, method, at)
        with pytest.raises(PersistenceError, match="the disk is gone"):
            run()
    assert agent.repository.open_turn("parent-1").interrupted
    assert run()["messages"][-1].text.startswith("Made the clock red")
    assert [turn.status for turn in agent.history("parent-1")] == ["stopped", "done"]


def test_a_failed_run_may_go_on_where_it_failed(make_agent):
    agent = make_agent(steps(recolor()), behave=fakes.fail_first(1, lambda: ConfigError("pull the weights")))
    graph = build(agent._services, checkpointer=InMemorySaver())
    with pytest.raises(ConfigError):
        asyncio.run(graph.ainvoke({"messages": [message("red", picture())]}, RUN))
    assert asyncio.run(graph.ainvoke(None, RUN))["messages"][-1].text == "Made the clock red: image-2."
    assert [turn.status for turn in agent.history("parent-1")] == ["done"]


def test_a_lost_connection_is_tried_again_with_the_turn_in_hand(make_agent, monkeypatch):
    agent = make_agent(steps(recolor()), behave=fakes.fail_first(1, ConnectionError))
    monkeypatch.setattr(agent.repository, "release_turn", None)
    values = asyncio.run(parent_of(agent).ainvoke({"messages": [message("red", picture())]}, RUN))
    assert values["messages"][-1].text == "Made the clock red: image-2."


def cancelled_then_asked_again(agent, is_reached, cancelled=None):
    """Cancels a run once it is where it is wanted, and asks again."""
    agent.repository._busy_seconds = 0.5
    graph = build(agent._services, checkpointer=InMemorySaver())

    async def run():
        first = asyncio.create_task(graph.ainvoke({"messages": [message("red", picture())]}, RUN))
        while not is_reached():
            await asyncio.sleep(0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        if cancelled is not None:
            cancelled.set()
        return await graph.ainvoke({"messages": [HumanMessage("hi")]}, RUN)

    return asyncio.run(run())["messages"][-1].text


def test_a_cancelled_run_leaves_its_thread_free(make_agent):
    agent = make_agent(steps(recolor()), Plan(text="Hello!"), behave=fakes.work_slowly(20))
    editor = agent._services.experts[Module.IMAGE_EDITING]
    assert cancelled_then_asked_again(agent, lambda: editor.jobs) == "Hello!"
    assert [turn.status for turn in agent.history("parent-1")] == ["stopped", "done"]


def test_ctrl_c_in_a_plain_invoke_leaves_its_thread_free(make_agent):
    def interrupted(job):
        _thread.interrupt_main()
        return fakes.paint(job)

    agent = make_agent(steps(recolor()), Plan(text="Hello!"), behave=interrupted)
    agent.repository._busy_seconds = 0.5
    parent = parent_of(agent)
    with pytest.raises(KeyboardInterrupt):
        parent.invoke({"messages": [message("red", picture())]}, RUN)
    assert parent.invoke({"messages": [HumanMessage("hi")]}, RUN)["messages"][-1].text == "Hello!"


@pytest.mark.parametrize(
    ("place", "ends"), [("begin_turn", ["stopped", "done"]), ("ingest", ["done"])], ids=["beginning", "taking media"]
)
def test_a_run_cancelled_on_its_way_into_a_turn_leaves_its_thread_free(make_agent, monkeypatch, place, ends):
    agent = make_agent(Plan(text="Hello!"))
    owner = agent.repository if place == "begin_turn" else ingest_module
    reached, cancelled, inner = threading.Event(), threading.Event(), getattr(owner, place)

    def outer(*args, **kwargs):
        made = inner(*args, **kwargs)
        reached.set()
        cancelled.wait(10)
        return made

    monkeypatch.setattr(owner, place, outer)
    assert cancelled_then_asked_again(agent, reached.is_set, cancelled) == "Hello!"
    assert [turn.status for turn in agent.history("parent-1")] == ends


# -- regions as JSON ---------------------------------------------------------------------------------------------

REGIONS = (Region.box(0, 0, 0.5, 1), Region.polygon([(0, 0), (0, 1), (1, 1)]), Region.points([(0.5, 0.5)]))


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: region.kind)
def test_regions_may_come_as_json(make_agent, region):
    agent = make_agent(lambda request: steps(recolor(regions=request.regions)), approval="always")
    graph = build(agent._services, checkpointer=InMemorySaver(serde=serializer(SAVED_TYPES)))
    given = {"messages": [message("red", picture())], "regions": [region.model_dump(mode="json")]}
    waiting = asyncio.run(graph.ainvoke(given, RUN, version="v2")).interrupts[0]
    assert tuple(graph.get_state(RUN).values["regions"]) == (region,)
    values = asyncio.run(graph.ainvoke(Command(resume={waiting.id: {"decisions": [{"type": "approve"}]}}), RUN))
    assert values["turn_status"] == "done"
    assert agent._services.planner.requests[0].regions == agent.history("parent-1")[0].regions == (region,)


def test_a_region_that_is_none_is_the_callers_mistake(make_agent):
    agent = make_agent()
    given = {"messages": [message("red", picture())], "regions": [{"kind": "box", "coordinates": [[0, 0], [2, 2]]}]}
    with pytest.raises(UsageError, match=r"regions: .*lie in \[0, 1\]"):
        asyncio.run(agent.graph.ainvoke(given, RUN))
    assert agent.repository.threads() == ()


# -- tool calls of another model ---------------------------------------------------------------------------------


def calls(*plans, ids=("call-a", "call-b")):
    return AIMessage("", tool_calls=[{"name": n, "args": a, "id": i} for (n, a), i in zip(plans, ids, strict=False)])


def test_tool_calls_of_another_model_run_without_the_planner(make_agent):
    agent = make_agent()
    ask = calls(
        ("image_segmentation", {"operation": "segment", "target": "clock", "output": "mask-1"}),
        ("image_editing", {"operation": "recolor", "target": "clock", "value": "red",
                           "inputs": [{"role": "mask", "handle": "mask-1"}]}),
    )  # fmt: skip
    values = parent_of(agent).invoke({"messages": [message("red please", picture()), ask]}, RUN)
    answers = [item for item in values["messages"] if isinstance(item, ToolMessage)]
    assert [item.tool_call_id for item in answers] == ["call-a", "call-b"]
    assert [item.status for item in answers] == ["success", "success"]
    assert len([item for item in values["messages"] if isinstance(item, AIMessage) and item.tool_calls]) == 1
    assert agent._services.planner.requests == []
    assert agent.history("parent-1")[0].text == "red please"


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        ("image_editing", {"operation": "fly"}, "no operation 'fly'"),
        ("image_editing", {"operation": "remove", "target": "x", "inputs": [{"handle": "image-7"}]}, "image-7"),
        ("video_generation", {"operation": "generate", "value": "a cat"}, "no expert for video_generation"),
        *(
            ("video_editing", {"operation": "remove", "regions": [region.model_dump(mode="json")]}, "video_editing")
            for region in REGIONS
        ),
    ],
)
def test_bad_tool_calls_are_answered_with_the_error(make_agent, name, args, words):
    agent = make_agent()
    values = parent_of(agent).invoke({"messages": [message("go", picture()), calls((name, args))]}, RUN)
    answer = next(item for item in values["messages"] if isinstance(item, ToolMessage))
    assert (answer.status, answer.tool_call_id) == ("error", "call-a")
    assert words in answer.text
    assert agent._services.experts[Module.IMAGE_EDITING].jobs == []


def test_failed_steps_of_another_model_are_answered_one_by_one(make_agent):
    agent = make_agent()
    ask = calls(
        ("conversation", {"operation": "undo"}),
        ("image_editing", {"operation": "remove", "target": "lamp", "inputs": [{"handle": "image-1"}]}),
    )
    values = parent_of(agent).invoke({"messages": [message("go", picture()), ask]}, RUN)
    answers = {item.tool_call_id: item.status for item in values["messages"] if isinstance(item, ToolMessage)}
    assert answers == {"call-a": "error", "call-b": "error"}


def test_the_users_words_go_back_to_the_model_that_planned(make_agent):
    agent = make_agent(approval="always")
    parent = parent_of(agent, InMemorySaver(serde=serializer(SAVED_TYPES)))
    ask = calls(("image_editing", {"operation": "remove", "target": "lamp"}))
    waiting = parent.invoke({"messages": [message("go", picture()), ask]}, RUN, version="v2").interrupts[0]
    answer = {"decisions": [{"type": "respond", "message": "rather the chair"}]}
    values = parent.invoke(Command(resume={waiting.id: answer}), RUN)
    told = next(item for item in values["messages"] if isinstance(item, ToolMessage))
    assert (told.tool_call_id, told.status) == ("call-a", "error")
    assert "the user says: rather the chair" in told.text
    assert agent._services.experts[Module.IMAGE_EDITING].jobs == []


def test_other_tools_calls_are_none_of_ours(make_agent):
    agent = make_agent(Plan(text="Hello!"))
    search = AIMessage("", tool_calls=[{"name": "web_search", "args": {}, "id": "x"}])
    handed_over = [HumanMessage("hi"), search, ToolMessage("done", tool_call_id="x")]
    assert parent_of(agent).invoke({"messages": handed_over}, RUN)["messages"][-1].text == "Hello!"


# -- media of strangers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": "image", "base64": "bm90IGEgcGljdHVyZQ==", "mime_type": "image/png"}, "I can't do that"),
        ({"type": "image", "base64": "%%%", "mime_type": "image/png"}, "not valid base64"),
        ({"type": "image", "url": "file:///etc/passwd"}, "needs base64, an https: url"),
        ({"type": "image", "url": "http://127.0.0.1/x.png"}, "needs base64, an https: url"),
        ({"type": "image", "url": "https://127.0.0.1/x.png"}, "I can't do that"),
        ({"type": "image", "file_id": "/etc/passwd"}, "needs base64"),
    ],
)
def test_media_that_the_gate_refuses_are_an_honest_reply(make_agent, block, words):
    agent = make_agent(steps(recolor()))
    asked = HumanMessage([{"type": "text", "text": "red"}, block])
    values = parent_of(agent).invoke({"messages": [asked]}, RUN)
    assert words in values["messages"][-1].text
    assert agent.history("parent-1")[0].status == "failed"
    assert agent._services.planner.requests == []


def test_data_urls_and_earlier_artifacts_are_welcome(make_agent):
    agent = make_agent(steps(recolor()), steps(recolor()))
    url = f"data:image/png;base64,{png(picture())}"
    asked = HumanMessage([{"type": "text", "text": "red"}, {"type": "image_url", "image_url": {"url": url}}])
    first = parent_of(agent).invoke({"messages": [asked]}, RUN)
    made = next(item for item in first["messages"] if isinstance(item, ToolMessage)).artifact[0]["id"]
    again = HumanMessage([{"type": "text", "text": "red"}, {"type": "image", "file_id": made}])
    values = parent_of(agent).invoke({"messages": [again]}, {"configurable": {"thread_id": "parent-2"}})
    assert values["messages"][-1].text == "Made the clock red: image-2."


def test_too_much_at_once_is_refused(make_agent):
    settings = Settings.load(max_attachments=1, max_characters=50)
    agent = make_agent(settings=settings)
    values = parent_of(agent).invoke({"messages": [message("red", picture(0), picture(1))]}, RUN)
    assert "2 media came at once; 1 may" in values["messages"][-1].text
    values = parent_of(agent).invoke({"messages": [HumanMessage("red " * 50)]}, RUN)
    assert "200 characters; 50 may" in values["messages"][-1].text


def test_messages_without_a_request_are_the_callers_mistake(make_agent):
    with pytest.raises(ValueError, match="hold no request"):
        parent_of(make_agent()).invoke({"messages": []}, RUN)


def test_a_run_without_a_thread_has_a_conversation_of_its_own(make_agent):
    agent = make_agent(steps(recolor()))
    values = agent.graph.invoke({"messages": [message("red", picture())]})
    assert values["messages"][-1].text == "Made the clock red: image-2."
    assert len(agent.repository.threads()) == 1


def test_undo_is_a_tool_call_too(make_agent):
    plan = steps(move(Operation.UNDO))
    agent = make_agent(Plan(text="Hello!"), plan)
    parent = parent_of(agent)
    parent.invoke({"messages": [HumanMessage("hi")]}, RUN)
    values = parent.invoke({"messages": [HumanMessage("undo")]}, RUN)
    assert [call["name"] for call in values["messages"][-3].tool_calls] == ["conversation"]
