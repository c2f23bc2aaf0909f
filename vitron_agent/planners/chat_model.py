"""Any LangChain chat model with tool calling as a planner: each module is a tool, and tool calls in order are the plan.

It uses the text channel only; ``VitronPlanner`` is the one that also writes signals.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.messages.tool import ToolCall

from vitron_agent.errors import UnknownTargetError, WireSyntaxError
from vitron_agent.messages import (
    INVOCATION_TYPES,
    OPERATIONS,
    Input,
    Invocation,
    Module,
    Operation,
    Plan,
    Region,
    Role,
    make_invocation,
)  # fmt: skip
from vitron_agent.planners.base import PastTurn, PlanRequest
from vitron_agent.wire import complete

_RULES = """\
You plan work on pictures and clips. Call the tools that do what the user asks, all in one reply and in the order of \
dependence; or answer in words and call nothing.
- Call as few tools as do it. Tools find their own target: segment or detect first only if the user asks for a mask, \
an outline, a box or a place, or if several later steps use the result.
- Several edits of one picture chain: the second takes the output of the first as its base.
- target is the user's noun phrase without article or possessive, in lower case, with the words that pick the thing \
out ("second dog from the left"). Empty where a drawn region says it all.
- Questions, greetings, thanks, advice, and what no tool does (crop, resize, rotate, text, sound) are answered in words.
- Media are called by handles such as image-1. base is what is worked on: the current one unless the user points at \
another. source is where a thing or a background comes from, reference what a searched thing looks like.
- output is the handle by which later calls name a call's result: the next free number of its kind.
- "undo", "use image-2" and "the photo with the boat" are calls of the tool conversation."""

_HELP: dict[Operation, str] = {
    Operation.GENERATE: "make from words; value = the prompt",
    Operation.SEGMENT: "mask of target ('everything' for all things); value 'soft' for hair and fur",
    Operation.REMOVE: "take target away",
    Operation.REPLACE: "put value in place of target",
    Operation.ADD: "add target; value = where",
    Operation.MOVE: "move target; value = left, right, up or down with an amount, or a place",
    Operation.RECOLOR: "give target the colour value (a name or #rrggbb)",
    Operation.BACKGROUND: "keep target; value = blur, a colour, a scene, or remove; empty with source",
    Operation.STYLE: "value = pencil, watercolor, cartoon, oil, monochrome, sepia, vintage or the user's words",
    Operation.ADJUST: "value = brightness, contrast, saturation, warmth or sharpness; more or less; an amount if said",
    Operation.TRACK: "follow target through the clip",
    Operation.ANIMATE: "set the picture in motion; target = what moves (empty: the camera), value = the motion",
    Operation.DETECT: "boxes of all instances of target",
    Operation.UNDO: "take back the last turn; value = how many turns if more",
    Operation.SELECT: "go on with base",
    Operation.SEARCH: "find an earlier picture that shows target",
}


class ChatModelPlanner:
    """Plans with a chat model.

    Args:
        model: With tool calling.
    """

    name = "chat_model"

    def __init__(self, model: BaseChatModel) -> None:
        self._model = model.bind_tools([tool_schema(module) for module in Module])

    def plan(self, request: PlanRequest, on_token: Callable[[str], None] | None = None) -> Plan:
        """Plans; blocking. ``on_token`` receives the words of an answer as they are written.

        Raises:
            WireSyntaxError: A call is not an invocation, or there is neither a call nor an answer.
            UnknownTargetError: A call names a drawing that does not exist.
        """
        reply = AIMessage("")
        for part in self._model.stream(list(_messages(request))):
            if on_token is not None and part.text:
                on_token(part.text)
            if isinstance(reply, AIMessageChunk) and isinstance(part, AIMessageChunk):
                reply = add_ai_message_chunks(reply, part)
            else:  # the first chunk, or all at once from a model that cannot stream
                reply = part
        plan = _read(reply, request.regions)
        media = [(medium.handle, medium.kind) for medium in request.media]
        return complete(plan, media, request.current, dict(request.next_numbers))


def tool_schema(module: Module) -> dict[str, Any]:
    """A module as a tool, in the JSON form that all chat models take; arguments from its invocation class."""
    roles = [role.value for role in Role if role in INVOCATION_TYPES[module].takes]
    text = {"type": "string"}
    properties: dict[str, Any] = {
        "operation": {"type": "string", "enum": [operation.value for operation in OPERATIONS[module]]},
        "target": text,
        "value": text,
        **{role: {"type": "string", "description": "a handle such as image-1"} for role in roles},
        "regions": {"type": "array", "items": text, "description": "drawn regions, such as region-1"},
        "output": text,
    }
    operations = "; ".join(f"{operation.value}: {_HELP[operation]}" for operation in OPERATIONS[module])
    return {
        "type": "function",
        "function": {
            "name": module.value,
            "description": f"{module.wire_name}. {operations}.",
            "parameters": {"type": "object", "properties": properties, "required": ["operation"]},
        },
    }


def _messages(request: PlanRequest) -> Iterator[BaseMessage]:
    yield SystemMessage(_RULES)
    for number, turn in enumerate(request.history):
        yield HumanMessage(turn.text)
        yield from _said(turn, f"turn-{number}")
    yield HumanMessage(f"{_describe(request)}\n\n{request.text}")
    for rejection in request.rejections:
        yield HumanMessage(f"This plan cannot run:\n{rejection.plan}\n{rejection.error}\nPlan again.")


def _said(turn: PastTurn, prefix: str) -> Iterator[BaseMessage]:
    """An earlier plan as tool calls, each answered, as chat models want their history; what came of it at the end."""
    calls = [
        ToolCall(name=step.module.value, args=_arguments(step), id=f"{prefix}-{position}")
        for position, step in enumerate(turn.plan.invocations)
    ]
    yield AIMessage(turn.plan.text, tool_calls=calls)
    for call in calls:
        yield ToolMessage("ended; the reply says how", tool_call_id=call["id"])
    if calls:
        yield AIMessage(turn.reply)


def _arguments(step: Invocation) -> dict[str, Any]:
    """What :func:`_invocation` reads; boxes of the planner's own are left out."""
    arguments: dict[str, Any] = {"operation": step.operation.value, "target": step.target, "value": step.value}
    arguments |= {item.role.value: item.handle for item in step.inputs}
    arguments |= {"regions": [region.name for region in step.regions if region.name], "output": step.output}
    return {name: value for name, value in arguments.items() if value}


def _describe(request: PlanRequest) -> str:
    """What there is, for the model to name."""
    media = ", ".join(f"{medium.handle} ({medium.kind})" for medium in request.media) or "none"
    lines = [f"Media: {media}."]
    if request.attached:
        lines.append(f"New with this message: {', '.join(request.attached)}.")
    if request.current:
        lines.append(f"Current: {request.current}.")
    for number, region in enumerate(request.regions, start=1):
        lines.append(f"The user drew region-{number}, a {region.kind}, on {region.source or request.current}.")
    taken = "; ".join(f"{stem}-{number}" for stem, number in request.next_numbers)
    if taken:
        lines.append(f"Next free outputs: {taken}.")
    return "\n".join(lines)


def _read(reply: AIMessage, drawn: Sequence[Region]) -> Plan:
    if reply.invalid_tool_calls:
        call = reply.invalid_tool_calls[0]
        raise WireSyntaxError(f"the arguments of {call['name']} are not JSON: {call['args']!r}")
    if not reply.tool_calls and not reply.text.strip():
        raise WireSyntaxError("neither a tool call nor an answer")
    if not reply.tool_calls:
        return Plan(text=reply.text.strip())
    notes = (f"text beside the tool calls was dropped: {reply.text.strip()!r}",) if reply.text.strip() else ()
    return Plan(invocations=tuple(_invocation(call, drawn) for call in reply.tool_calls), notes=notes)


def _invocation(call: ToolCall, drawn: Sequence[Region]) -> Invocation:
    """One tool call as an invocation."""
    arguments = {name: value for name, value in call["args"].items() if value is not None}
    try:
        module = Module(call["name"])
        if unknown := arguments.keys() - tool_schema(module)["function"]["parameters"]["properties"].keys():
            raise ValueError(f"it takes no {', '.join(sorted(unknown))}")
        inputs = [Input(role=role, handle=arguments.pop(role)) for role in Role if arguments.get(role)]
        regions = [_region(name, drawn) for name in arguments.pop("regions", ())]
        return make_invocation(module, inputs=inputs, regions=regions, **arguments)
    except (ValueError, TypeError) as error:
        raise WireSyntaxError(f"the call of {call['name']} does not fit: {error}") from error


def _region(name: str, drawn: Sequence[Region]) -> Region:
    names = [f"region-{number}" for number in range(1, len(drawn) + 1)]
    if name not in names:
        raise UnknownTargetError(f"{name} does not exist: the user drew {', '.join(names) or 'nothing'}")
    return drawn[names.index(name)].model_copy(update={"name": name})
