"""Who answers what is asked about what is shown: the planner that sees, the experts, or the planner's own words."""

import numpy as np
import pytest

from tests.scenes import Region, picture
from vitron_agent.messages import Plan
from vitron_agent.planners.scripted import ScriptedPlanner

OWN = "I am sure that it is lovely."


class Seeing(ScriptedPlanner):
    """Answers with what it was shown, unless it is unsure."""

    def __init__(self, *, sure: bool = True) -> None:
        super().__init__([Plan(text=OWN)] * 3)
        self.sure, self.shown, self.frames = sure, [], []

    def answer(self, question, shown):
        self.shown.append(shown)
        self.frames.append([np.array(frame) for frame in shown.frames])
        return f"{question} I see it." if self.sure else None


class Experts:
    def answer(self, text, picture):
        return "The experts see a clock." if "what" in text else None


def ask(make_agent, planner, text="what is this?", **options):
    agent = make_agent(planner=planner, words=Experts)
    return agent.chat(text, **options).text


def test_a_planner_that_sees_answers_first_of_the_very_pixels(make_agent):
    planner, pixels = Seeing(), picture()
    assert ask(make_agent, planner, images=[pixels]) == "what is this? I see it."
    (shown,), ((frame,),) = planner.shown, planner.frames
    assert (shown.width, shown.height, shown.num_frames) == (32, 24, None)
    np.testing.assert_array_equal(frame, pixels)


def test_where_it_is_not_sure_the_experts_answer_and_then_its_own_words(make_agent):
    assert ask(make_agent, Seeing(sure=False), images=[picture()]) == "The experts see a clock."
    assert ask(make_agent, Seeing(sure=False), "is it nice?", images=[picture()]) == OWN


@pytest.mark.parametrize("text", ["thanks, lovely!", "who are you?", "tell me a joke"])
def test_what_asks_nothing_about_the_picture_is_not_looked_up(make_agent, text: str):
    planner = Seeing()
    assert ask(make_agent, planner, text, images=[picture()]) == OWN
    assert not planner.shown


def test_a_clip_is_shown_frame_by_frame(make_agent):
    planner, clip = Seeing(), np.random.default_rng(0).integers(0, 256, (3, 16, 20, 3), dtype=np.uint8)
    assert ask(make_agent, planner, "what happens?", videos=[clip]).endswith("I see it.")
    (shown,), (frames,) = planner.shown, planner.frames
    assert (shown.width, shown.height, shown.num_frames) == (20, 16, 3)
    np.testing.assert_array_equal(frames, clip)
    assert ask(make_agent, Seeing(sure=False), "what happens?", videos=[clip]) == OWN


def test_what_was_drawn_comes_with_the_picture_that_it_was_drawn_on(make_agent):
    planner = Seeing()
    drawn = Region.box(0.1, 0.2, 0.4, 0.6, source="image-1")
    ask(make_agent, planner, images=[picture(), picture(1)], regions=[drawn])
    np.testing.assert_array_equal(planner.frames[0][0], picture())
    assert planner.shown[0].regions == (drawn,)
