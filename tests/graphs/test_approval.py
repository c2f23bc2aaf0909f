import pytest

from tests.scenes import detect, move, picture, recolor, remove, segment, steps
from vitron_agent.errors import TurnOpenError, UsageError
from vitron_agent.graphs.approval import needs_approval
from vitron_agent.messages import Module, Operation, Plan, Role


def editors(agent):
    return agent._services.experts[Module.IMAGE_EDITING].jobs


def statuses(reply):
    return [step.status for step in reply.invocations]


@pytest.fixture
def waiting(make_agent):
    """An agent whose turn on "demo" waits for a decision on two steps of which the second needs the first."""

    def make(*more, plan=None, **options):
        plan = plan or steps(segment(output="mask-1"), recolor(base="image-1", mask="mask-1"))
        agent = make_agent(plan, *more, approval="always", **options)
        reply = agent.chat("make it red", images=[picture()], thread="demo")
        assert reply.status == "needs_approval"
        return agent, reply

    return make


@pytest.mark.parametrize(
    ("plan", "approval", "expected"),
    [
        (steps(recolor()), "never", False),
        (steps(detect()), "always", True),
        (steps(detect()), "edits", False),
        (steps(detect(), recolor()), "edits", True),
        (steps(move(Operation.UNDO)), "always", False),
        (Plan(text="hi"), "always", False),
        (steps(remove()), lambda plan: plan.invocations[0].operation is Operation.REMOVE, True),
        (steps(recolor()), lambda plan: plan.invocations[0].operation is Operation.REMOVE, False),
    ],
)
def test_which_plans_wait(plan, approval, expected):
    assert needs_approval(plan, approval) is expected


def test_nothing_runs_before_the_decision_and_all_after_it(waiting):
    agent, reply = waiting()
    assert [step.operation for step in reply.pending.invocations] == [Operation.SEGMENT, Operation.RECOLOR]
    assert "segment clock" in reply.text
    assert editors(agent) == []
    assert agent.history("demo")[0].status == "needs_approval"
    done = agent.resume("demo", "approve")
    assert statuses(done) == ["done", "done"]
    assert agent.history("demo")[0].status == "done"


def test_decisions_survive_the_agent(waiting, make_agent):
    agent, _ = waiting()
    agent.close()
    other = make_agent(approval="always")
    assert statuses(other.resume("demo", ["approve", "approve"])) == ["done", "done"]


def test_resume_without_a_decision_asks_again(waiting):
    agent, reply = waiting()
    again = agent.resume("demo")
    assert (again.status, again.pending) == ("needs_approval", reply.pending)
    assert agent.resume("demo", "approve").status == "done"


def test_what_is_rejected_does_not_run_nor_what_needs_it(waiting):
    agent, _ = waiting()
    reply = agent.resume("demo", [{"type": "reject", "message": "not that one"}, "approve"])
    assert statuses(reply) == ["rejected", "skipped"]
    assert "As you decided, I did not select the clock." in reply.text
    assert reply.status == "done"
    assert editors(agent) == []
    turn = agent.history("demo")[0]
    assert [item.status for item in turn.invocations] == ["rejected", "skipped"]
    assert turn.invocations[0].error == "not that one"


def test_an_edited_step_runs_as_edited(waiting):
    agent, _ = waiting()
    edit = {"type": "edit", "edited_action": {"name": "image_editing", "args": {"value": "blue"}}}
    reply = agent.resume("demo", ["approve", edit])
    assert statuses(reply) == ["done", "done"]
    assert editors(agent)[0].invocation.value == "blue"
    assert editors(agent)[0].invocation.target == "clock"
    assert "Made the clock blue" in reply.text
    assert agent.history("demo")[0].plan.invocations[1].value == "blue"


def test_an_edit_may_change_the_module_but_not_point_nowhere(waiting):
    agent, _ = waiting(plan=steps(recolor()))
    edit = {"type": "edit", "edited_action": {"name": "image_editing", "args": {"inputs": [{"handle": "image-9"}]}}}
    again = agent.resume("demo", [edit])
    assert again.status == "needs_approval"
    assert "image-9" in again.pending.error
    assert "could not be followed" in again.text
    edit = {"type": "edit", "edited_action": {"name": "image_editing", "args": {"operation": "fly"}}}
    again = agent.resume("demo", [edit])
    assert "has no operation 'fly'" in again.pending.error
    edit = {"type": "edit", "edited_action": {"name": "image_grounding", "args": {"operation": "detect"}}}
    reply = agent.resume("demo", [edit])
    assert statuses(reply) == ["done"]
    assert reply.boxes is not None


def test_a_response_goes_to_the_planner_and_nothing_of_the_old_plan_runs(waiting):
    agent, _ = waiting(steps(remove()))
    reply = agent.resume("demo", ["approve", {"type": "respond", "message": "only the lamp"}])
    assert reply.status == "needs_approval"
    assert [step.operation for step in reply.pending.invocations] == [Operation.REMOVE]
    assert "the user says: only the lamp" in agent._services.planner.requests[1].rejections[0].error
    reply = agent.resume("demo", "approve")
    assert statuses(reply) == ["done"]
    assert editors(agent)[0].inputs[Role.BASE].width == 32


@pytest.mark.parametrize(
    ("decisions", "words"),
    [
        (["approve"], "give 2 decisions, in order, not 1"),
        (["approve", "perhaps"], "'approve', 'reject', or a dictionary"),
        (["approve", {"type": "respond"}], "dictionary"),
        ({"type": "edit", "edited_action": {"name": "image_editing"}}, "one decision for each"),
    ],
)
def test_decisions_that_cannot_be_are_refused_and_can_be_given_again(waiting, decisions, words):
    agent, _ = waiting()
    with pytest.raises(UsageError, match=words):
        agent.resume("demo", decisions)
    assert agent.resume("demo", "approve").status == "done"


def test_another_message_must_wait_for_the_decision(waiting):
    agent, _ = waiting(Plan(text="Hello!"))
    with pytest.raises(TurnOpenError, match=r"resume\('demo'\).*cancel\('demo'\)"):
        agent.chat("hi", thread="demo")
    assert agent.cancel("demo")
    assert agent.history("demo")[0].status == "stopped"
    assert agent.chat("hi", thread="demo").text == "Hello!"
    assert editors(agent) == []


def test_a_decision_that_nobody_waits_for_is_refused(make_agent):
    agent = make_agent(Plan(text="Hello!"))
    agent.chat("hi", thread="demo")
    with pytest.raises(UsageError, match="nothing to resume"):
        agent.resume("demo", "approve")


def test_a_function_decides_once_which_plans_wait(make_agent):
    asked = []

    def approval(plan):
        asked.append(plan)
        return len(asked) == 1

    agent = make_agent(steps(recolor()), approval=approval)
    assert agent.chat("red", images=[picture()], thread="demo").status == "needs_approval"
    assert statuses(agent.resume("demo", "reject")) == ["rejected"]
    assert len(asked) == 1
