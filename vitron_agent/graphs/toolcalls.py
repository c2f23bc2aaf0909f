"""Plans and results as LangChain messages, and back (DESIGN §4).

A plan is an AIMessage whose tool calls are its invocations: name = module, args = the invocation's fields. Each call is
answered by one ToolMessage, whose artifact is a list of JSON references.
"""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from pydantic import ValidationError

from vitron_agent.errors import WireSyntaxError
from vitron_agent.messages import Invocation, InvocationResult, Module, Operation, Plan, make_invocation

_OWN_FIELDS = {"schema_version", "id", "module"}
_MODULES = frozenset(module.value for module in Module)


def plan_to_message(plan: Plan, call_ids: Sequence[str], message_id: str) -> AIMessage:
    """A plan with invocations as a message.

    Args:
        plan: With invocations.
        call_ids: One an invocation; a ToolMessage answers each.
        message_id: Stable, so that a replay or an edited plan replaces the message.
    """
    calls = [
        {"name": step.module.value, "args": arguments(step), "id": call_id}
        for step, call_id in zip(plan.invocations, call_ids, strict=True)
    ]
    return AIMessage(content="", tool_calls=calls, id=message_id, name="vitron")


def arguments(step: Invocation) -> dict[str, Any]:
    """An invocation's fields as JSON, without what is empty or said by its module."""
    fields = step.model_dump(mode="json", exclude=_OWN_FIELDS, exclude_defaults=True)
    return {"operation": step.operation.value, **fields}


def asks_modules(message: AnyMessage) -> bool:
    """Whether a message is a plan of the caller's own: an AIMessage that calls nothing but modules."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return bool(calls) and all(call["name"] in _MODULES for call in calls)


def message_to_plan(message: AIMessage) -> Plan:
    """The plan in a message's tool calls.

    Raises:
        WireSyntaxError: A call's arguments are not an invocation's.
    """
    return Plan(invocations=tuple(to_invocation(call["name"], call["args"]) for call in message.tool_calls))


def to_invocation(name: str, args: dict[str, Any]) -> Invocation:
    """One tool call as an invocation.

    Raises:
        WireSyntaxError: The module is unknown or the arguments don't fit it; says which and why.
    """
    if name not in _MODULES:
        raise WireSyntaxError(f"unknown module {name!r}; the modules are {', '.join(sorted(_MODULES))}")
    fields = {key: value for key, value in args.items() if key not in _OWN_FIELDS | {"operation", "signal"}}
    try:
        return make_invocation(Module(name), Operation(args.get("operation", "")), **fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"][1:]))
        raise WireSyntaxError(f"{name}: {place or 'arguments'}: {first['msg']}") from error
    except ValueError:
        raise WireSyntaxError(f"{name} has no operation {args.get('operation')!r}") from None


def result_to_message(result: InvocationResult, call_id: str, sentence: str) -> ToolMessage:
    """What became of an invocation, as the answer to its tool call.

    Args:
        result: With verified outputs.
        call_id: Of the tool call.
        sentence: The result in words.
    """
    references = [
        {"slot": output.slot, "handle": output.handle, **output.ref.model_dump(mode="json", exclude_none=True)}
        for output in result.outputs
        if output.handle
    ]
    status = "error" if result.status in {"failed", "rejected", "skipped"} else "success"
    return ToolMessage(
        content=sentence,
        artifact=references,
        status=status,
        tool_call_id=call_id,
        name=result.invocation.module.value,
        id=f"{call_id}/result",
    )
