"""Runs one invocation by the expert of its module, off the event loop; what it makes is stored but not yet believed."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from langgraph.runtime import get_runtime
from langgraph.types import RetryPolicy

from vitron_agent.artifacts import ArtifactRef, ArtifactStore
from vitron_agent.boxes import Boxes
from vitron_agent.config import Budget
from vitron_agent.errors import (
    ConfigError,
    ExpertTimeout,
    PersistenceError,
    TurnCancelled,
    VerificationError,
    VitronError,
)
from vitron_agent.events import Event
from vitron_agent.graphs.emit import emitter
from vitron_agent.graphs.services import Node, Services
from vitron_agent.graphs.state import Candidate, Failure, ModuleInput, Task
from vitron_agent.graphs.turns import OpenTurn
from vitron_agent.messages import Role, output_kind
from vitron_agent.tools.base import Expert, Job, Outcome, Produced, Progress

_log = logging.getLogger(__name__)

RETRIES = RetryPolicy(max_attempts=3, initial_interval=0.2, retry_on=ConnectionError)
"""Only a lost connection (of a remote backend) is worth the same try again; all else would fail the same way."""


def expert_node(services: Services) -> Node:
    """Makes the node of a module."""

    async def run(state: ModuleInput) -> dict[str, Any]:
        task = state["task"]
        turn = await services.turns.take(task.thread, task.turn)
        ran = await asyncio.to_thread(
            services.repository.claim_invocation, turn.running, task.invocation, task.position
        )
        if ran is not None:
            return {"turn_results": {ran.invocation.id: ran}}
        info = get_runtime().execution_info
        last = info is None or info.node_attempt >= RETRIES.max_attempts
        emitter()(Event(type="expert_start", invocation=task.invocation))
        candidate = await attempt(services, turn, task, last_try=last)
        return {"candidates": {task.invocation.id: candidate}}

    return run


async def attempt(services: Services, turn: OpenTurn, task: Task, *, last_try: bool) -> Candidate:
    """One run of the expert; failures are part of the answer.

    Args:
        services: What it works with.
        turn: The turn that it is for.
        task: What to do.
        last_try: Whether a lost connection is a failure too.

    Raises:
        ConnectionError: Worth another try.
        ConfigError: The user has to do something first.
        PersistenceError: The database fails.
    """
    expert = services.experts[task.invocation.module]
    emit = emitter()

    def work(cancelled: Callable[[], bool]) -> Candidate:
        def report(progress: Progress) -> None:
            if not cancelled():
                fields = {"stage": progress.stage, "step": progress.step, "of": progress.of}
                emit(Event(type="progress", invocation=task.invocation, **fields))

        return _kept(expert, make_job(services, task, report=report, cancelled=cancelled), task, cancelled)

    name = f"{expert.backend.name}/{expert.backend.version}"
    started = time.perf_counter()
    try:
        candidate, seconds = await services.workers.run(
            work, key=task.invocation.module, seconds=task.seconds, stop=turn.stop
        )
        return candidate.model_copy(update={"seconds": seconds, "backend": name})
    except (ConfigError, PersistenceError):
        raise
    except ConnectionError:
        if not last_try:
            raise
        failure, reason = "expert", "its connection was lost again and again"
    except TurnCancelled as error:
        failure, reason = "stopped", turn.stop.reason or str(error)
    except VitronError as error:
        failure, reason = _failure(error, services.settings.budget, task)
    except Exception as error:
        _log.exception("expert %s failed on %s", name, task.invocation.id)
        failure, reason = "expert", f"the {name} backend has a bug ({type(error).__name__}: {error})"
    return Candidate(task=task, failure=failure, error=reason, seconds=time.perf_counter() - started, backend=name)


def _failure(error: VitronError, budget: Budget, task: Task) -> tuple[Failure, str]:
    if isinstance(error, ExpertTimeout) and task.seconds < budget.call_seconds:
        return "stopped", spent(budget)
    return "verification" if isinstance(error, VerificationError) else "expert", str(error)


def spent(budget: Budget) -> str:
    """Why a turn ends when its time is over."""
    return f"the turn's {budget.seconds:g} s are spent (setting budget.seconds)"


def make_job(services: Services, task: Task, **callbacks: Any) -> Job:
    """What an expert gets to see of a task; ``callbacks`` are the job's. Blocking."""
    signal = task.invocation.signal
    return Job(
        invocation=task.invocation,
        inputs=dict(task.inputs),
        store=services.store,
        signal=None if signal is None else services.store.tensors(signal.artifact),
        channels=services.settings.channels,
        seed=task.seed,
        **callbacks,
    )


def _kept(expert: Expert, job: Job, task: Task, cancelled: Callable[[], bool]) -> Candidate:
    """Runs the expert and stores what it made."""
    outcome = expert.run(job)
    if not isinstance(outcome, Outcome):
        raise VerificationError(f"the expert gave a {type(outcome).__name__} instead of an outcome")
    if cancelled():
        raise TurnCancelled("stopped")
    due = output_kind(task.invocation)
    if outcome.status == "done" and (not outcome.outputs or outcome.outputs[0].kind != due):
        gave = outcome.outputs[0].kind if outcome.outputs else "nothing"
        raise VerificationError(f"the expert says done, but gave {gave} where {due} is due")
    base = job.inputs.get(Role.BASE)
    outputs = tuple((produced.slot, store_output(job.store, produced, base)) for produced in outcome.outputs)
    return Candidate(
        task=task,
        status=outcome.status,
        outputs=outputs if outcome.status == "done" else (),
        findings=outcome.findings,
        notes=outcome.notes,
    )


def store_output(store: ArtifactStore, produced: Produced, base: ArtifactRef | None) -> ArtifactRef:
    """Keeps one output.

    Raises:
        VerificationError: Its value is not of its kind.
        ArtifactError: It cannot be written.
    """
    value: Any = produced.value
    try:
        if produced.kind == "boxes":
            if not isinstance(value, Boxes) or base is None or base.width is None or base.height is None:
                raise ValueError("boxes need a picture that they lie on")
            return store.put_boxes(value, base.width, base.height)
        if produced.kind == "mask":
            return store.put_mask(value)
        if produced.kind == "partition":
            return store.put_partition(value)
        return store.put_image(value, produced.icc)
    except (ValueError, TypeError, AttributeError) as error:
        raise VerificationError(f"output {produced.slot} is no {produced.kind}: {error}") from error
