"""A planner that replays plans: for tests, demos and users' own tests."""

from collections.abc import Callable, Iterable

from vitron_agent.messages import Plan
from vitron_agent.planners.base import PlanRequest


class ScriptedPlanner:
    """Gives the listed plans in order, whatever is asked; the requests it saw are in ``requests``.

    Args:
        plans: :class:`Plan` objects, or functions from the request to a plan.
    """

    name = "scripted"

    def __init__(self, plans: Iterable[Plan | Callable[[PlanRequest], Plan]]) -> None:
        self._plans = iter(plans)
        self.requests: list[PlanRequest] = []

    def plan(self, request: PlanRequest, on_token: Callable[[str], None] | None = None) -> Plan:  # noqa: ARG002 - it writes none
        """The next plan of the script; an answer that says so when the script is at its end."""
        self.requests.append(request)
        plan = next(self._plans, Plan(text="The script has no further plan."))
        return plan(request) if callable(plan) else plan
