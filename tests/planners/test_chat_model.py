import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, InvalidToolCall, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable

from vitron_agent.errors import UnknownTargetError, WireSyntaxError
from vitron_agent.messages import (
    INVOCATION_TYPES,
    OPERATIONS,
    Input,
    Module,
    Operation,
    Plan,
    Region,
    Role,
    make_invocation,
)
from vitron_agent.planners.base import Medium, PastTurn, Planner, PlanRequest, Rejection
from vitron_agent.planners.chat_model import ChatModelPlanner, tool_schema


class FakeChatModel(BaseChatModel):
    """Replies as told, and remembers what it was asked and which tools it had."""

    reply: AIMessage
    tools: list[dict[str, Any]]
    asked: list[list[BaseMessage]]

    @property
    def _llm_type(self) -> str:
        return "fake"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        self.tools.extend(tools)
        return self

    def _generate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        self.asked.append(messages)
        return ChatResult(generations=[ChatGeneration(message=self.reply)])


def call(name: str, **args: Any) -> dict[str, Any]:
    return {"name": name, "args": args, "id": f"call-{name}-{len(args)}"}


def ask(reply: AIMessage, request: PlanRequest) -> tuple[Plan, FakeChatModel]:
    model = FakeChatModel(reply=reply, tools=[], asked=[])
    return ChatModelPlanner(model).plan(request), model


REQUEST = PlanRequest(
    text="segment what I circled and make it red",
    media=(Medium(handle="image-1", kind="image"), Medium(handle="image-2", kind="image")),
    attached=("image-2",),
    current="image-2",
    regions=(Region.box(0.1, 0.1, 0.5, 0.5),),
    next_numbers=(("image", 3), ("mask", 1)),
)


def test_tool_calls_in_order_are_the_plan():
    reply = AIMessage(
        "",
        tool_calls=[
            call("image_segmentation", operation="segment", base="image-2", regions=["region-1"], output="my-7"),
            call("image_editing", operation="recolor", value="red", base="image-2", mask="my-7", target=None),
        ],
    )
    plan, _ = ask(reply, REQUEST)
    mask, edit = plan.invocations
    assert mask.regions == (REQUEST.regions[0].model_copy(update={"name": "region-1"}),)
    assert mask.output == "mask-1"
    assert edit.input(Role.MASK) == "mask-1"
    assert (edit.operation, edit.value, edit.output) == (Operation.RECOLOR, "red", "image-3")


def test_what_is_left_out_is_filled_in():
    plan, _ = ask(AIMessage("", tool_calls=[call("image_editing", operation="remove", target="cat")]), REQUEST)
    assert plan.invocations[0].inputs == (Input(handle="image-2"),)


def test_words_are_an_answer_and_are_told_as_they_come():
    pieces: list[str] = []
    model = FakeChatModel(reply=AIMessage("It is a cat. "), tools=[], asked=[])
    assert ChatModelPlanner(model).plan(REQUEST, pieces.append) == Plan(text="It is a cat.")
    assert "".join(pieces) == "It is a cat. "


def test_a_streamed_reply_is_put_together():
    class Streaming(FakeChatModel):
        def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
            for arguments in ('{"operation": "rem', 'ove", "target": "cat"}'):
                name = "image_editing" if arguments.startswith("{") else None
                part = tool_call_chunk(name=name, args=arguments, id=name and "1", index=0)
                yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[part]))

    plan = ChatModelPlanner(Streaming(reply=AIMessage(""), tools=[], asked=[])).plan(REQUEST)
    assert [(step.operation, step.target) for step in plan.invocations] == [(Operation.REMOVE, "cat")]


def test_words_beside_calls_are_noted():
    plan, _ = ask(AIMessage("Sure!", tool_calls=[call("conversation", operation="undo")]), REQUEST)
    assert plan.notes == ("text beside the tool calls was dropped: 'Sure!'",)


def test_what_the_model_reads():
    done = make_invocation(
        Module.IMAGE_EDITING, Operation.REMOVE, target="dog", inputs=(Input(handle="image-1"),), output="image-2"
    )
    past = (
        PastTurn(text="remove the dog", plan=Plan(invocations=(done,)), reply="I could not find the dog."),
        PastTurn(text="hi", plan=Plan(text="Hello")),
    )
    rejection = Rejection(plan="<Module>", error="mask-9 does not exist")
    request = REQUEST.model_copy(update={"history": past, "rejections": (rejection,)})
    _, model = ask(AIMessage("ok"), request)
    (messages,) = model.asked
    kinds = ["system", "human", "ai", "tool", "ai", "human", "ai", "human", "human"]
    assert [message.type for message in messages] == kinds
    assert messages[2].tool_calls[0]["args"] == {
        "operation": "remove", "target": "dog", "base": "image-1", "output": "image-2",
    }  # fmt: skip
    assert isinstance(messages[3], ToolMessage)
    assert messages[3].tool_call_id == messages[2].tool_calls[0]["id"]
    assert messages[4].text == "I could not find the dog."
    assert isinstance(messages[7], HumanMessage)
    for fact in (
        "image-1 (image)",
        "New with this message: image-2",
        "Current: image-2",
        "region-1, a box, on image-2",
        "mask-1",
    ):
        assert fact in messages[7].text
    assert messages[7].text.endswith(REQUEST.text)
    assert "mask-9 does not exist" in messages[8].text


def test_an_earlier_plan_reads_back_from_its_own_call():
    done = make_invocation(
        Module.IMAGE_EDITING, Operation.ADD, target="cat", value="on the sofa",
        inputs=(Input(handle="image-1"), Input(role=Role.SOURCE, handle="image-2")), output="image-3",
    )  # fmt: skip
    _, model = ask(
        AIMessage("ok"), REQUEST.model_copy(update={"history": (PastTurn(text="x", plan=Plan(invocations=(done,))),)})
    )
    said = model.asked[0][2]
    plan, _ = ask(said, REQUEST)
    assert plan.invocations == (done,)


def test_each_module_is_a_tool_made_from_its_invocation():
    _, model = ask(AIMessage("ok"), REQUEST)
    assert [tool["function"]["name"] for tool in model.tools] == list(Module)
    for module in Module:
        properties = tool_schema(module)["function"]["parameters"]["properties"]
        assert properties["operation"]["enum"] == [operation.value for operation in OPERATIONS[module]]
        assert {role for role in Role if role in properties} == INVOCATION_TYPES[module].takes
    json.dumps(model.tools)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (call("image_painting", operation="remove"), "image_painting"),
        (call("image_editing", operation="segment"), "operation"),
        (call("image_editing"), "operation"),
        (call("image_generation", operation="generate", base="image-1"), "takes no base"),
        (call("image_editing", operation="remove", id="x", signal={}), "takes no id, signal"),
        (call("image_editing", operation="remove", target=["cat"]), "target"),
        (call("image_editing", operation="remove", regions=3), "does not fit"),
    ],
)
def test_a_call_that_is_no_invocation_goes_back_to_the_model(bad: dict[str, Any], says: str):
    with pytest.raises(WireSyntaxError, match=says):
        ask(AIMessage("", tool_calls=[bad]), REQUEST)


def test_a_drawing_that_does_not_exist():
    with pytest.raises(UnknownTargetError, match="region-2 does not exist: the user drew region-1"):
        ask(AIMessage("", tool_calls=[call("image_editing", operation="remove", regions=["region-2"])]), REQUEST)


def test_arguments_that_are_not_json_and_empty_replies():
    broken = InvalidToolCall(name="image_editing", args="{operation", id="1", error=None)
    with pytest.raises(WireSyntaxError, match="not JSON"):
        ask(AIMessage("", invalid_tool_calls=[broken]), REQUEST)
    with pytest.raises(WireSyntaxError, match="neither"):
        ask(AIMessage(" "), REQUEST)


def test_it_is_a_planner():
    assert isinstance(ChatModelPlanner(FakeChatModel(reply=AIMessage("ok"), tools=[], asked=[])), Planner)
