"""Asks the planner, or takes the plan that the caller's own model wrote as tool calls."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, cast

from langchain_core.messages import AIMessage

from vitron_agent.errors import ExpertTimeout, InvocationError, TurnCancelled, UsageError, VitronError
from vitron_agent.events import Event
from vitron_agent.graphs.emit import emitter
from vitron_agent.graphs.planning import HISTORY, MEDIA, ask, find_named, plan_request, with_ids
from vitron_agent.graphs.schedule import without_finished
from vitron_agent.graphs.services import Node, Services
from vitron_agent.graphs.state import TurnState
from vitron_agent.graphs.toolcalls import message_to_plan
from vitron_agent.graphs.turns import OpenTurn
from vitron_agent.graphs.undone import carry_over
from vitron_agent.graphs.workers import call
from vitron_agent.memory.views import Recollection
from vitron_agent.messages import Plan
from vitron_agent.planners.base import PlanRequest
from vitron_agent.planners.checks import completed

_log = logging.getLogger(__name__)


def plan_node(services: Services) -> Node:
    """Makes the node. What it finds wrong is left to ``validate``."""

    async def plan(state: TurnState) -> dict[str, Any]:
        if state["failure"]:
            return {}
        turn = await services.turns.take(state["thread"], state["turn"])
        memory = await asyncio.to_thread(_recall, services, turn)
        attempt = state["attempt"] + 1
        start = state["start"] or memory.current
        request = plan_request(
            memory, state["text"], regions=state.get("regions") or (), current=start, rejections=state["rejections"]
        )
        update: dict[str, Any] = {"attempt": attempt, "start": start, "plan": None, "problem": ""}
        emit = emitter()

        def write(cancelled: Callable[[], bool]) -> Plan:
            def on_token(text: str) -> None:
                if not cancelled():
                    emit(Event(type="token", text=text))

            return ask(services, request, on_token)

        left = services.settings.budget.seconds - state["seconds"]
        started = time.perf_counter()
        try:
            made = _given(state) if state["given"] else await call(write, seconds=left, stop=turn.stop)
            update |= await asyncio.to_thread(_prepare, services, state, made, memory, request, attempt)
        except InvocationError as error:
            update["problem"] = str(error)
        except TurnCancelled as error:
            update["halt"] = str(error)
        except ExpertTimeout:
            update["halt"] = f"planning took longer than the turn may ({services.settings.budget.seconds:g} s)"
        except UsageError as error:
            update["failure"] = str(error)
        except VitronError:
            raise
        except Exception as error:  # a provider's: its network, its key, its limits
            _log.warning("the planner failed", exc_info=True)
            update["failure"] = f"the planner failed ({type(error).__name__}: {error}); try again"
        return update | {"seconds": state["seconds"] + time.perf_counter() - started}

    return plan


def _given(state: TurnState) -> Plan:
    return message_to_plan(cast("AIMessage", state["messages"][-1]))


def _recall(services: Services, turn: OpenTurn) -> Recollection:
    """The conversation as a planner may see it."""
    thread = turn.running.thread
    memory = services.repository.recall(thread, num_turns=HISTORY, num_media=MEDIA)
    if memory.current is None and not memory.attached and carry_over(services.repository, turn.running):
        return services.repository.recall(thread, num_turns=HISTORY, num_media=MEDIA)
    return memory


def _prepare(
    services: Services, state: TurnState, made: Plan, memory: Recollection, request: PlanRequest, attempt: int
) -> dict[str, Any]:
    """The plan as it will run."""
    finished = state["turn_results"]
    left = without_finished(completed(made, request), finished)
    plan = with_ids(completed(left, request), state["turn"], attempt)
    if state["given"]:
        call_ids = tuple(str(item["id"]) for item in cast("AIMessage", state["messages"][-1]).tool_calls)
    else:
        call_ids = tuple(step.id for step in plan.invocations)
    known = find_named(services, state["thread"], plan, memory)
    return {"plan": plan, "known": known, "call_ids": call_ids, "position": len(finished)}
