"""What is kept of a running turn between two nodes: ids and small JSON, never pixels or tensors (DESIGN §6.4).

Class paths in this module are a storage format: they are written into checkpoints.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict

from vitron_agent.artifacts import ArtifactRef
from vitron_agent.config import ApprovalMode
from vitron_agent.graphs.reducers import keep_first
from vitron_agent.messages import Finding, Handle, Invocation, InvocationResult, Plan, Region, Role
from vitron_agent.planners.base import Rejection
from vitron_agent.replies import EndStatus

Failure: TypeAlias = Literal["", "expert", "verification", "stopped"]
"""Why an expert call gave nothing: it failed for good, broke a guarantee (a new plan may help), or was stopped."""
KeptApproval: TypeAlias = ApprovalMode | Literal["function"]
"""Which plans wait, as far as it can be kept: of a function only that there was one."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Task(_Frozen):
    """All that a module node gets: one invocation, ready to run.

    Attributes:
        thread: Of the conversation.
        turn: Number of the turn.
        position: Place of the invocation in the turn, counted over replans.
        invocation: What to do.
        inputs: Role and artifact of each input that exists.
        seconds: How long it may run.
        seed: For everything random.
    """

    thread: str
    turn: int
    position: int
    invocation: Invocation
    inputs: tuple[tuple[Role, ArtifactRef], ...]
    seconds: float
    seed: int


class Candidate(_Frozen):
    """What an expert made, stored but not yet verified: nobody's input so far.

    Attributes:
        task: What was asked.
        status: What the expert says.
        outputs: Slot and artifact, main slot first.
        findings: What it saw.
        notes: Sentences for the user.
        failure: Why there is nothing; empty where there is.
        error: The failure in words.
        seconds: Wall time.
        backend: Name and version of the backend.
    """

    task: Task
    status: Literal["done", "not_found", "unchanged"] = "done"
    outputs: tuple[tuple[str, ArtifactRef], ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    failure: Failure = ""
    error: str = ""
    seconds: float = 0.0
    backend: str = ""


class TurnInput(TypedDict, total=False):
    """What a turn takes.

    Attributes:
        messages: The conversation; the last message is the request (text, and pictures or clips as content blocks), or
            an AIMessage whose tool calls are invocations: then these run, without the planner.
        regions: What the user drew; the n-th is ``region-n``.
    """

    messages: Annotated[list[AnyMessage], add_messages]
    regions: Sequence[Region]


class TurnOutput(TypedDict, total=False):
    """What a turn gives.

    Attributes:
        messages: The conversation, with the plan as AIMessage, a ToolMessage for each invocation and the answer.
        turn_status: How it ended.
        turn_results: What became of each invocation, by its id.
    """

    messages: Annotated[list[AnyMessage], add_messages]
    turn_status: EndStatus
    turn_results: Annotated[dict[str, InvocationResult], keep_first]


class TurnState(TurnInput, TurnOutput, total=False):
    """A running turn. Channels without a reducer have one writer in each step.

    Sequences come back from a checkpoint as lists, whatever was put in.

    Attributes:
        thread: Of the conversation in our tables.
        turn: Number of the turn there.
        text: The request's words.
        attempt: How many plans were made; part of each invocation's id.
        plan: The plan in hand; invocation ids are set.
        known: The artifacts of the conversation that the plan names.
        problem: Why what the planner wrote is no plan; empty where it is one.
        given: The plan came as tool calls of the caller, not from our planner.
        call_ids: The tool call that each invocation of the plan answers to.
        approval: Which plans wait for the user, as it was where the turn began; holds wherever the turn goes on.
        ask: The plan waits for the user.
        start: Handle that was current when the turn began, in force for new plans of the same request.
        rejections: Plans for this request that could not be run, and why.
        refusals: How many plans validation refused.
        replans: How many new plans failed verifications have cost.
        position: Place of the plan's first invocation in the turn.
        candidates: What experts made, by invocation id; verified once ``turn_results`` has the id.
        seconds: Spent on planning and experts.
        halt: Why the turn must end early; empty while it may go on.
        failure: Why there is no plan that can be run; empty otherwise.
    """

    thread: str
    turn: int
    text: str
    attempt: int
    plan: Plan | None
    known: dict[Handle, ArtifactRef]
    problem: str
    given: bool
    call_ids: Sequence[str]
    approval: KeptApproval
    ask: bool
    start: Handle | None
    rejections: Sequence[Rejection]
    refusals: int
    replans: int
    position: int
    candidates: Annotated[dict[str, Candidate], keep_first]
    seconds: float
    halt: str
    failure: str


class ModuleInput(TypedDict):
    """The private input of a module node, sent to it alone."""

    task: Task


SAVED_TYPES = (Task, Candidate, Rejection)
"""What checkpoints hold beside the classes of messages.py; all that strict deserialisation makes from them."""
