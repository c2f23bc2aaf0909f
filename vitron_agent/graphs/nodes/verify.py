"""Checks what the experts of a wave made; only what passes gets a name and can be anybody's input."""

import asyncio
from collections.abc import Iterable
from typing import Any, Literal

from langchain_core.messages import ToolMessage
from langgraph.types import Command

from vitron_agent.errors import VerificationError
from vitron_agent.events import Event
from vitron_agent.graphs.emit import emitter
from vitron_agent.graphs.nodes.expert import make_job
from vitron_agent.graphs.record import answers
from vitron_agent.graphs.services import Node, Services
from vitron_agent.graphs.state import Candidate, TurnState
from vitron_agent.graphs.turns import OpenTurn
from vitron_agent.messages import InvocationResult, Output, Status
from vitron_agent.planners.checks import rejection
from vitron_agent.tools.verify import verify_outputs

MAX_REPLANS = 1
"""How often a broken guarantee leads to a new plan in one turn."""
AREA = "area"

_FINISHED = frozenset({"done", "unchanged", "not_found", "failed"})

Goto = Command[Literal["plan", "dispatch", "reply"]]


def verify_node(services: Services) -> Node:
    """Makes the node."""

    def judge(turn: OpenTurn, candidate: Candidate) -> tuple[InvocationResult, bool]:
        """The result, and whether a guarantee was broken."""
        status, error = _verdict(services, candidate)
        broken = status == "failed" and candidate.failure in {"", "verification"}
        result = InvocationResult(
            invocation=candidate.task.invocation,
            status=status,
            outputs=_named(services, turn, candidate) if status == "done" else (),
            findings=candidate.findings if status != "failed" else (),
            notes=candidate.notes if status != "failed" else (),
            error=error,
            seconds=candidate.seconds,
            backend=candidate.backend,
        )
        return services.repository.finish_invocation(turn.running, result), broken

    async def verify(state: TurnState) -> Goto:
        emit = emitter()
        turn = await services.turns.take(state["thread"], state["turn"])
        wave = [item for key, item in state["candidates"].items() if key not in state["turn_results"]]
        results: dict[str, InvocationResult] = {}
        broken: list[InvocationResult] = []
        for candidate in wave:
            result, is_broken = await asyncio.to_thread(judge, turn, candidate)
            results[result.invocation.id] = result
            broken += [result] if is_broken else []
            emit(Event(type="verification", invocation=result.invocation, text=result.error or result.status))
            emit(Event(type="expert_end", result=result))
        plan = state["plan"]
        assert plan is not None
        ended = {**state["turn_results"], **results}
        fresh = [ended[step.id] for step in plan.invocations if _is_new(state, ended, step.id)]
        update: dict[str, Any] = {
            "turn_results": results,
            "messages": answers(state, fresh),
            "seconds": state["seconds"] + max((result.seconds for result in fresh), default=0.0),
        }
        again = broken and state["replans"] < MAX_REPLANS and not state["given"] and not turn.stop.is_set()
        if not again:
            all_well = all(step.id in ended and ended[step.id].status in _FINISHED for step in plan.invocations)
            return Command(goto="reply" if all_well else "dispatch", update=update)
        emit(Event(type="replan", text=broken[0].error, invocation=broken[0].invocation))
        update["messages"] += _dropped(state, ended)
        update["rejections"] = (*state["rejections"], rejection(plan, _broken(broken)))
        return Command(goto="plan", update={**update, "replans": state["replans"] + 1})

    return verify


def _verdict(services: Services, candidate: Candidate) -> tuple[Status, str]:
    if candidate.failure == "stopped":
        return "skipped", candidate.error
    if candidate.failure:
        return "failed", candidate.error
    if candidate.status != "done":
        return candidate.status, ""
    try:
        return verify_outputs(make_job(services, candidate.task), dict(candidate.outputs)), ""
    except VerificationError as error:
        return "failed", str(error)


def _named(services: Services, turn: OpenTurn, candidate: Candidate) -> tuple[Output, ...]:
    """The outputs with their handles: the main one's from the plan, new ones for the others."""
    (slot, main), *others = candidate.outputs
    extra = [ref.kind for name, ref in others if name != AREA]
    handles = iter(services.repository.allot(turn.running, extra) if extra else ())
    rest = [Output(slot=name, handle=None if name == AREA else next(handles), ref=ref) for name, ref in others]
    return (Output(slot=slot, handle=candidate.task.invocation.output, ref=main), *rest)


def _is_new(state: TurnState, ended: dict[str, InvocationResult], step_id: str) -> bool:
    """Whether a step's tool call has not been answered yet."""
    answered = {message.tool_call_id for message in state["messages"] if isinstance(message, ToolMessage)}
    plan = state["plan"]
    assert plan is not None
    position = next(number for number, step in enumerate(plan.invocations) if step.id == step_id)
    return step_id in ended and state["call_ids"][position] not in answered


def _dropped(state: TurnState, ended: dict[str, InvocationResult]) -> list[ToolMessage]:
    """Answers to the calls of a plan that a new plan replaces; every call must have one."""
    plan = state["plan"]
    assert plan is not None
    return [
        ToolMessage("Not run: a new plan took its place.", tool_call_id=call, status="error", id=f"{call}/result")
        for step, call in zip(plan.invocations, state["call_ids"], strict=True)
        if step.id not in ended
    ]


def _broken(broken: Iterable[InvocationResult]) -> str:
    return "; ".join(
        f"{item.invocation.module.value} {item.invocation.operation.value} failed: {item.error}" for item in broken
    )
