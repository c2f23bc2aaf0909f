import numpy as np
import pytest

from tests.scenes import move, picture, recolor, steps
from vitron_agent.messages import Module, Operation, Plan, Role

UNDO = move(Operation.UNDO)


def edited(agent):
    """The picture that each edit worked on."""
    return [job.image() for job in agent._services.experts[Module.IMAGE_EDITING].jobs]


def on_the_current(*before):
    """A plan that makes what is current blue after some moves."""
    return lambda request: steps(*before, recolor(value="blue", base=request.current))


def test_what_came_with_the_undoing_message_stays_current_beside_what_came_before(make_agent):
    agent = make_agent(steps(recolor()), on_the_current(UNDO), steps(UNDO))
    first, second = picture(1), picture(2)
    agent.chat("make it red", images=[first], thread="demo")
    reply = agent.chat("undo that, take this one and make it blue", images=[second], thread="demo")
    assert reply.text.startswith("Took that back. What you gave is still here: image-5. Made the clock blue: image-4.")
    np.testing.assert_array_equal(edited(agent)[1], second)
    assert agent.chat("undo that", thread="demo").text.startswith("Took that back.")


@pytest.mark.parametrize("by_the_program", [False, True])
def test_the_picture_is_still_there_after_any_amount_of_talk(make_agent, by_the_program):
    undo = () if by_the_program else (UNDO,)
    agent = make_agent(steps(recolor()), *[Plan(text="Yes.")] * 20, on_the_current(*undo))
    base = picture()
    agent.chat("make it red", images=[base], thread="demo")
    for _ in range(20):
        agent.chat("is it nice?", thread="demo")
    if by_the_program:
        agent.undo("demo")
    reply = agent.chat("undo that and make it blue", thread="demo")
    assert {step.status for step in reply.invocations} == {"done"}
    np.testing.assert_array_equal(edited(agent)[1], base)


def test_every_undo_step_takes_something_back(make_agent):
    agent = make_agent(steps(recolor()), steps(recolor(value="blue")), on_the_current(UNDO, UNDO), steps(UNDO, UNDO))
    base = picture()
    agent.chat("make it red", images=[base], thread="demo")
    agent.chat("now blue", thread="demo")
    reply = agent.chat("undo, and undo again; then blue", thread="demo")
    assert reply.text.startswith(
        "Took that back. Going on with image-2. Took that back. What you gave is still here: image-5. Made the clock"
    )
    assert [turn.undone for turn in agent.history("demo")] == [True, True, False]
    np.testing.assert_array_equal(edited(agent)[2], base)
    assert reply.invocations[2].invocation.input(Role.BASE) == "image-5"
    reply = agent.chat("undo, and undo again", thread="demo")
    assert [step.status for step in reply.invocations] == ["done", "failed"]
    assert "only 1 can be" in reply.text
