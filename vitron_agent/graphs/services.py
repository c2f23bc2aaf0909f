"""What the nodes of a graph work with: everything that is not saved in its state."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from vitron_agent.artifacts import ArtifactStore
from vitron_agent.config import ApprovalMode, Settings
from vitron_agent.graphs.turns import OpenTurns
from vitron_agent.graphs.workers import Workers
from vitron_agent.memory.repository import Repository
from vitron_agent.messages import Module, Plan
from vitron_agent.planners.base import Planner
from vitron_agent.profiles import Answers, Profile
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
        words: Gives what answers questions about pictures; None = the planner's words are the answer.
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
    words: Callable[[], Answers] | None

    @classmethod
    def of(
        cls,
        profile: Profile,
        *,
        store: ArtifactStore,
        repository: Repository,
        settings: Settings,
        planner: Planner | None = None,
        approval: Approval | None = None,
    ) -> "Services":
        """Puts them together; ``planner`` and ``approval`` override the profile's and the settings'."""
        return cls(
            profile=profile.name,
            planner=planner or profile.planner(),
            experts=profile.experts,
            store=store,
            repository=repository,
            settings=settings,
            approval=settings.approval if approval is None else approval,
            turns=OpenTurns(repository),
            workers=Workers(settings.parallel_experts),
            words=None if profile.words is None else cache(profile.words),
        )
