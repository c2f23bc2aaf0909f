"""Whole turns through the graph, on fakes."""

import re
import threading
import time

import numpy as np
import pytest

from tests.scenes import Region, detect, move, picture, recolor, remove, segment, steps
from vitron_agent.config import Budget
from vitron_agent.errors import CapabilityError, ConfigError, WireSyntaxError
from vitron_agent.messages import Module, Operation, Plan, Role, make_invocation
from vitron_agent.tools import fakes


def statuses(reply):
    return [step.status for step in reply.invocations]


def editors(agent):
    return agent._services.experts[Module.IMAGE_EDITING].jobs


def test_two_steps_of_which_the_second_uses_the_first(make_agent):
    agent = make_agent(steps(segment(output="mask-1"), recolor(base="image-1", mask="mask-1")))
    base = picture()
    reply = agent.chat("select the clock and make it red", images=[base], thread="demo")
    assert reply.status == "done"
    assert reply.text == "Selected the clock: mask-1. Made the clock red: image-2."
    mask = reply.mask.mask()
    np.testing.assert_array_equal(reply.image.array()[~mask], base[~mask])
    np.testing.assert_array_equal(reply.image.array()[mask], 255 - base[mask])
    assert [step.backend for step in reply.invocations] == ["fake/1", "fake/1"]


def test_independent_steps_run_side_by_side(make_agent):
    together = threading.Barrier(2, timeout=5)

    def meet(behave):
        def wait(job):
            together.wait()
            return behave(job)

        return wait

    experts = [
        fakes.FakeExpert(Module.IMAGE_EDITING, meet(fakes.paint)),
        fakes.FakeExpert(Module.IMAGE_GROUNDING, meet(fakes.FakeGrounding().run)),
    ]
    agent = make_agent(steps(recolor(base="image-1"), detect(base="image-1")), experts=experts)
    assert statuses(agent.chat("both", images=[picture()])) == ["done", "done"]


def test_an_answer_in_words_runs_nothing(make_agent):
    agent = make_agent(Plan(text="Hello!"))
    reply = agent.chat("hi")
    assert (reply.text, reply.status, reply.invocations, reply.artifacts) == ("Hello!", "done", (), ())


# -- misbehaving experts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (fakes.shift_by_a_pixel, "outside"),
        (fakes.smaller, "12|16"),
        (fakes.touch_outside, "outside"),
        (fakes.give_nothing, "gave nothing"),
        (fakes.give_a_mask, "gave mask where image is due"),
        (lambda job: None, "NoneType"),
        (lambda job: fakes.Outcome(outputs=(fakes.Produced("image", "image", np.zeros((3, 3))),)), "no image"),
        (lambda job: fakes.Outcome(outputs=(fakes.Produced("image", "image", "x"),)), "no image"),
    ],
)
def test_broken_guarantees_are_caught_and_nothing_of_them_is_used(make_agent, behave, words):
    plan = steps(remove(base="image-1", output="image-2"), recolor(base="image-2"))
    agent = make_agent(plan, plan, behave=behave)
    reply = agent.chat("remove the lamp, then red", images=[picture()], thread="demo")
    assert reply.status == "failed"
    assert statuses(reply) == ["failed", "failed", "skipped"]  # the new plan's steps, after the first plan's
    assert reply.artifacts == ()
    assert re.search(words, reply.invocations[0].error), reply.invocations[0].error
    assert [item.handle for item in agent.history("demo")[0].handles] == ["image-1"]
    assert all(job.inputs[Role.BASE] == editors(agent)[0].inputs[Role.BASE] for job in editors(agent))


def test_giving_the_input_back_is_no_change_and_is_said_so(make_agent):
    agent = make_agent(steps(recolor()), behave=fakes.give_input_back)
    reply = agent.chat("make it red", images=[picture()])
    assert reply.status == "done"
    assert statuses(reply) == ["unchanged"]
    assert reply.text == "I tried to make the clock red, but nothing changed."
    assert reply.artifacts == ()


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (fakes.fail, "cannot recolor this picture"),
        (fakes.crash, "has a bug (IndexError: list index out of range)"),
    ],
)
def test_an_expert_that_fails_for_good_is_reported_and_not_tried_again(make_agent, behave, words):
    agent = make_agent(steps(recolor()), steps(recolor()), behave=behave)
    reply = agent.chat("make it red", images=[picture()])
    assert reply.status == "failed"
    assert statuses(reply) == ["failed"]
    assert words in reply.text
    assert len(editors(agent)) == 1


def test_an_expert_that_hangs_is_left_behind(make_agent):
    agent = make_agent(
        steps(recolor(base="image-1"), detect(base="image-1")), behave=fakes.hang, budget=Budget(call_seconds=0.3)
    )
    started = time.monotonic()
    reply = agent.chat("make it red", images=[picture()])
    assert time.monotonic() - started < 5
    assert statuses(reply) == ["failed", "done"]
    assert "longer than the 0.3 s" in reply.text


def find_no_cow(job):
    return fakes.not_find(job) if job.invocation.target == "cow" else fakes.paint(job)


def test_not_found_is_an_outcome_and_the_other_edits_are_made_on_the_picture_before(make_agent):
    experts = [
        fakes.FakeGrounding(known=["dog"]),
        fakes.FakeSegmentation(),
        fakes.FakeExpert(Module.IMAGE_EDITING, find_no_cow),
    ]
    plan = steps(
        remove("cow", base="image-1", output="image-2"), recolor(base="image-2"), detect("dog", base="image-1")
    )
    reply = make_agent(plan, experts=experts).chat("go", images=[picture()])
    assert reply.status == "done"
    assert statuses(reply) == ["not_found", "done", "done"]
    assert reply.invocations[1].invocation.input(Role.BASE) == "image-1"
    assert "I could not find the cow. There is no cow." in reply.text
    assert "Found 1 match for “dog”: boxes-1." in reply.text


def test_what_needs_the_mask_of_a_thing_that_was_not_found_is_skipped(make_agent):
    plan = steps(
        segment("cow", base="image-1", output="mask-1"), recolor(base="image-1", mask="mask-1", output="image-2")
    )
    experts = [
        fakes.FakeExpert(Module.IMAGE_SEGMENTATION, fakes.not_find),
        fakes.FakeExpert(Module.IMAGE_EDITING, fakes.paint),
    ]
    reply = make_agent(plan, experts=experts).chat("go", images=[picture()])
    assert statuses(reply) == ["not_found", "skipped"]
    assert "needs step 1, which was not found" in reply.text


def test_a_lost_connection_is_tried_again_but_not_for_ever(make_agent):
    behave = fakes.fail_first(2, lambda: ConnectionResetError("gone"))
    agent = make_agent(steps(recolor()), behave=behave)
    assert statuses(agent.chat("make it red", images=[picture()])) == ["done"]
    assert len(editors(agent)) == 3

    agent = make_agent(steps(recolor()), behave=fakes.fail_first(9, lambda: ConnectionResetError("gone")))
    reply = agent.chat("make it red", images=[picture()])
    assert statuses(reply) == ["failed"]
    assert "lost again and again" in reply.text
    assert len(editors(agent)) == 3


def test_missing_weights_reach_the_caller(make_agent):
    def need_weights(job):
        raise ConfigError("weights are missing: run 'vitron pull embedded'")

    agent = make_agent(steps(recolor()), Plan(text="Hello!"), behave=need_weights)
    with pytest.raises(ConfigError, match="vitron pull embedded"):
        agent.chat("make it red", images=[picture()], thread="demo")
    assert agent.history("demo")[0].status == "failed"
    assert agent.chat("hi", thread="demo").text == "Hello!"


# -- plans that cannot be run ------------------------------------------------------------------------------------


def test_a_refused_plan_goes_back_with_the_reason(make_agent):
    agent = make_agent(*[steps(recolor(base=base)) for base in ("image-9", "image-8", "image-1")])
    assert agent.chat("make it red", images=[picture()]).status == "done"
    rejections = agent._services.planner.requests[-1].rejections
    assert len(rejections) == 2
    assert "image-9" in rejections[0].plan
    assert "image-9, which does not exist" in rejections[0].error
    assert "image-8" in rejections[1].error


def test_after_three_tries_the_reply_is_honest(make_agent):
    agent = make_agent(*[steps(recolor(base=f"image-{number}")) for number in range(7, 12)])
    reply = agent.chat("make it red", images=[picture()], thread="demo")
    assert reply.status == "failed"
    assert reply.text.startswith("I can't do that:")
    assert "image-9" in reply.text
    assert len(agent._services.planner.requests) == 3
    assert editors(agent) == []
    assert agent.history("demo")[0].status == "failed"


def test_a_planner_that_repeats_itself_is_not_asked_a_third_time(make_agent):
    agent = make_agent(*[steps(recolor(base="image-9"))] * 5)
    assert agent.chat("make it red", images=[picture()]).status == "failed"
    assert len(agent._services.planner.requests) == 2


def test_a_planner_that_cannot_write_is_asked_again(make_agent):
    def garble(request):
        raise WireSyntaxError("<Module> is not closed")

    agent = make_agent(garble, steps(recolor()))
    assert agent.chat("make it red", images=[picture()]).status == "done"
    assert agent._services.planner.requests[1].rejections[0].error == "<Module> is not closed"


def test_what_breaks_a_planner_is_told_and_the_conversation_goes_on(make_agent):
    def lose_the_network(request):
        raise TimeoutError("no answer")

    agent = make_agent(lose_the_network, steps(recolor()))
    reply = agent.chat("make it red", images=[picture()], thread="demo")
    assert reply.status == "failed"
    assert "the planner failed (TimeoutError: no answer); try again" in reply.text
    assert agent.chat("make it red", thread="demo").status == "done"


def test_planners_see_what_was_really_answered(make_agent):
    class Looks:
        def answer(self, text, picture):
            return "I see two cats."

    agent = make_agent(Plan(text="Let me look."), steps(recolor()), words=lambda: Looks())
    agent.chat("what is this?", images=[picture()], thread="demo")
    agent.chat("paint the left one", thread="demo")
    assert agent._services.planner.requests[1].history[0].plan.text == "I see two cats."


def test_what_the_profile_cannot_do_is_refused_before_anything_runs(make_agent):
    plan = steps(recolor(), remove())
    experts = [fakes.FakeExpert(Module.IMAGE_EDITING, fakes.paint, operations=[Operation.RECOLOR])]
    agent = make_agent(plan, plan, experts=experts)
    reply = agent.chat("red, no lamp", images=[picture()])
    assert reply.status == "failed"
    assert "cannot remove" in reply.text
    assert "'hub'" in reply.text
    assert editors(agent) == []


def test_where_the_profile_lacks_something_nothing_else_is_done_instead(make_agent):
    experts = [fakes.FakeExpert(Module.IMAGE_EDITING, fakes.paint, operations=[Operation.RECOLOR])]
    agent = make_agent(steps(remove()), steps(recolor()), steps(recolor("lamp")), experts=experts)
    reply = agent.chat("no lamp", images=[picture()])
    assert reply.status == "failed"
    assert "cannot remove" in reply.text
    assert editors(agent) == []


def test_where_the_profile_lacks_something_words_do_not_hide_it(make_agent):
    experts = [fakes.FakeExpert(Module.IMAGE_EDITING, fakes.paint, operations=[Operation.RECOLOR])]
    agent = make_agent(steps(remove()), Plan(text="Certainly!"), experts=experts)
    reply = agent.chat("no lamp", images=[picture()])
    assert reply.status == "failed"
    assert "cannot remove" in reply.text
    with pytest.raises(CapabilityError, match="cannot remove"):
        make_agent(steps(remove()), steps(recolor()), experts=experts).plan("no lamp", images=[picture()])


def test_what_a_backend_does_not_understand_may_be_said_otherwise(make_agent):
    class Particular(fakes.FakeExpert):
        def __init__(self):
            super().__init__(Module.IMAGE_EDITING, fakes.paint)
            self.backend.refuse = lambda step: "that is adjust" if step.operation is Operation.RECOLOR else None

    adjust = make_invocation(Module.IMAGE_EDITING, Operation.ADJUST, value="warmth more")
    agent = make_agent(steps(recolor(value="warmer")), steps(adjust), experts=[Particular()])
    assert agent.chat("make it warmer", images=[picture()]).status == "done"


def test_what_was_given_up_after_a_backend_did_not_understand_it_is_told(make_agent):
    class Particular(fakes.FakeExpert):
        def __init__(self):
            super().__init__(Module.IMAGE_EDITING, fakes.paint)
            self.backend.refuse = lambda step: "no such colour" if step.value == "racing green" else None

    first = steps(recolor("door", value="racing green", output="image-2"), remove("skip", base="image-2"))
    reply = make_agent(first, steps(remove("skip")), experts=[Particular()]).chat("both", images=[picture()])
    assert statuses(reply) == ["done"]
    assert "A part is left out: no such colour." in reply.text


def test_where_the_profile_lacks_something_the_rest_may_be_done(make_agent):
    experts = [fakes.FakeExpert(Module.IMAGE_EDITING, fakes.paint, operations=[Operation.RECOLOR])]
    agent = make_agent(steps(recolor(), remove()), steps(recolor()), experts=experts)
    reply = agent.chat("red, no lamp", images=[picture()])
    assert reply.status == "done"
    assert "Made the clock red" in reply.text
    assert "A part is left out: backend" in reply.text


def test_a_picture_is_needed(make_agent):
    plan = steps(recolor())
    reply = make_agent(plan, plan).chat("make the clock red")
    assert reply.text == (
        "I can't do that: step 1 (image_editing recolor) has nothing to work on: the conversation has no image."
    )


# -- new plans after a broken guarantee --------------------------------------------------------------------------


def test_a_broken_guarantee_leads_to_one_new_plan_from_the_old_base(make_agent):
    behaviours = iter([fakes.touch_outside, fakes.paint])
    agent = make_agent(steps(recolor()), steps(recolor()), behave=lambda job: next(behaviours)(job))
    reply = agent.chat("make it red", images=[picture()], thread="demo")
    assert reply.status == "done"
    assert statuses(reply) == ["failed", "done"]
    assert "outside" not in reply.text
    second = agent._services.planner.requests[1]
    assert second.current == "image-1"
    assert "image_editing recolor failed" in second.rejections[0].error
    bases = [job.inputs[Role.BASE] for job in editors(agent)]
    assert bases[0] == bases[1]
    assert [job.seed for job in editors(agent)] == [0, 1]


def test_a_new_plan_doesnt_do_again_what_was_done(make_agent):
    behaviours = iter([fakes.paint, fakes.touch_outside, fakes.paint])

    def plan(request):
        numbers = dict(request.next_numbers)
        first = f"image-{numbers['image']}"
        return steps(remove(base="image-1", output=first), recolor(base=first))

    agent = make_agent(plan, plan, behave=lambda job: next(behaviours)(job))
    reply = agent.chat("remove the lamp, then red", images=[picture()], thread="demo")
    assert statuses(reply) == ["done", "failed", "done"]
    assert len(editors(agent)) == 3
    removed, failed, painted = reply.invocations
    assert painted.invocation.input(Role.BASE) == removed.outputs[0].handle
    assert reply.text.count("Removed the lamp") == 1
    assert failed.invocation.output != painted.invocation.output


def test_only_one_new_plan(make_agent):
    agent = make_agent(*[steps(recolor())] * 4, behave=fakes.touch_outside)
    reply = agent.chat("make it red", images=[picture()])
    assert statuses(reply) == ["failed", "failed"]
    assert len(agent._services.planner.requests) == 2
    assert "outside" in reply.text


# -- budget and cancel -------------------------------------------------------------------------------------------


def test_spent_seconds_end_the_turn_with_what_is_finished(make_agent):
    plan = steps(recolor(base="image-1", output="image-2"), recolor(base="image-2", value="blue"))
    agent = make_agent(plan, behave=fakes.work_slowly(0.4), budget=Budget(seconds=0.6))
    reply = agent.chat("red, then blue", images=[picture()])
    assert reply.status == "stopped"
    assert statuses(reply) == ["done", "skipped"]
    assert reply.text.startswith("Made the clock red: image-2.")
    assert "0.6 s are spent (setting budget.seconds)" in reply.text


def test_spent_calls_end_the_turn(make_agent):
    plan = steps(recolor(base="image-1", output="image-2"), recolor(base="image-2", value="blue"))
    behaviours = iter([fakes.paint, fakes.touch_outside, fakes.paint])
    agent = make_agent(plan, plan, plan, plan, behave=lambda job: next(behaviours)(job), budget=Budget(calls=2))
    reply = agent.chat("red, then blue", images=[picture()])
    assert reply.status == "failed"
    assert "2 expert calls" not in reply.invocations[0].error
    assert "the turn may make 0 more" in reply.text
    assert "Made the clock red" in reply.text


def test_too_many_steps_are_refused(make_agent):
    plan = steps(*[recolor(base="image-1", value=str(number)) for number in range(4)])
    reply = make_agent(plan, plan, budget={"steps": 3}).chat("go", images=[picture()])
    assert "4 steps; a turn may have 3" in reply.text


def test_slow_planning_is_within_the_budget_too(make_agent):
    def slow(request):
        time.sleep(0.5)
        return steps(recolor())

    reply = make_agent(slow, budget=Budget(seconds=0.2)).chat("red", images=[picture()])
    assert reply.status == "stopped"
    assert "planning took longer" in reply.text


@pytest.mark.parametrize("behave", [fakes.work_slowly(30), fakes.hang])
def test_cancel_ends_a_running_turn_with_what_is_finished(make_agent, behave):
    started = threading.Event()
    calls = iter([fakes.paint, lambda job: (started.set(), behave(job))[1]])
    plan = steps(
        recolor(base="image-1", output="image-2"), recolor(base="image-2", value="blue"), detect(base="image-1")
    )
    agent = make_agent(plan, Plan(text="Hello!"), behave=lambda job: next(calls)(job))
    threading.Thread(target=lambda: started.wait(5) and agent.cancel("demo")).start()
    begun = time.monotonic()
    reply = agent.chat("red, then blue", images=[picture()], thread="demo")
    assert time.monotonic() - begun < 5
    assert reply.status == "stopped"
    assert statuses(reply) == ["done", "skipped", "done"]
    assert reply.image.handle == "image-2"
    assert reply.text.endswith("Stopped: you cancelled it. What is named above is finished.")
    assert agent.history("demo")[0].status == "stopped"
    assert agent.chat("hi", thread="demo").status == "done"


def test_cancel_while_planning(make_agent):
    started = threading.Event()

    def slow(request):
        started.set()
        time.sleep(0.5)
        return steps(recolor())

    agent = make_agent(slow)
    threading.Thread(target=lambda: started.wait(5) and agent.cancel("demo")).start()
    reply = agent.chat("red", images=[picture()], thread="demo")
    assert reply.status == "stopped"


# -- moves in the conversation -----------------------------------------------------------------------------------


def test_undo_within_a_turn_and_on_with_what_is_left(make_agent):
    agent = make_agent(
        Plan(text="A clock."),
        steps(recolor()),
        lambda request: steps(move(Operation.UNDO), recolor(value="blue", base=request.current)),
    )
    agent.chat("what is this?", images=[picture()], thread="demo")
    agent.chat("make it red", thread="demo")
    reply = agent.chat("undo that and make it blue", thread="demo")
    assert statuses(reply) == ["done", "done"]
    assert reply.text.startswith("Took that back. Going on with image-1. Made the clock blue:")
    inside = reply.invocations[1].invocation
    assert inside.input(Role.BASE) == "image-1"
    assert [turn.undone for turn in agent.history("demo")] == [False, True, False]


def test_undoing_the_first_turn_keeps_the_picture_that_came_with_it(make_agent):
    agent = make_agent(
        steps(recolor()), lambda request: steps(move(Operation.UNDO), recolor(value="blue", base=request.current))
    )
    base = picture()
    agent.chat("make it red", images=[base], thread="demo")
    reply = agent.chat("undo that and make it blue", thread="demo")
    assert statuses(reply) == ["done", "done"]
    assert reply.text.startswith("Took that back. What you gave is still here: image-4. Made the clock blue:")
    np.testing.assert_array_equal(editors(agent)[1].image(), base)


def test_after_undo_by_the_program_the_picture_is_still_there(make_agent):
    agent = make_agent(steps(recolor()), steps(recolor(value="blue")))
    base = picture()
    agent.chat("make it red", images=[base], thread="demo")
    agent.undo("demo")
    reply = agent.chat("make it blue", thread="demo")
    assert statuses(reply) == ["done"]
    np.testing.assert_array_equal(editors(agent)[1].image(), base)


def test_nothing_to_undo_is_said(make_agent):
    reply = make_agent(steps(move(Operation.UNDO))).chat("undo")
    assert statuses(reply) == ["failed"]
    assert "nothing to undo" in reply.text


def test_select_makes_a_picture_current(make_agent):
    agent = make_agent(steps(move(Operation.SELECT, base="image-1")), steps(recolor()))
    agent.chat("use the first one", images=[picture(0), picture(1)], thread="demo")
    reply = agent.chat("make it red", thread="demo")
    assert reply.invocations[0].invocation.input(Role.BASE) == "image-1"


def test_search_goes_on_with_the_picture_that_shows_the_thing(make_agent):
    boat, other = picture(1), picture(2)

    class Looker(fakes.FakeGrounding):
        def run(self, job):
            shows = np.array_equal(job.image(), boat) and job.invocation.target == "boat"
            return super().run(job) if shows else fakes.not_find(job)

    agent = make_agent(
        steps(move(Operation.SEARCH, target="boat")),
        steps(recolor()),
        steps(move(Operation.SEARCH, target="tiger")),
        experts=[Looker(), *fakes.fake_experts()[1:]],
    )
    reply = agent.chat("the photo with the boat", images=[boat, other], thread="demo")
    assert reply.text == "Going on with image-1, which shows “boat”."
    assert agent.chat("make it red", thread="demo").invocations[0].invocation.input(Role.BASE) == "image-1"
    reply = agent.chat("the photo with the tiger", thread="demo")
    assert statuses(reply) == ["not_found"]
    assert "None of the pictures here seems to show “tiger”." in reply.text


def test_regions_reach_the_expert_with_their_pixels(make_agent):
    region = Region.box(0, 0, 0.5, 1)
    agent = make_agent(lambda request: steps(remove(target="", regions=request.regions)))
    base = picture()
    reply = agent.chat("remove this", images=[base], regions=[region])
    changed = (reply.image.array() != base).any(axis=2)
    assert changed[:, :16].mean() > 0.9
    assert not changed[:, 16:].any()


def test_a_soft_mask_comes_with_a_cutout_that_has_a_handle_of_its_own(make_agent):
    agent = make_agent(steps(segment(value="soft")))
    reply = agent.chat("cut out the clock softly", images=[picture()])
    assert [(item.handle, item.kind) for item in reply.artifacts] == [("mask-1", "mask"), ("image-2", "image")]
    assert reply.image.array().shape == (24, 32, 4)
    assert "mask-1 (and cutout image-2)" in reply.text


def test_a_cutout_does_not_take_the_pictures_place(make_agent):
    meant = []
    agent = make_agent(steps(segment(value="soft")), lambda request: meant.append(request.current) or steps(recolor()))
    agent.chat("cut out the clock softly", images=[picture()], thread="demo")
    agent.chat("now paint it red", thread="demo")
    assert meant == ["image-1"]


def test_a_step_on_what_was_just_undone_fails_and_says_why(make_agent):
    agent = make_agent(
        steps(recolor()),
        steps(recolor()),
        steps(move(Operation.UNDO, value="2"), remove(base="image-2", output="image-9"), recolor(base="image-9")),
    )
    agent.chat("make it red", images=[picture()], thread="demo")
    agent.chat("and again", thread="demo")
    reply = agent.chat("undo both and remove the lamp from the second", thread="demo")
    assert statuses(reply) == ["done", "failed", "skipped"]
    assert "was undone" in reply.text


def test_a_search_that_cannot_look_says_why(make_agent):
    experts = [fakes.FakeExpert(Module.IMAGE_GROUNDING, fakes.crash), *fakes.fake_experts()[1:]]
    agent = make_agent(steps(move(Operation.SEARCH, target="boat"), recolor()), experts=experts)
    reply = agent.chat("the photo with the boat, in red", images=[picture()])
    assert statuses(reply) == ["failed", "skipped"]
    assert "has a bug" in reply.text


def test_a_long_plan_within_a_large_budget_comes_to_its_end(make_agent):
    plan = steps(*[recolor(base=f"image-{number}", output=f"image-{number + 1}") for number in range(1, 41)])
    agent = make_agent(plan, budget={"steps": 40, "calls": 40})
    reply = agent.chat("forty times", images=[picture()])
    assert statuses(reply) == ["done"] * 40


# -- answers in words --------------------------------------------------------------------------------------------


class Looker:
    """Answers questions that end with a question mark."""

    def __init__(self):
        self.asked = []

    def answer(self, text, picture):
        self.asked.append((text, picture))
        return f"I see {picture.image.shape[1]} columns." if text.endswith("?") else None


def test_questions_about_the_picture_are_answered_by_looking(make_agent):
    looker = Looker()
    agent = make_agent(*[Plan(text="Words of the planner.")] * 3, words=lambda: looker)
    assert agent.chat("what is it?", thread="demo").text == "Words of the planner."
    assert looker.asked == []
    reply = agent.chat("what is it?", images=[picture()], thread="demo")
    assert (reply.text, reply.status) == ("I see 32 columns.", "done")
    assert agent.chat("thank you", thread="demo").text == "Words of the planner."
    assert agent.history("demo")[1].reply == "I see 32 columns."


def test_a_question_is_about_what_was_drawn_on(make_agent):
    looker = Looker()
    agent = make_agent(Plan(text="x"), Plan(text="x"), words=lambda: looker)
    agent.chat("look", images=[picture(0), picture(1, width=20)], thread="demo")
    mask = np.ones((24, 32), np.bool_)
    drawn = Region.mask(agent.store.put_mask(mask).id, source="image-1")
    assert agent.chat("what is this?", regions=[drawn], thread="demo").text == "I see 32 columns."
    seen = looker.asked[-1][1]
    assert seen.regions == (drawn,)
    np.testing.assert_array_equal(seen.region_masks[drawn.artifact], mask)


def test_a_look_can_be_cancelled_and_takes_only_its_time(make_agent):
    class Slow(Looker):
        def answer(self, text, picture):
            time.sleep(2)

    agent = make_agent(Plan(text="x"), Plan(text="x"), words=Slow, budget=Budget(seconds=0.5))
    reply = agent.chat("what is it?", images=[picture()], thread="demo")
    assert reply.status == "stopped"
    assert "too long" in reply.text
