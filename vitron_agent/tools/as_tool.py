"""The agent, and each of its experts, as LangChain tools.

What a tool makes comes back as words and, in the ToolMessage's artifact, as JSON references; pixels stay in the store.
The conversation is the caller's thread (``thread_id`` of its configuration); without one, each tool keeps its own.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel, ConfigDict, Field, create_model

from vitron_agent.errors import UsageError
from vitron_agent.messages import INVOCATION_TYPES, Module
from vitron_agent.tools.base import Expert

if TYPE_CHECKING:
    from vitron_agent.agent import VitronAgent
    from vitron_agent.replies import Reply

Result: TypeAlias = tuple[str, list[dict[str, Any]]]
_OWN_FIELDS = frozenset({"schema_version", "id", "module", "operation", "signal", "output"})
_FIELD_HELP = {
    "target": "What it is about: a noun phrase such as 'second dog from the left'",
    "value": "What it becomes: a colour, a style, an amount, another thing",
    "inputs": "Handles such as image-1; what is left out is the newest picture",
    "regions": "What was drawn; coordinates in [0, 1]",
}


class Request(BaseModel):
    """What the agent takes as a tool."""

    model_config = ConfigDict(extra="forbid")

    request: str = Field(description="What to do with the pictures, or a question about them, in plain words")
    images: list[str] = Field(default=[], description="New pictures: paths, https addresses or handles like image-1")
    videos: list[str] = Field(default=[], description="New clips, in the same way")


def agent_tool(agent: "VitronAgent") -> BaseTool:
    """The whole agent: takes a request in words and remembers the conversation."""
    own_thread = f"tool-{uuid.uuid4().hex[:12]}"

    def run(request: str, config: RunnableConfig, images: Any = (), videos: Any = ()) -> Result:
        with _understandable():
            return _of_reply(agent.chat(request, images, videos, thread=_thread(config, own_thread)))

    async def arun(request: str, config: RunnableConfig, images: Any = (), videos: Any = ()) -> Result:
        with _understandable():
            return _of_reply(await agent.achat(request, images, videos, thread=_thread(config, own_thread)))

    description = (
        "Finds, selects and edits things in pictures and clips, over several turns. It answers with what it really "
        "made, by handles such as image-2, which later requests may name."
    )
    return _tool("vitron", description, Request, run, arun)


def expert_tool(
    graph: CompiledStateGraph[Any, Any, Any, Any], experts: Mapping[Module, Expert], module: Module | str
) -> BaseTool:
    """One expert, as a tool whose arguments are the fields of its invocation.

    It runs through the graph, so that its work is checked, verified and remembered like any other.

    Raises:
        UsageError: There is no expert for that module.
    """
    expert = experts.get(Module(module)) if module in list(Module) else None
    if expert is None:
        raise UsageError(f"there is no expert for {module!r}; there are {', '.join(sorted(experts))}")
    own_thread = f"tool-{uuid.uuid4().hex[:12]}"

    def start(config: RunnableConfig, fields: dict[str, Any]) -> tuple[dict[str, Any], RunnableConfig]:
        call = {"name": expert.module.value, "args": _plain(fields), "id": f"call-{uuid.uuid4().hex[:12]}"}
        words = " ".join(filter(None, [fields["operation"], fields.get("target"), fields.get("value")]))
        messages = [HumanMessage(words), AIMessage("", tool_calls=[call])]
        configurable = {**config.get("configurable", {}), "thread_id": _thread(config, own_thread)}
        return {"messages": messages}, {**config, "configurable": configurable}

    def run(config: RunnableConfig, **fields: Any) -> Result:
        return _answer(graph.invoke(*start(config, fields)))

    async def arun(config: RunnableConfig, **fields: Any) -> Result:
        return _answer(await graph.ainvoke(*start(config, fields)))

    summary = (INVOCATION_TYPES[expert.module].__doc__ or "").strip()
    return _tool(expert.module.value, summary, _arguments(expert), run, arun)


def _arguments(expert: Expert) -> type[BaseModel]:
    """The invocation's fields that a caller may fill, with the operations that the backend can do."""
    kind = INVOCATION_TYPES[expert.module]
    able = tuple(sorted(operation.value for operation in expert.backend.operations))
    fields: dict[str, Any] = {
        name: (field.annotation, Field(default=field.default, description=_FIELD_HELP[name]))
        for name, field in kind.model_fields.items()
        if name not in _OWN_FIELDS
    }
    fields["operation"] = (Literal[able], Field(description="What to do"))
    return create_model(f"{kind.__name__}Arguments", __config__=ConfigDict(extra="forbid"), **fields)


def _tool(
    name: str, description: str, schema: type[BaseModel], run: Callable[..., Result], arun: Callable[..., Any]
) -> BaseTool:
    return StructuredTool.from_function(
        func=run,
        coroutine=arun,
        name=name,
        description=description,
        args_schema=schema,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )


def _thread(config: RunnableConfig, own: str) -> str:
    return str(config.get("configurable", {}).get("thread_id") or own)


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """Arguments as JSON: LangChain hands over validated models."""
    return {
        name: [item.model_dump(mode="json") if isinstance(item, BaseModel) else item for item in value]
        if isinstance(value, list | tuple)
        else value
        for name, value in fields.items()
    }


def _answer(values: dict[str, Any]) -> Result:
    """The ToolMessage of a run that made one call."""
    if pending := values.get("__interrupt__"):
        wishes = "; ".join(action["description"] for action in pending[0].value["action_requests"])
        raise ToolException(
            f"approval is pending, nothing has run: {wishes}. To give it, call this tool in a node of a graph that has "
            "a checkpointer, and resume that graph with Command(resume={'decisions': [{'type': 'approve'}]})"
        )
    answer = next(message for message in values["messages"] if isinstance(message, ToolMessage))
    if answer.status == "error":
        raise ToolException(answer.text)
    return answer.text, answer.artifact


def _of_reply(reply: "Reply") -> Result:
    references = [
        {"handle": item.handle, **item.ref.model_dump(mode="json", exclude_none=True)} for item in reply.artifacts
    ]
    return reply.text, references


@contextmanager
def _understandable() -> Iterator[None]:
    """Hands the caller's mistakes to the caller's model as words."""
    try:
        yield
    except UsageError as error:
        raise ToolException(str(error)) from error
