"""Laws of requests whose first plan was refused."""

from random import Random

import pytest

from vitron_agent.config import Settings
from vitron_agent.messages import Input, Invocation, Module, Operation, Plan, Role, make_invocation
from vitron_agent.planners.base import Medium, PlanRequest
from vitron_agent.planners.checks import completed
from vitron_agent.profiles import EMBEDDED, Profile, load_profile
from vitron_agent.train.data.invocations import Record, compose, refusals
from vitron_agent.train.data.refusals import all_able, problem, refused, without_lacking

PHOTO = PlanRequest(
    text="x", media=(Medium(handle="image-1", kind="image"),), current="image-1", next_numbers=(("image", 2),)
)


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(Settings(profile=EMBEDDED))


@pytest.fixture(scope="module")
def again() -> list[Record]:
    return list(refusals(compose(400, seed=3), 100, seed=1))


def edit(operation: Operation, *, base: str, output: str, **words: str) -> Invocation:
    inputs = (Input(role=Role.BASE, handle=base),)
    return make_invocation(Module.IMAGE_EDITING, operation, inputs=inputs, output=output, **words)


def test_each_has_one_refused_plan_and_what_the_agent_says_of_it(again: list[Record]) -> None:
    assert len(again) == 100
    assert all(len(record.request.rejections) == 1 for record in again)
    assert all(record.request.rejections[0].plan != record.output for record in again)
    assert len({record.request.rejections[0].error for record in again}) > 10


def test_the_plan_to_write_can_be_run(again: list[Record], profile: Profile) -> None:
    for record in again:
        lacking = bool(record.request.rejections[0].only)
        plan = completed(record.plan(), record.request)
        assert problem(plan, record.request, profile if lacking else all_able()) is None, record


def test_the_same_seed_gives_the_same(again: list[Record]) -> None:
    assert list(refusals(compose(400, seed=3), 100, seed=1)) == again


def test_what_is_lacking_is_left_out_and_the_rest_works_on_the_picture_before(profile: Profile) -> None:
    lamp = edit(Operation.REPLACE, target="lamp", value="cactus", base="image-1", output="image-2")
    door = edit(Operation.RECOLOR, target="door", value="red", base="image-2", output="image-3")
    plan = Plan(invocations=(lamp, door))
    (left,) = without_lacking(plan, PHOTO, profile).invocations
    assert (left.target, left.input(Role.BASE), left.output) == ("door", "image-1", "image-2")
    ((request, second),) = refused([(PHOTO, plan)], profile, Random(1))
    assert second.invocations == (left,)
    assert "generator" in request.rejections[0].error


def test_a_plan_of_which_nothing_is_left_gives_no_example(profile: Profile) -> None:
    lamp = edit(Operation.REPLACE, target="lamp", value="cactus", base="image-1", output="image-2")
    assert not list(refused([(PHOTO, Plan(invocations=(lamp,)))], profile, Random(1)))
