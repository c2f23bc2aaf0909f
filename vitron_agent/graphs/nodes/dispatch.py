"""Sends every invocation that can run to the node of its module, and ends the turn when none is left."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.types import Command, Send

from vitron_agent.artifacts import ArtifactRef
from vitron_agent.errors import UnknownThreadError
from vitron_agent.graphs.nodes.expert import spent
from vitron_agent.graphs.record import record
from vitron_agent.graphs.schedule import next_wave, settle_inputs
from vitron_agent.graphs.services import Node, Services
from vitron_agent.graphs.state import Task, TurnState
from vitron_agent.graphs.turns import OpenTurn
from vitron_agent.messages import Invocation, InvocationResult, Module

Goto = Command[str]
_MOVE = Module.CONVERSATION


def dispatch_node(services: Services) -> Node:
    """Makes the node."""

    def halt_of(state: TurnState, turn: OpenTurn, ready: Sequence[tuple[int, Invocation]]) -> str:
        budget = services.settings.budget
        if turn.stop.is_set():
            return turn.stop.reason
        if state["seconds"] >= budget.seconds:
            return spent(budget)
        if len(state["candidates"]) >= budget.calls and any(step.module is not _MOVE for _, step in ready):
            return f"the turn's {budget.calls} expert calls are spent (setting budget.calls)"
        return ""

    def advance(state: TurnState, turn: OpenTurn) -> Goto:
        plan, results = state["plan"], state["turn_results"]
        assert plan is not None
        wave = next_wave(plan, results)
        halt = halt_of(state, turn, wave.ready)
        ended = [(position, _skipped(step, why)) for position, step, why in wave.skipped]
        if not halt and wave.ready:
            left = services.settings.budget.calls - len(state["candidates"])
            known = {**results, **{result.invocation.id: result for _, result in ended}}
            sends: list[Send] = []
            for position, step in wave.ready[: max(left, 1)]:
                try:
                    sends.append(_send(services, state, known, position, step))
                except UnknownThreadError as error:  # what it reads was undone by a step before it
                    ended.append((position, InvocationResult(invocation=step, status="failed", error=str(error))))
            return Command(goto=sends or "dispatch", update=record(services, turn.running, state, ended))
        if wave.ready:
            never = {result.invocation.id for _, result in ended} | results.keys()
            steps = [(position, step) for position, step in enumerate(plan.invocations) if step.id not in never]
            ended += [(position, _skipped(step, halt)) for position, step in steps]
        elif not any(result.status == "skipped" and result.error == halt for result in results.values()):
            halt = ""  # all was finished before it could stop anything
        return Command(goto="reply", update={**record(services, turn.running, state, ended), "halt": halt})

    async def dispatch(state: TurnState) -> Goto:
        turn = await services.turns.take(state["thread"], state["turn"])
        return await asyncio.to_thread(advance, state, turn)

    return dispatch


def _skipped(step: Invocation, why: str) -> InvocationResult:
    return InvocationResult(invocation=step, status="skipped", error=why)


def _send(
    services: Services, state: TurnState, results: Mapping[str, InvocationResult], position: int, step: Invocation
) -> Send:
    moved = any(result.invocation.module is _MOVE for result in results.values()) and step.module is not _MOVE
    current = services.repository.recall(state["thread"], num_turns=1, num_media=1).current if moved else state["start"]
    step = settle_inputs(step, results, start=state["start"], current=current)
    made = {output.handle: output.ref for result in results.values() for output in result.outputs}
    refs: Mapping[Any, ArtifactRef] = state["known"] | made
    if moved:  # what was there when the turn began may be gone
        refs = services.repository.resolve(state["thread"], [item.handle for item in step.inputs])
    settings = services.settings
    task = Task(
        thread=state["thread"],
        turn=state["turn"],
        position=state["position"] + position,
        invocation=step,
        inputs=tuple((item.role, refs[item.handle]) for item in step.inputs),
        seconds=min(settings.budget.call_seconds, settings.budget.seconds - state["seconds"]),
        seed=settings.seed + state["replans"],
    )
    return Send(step.module.value, {"task": task})
