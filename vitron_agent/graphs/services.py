"""What the nodes of a graph work with: everything that is not saved in its state."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from vitron_agent.artifacts import ArtifactStore
from vitron_agent.config import ApprovalMode, Settings
from vitron_agent.graphs.turns import OpenTurns
from vitron_agent.graphs.workers import Workers
from vitron_agent.memory.repository import Repository
from vitron_agent.messages import Module, Plan
from vitron_agent.planners.base import Planner
from vitron_agent.tools.base import Expert

Node: TypeAlias = Callable[[Any], Coroutine[Any, Any, Any]]
"""A node: from the state (for modules: from their private input) to updates, or a Command."""
Approval: TypeAlias = ApprovalMode | Callable[[Plan], bool]
"""Which plans wait for the user; a function is asked for each plan."""


@dataclass(frozen=True)
class Services:
    """What the nodes share; safe from many threads and event loops.

    Attributes:
        profile: Name of the profile, for messages.
        planner: Makes plans.
        experts: By module.
        store: Where artifacts are.
        repository: Where conversations are.
        settings: Limits, budget, seed and so on.
        approval: Which plans wait for the user.
        turns: The turns that this process works on.
        workers: Where experts run.
    """

    profile: str
    planner: Planner
    experts: Mapping[Module, Expert]
    store: ArtifactStore
    repository: Repository
    settings: Settings
    approval: Approval
    turns: OpenTurns
    workers: Workers

    @classmethod
    def of(
        cls,
        *,
        profile: str,
        planner: Planner,
        experts: Mapping[Module, Expert],
        store: ArtifactStore,
        repository: Repository,
        settings: Settings,
        approval: Approval | None = None,
    ) -> "Services":
        """Puts them together; ``approval`` overrides the settings'."""
        return cls(
            profile=profile,
            planner=planner,
            experts=experts,
            store=store,
            repository=repository,
            settings=settings,
            approval=settings.approval if approval is None else approval,
            turns=OpenTurns(repository),
            workers=Workers(settings.parallel_experts),
        )
