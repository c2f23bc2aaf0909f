"""Writes ended invocations into the ledger, and into the turn's state as results and tool messages."""

from collections.abc import Iterable
from typing import Any

from vitron_agent.graphs.reply import sentence
from vitron_agent.graphs.services import Services
from vitron_agent.graphs.state import TurnState
from vitron_agent.graphs.toolcalls import result_to_message
from vitron_agent.memory.views import RunningTurn
from vitron_agent.messages import Invocation, InvocationResult


def record(
    services: Services, turn: RunningTurn, state: TurnState, ended: Iterable[tuple[int, InvocationResult]]
) -> dict[str, Any]:
    """Keeps what ended. Blocking; a replay keeps nothing twice.

    Args:
        services: Whose ledger.
        turn: The right to write it.
        state: Of the turn.
        ended: Position in the plan, and result.

    Returns:
        Updates of ``turn_results`` and ``messages``.
    """
    results = {}
    for position, result in ended:
        stored = services.repository.claim_invocation(turn, result.invocation, state["position"] + position)
        results[result.invocation.id] = stored or services.repository.finish_invocation(turn, result)
    return {"turn_results": results, "messages": answers(state, results.values())}


def answers(state: TurnState, results: Iterable[InvocationResult]) -> list[Any]:
    """The tool messages of results; each answers the call of its invocation."""
    return [result_to_message(result, call_id(state, result.invocation), sentence(result)) for result in results]


def call_id(state: TurnState, step: Invocation) -> str:
    """The tool call that an invocation of the plan in hand answers to."""
    plan = state["plan"]
    assert plan is not None
    position = next(number for number, own in enumerate(plan.invocations) if own.id == step.id)
    return state["call_ids"][position]
