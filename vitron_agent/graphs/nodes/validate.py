"""Whether the plan can be run; if not, it goes back to the planner, twice at most."""

import asyncio
from typing import Any, Literal

from langgraph.types import Command

from vitron_agent.errors import InvocationError
from vitron_agent.events import Event
from vitron_agent.graphs.approval import in_force, needs_approval
from vitron_agent.graphs.emit import emitter
from vitron_agent.graphs.planning import check, is_last_try, problem_told
from vitron_agent.graphs.services import Node, Services
from vitron_agent.graphs.state import TurnState
from vitron_agent.planners.checks import rejection

Goto = Command[Literal["plan", "approve", "reply"]]


def validate_node(services: Services) -> Node:
    """Makes the node."""

    def problem_of(state: TurnState) -> InvocationError | None:
        plan = state["plan"]
        if plan is None:
            return InvocationError(state["problem"])
        try:
            check(services, plan, state["known"], state["rejections"], calls_made=len(state["candidates"]))
        except InvocationError as error:
            return error
        return None

    async def validate(state: TurnState) -> Goto:
        if state["halt"] or state["failure"]:
            return Command(goto="reply")
        emit = emitter()
        problem = problem_of(state)
        plan = state["plan"]
        if problem is not None:
            emit(Event(type="plan_rejected", text=str(problem), plan=plan))
            return _refuse(state, problem)
        assert plan is not None
        emit(Event(type="plan", plan=plan))
        if not plan.invocations:
            turn = await services.turns.take(state["thread"], state["turn"])
            await asyncio.to_thread(services.repository.record_plan, turn.running, plan)
            return Command(goto="reply")
        approvals = in_force(services.approval, state["approval"])
        return Command(goto="approve", update={"ask": any(needs_approval(plan, each) for each in approvals)})

    return validate


def _refuse(state: TurnState, problem: InvocationError) -> Goto:
    """Back to the planner, unless that is no use."""
    refused = rejection(state["plan"], problem)
    refusals, rejections = state["refusals"] + 1, (*state["rejections"], refused)
    update: dict[str, Any] = {"refusals": refusals, "rejections": rejections}
    if state["given"] or is_last_try(refusals, state["rejections"], refused):
        return Command(goto="reply", update={**update, "failure": problem_told(rejections)})
    return Command(goto="plan", update=update)
