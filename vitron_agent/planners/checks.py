"""Whether a plan can be run, checked before anything runs; every way to fail has its own error for the planner."""

from collections.abc import Callable, Mapping

from vitron_agent.artifacts import Kind
from vitron_agent.config import Budget
from vitron_agent.errors import (
    BudgetError,
    CapabilityError,
    DependencyError,
    InvocationError,
    UnknownTargetError,
    WireSyntaxError,
    WrongMediaError,
)
from vitron_agent.messages import (
    INVOCATION_TYPES,
    Handle,
    Invocation,
    Module,
    Operation,
    Plan,
    Role,
    input_kinds,
    needs_base,
    output_kind,
)
from vitron_agent.planners.base import PlanRequest, Rejection
from vitron_agent.tools.base import Expert, Lacking
from vitron_agent.wire import complete, write_plan

KindOf = Callable[[Handle], Kind | None]
"""The kind of a visible artifact of the conversation; None where there is no such handle."""

_NEED_TARGET = frozenset(
    {
        Operation.SEGMENT,
        Operation.TRACK,
        Operation.DETECT,
        Operation.REMOVE,
        Operation.REPLACE,
        Operation.ADD,
        Operation.MOVE,
        Operation.RECOLOR,
        Operation.SEARCH,
    }
)
"""Operations that need to know on what: a phrase, a region, a mask or a reference picture."""
_NEED_VALUE = frozenset({Operation.GENERATE, Operation.MOVE, Operation.RECOLOR, Operation.STYLE, Operation.ADJUST})
_SPOKEN_ONLY = frozenset({Operation.SEARCH})


def check_plan(
    plan: Plan, kind_of: KindOf, experts: Mapping[Module, Expert], budget: Budget, *, profile: str, calls_left: int
) -> None:
    """Checks a completed plan.

    Args:
        plan: With base inputs and output handles filled in.
        kind_of: Looks up what the conversation has.
        experts: What the profile can use.
        budget: Of the turn.
        profile: Its name, for messages.
        calls_left: Expert calls that the turn may still make.

    Raises:
        BudgetError: More steps or expert calls than the turn may have.
        CapabilityError: Nothing in the profile can do a step.
        DependencyError: An input is made by a later step, or by the step itself.
        InvocationError: A backend does not understand a step; other words may do.
        UnknownTargetError: An input or region does not exist, or a step doesn't say what it is about.
        WireSyntaxError: A step lacks its value.
        WrongMediaError: An input is of a kind that its role does not take, or there is nothing to work on.
    """
    _check_budget(plan, budget, calls_left)
    made: dict[Handle, Kind] = {}
    came_from: dict[Handle, frozenset[Handle]] = {}
    later = [step.output for step in plan.invocations]
    for number, step in enumerate(plan.invocations, 1):
        where = f"step {number} ({step.module.value} {step.operation.value})"
        check_capability(step, experts, profile)
        _check_words(step, where)
        _check_inputs(step, where, made, later[number - 1 :], kind_of)
        seen = _check_drawings(step, where, came_from)
        kind = output_kind(step)
        if step.output and kind:
            made[step.output] = kind
            came_from[step.output] = seen


def completed(plan: Plan, request: PlanRequest) -> Plan:
    """A plan with base inputs and output handles filled in."""
    media = [(medium.handle, medium.kind) for medium in request.media]
    return complete(plan, media, request.current, dict(request.next_numbers))


def rejection(plan: Plan | None, error: InvocationError | str) -> Rejection:
    """A plan and why it cannot be run, for the planner; None where what it wrote was no plan."""
    if plan is None:
        return Rejection(plan="", error=str(error))
    return Rejection(
        plan=write_plan(plan.without_signals()),
        error=str(error),
        only=deeds(plan) if isinstance(error, CapabilityError) else (),
        steps=len(plan.invocations) if isinstance(error, InvocationError) else 0,
    )


def deeds(plan: Plan) -> tuple[tuple[Module, Operation], ...]:
    """What a plan does."""
    return tuple((step.module, step.operation) for step in plan.invocations)


def _check_budget(plan: Plan, budget: Budget, calls_left: int) -> None:
    steps = len(plan.invocations)
    if steps > budget.steps:
        raise BudgetError(f"the plan has {steps} steps; a turn may have {budget.steps} (setting budget.steps)")
    calls = sum(step.module is not Module.CONVERSATION for step in plan.invocations)
    if calls > calls_left:
        raise BudgetError(
            f"the plan needs {calls} expert calls; the turn may make {calls_left} more (setting budget.calls)"
        )


def check_capability(step: Invocation, experts: Mapping[Module, Expert], profile: str) -> None:
    """Raises CapabilityError where the profile lacks a step, InvocationError where other words may do."""
    if step.module is Module.CONVERSATION:
        if step.operation is Operation.SEARCH and Module.IMAGE_GROUNDING not in experts:
            raise CapabilityError(f"profile {profile!r} has no image_grounding expert to search pictures with")
        return
    expert = experts.get(step.module)
    if expert is None:
        raise CapabilityError(
            f"profile {profile!r} has no expert for {step.module.value}; it needs the full-size models of profile 'hub'"
        )
    backend = expert.backend
    if step.operation not in backend.operations:
        able = ", ".join(sorted(backend.operations))
        raise CapabilityError(
            f"backend {backend.name!r} of {step.module.value} cannot {step.operation.value} (it can: {able}); "
            "it needs the full-size models of profile 'hub'"
        )
    if reason := backend.refuse(step):
        raise CapabilityError(reason) if isinstance(reason, Lacking) else InvocationError(reason)


def _check_words(step: Invocation, where: str) -> None:
    pointed = step.regions or step.input(Role.MASK) or step.input(Role.REFERENCE)
    if step.operation in _NEED_TARGET and not step.target and (step.operation in _SPOKEN_ONLY or not pointed):
        raise UnknownTargetError(f"{where} doesn't say on what: name a target, or draw a region")
    drawn_place = step.operation is Operation.MOVE and step.regions
    if step.operation in _NEED_VALUE and not step.value and not drawn_place:
        raise WireSyntaxError(f"{where} needs a value after =>")
    if step.operation is Operation.UNDO and step.value and not (step.value.isdecimal() and int(step.value) > 0):
        raise WireSyntaxError(f"{where} takes the number of turns as its value, got {step.value!r}")
    if step.operation is Operation.REPLACE and not step.value and not step.input(Role.SOURCE):
        raise WireSyntaxError(f"{where} doesn't say by what: give a value, or a source picture")


def _check_inputs(
    step: Invocation, where: str, made: Mapping[Handle, Kind], later: list[Handle | None], kind_of: KindOf
) -> None:
    takes = INVOCATION_TYPES[step.module].takes
    for item in step.inputs:
        if item.role not in takes:
            raise WrongMediaError(f"{where} takes no input {item.role.value!r}")
        kind = _kind(item.handle, where, made, later, kind_of)
        allowed = input_kinds(step.module, item.role)
        if kind not in allowed:
            raise WrongMediaError(
                f"{where} takes {' or '.join(sorted(allowed))} as {item.role.value}, "
                f"but {item.handle} is of kind {kind}"
            )
    if needs_base(step.module) and step.input(Role.BASE) is None:
        raise WrongMediaError(
            f"{where} has nothing to work on: the conversation has no "
            f"{' or '.join(sorted(input_kinds(step.module, Role.BASE)))}"
        )
    if step.operation is Operation.SELECT and step.input(Role.BASE) is None:
        raise UnknownTargetError(f"{where} doesn't say which: name its handle as base")
    for region in step.regions:
        if region.source:
            _kind(region.source, where, made, later, kind_of)


def _check_drawings(step: Invocation, where: str, came_from: Mapping[Handle, frozenset[Handle]]) -> frozenset[Handle]:
    """A drawing must be on what the step works on, or on what that was made from; gives all of these handles."""
    own = frozenset(item.handle for item in step.inputs)
    seen = own.union(*(came_from.get(handle, frozenset()) for handle in own))
    for region in step.regions:
        if region.source and region.source not in seen:
            raise WrongMediaError(
                f"{where} works on {' and '.join(sorted(own)) or 'nothing'}, but {region.name or 'its region'} was "
                f"drawn on {region.source}"
            )
    return seen


def _kind(handle: Handle, where: str, made: Mapping[Handle, Kind], later: list[Handle | None], kind_of: KindOf) -> Kind:
    if handle in made:
        return made[handle]
    if handle in later:
        raise DependencyError(f"{where} reads {handle}, which it makes itself or a later step makes; reorder the steps")
    kind = kind_of(handle)
    if kind is None:
        raise UnknownTargetError(f"{where} names {handle}, which does not exist in this conversation")
    return kind
