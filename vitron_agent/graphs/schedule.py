"""Which steps of a plan run next, on what, and which never will. Pure functions of the plan and the results so far."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from vitron_agent.messages import Handle, Input, Invocation, InvocationResult, Module, Plan, Role

_GOOD = frozenset({"done", "unchanged"})
_MADE_NOTHING = frozenset({"unchanged", "not_found", "skipped"})
_SETTLED = _GOOD | {"not_found"}
"""Ends that another try would not change."""


@dataclass(frozen=True, slots=True)
class Wave:
    """What to do next.

    Attributes:
        ready: Steps whose needs are met, each with its position in the plan; they don't depend on each other.
        skipped: Steps that can never run, each with the reason.
    """

    ready: tuple[tuple[int, Invocation], ...]
    skipped: tuple[tuple[int, Invocation, str], ...]


def next_wave(plan: Plan, results: Mapping[str, InvocationResult]) -> Wave:
    """Looks at what has finished.

    A step needs the steps whose outputs it reads; an edit that has nothing to work on, as something was not found,
    leaves the picture before it to the edits that follow. Moves in the conversation keep their place in the order: they
    wait for all steps before them, and the steps after them need them.

    Args:
        plan: With invocation ids.
        results: By invocation id; may hold more than the plan's.
    """
    ready, skipped = [], []
    steps, reads = plan.invocations, plan.dependencies()
    ended: dict[int, str] = {
        position: results[step.id].status for position, step in enumerate(steps) if step.id in results
    }
    moves = {position for position, step in enumerate(steps) if step.module is Module.CONVERSATION}
    needs = [reads[position] | {move for move in moves if move < position} for position in range(len(steps))]

    def unmet(position: int) -> list[int]:
        return [need for need in sorted(needs[position]) if need in ended and not leaves(need, steps[position])]

    def leaves(need: int, reader: Invocation) -> bool:
        return ended[need] in _GOOD or (is_lost(need) and _can_do_without(reader, steps[need]))

    def is_lost(position: int) -> bool:
        lacking = unmet(position) if ended[position] == "skipped" else []
        return ended[position] == "not_found" or (bool(lacking) and all(map(is_lost, lacking)))

    for position, step in enumerate(steps):
        if position in ended:
            continue
        if missed := unmet(position):
            ended[position] = "skipped"
            skipped.append((position, step, f"it needs step {missed[0] + 1}, which was {_PAST[ended[missed[0]]]}"))
        elif (set(range(position)) if position in moves else needs[position]) <= ended.keys():
            ready.append((position, step))
    return Wave(tuple(ready), tuple(skipped))


_EDITING = frozenset({Module.IMAGE_EDITING, Module.VIDEO_EDITING})
_PAST = {"not_found": "not found", "failed": "not finished", "rejected": "rejected", "skipped": "skipped"}


def settle_inputs(
    step: Invocation, results: Mapping[str, InvocationResult], *, start: Handle | None, current: Handle | None
) -> Invocation:
    """Points a step's inputs at what is there now.

    An edit that changed nothing, or found nothing to work on, made nothing: whoever reads its output reads its base
    instead. After a move in the conversation (undo, select, search), a step on what was current when the turn began
    works on what is current now.

    Args:
        step: About to run.
        results: Of this turn.
        start: Current handle when the turn began.
        current: Current handle now; the same as ``start`` where nothing moved.
    """
    nothing = (result.invocation for result in results.values() if result.status in _MADE_NOTHING)
    stands_for = {step.output: base for step in nothing if step.output and (base := step.input(Role.BASE))}

    def made(handle: Handle) -> Handle:
        while handle in stands_for:
            handle = stands_for[handle]
        return handle

    def moved(item: Input) -> Input:
        meant = current if item.role is Role.BASE and item.handle == start else None
        return item.model_copy(update={"handle": meant or item.handle})

    step = _reading(step, made)
    return step.model_copy(update={"inputs": tuple(map(moved, step.inputs))})


def without_finished(plan: Plan, results: Mapping[str, InvocationResult]) -> Plan:
    """A new plan of the same request without the steps that an earlier plan of it has finished already.

    What reads the output of such a step reads the finished output instead: the base where nothing was made. What cannot
    do without something that was not found goes too.
    """
    finished = {_asked(result.invocation): result for result in results.values() if result.status in _SETTLED}
    renamed: dict[Handle, Handle] = {}
    steps: list[Invocation] = []
    missing: set[int] = set()
    for position, (step, needs) in enumerate(zip(plan.invocations, plan.dependencies(), strict=True)):
        lost = [plan.invocations[need] for need in needs & missing]
        blocked = any(one.output not in renamed or not _can_do_without(step, one) for one in lost)
        step = _reading(step, lambda handle: renamed.get(handle, handle))
        before = finished.get(_asked(step))
        left = step.output
        if blocked or (before is not None and before.status == "not_found"):
            missing.add(position)
            left = step.input(Role.BASE) if step.module in _EDITING else None
        elif before is None:
            steps.append(step)
        else:
            left = _left(before)
        if step.output and left:
            renamed[step.output] = left
    return plan.model_copy(update={"invocations": tuple(steps)})


def _can_do_without(reader: Invocation, lost: Invocation) -> bool:
    """Whether a step that follows on an edit can work on the picture before it, as the edit found nothing to do."""
    roles = {item.role for item in reader.inputs if item.handle == lost.output}
    return lost.module in _EDITING and roles == {Role.BASE}


def _left(result: InvocationResult) -> Handle | None:
    """What a good step leaves to those that read its output: its base where nothing changed."""
    step = result.invocation
    return step.input(Role.BASE) if result.status == "unchanged" else step.output


def _reading(step: Invocation, renamed: Callable[[Handle], Handle]) -> Invocation:
    """A step that reads other artifacts, as inputs and under what was drawn."""
    inputs = tuple(item.model_copy(update={"handle": renamed(item.handle)}) for item in step.inputs)
    regions = tuple(
        region.model_copy(update={"source": renamed(region.source)}) if region.source else region
        for region in step.regions
    )
    return step.model_copy(update={"inputs": inputs, "regions": regions})


def _asked(step: Invocation) -> Invocation:
    """A step without what differs between two plans of the same request."""
    return step.model_copy(update={"id": "", "output": None, "signal": None})
