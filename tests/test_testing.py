from vitron_agent.messages import Module, Plan
from vitron_agent.planners.base import PlanRequest
from vitron_agent.testing import fake_profile
from vitron_agent.tools.fakes import FakeExpert, leave_unchanged


def test_a_fake_profile_replays_plans():
    profile = fake_profile([Plan(text="Hello!")])
    planner = profile.planner()
    assert planner.plan(PlanRequest(text="hi")).text == "Hello!"
    assert "no further plan" in planner.plan(PlanRequest(text="hi")).text


def test_a_fake_profile_takes_other_experts():
    mine = FakeExpert(Module.VIDEO_EDITING, leave_unchanged)
    assert fake_profile(experts=[mine]).experts == {Module.VIDEO_EDITING: mine}
