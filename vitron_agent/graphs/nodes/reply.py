"""Ends the turn: words from what was verified, into the messages and into memory."""

import asyncio
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage

from vitron_agent.graphs.answer import answer_of
from vitron_agent.graphs.nodes.ingest import OUR_NAME
from vitron_agent.graphs.planning import left_out
from vitron_agent.graphs.reply import render, status_of
from vitron_agent.graphs.services import Node, Services
from vitron_agent.graphs.state import TurnState
from vitron_agent.messages import InvocationResult


def reply_node(services: Services) -> Node:
    """Makes the node."""

    async def reply(state: TurnState) -> dict[str, Any]:
        turn = await services.turns.take(state["thread"], state["turn"])
        shown, all_results = _shown(state), list(state["turn_results"].values())
        answer, stopped = await answer_of(services, state, turn)
        halt = state["halt"] or stopped
        lacking = "" if state["failure"] else left_out(len(shown), state["rejections"])
        text = render(shown, answer=answer, lacking=lacking, halt=halt, failure=state["failure"])
        status = status_of(all_results, halt=halt, failure=state["failure"])
        await asyncio.to_thread(services.repository.finish_turn, turn.running, status, text)
        services.turns.leave(state["thread"], state["turn"])
        message = AIMessage(text, name=OUR_NAME, id=f"{state['thread']}/{state['turn']}")
        return {"messages": [*_unanswered(state, text), message], "turn_status": status, "regions": ()}

    return reply


def _shown(state: TurnState) -> list[InvocationResult]:
    """What the text speaks of: the plan in hand, and what earlier plans of the turn brought to a good end."""
    results = state["turn_results"].values()
    plan = state["plan"]
    if plan is None or state["failure"]:
        return list(results)
    current = {step.id for step in plan.invocations}
    in_order = {step.id: number for number, step in enumerate(plan.invocations)}
    kept = [result for result in results if result.invocation.id in current or result.status in _GOOD]
    return sorted(kept, key=lambda result: in_order.get(result.invocation.id, -1))


_GOOD = frozenset({"done", "unchanged", "not_found"})


def _unanswered(state: TurnState, text: str) -> list[ToolMessage]:
    """Answers to the tool calls of a caller's plan that could not be run."""
    asked: AnyMessage = state["messages"][-1]
    if not (state["given"] and state["failure"] and isinstance(asked, AIMessage)):
        return []
    return [
        ToolMessage(text, tool_call_id=str(item["id"]), name=item["name"], status="error") for item in asked.tool_calls
    ]
