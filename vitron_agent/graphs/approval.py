"""The user's say before anything runs, in the words that LangChain uses: approve, edit, reject, respond."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from vitron_agent.errors import UsageError
from vitron_agent.graphs.services import Approval
from vitron_agent.graphs.state import KeptApproval
from vitron_agent.graphs.toolcalls import arguments, to_invocation
from vitron_agent.messages import Invocation, Module, Plan
from vitron_agent.replies import PendingApproval

EDITS = frozenset(
    {
        Module.IMAGE_EDITING,
        Module.IMAGE_GENERATION,
        Module.IMAGE_TO_VIDEO,
        Module.VIDEO_EDITING,
        Module.VIDEO_GENERATION,
    }
)
"""Modules whose work is a new picture or clip: what approval ``edits`` asks about."""
_DECISIONS = ["approve", "edit", "reject", "respond"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Approve(_Frozen):
    """Run it as it is."""

    type: Literal["approve"]


class Action(_Frozen):
    """A tool call: module and fields; fields that are left out stay as they were."""

    name: str
    args: dict[str, Any] = {}


class Edit(_Frozen):
    """Run this instead."""

    type: Literal["edit"]
    edited_action: Action


class Reject(_Frozen):
    """Don't run it, nor what needs it."""

    type: Literal["reject"]
    message: str = ""


class Respond(_Frozen):
    """Run nothing; plan anew with these words in mind."""

    type: Literal["respond"]
    message: Annotated[str, Field(min_length=1)]


Decision: TypeAlias = Annotated[Approve | Edit | Reject | Respond, Field(discriminator="type")]
_decision: TypeAdapter[Decision] = TypeAdapter(Decision)


class Decisions(_Frozen):
    """The answer to an approval interrupt: one decision for each invocation, in order."""

    decisions: tuple[Decision, ...]


def needs_approval(plan: Plan, approval: Approval) -> bool:
    """Whether a plan waits for the user. Moves in the conversation alone never do."""
    modules = {step.module for step in plan.invocations} - {Module.CONVERSATION}
    if not modules or approval == "never":
        return False
    if approval == "always":
        return True
    return bool(modules & EDITS) if approval == "edits" else bool(approval(plan))


def kept(approval: Approval) -> KeptApproval:
    """What a checkpoint can hold of it."""
    return "function" if callable(approval) else approval


def in_force(ours: Approval, begun_with: KeptApproval) -> tuple[Approval, ...]:
    """Whom a turn's plans have to pass: ours, and what held where the turn began.

    The function of an agent that is gone cannot be asked: a function of ours stands in, or else every plan waits.
    """
    if begun_with != "function":
        return ours, begun_with
    return (ours if callable(ours) else "always",)


def approval_request(plan: Plan, error: str = "") -> dict[str, Any]:
    """The interrupt's value, in the form that Studio's and LangChain's inboxes show."""
    names = list(dict.fromkeys(step.module.value for step in plan.invocations))
    return {
        "action_requests": [
            {"name": step.module.value, "args": arguments(step), "description": describe(step)}
            for step in plan.invocations
        ],
        "review_configs": [{"action_name": name, "allowed_decisions": _DECISIONS} for name in names],
        "invocations": [step.model_dump(mode="json") for step in plan.invocations],
        "error": error,
    }


def describe(step: Invocation) -> str:
    """An invocation in a few words: ``remove lamp on image-1``."""
    words = [step.operation.value, step.target, f"=> {step.value}" if step.value else ""]
    words += [f"{item.role.value} {item.handle}" for item in step.inputs]
    return " ".join(filter(None, words))


def edited(plan: Plan, decisions: Sequence[Decision]) -> Plan:
    """A plan with the steps that the user edited.

    Raises:
        WireSyntaxError: An edit is no invocation.
    """
    steps = tuple(
        _edited(step, decision.edited_action) if isinstance(decision, Edit) else step
        for step, decision in zip(plan.invocations, decisions, strict=True)
    )
    return plan.model_copy(update={"invocations": steps})


def _edited(step: Invocation, action: Action) -> Invocation:
    kept = arguments(step)
    if action.name != step.module.value:
        kept = {name: value for name, value in kept.items() if name in {"target", "inputs", "regions"}}
    changed = to_invocation(action.name, {**kept, **action.args}).model_copy(update={"id": step.id})
    # The signal told the expert what the planner wrote; it stays only with that.
    return step if changed == step.model_copy(update={"signal": None}) else changed


def read_pending(interrupt_id: str, value: dict[str, Any]) -> PendingApproval:
    """The other way: what an interrupt's value asks."""
    return PendingApproval(id=interrupt_id, invocations=value["invocations"], error=value["error"])


def read_decisions(given: str | dict[str, Any] | Sequence[str | dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """Checks a caller's decisions.

    Args:
        given: One decision for all, or one for each; ``"approve"`` and ``"reject"`` need no dictionary.
        count: How many invocations wait.

    Raises:
        UsageError: They are too many or too few, or one is none; says what would be right.
    """
    single = isinstance(given, str | dict)
    items = [given] * count if isinstance(given, str | dict) else list(given)
    if single and isinstance(given, dict) and given.get("type") == "edit" and count != 1:
        raise UsageError(f"{count} invocations wait: give one decision for each, in order")
    if len(items) != count:
        raise UsageError(f"{count} invocations wait: give {count} decisions, in order, not {len(items)}")
    try:
        return [
            _decision.validate_python({"type": item} if isinstance(item, str) else item).model_dump() for item in items
        ]
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"a decision is 'approve', 'reject', or a dictionary with 'type' one of {', '.join(_DECISIONS)}: "
            f"{first['msg']}"
        ) from error
