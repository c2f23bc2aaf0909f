"""Requests whose first plan could not be run: the planner reads why, and plans again.

Made from ordinary examples. Where the profile lacks what one of several steps asks for, the next plan does the rest;
other plans are spoilt the way a planner errs. The errors are those of the agent's own check.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from random import Random

from vitron_agent.config import Budget
from vitron_agent.errors import CapabilityError, InvocationError
from vitron_agent.messages import (
    OPERATIONS,
    Handle,
    Input,
    Invocation,
    Module,
    Operation,
    Plan,
    Role,
    input_kinds,
    make_invocation,
)
from vitron_agent.planners.base import PlanRequest
from vitron_agent.planners.checks import check_capability, check_plan, completed, rejection
from vitron_agent.profiles import Profile
from vitron_agent.testing import fake_profile
from vitron_agent.tools.fakes import FakeExpert, paint

_STILL_AS_CLIP = {
    Module.IMAGE_EDITING: Module.VIDEO_EDITING,
    Module.IMAGE_SEGMENTATION: Module.VIDEO_SEGMENTATION,
    Module.IMAGE_GROUNDING: Module.VIDEO_SEGMENTATION,
}
_CLIP_AS_STILL = {clip: still for still, clip in reversed(_STILL_AS_CLIP.items())}


def refused(
    examples: Iterable[tuple[PlanRequest, Plan]], profile: Profile, rng: Random
) -> Iterator[tuple[PlanRequest, Plan]]:
    """Examples with a refused plan before the one to write; those that give none are left out.

    Args:
        examples: Requests and their plans.
        profile: What it lacks is refused.
        rng: Chooses the slips.
    """
    everything = all_able()
    for request, plan in examples:
        plan = completed(plan, request)
        if error := problem(plan, request, profile):
            first, second = plan, without_lacking(plan, request, profile)
            if not (isinstance(error, CapabilityError) and second.invocations):
                continue
        else:
            first, second = completed(spoilt(plan, request, rng), request), plan
            error = problem(first, request, everything)
        if error:
            yield request.model_copy(update={"rejections": (rejection(first, error),)}), second


def problem(plan: Plan, request: PlanRequest, profile: Profile) -> InvocationError | None:
    """What the agent would say of the plan."""
    kinds = {medium.handle: medium.kind for medium in request.media}
    try:
        check_plan(plan, kinds.get, profile.experts, Budget(), profile=profile.name, calls_left=Budget().calls)
    except InvocationError as error:
        return error
    return None


def without_lacking(plan: Plan, request: PlanRequest, profile: Profile) -> Plan:
    """The steps that a profile can do; what followed on a left-out edit works on the picture before it."""
    instead: dict[Handle, Handle | None] = {}
    steps = []
    for step in plan.invocations:
        inputs = [(item.role, instead.get(item.handle, item.handle)) for item in step.inputs]
        base = next((handle for role, handle in inputs if role is Role.BASE), None)
        if _can(profile, step) and all(handle for _, handle in inputs):
            kept = tuple(Input(role=role, handle=handle) for role, handle in inputs if handle)
            steps.append(step.model_copy(update={"inputs": kept}))
        elif step.output:
            instead[step.output] = base if step.module in (Module.IMAGE_EDITING, Module.VIDEO_EDITING) else None
    return completed(Plan(invocations=tuple(steps)), request)


def spoilt(plan: Plan, request: PlanRequest, rng: Random) -> Plan:
    """A plan with one slip in one step; for an answer in words, a step that cannot be run."""
    if not plan.invocations:
        return Plan(invocations=(_pointless(request, rng),))
    place = rng.randrange(len(plan.invocations))
    slip = rng.choice(_SLIPS)
    steps = list(plan.invocations)
    steps[place] = slip(steps[place], request, rng)
    return plan.model_copy(update={"invocations": tuple(steps)})


def _pointless(request: PlanRequest, rng: Random) -> Invocation:
    """Something done with a word of the request, by a module for what the conversation doesn't have."""
    still = any(medium.kind == "image" for medium in request.media)
    module = rng.choice(list(_CLIP_AS_STILL if still else _STILL_AS_CLIP))
    operation = rng.choice([item for item in OPERATIONS[module] if item is not Operation.ADD])
    base = (Input(handle=request.current),) if request.current else ()
    word = max(re.findall(r"\w+", request.text.lower()), key=len, default="it")
    return make_invocation(module, operation, target=word, value="red", inputs=base)


def all_able() -> Profile:
    """A profile that can do everything."""
    return fake_profile(experts=[FakeExpert(module, paint) for module in Module if module is not Module.CONVERSATION])


def _can(profile: Profile, step: Invocation) -> bool:
    try:
        check_capability(step, profile.experts, profile.name)
    except CapabilityError:
        return False
    except InvocationError:
        pass  # other words may do
    return True


def _wrong_family(step: Invocation, request: PlanRequest, rng: Random) -> Invocation:  # noqa: ARG001
    """A clip's module for a still, or the other way round."""
    module = _STILL_AS_CLIP.get(step.module) or _CLIP_AS_STILL.get(step.module)
    if module is None:
        return step
    operation = step.operation if step.operation in OPERATIONS[module] else OPERATIONS[module][0]
    fields = {name: getattr(step, name) for name in ("target", "value", "inputs", "regions", "output")}
    return make_invocation(module, operation, **fields)


def _wrong_base(step: Invocation, request: PlanRequest, rng: Random) -> Invocation:
    """Works on what is of another kind."""
    allowed = input_kinds(step.module, Role.BASE)
    others = [medium.handle for medium in request.media if medium.kind not in allowed]
    if not others or step.module is Module.CONVERSATION:
        return step
    wrong = rng.choice(others)
    inputs = [Input(handle=wrong) if item.role is Role.BASE else item for item in step.inputs]
    return step.model_copy(update={"inputs": tuple(inputs)})


def _without_words(step: Invocation, request: PlanRequest, rng: Random) -> Invocation:  # noqa: ARG001
    """Forgets on what, or what it shall become."""
    return step.model_copy(update={rng.choice(("target", "value")): ""})


_SLIPS: tuple[Callable[[Invocation, PlanRequest, Random], Invocation], ...] = (
    _wrong_family,
    _wrong_base,
    _without_words,
)
