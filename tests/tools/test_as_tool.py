import asyncio

import pytest
from langchain_core.messages import HumanMessage, ToolCall
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import MessagesState, StateGraph
from langgraph.types import Command

from tests.scenes import open_agent, picture, recolor, steps
from vitron_agent.errors import UsageError
from vitron_agent.messages import Module, Operation, Plan
from vitron_agent.tools import fakes


@pytest.fixture
def agent(tmp_path):
    with open_agent(tmp_path, steps(recolor()), Plan(text="Hello!")) as opened:
        opened.chat("red", images=[picture()], thread="demo")
        yield opened


DEMO = {"configurable": {"thread_id": "demo"}}


def called(tool, args, config=None):
    return tool.invoke(ToolCall(name=tool.name, args=args, id="1", type="tool_call"), config)


async def awaited(tool, args):
    return await tool.ainvoke(ToolCall(name=tool.name, args=args, id="2", type="tool_call"), DEMO)


def test_the_agent_as_a_tool_answers_with_words_and_references(tmp_path):
    with open_agent(tmp_path, steps(recolor())) as agent:
        path = tmp_path / "in.png"
        from PIL import Image

        Image.fromarray(picture()).save(path)
        answer = called(agent.as_tool(), {"request": "make the clock red", "images": [str(path)]})
    assert answer.content == "Made the clock red: image-2."
    assert answer.artifact[0]["handle"] == "image-2"
    assert answer.artifact[0]["id"].startswith("sha256:")


def test_the_tool_goes_on_with_the_callers_conversation_or_its_own(agent):
    tool = agent.as_tool()
    assert called(tool, {"request": "hi"}, DEMO).content == "Hello!"
    assert [turn.text for turn in agent.history("demo")] == ["red", "hi"]
    called(tool, {"request": "hi"})
    called(tool, {"request": "hi again"})
    own = next(view.id for view in agent.repository.threads() if view.id.startswith("tool-"))
    assert len(agent.history(own)) == 2


def test_the_callers_mistakes_come_back_as_words(agent):
    answer = called(agent.as_tool(), {"request": "go", "images": ["/no/such.png"]})
    assert answer.status == "error"
    assert "/no/such.png" in answer.content


def test_it_can_be_awaited(agent):
    call = ToolCall(name="vitron", args={"request": "hi"}, id="1", type="tool_call")
    assert asyncio.run(agent.as_tool().ainvoke(call, DEMO)).content == "Hello!"


def test_an_expert_as_a_tool_takes_the_fields_of_its_invocation(agent):
    tool = agent.as_tool("image_editing")
    schema = tool.get_input_jsonschema()
    assert set(schema["properties"]) == {"operation", "target", "value", "inputs", "regions"}
    assert set(schema["properties"]["operation"]["enum"]) == {
        item.value for item in fakes.OPERATIONS[Module.IMAGE_EDITING]
    }
    args = {
        "operation": "remove", "target": "lamp", "inputs": [{"handle": "image-1"}],
        "regions": [{"kind": "box", "coordinates": [[0, 0], [0.5, 1]]}],
    }  # fmt: skip
    answer = called(tool, args, DEMO)
    assert answer.content == "Removed the lamp: image-3."
    assert [item["handle"] for item in answer.artifact] == ["image-3"]
    turn = agent.history("demo")[-1]
    assert turn.text == "remove lamp"
    assert turn.invocations[0].invocation.operation is Operation.REMOVE
    assert asyncio.run(awaited(tool, args)).content == "Removed the lamp: image-4."


def test_what_cannot_be_done_comes_back_as_an_error(agent):
    answer = called(
        agent.as_tool("image_editing"), {"operation": "remove", "target": "x", "inputs": [{"handle": "image-9"}]}, DEMO
    )
    assert answer.status == "error"
    assert "image-9" in answer.content


@pytest.fixture
def asking(tmp_path):
    with open_agent(tmp_path, Plan(text="Hello!"), approval="always") as opened:
        opened.chat("hi", images=[picture()], thread="demo")
        yield opened


LAMP = {"operation": "remove", "target": "lamp"}


def test_a_pending_approval_is_an_error_that_says_how_to_give_it(asking):
    tool = asking.as_tool("image_editing")
    for answer in (called(tool, LAMP, DEMO), asyncio.run(awaited(tool, LAMP))):
        assert answer.status == "error"
        assert "approval is pending, nothing has run: remove lamp base image-1." in answer.content
        assert "Command(resume={'decisions': [{'type': 'approve'}]})" in answer.content
    assert asking._services.experts[Module.IMAGE_EDITING].jobs == []


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        ({"type": "approve"}, "Removed the lamp: image-2."),
        ({"type": "reject"}, "As you decided, I did not remove the lamp."),
    ],
)
def test_in_a_graph_with_a_checkpointer_the_approval_is_asked_of_whoever_runs_it(asking, decision, words):
    tool = asking.as_tool("image_editing")

    def use(state: MessagesState, config: RunnableConfig):
        return {"messages": [called(tool, LAMP, config)]}

    parent = StateGraph(MessagesState).add_node("use", use).set_entry_point("use").compile(InMemorySaver())
    waiting = parent.invoke({"messages": [HumanMessage("no lamp")]}, DEMO)["__interrupt__"]
    assert waiting[0].value["action_requests"][0]["description"] == "remove lamp base image-1"
    values = parent.invoke(Command(resume={"decisions": [decision]}), DEMO)
    assert words in values["messages"][-1].content
    assert asking.history("demo")[-1].status == "done"


def test_there_is_no_tool_without_an_expert(agent):
    with pytest.raises(UsageError, match="no expert for 'video_editing'; there are image_editing"):
        agent.as_tool("video_editing")
    with pytest.raises(UsageError, match="no expert for 'hammer'"):
        agent.as_tool("hammer")
