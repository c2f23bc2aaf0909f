"""Moves in the conversation: undo, go on with another artifact, find the picture with a thing."""

import asyncio
import functools
from collections.abc import Callable
from typing import Any

from vitron_agent.errors import ExpertError, TurnCancelled, UsageError
from vitron_agent.graphs.nodes.expert import make_job
from vitron_agent.graphs.services import Node, Services
from vitron_agent.graphs.state import ModuleInput, Task
from vitron_agent.graphs.turns import OpenTurn
from vitron_agent.graphs.undone import carry_over
from vitron_agent.memory.views import NamedArtifact
from vitron_agent.messages import Finding, InvocationResult, Module, Operation, Role, make_invocation
from vitron_agent.tools.base import Outcome

MAX_SEARCHED = 16
"""A search looks at this many pictures at most: what the user gave first, the newest first."""


def conversation_node(services: Services) -> Node:
    """Makes the node. What it does is verified by doing it, so its results need no look of ``verify``."""
    moves = {Operation.UNDO: _undo, Operation.SELECT: _select}

    async def conversation(state: ModuleInput) -> dict[str, Any]:
        task = state["task"]
        turn = await services.turns.take(task.thread, task.turn)
        repository = services.repository
        result = await asyncio.to_thread(repository.claim_invocation, turn.running, task.invocation, task.position)
        if result is None:
            try:
                if task.invocation.operation is Operation.SEARCH:
                    result = await _search(services, turn, task)
                else:
                    result = await asyncio.to_thread(moves[task.invocation.operation], services, turn, task)
            except TurnCancelled as error:
                result = InvocationResult(invocation=task.invocation, status="skipped", error=str(error))
            except (UsageError, ExpertError) as error:
                result = InvocationResult(invocation=task.invocation, status="failed", error=str(error))
            result = await asyncio.to_thread(repository.finish_invocation, turn.running, result)
        return {"turn_results": {result.invocation.id: result}}

    return conversation


def _undo(services: Services, turn: OpenTurn, task: Task) -> InvocationResult:
    undone = services.repository.undo(task.thread, int(task.invocation.value or 1), within=turn.running)
    kept = carry_over(services.repository, turn.running, undone)
    notes = (f"What you gave is still here: {', '.join(kept)}",) if kept else ()
    return InvocationResult(invocation=task.invocation, status="done", notes=notes)


def _select(services: Services, turn: OpenTurn, task: Task) -> InvocationResult:
    handle = task.invocation.input(Role.BASE)
    assert handle is not None
    services.repository.select(task.thread, handle, within=turn.running, position=task.position)
    return InvocationResult(invocation=task.invocation, status="done")


async def _search(services: Services, turn: OpenTurn, task: Task) -> InvocationResult:
    """Shows the pictures to the grounding expert one after the other and goes on with the best match."""
    named = await asyncio.to_thread(services.repository.artifacts, task.thread)
    target = task.invocation.target
    best: tuple[float, NamedArtifact, tuple[Finding, ...]] | None = None
    left = task.seconds
    expert = services.experts[Module.IMAGE_GROUNDING]

    def look(item: NamedArtifact, cancelled: Callable[[], bool]) -> Outcome:
        seek = make_invocation(Module.IMAGE_GROUNDING, Operation.DETECT, id=task.invocation.id, target=target)
        single = task.model_copy(update={"invocation": seek, "inputs": ((Role.BASE, item.ref),)})
        return expert.run(make_job(services, single, cancelled=cancelled))

    for item in _candidates(named):
        if left <= 0 or turn.stop.is_set():
            break
        outcome, seconds = await services.workers.run(
            functools.partial(look, item), key=Module.IMAGE_GROUNDING, seconds=left, stop=turn.stop
        )
        left -= seconds
        score = max((finding.score for finding in outcome.findings), default=0.0)
        if outcome.status == "done" and (best is None or score > best[0]):
            best = (score, item, outcome.findings)
    spent = task.seconds - left
    if best is None:
        note = f"None of the pictures here seems to show “{target}”"
        return InvocationResult(invocation=task.invocation, status="not_found", notes=(note,), seconds=spent)
    _, item, findings = best
    await asyncio.to_thread(
        services.repository.select, task.thread, item.handle, within=turn.running, position=task.position
    )
    note = f"Going on with {item.handle}, which shows “{target}”"
    return InvocationResult(invocation=task.invocation, status="done", findings=findings, notes=(note,), seconds=spent)


def _candidates(named: tuple[NamedArtifact, ...]) -> list[NamedArtifact]:
    """Different pictures, those that the user gave first, newest first."""
    pictures = [item for item in reversed(named) if item.ref.kind == "image"]
    ordered = sorted(pictures, key=lambda item: item.invocation is not None)
    different: dict[str, NamedArtifact] = {}
    for item in ordered:
        different.setdefault(item.ref.id, item)
    return list(different.values())[:MAX_SEARCHED]
