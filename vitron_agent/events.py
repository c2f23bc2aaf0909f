"""What happens during a turn, as it happens: the events of ``VitronAgent.stream``.

The graph writes them to LangGraph's custom stream as JSON, so Studio and parents of the graph see the same events.
"""

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from vitron_agent.messages import Invocation, InvocationResult, Plan
from vitron_agent.replies import PendingApproval, Reply

EventType: TypeAlias = Literal[
    "token", "plan", "plan_rejected", "approval_needed", "expert_start", "progress", "verification", "expert_end",
    "replan", "error", "finish",
]  # fmt: skip


class Event(BaseModel):
    """One thing that happened. Fields that don't belong to its type are empty.

    Attributes:
        type: ``token``: a piece of what the planner writes. ``plan``: an accepted plan. ``plan_rejected``: a plan that
            cannot be run, ``text`` says why. ``approval_needed``: ``pending`` waits for a decision. ``expert_start``,
            ``progress``, ``expert_end``: an invocation runs. ``verification``: its outputs were checked, ``text`` is
            the finding. ``replan``: a new plan is made. ``error``: something failed. ``finish``: ``reply`` is ready.
        text: Token, reason or answer.
        plan: For ``plan`` and ``plan_rejected``.
        invocation: For ``expert_start``, ``progress`` and ``verification``.
        result: For ``expert_end``.
        stage: For ``progress``: what the expert is doing.
        step: For ``progress``: of how far it is.
        of: For ``progress``: number of steps; 0 = unknown.
        pending: For ``approval_needed``.
        reply: For ``finish``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    type: EventType
    text: str = ""
    plan: Plan | None = None
    invocation: Invocation | None = None
    result: InvocationResult | None = None
    stage: str = ""
    step: int = 0
    of: int = 0
    pending: PendingApproval | None = None
    reply: Reply | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, without what is empty (and without the reply, which refers to the store)."""
        fields = self.model_dump(mode="json", exclude={"reply"})
        return {name: value for name, value in fields.items() if value not in (None, "", 0)}
