"""From a request to a plan that can be run: what the planner sees, and what is made of its answer."""

import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from vitron_agent.artifacts import ArtifactRef, ArtifactStore
from vitron_agent.errors import CapabilityError, InvocationError, UnknownThreadError
from vitron_agent.graphs.services import Services
from vitron_agent.memory.views import Recollection, TurnView
from vitron_agent.messages import Handle, Plan, Region, SignalRef
from vitron_agent.planners.base import Medium, PastTurn, PlanRequest, Rejection, SignalEmbedding, SignallingPlanner
from vitron_agent.planners.checks import check_plan, completed, deeds, rejection

HISTORY = 4
"""Earlier turns that a planner gets to see."""
MEDIA = 32
"""Artifacts that a planner gets to see: the newest, the current one and those that came with the message."""
MAX_TRIES = 3
"""A plan that cannot be run goes back to the planner twice."""


def plan_request(
    memory: Recollection,
    text: str,
    *,
    regions: Sequence[Region] = (),
    current: Handle | None = None,
    rejections: Sequence[Rejection] = (),
) -> PlanRequest:
    """What a planner may look at.

    Args:
        memory: Of the conversation, the open turn included.
        text: The user's words.
        regions: What the user drew.
        current: What "it" means.
        rejections: Earlier tries at this request.
    """
    return PlanRequest(
        text=text,
        media=tuple(Medium(handle=item.handle, kind=item.ref.kind, artifact=item.ref.id) for item in memory.media),
        attached=memory.attached,
        current=current,
        regions=tuple(regions),
        history=tuple(_past(turn) for turn in memory.turns),
        next_numbers=memory.next_numbers,
        rejections=tuple(rejections),
    )


def _past(turn: TurnView) -> PastTurn:
    """What was planned and what came of it; of a turn without steps what was really answered."""
    called = turn.plan is not None and turn.plan.invocations
    return PastTurn(text=turn.text, plan=turn.plan if called else Plan(text=turn.reply), reply=turn.reply)


def ask(services: Services, request: PlanRequest, on_token: Callable[[str], None] | None = None) -> Plan:
    """What the planner writes; its signals are stored, unless the settings leave experts the words alone. Blocking.

    What is stored belongs to a turn only once its plan is recorded; until then it is garbage when the turn ends.
    """
    planner = services.planner
    if services.settings.channels == "text" or not isinstance(planner, SignallingPlanner):
        return planner.plan(request, on_token)
    written = planner.plan_with_signals(request, on_token)
    if not written.signals:
        return written.plan
    pairs = zip(written.plan.invocations, written.signals, strict=True)
    steps = tuple(
        step if signal is None else step.model_copy(update={"signal": _stored(services.store, signal)})
        for step, signal in pairs
    )
    return written.plan.model_copy(update={"invocations": steps})


def _stored(store: ArtifactStore, signal: SignalEmbedding) -> SignalRef:
    ref = store.put_tensors({"shared": signal.shared, "private": signal.private})
    (num_shared, dim), num_private = signal.shared.shape, len(signal.private)
    return SignalRef(artifact=ref.id, num_shared=num_shared, num_private=num_private, dim=dim)


def with_ids(plan: Plan, turn: int, attempt: int) -> Plan:
    """Gives each invocation its id ``<turn>.<attempt>.<n>``: the same for a replay, different for a new plan."""
    steps = tuple(
        step.model_copy(update={"id": f"{turn}.{attempt}.{number}"}) for number, step in enumerate(plan.invocations, 1)
    )
    return plan.model_copy(update={"invocations": steps})


def check(
    services: Services,
    plan: Plan,
    known: Mapping[Handle, ArtifactRef],
    rejections: Sequence[Rejection] = (),
    *,
    calls_made: int = 0,
) -> None:
    """Whether a completed plan can be run on what is known, after earlier tries at the same request.

    Raises:
        InvocationError: As :func:`check_plan`; also where an earlier try asked for what the profile lacks, and this one
            does nothing or something else.
    """
    budget = services.settings.budget
    kinds = {handle: ref.kind for handle, ref in known.items()}
    left = budget.calls - calls_made
    check_plan(plan, kinds.get, services.experts, budget, profile=services.profile, calls_left=left)
    for earlier in rejections:
        if earlier.only and not (plan.invocations and Counter(deeds(plan)) <= Counter(earlier.only)):
            raise InvocationError(earlier.error)


def find_named(
    services: Services, thread: str, plan: Plan, memory: Recollection | None = None
) -> dict[Handle, ArtifactRef]:
    """Those artifacts of the conversation that a plan names; looked up in ``memory`` first. Blocking."""
    near = {item.handle: item.ref for item in memory.media} if memory else {}
    handles = {item.handle for step in plan.invocations for item in step.inputs}
    handles |= {region.source for step in plan.invocations for region in step.regions if region.source}
    found: dict[Handle, ArtifactRef] = {}
    for handle in sorted(handles - {step.output for step in plan.invocations}):
        if handle in near:
            found[handle] = near[handle]
        else:
            with contextlib.suppress(UnknownThreadError):
                found |= services.repository.resolve(thread, [handle])
    return found


def left_out(steps: int, rejections: Sequence[Rejection]) -> str:
    """Why so many steps are less than was asked for; empty where they are not, and where there are none."""
    more = (earlier for earlier in rejections if earlier.steps > steps > 0)
    return next((earlier.error for earlier in more), "")


def is_last_try(tries: int, earlier: Sequence[Rejection], refused: Rejection) -> bool:
    """Whether to ask no more: the planner had its chances, repeats itself, or cannot do without what is lacking."""
    nothing_left = len(refused.only) == 1 or any(one.only for one in earlier)
    return tries == MAX_TRIES or refused in earlier or nothing_left


def problem_told(rejections: Sequence[Rejection]) -> str:
    """Which of the tries' problems the user is told: what the profile lacks, or else the last."""
    return next((earlier.error for earlier in rejections if earlier.only), rejections[-1].error)


def draft(
    services: Services,
    thread: str,
    memory: Recollection,
    request: PlanRequest,
    on_token: Callable[[str], None] | None = None,
) -> Plan:
    """A plan that can be run, or an answer; nothing is executed or kept. Blocking.

    Raises:
        CapabilityError: The profile lacks what is asked for.
        InvocationError: The planner found none in three tries; says what is wrong with the last.
    """
    lacking: CapabilityError | None = None
    for tries in range(1, MAX_TRIES + 1):
        plan = None
        try:
            plan = completed(services.planner.plan(request, on_token), request)
            check(services, plan, find_named(services, thread, plan, memory), request.rejections)
            return plan
        except InvocationError as error:
            if lacking is None and isinstance(error, CapabilityError):
                lacking = error
            refused = rejection(plan, error)
            if is_last_try(tries, request.rejections, refused):
                raise lacking or error from None
            request = request.model_copy(update={"rejections": (*request.rejections, refused)})
    raise AssertionError("unreachable")
