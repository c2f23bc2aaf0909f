"""Waits for the user where the plan asks for it, then makes the plan the turn's own. Nothing has run so far."""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

from langgraph.types import Command, interrupt

from vitron_agent.errors import InvocationError
from vitron_agent.graphs.approval import Decision, Decisions, Reject, Respond, approval_request, edited
from vitron_agent.graphs.planning import check, find_named, plan_request
from vitron_agent.graphs.record import record
from vitron_agent.graphs.services import Node, Services
from vitron_agent.graphs.state import TurnState
from vitron_agent.graphs.toolcalls import plan_to_message
from vitron_agent.graphs.turns import OpenTurn
from vitron_agent.messages import InvocationResult, Plan
from vitron_agent.planners.checks import completed, rejection

Goto = Command[Literal["plan", "dispatch", "reply"]]


def approve_node(services: Services) -> Node:
    """Makes the node. It is run again from its beginning when the answer comes, so nothing is written before that."""

    def follow(state: TurnState, plan: Plan, decisions: Sequence[Decision]) -> tuple[dict[str, Any], str]:
        """The update for the user's edits, and why they cannot be followed."""
        if len(decisions) != len(plan.invocations):
            return {}, f"{len(plan.invocations)} invocations wait for as many decisions, {len(decisions)} came"
        try:
            changed = edited(plan, decisions)
            if changed == plan:
                return {"plan": plan}, ""
            memory = services.repository.recall(state["thread"])
            changed = completed(changed, plan_request(memory, state["text"], current=state["start"]))
            known = find_named(services, state["thread"], changed, memory)
            check(services, changed, known)
        except InvocationError as error:
            return {}, str(error)
        return {"plan": changed, "known": known}, ""

    def adopt(turn: OpenTurn, state: TurnState, plan: Plan, decisions: Sequence[Decision]) -> dict[str, Any]:
        """Makes the plan the turn's, and notes what the user rejected."""
        services.repository.record_plan(turn.running, plan)
        ended = [
            (position, InvocationResult(invocation=step, status="rejected", error=decision.message))
            for position, (step, decision) in enumerate(zip(plan.invocations, decisions, strict=False))
            if isinstance(decision, Reject)
        ]
        return record(services, turn.running, state, ended)

    async def approve(state: TurnState) -> Goto:
        plan = state["plan"]
        assert plan is not None
        turn = await services.turns.take(state["thread"], state["turn"])
        if state["ask"] and turn.stop.is_set():  # a stopped turn ends; it doesn't wait
            return Command(goto="reply", update={"halt": turn.stop.reason})
        decisions: tuple[Decision, ...] = ()
        problem = ""
        update: dict[str, Any] = {"plan": plan}
        while state["ask"]:
            turn.asking = True
            decisions = interrupt(approval_request(plan, problem), response_schema=Decisions).decisions
            turn.asking = False
            update, problem = await asyncio.to_thread(follow, state, plan, decisions)
            if not problem:
                break
        plan = update["plan"]
        said = [decision.message for decision in decisions if isinstance(decision, Respond)]
        if said:
            wish = f"the user says: {' '.join(said)}"
            if state["given"]:  # the caller's model planned; it plans again when it reads this
                return Command(goto="reply", update={"failure": wish})
            # A new wish: what the profile lacks for the old one no longer binds.
            earlier = (one.model_copy(update={"only": (), "steps": 0}) for one in state["rejections"])
            return Command(goto="plan", update={"rejections": (*earlier, rejection(plan, wish))})
        message = plan_to_message(plan, state["call_ids"], f"{state['thread']}/{state['turn']}.{state['attempt']}")
        recorded = await asyncio.to_thread(adopt, turn, state, plan, decisions)
        update["turn_results"] = recorded["turn_results"]
        update["messages"] = ([] if state["given"] else [message]) + recorded["messages"]
        return Command(goto="dispatch", update=update)

    return approve
