"""Moves in the conversation: undo, go on with another artifact, find the picture with a thing."""

import asyncio
import functools
from typing import Any

from vitron_agent.errors import UsageError
from vitron_agent.graphs.nodes.expert import attempt
from vitron_agent.graphs.services import Node, Services
from vitron_agent.graphs.state import Candidate, ModuleInput, Task
from vitron_agent.graphs.turns import OpenTurn
from vitron_agent.graphs.undone import carry_over
from vitron_agent.memory.views import NamedArtifact
from vitron_agent.messages import Handle, InvocationResult, Module, Operation, Role, Status, make_invocation

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
            except UsageError as error:
                result = InvocationResult(invocation=task.invocation, status="failed", error=str(error))
            result = await asyncio.to_thread(repository.finish_invocation, turn.running, result)
        return {"turn_results": {result.invocation.id: result}}

    return conversation


def _undo(services: Services, turn: OpenTurn, task: Task) -> InvocationResult:
    undone = services.repository.undo(task.thread, int(task.invocation.value or 1), within=turn.running)
    kept = carry_over(services.repository, turn.running, undone)
    note = f"What you gave is still here: {', '.join(kept)}" if kept else _going_on(services, task.thread)
    return InvocationResult(invocation=task.invocation, status="done", notes=(note,) if note else ())


def _going_on(services: Services, thread: str) -> str:
    current = services.repository.recall(thread, num_turns=1, num_media=1).current
    return f"Going on with {current}" if current else ""


def _select(services: Services, turn: OpenTurn, task: Task) -> InvocationResult:
    handle = task.invocation.input(Role.BASE)
    assert handle is not None
    services.repository.select(task.thread, handle, within=turn.running, position=task.position)
    return InvocationResult(invocation=task.invocation, status="done")


async def _search(services: Services, turn: OpenTurn, task: Task) -> InvocationResult:
    """Shows the pictures to the grounding expert one after the other and goes on with the best match."""
    named = await asyncio.to_thread(services.repository.artifacts, task.thread)
    step, target = task.invocation, task.invocation.target
    seek = make_invocation(Module.IMAGE_GROUNDING, Operation.DETECT, id=step.id, target=target)
    best: tuple[float, Handle, Candidate] | None = None
    spent = 0.0
    for item in _candidates(named):
        left = task.seconds - spent
        fields = {"invocation": seek, "inputs": ((Role.BASE, item.ref),), "seconds": max(left, 0.0)}
        candidate = await attempt(services, turn, task.model_copy(update=fields), last_try=True)
        spent += candidate.seconds
        if candidate.failure:
            status: Status = "skipped" if candidate.failure == "stopped" else "failed"
            return InvocationResult(invocation=step, status=status, error=candidate.error, seconds=spent)
        score = max((finding.score for finding in candidate.findings), default=0.0)
        if candidate.status == "done" and (best is None or score > best[0]):
            best = (score, item.handle, candidate)
    if best is None:
        note = f"None of the pictures here seems to show “{target}”"
        return InvocationResult(invocation=step, status="not_found", notes=(note,), seconds=spent)
    _, handle, candidate = best
    select = functools.partial(services.repository.select, within=turn.running, position=task.position)
    await asyncio.to_thread(select, task.thread, handle)
    note = f"Going on with {handle}, which shows “{target}”"
    findings = candidate.findings
    return InvocationResult(invocation=step, status="done", findings=findings, notes=(note,), seconds=spent)


def _candidates(named: tuple[NamedArtifact, ...]) -> list[NamedArtifact]:
    """Different pictures, those that the user gave first, newest first."""
    pictures = [item for item in reversed(named) if item.ref.kind == "image"]
    ordered = sorted(pictures, key=lambda item: item.invocation is not None)
    different: dict[str, NamedArtifact] = {}
    for item in ordered:
        different.setdefault(item.ref.id, item)
    return list(different.values())[:MAX_SEARCHED]
