"""Small pictures, plans and agents for tests of the graph and of what stands on it."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vitron_agent.agent import VitronAgent
from vitron_agent.messages import Input, Invocation, Module, Operation, Plan, Region, Role, make_invocation
from vitron_agent.planners.base import PlanRequest, SignalEmbedding, SignalledPlan
from vitron_agent.planners.scripted import ScriptedPlanner
from vitron_agent.testing import fake_profile
from vitron_agent.tools.base import Job

MakeAgent = Callable[..., VitronAgent]


def picture(seed: int = 0, height: int = 24, width: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def inputs(base: str | None, mask: str | None = None, **others: str) -> tuple[Input, ...]:
    given = {"base": base, "mask": mask, **others}
    return tuple(Input(role=Role(role), handle=handle) for role, handle in given.items() if handle)


def recolor(target: str = "clock", value: str = "red", base: str | None = None, **fields: Any) -> Invocation:
    given = inputs(base, fields.pop("mask", None))
    return make_invocation(Module.IMAGE_EDITING, Operation.RECOLOR, target=target, value=value, inputs=given, **fields)


def remove(target: str = "lamp", base: str | None = None, **fields: Any) -> Invocation:
    return make_invocation(Module.IMAGE_EDITING, Operation.REMOVE, target=target, inputs=inputs(base), **fields)


def segment(target: str = "clock", base: str | None = None, **fields: Any) -> Invocation:
    return make_invocation(Module.IMAGE_SEGMENTATION, Operation.SEGMENT, target=target, inputs=inputs(base), **fields)


def detect(target: str = "clock", base: str | None = None, **fields: Any) -> Invocation:
    return make_invocation(Module.IMAGE_GROUNDING, Operation.DETECT, target=target, inputs=inputs(base), **fields)


def move(operation: Operation, base: str | None = None, **fields: Any) -> Invocation:
    return make_invocation(Module.CONVERSATION, operation, inputs=inputs(base), **fields)


def steps(*invocations: Invocation) -> Plan:
    return Plan(invocations=invocations)


def signal_of(step: Invocation) -> SignalEmbedding | None:
    """What :class:`SignallingScript` tells a step's expert: numbers that follow from the step's words."""
    if step.module is Module.CONVERSATION:
        return None
    rng = np.random.default_rng(zlib.crc32(f"{step.operation} {step.target} {step.value}".encode()))
    return SignalEmbedding(*(rng.normal(size=(count, 6)).astype(np.float16) for count in (2, 3)))


class SignallingScript(ScriptedPlanner):
    """Replays plans, each step with its :func:`signal_of`."""

    def plan_with_signals(self, request: PlanRequest, on_token: Callable[[str], None] | None = None) -> SignalledPlan:
        plan = self.plan(request, on_token)
        return SignalledPlan(plan, tuple(map(signal_of, plan.invocations)))


def heard(job: Job) -> bool:
    """Whether a job came with the signals of its own step."""
    told = signal_of(job.invocation)
    return (
        job.signal is not None
        and told is not None
        and job.signal.keys() == {"shared", "private"}
        and all(job.signal[name].dtype == np.float16 for name in job.signal)
        and np.array_equal(job.signal["shared"], told.shared)
        and np.array_equal(job.signal["private"], told.private)
    )


def open_agent(folder: Path, *plans: Any, **options: Any) -> VitronAgent:
    """An agent on fakes; options of the profile (behave, experts) and of the agent."""
    profile = {name: options.pop(name) for name in ("behave", "experts", "words") if name in options}
    options.setdefault("database", f"sqlite:///{folder}/vitron.db")
    options.setdefault("artifacts", folder / "artifacts")
    return VitronAgent(profile=fake_profile(plans, **profile), **options)


__all__ = [
    "MakeAgent",
    "Region",
    "SignallingScript",
    "detect",
    "heard",
    "inputs",
    "move",
    "open_agent",
    "picture",
    "recolor",
    "remove",
    "segment",
    "signal_of",
    "steps",
]
