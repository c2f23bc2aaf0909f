"""A profile for tests of whatever is built on the agent: it replays plans, with fake experts and without weights.

How well or badly its image editor behaves is a choice (:mod:`vitron_agent.tools.fakes`)::

    agent = VitronAgent(profile=fake_profile([Plan(...)], behave=shift_by_a_pixel), database="sqlite://", ...)
"""

from collections.abc import Callable, Iterable

from vitron_agent.messages import Plan
from vitron_agent.planners.base import Planner, PlanRequest
from vitron_agent.planners.scripted import ScriptedPlanner
from vitron_agent.profiles import Answers, Profile, by_module
from vitron_agent.tools.base import Expert
from vitron_agent.tools.fakes import Behaviour, fake_experts, paint


def fake_profile(
    plans: Iterable[Plan | Callable[[PlanRequest], Plan]] = (),
    *,
    behave: Behaviour = paint,
    experts: Iterable[Expert] | None = None,
    planner: Planner | None = None,
    words: Callable[[], Answers] | None = None,
) -> Profile:
    """A profile that needs no weights.

    Args:
        plans: What its planner replays.
        behave: How its image editor behaves.
        experts: All experts; None = :func:`fake_experts`.
        planner: Instead of one that replays ``plans``.
        words: Gives what answers questions about pictures; None = the planner's words are the answer.
    """
    chosen = fake_experts(behave) if experts is None else experts
    return Profile("fake", by_module(chosen), lambda: planner or ScriptedPlanner(plans), words)
