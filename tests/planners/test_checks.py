import pytest

from tests.scenes import Region, detect, inputs, move, recolor, remove, segment, steps
from vitron_agent.config import Budget
from vitron_agent.errors import (
    BudgetError,
    CapabilityError,
    DependencyError,
    InvocationError,
    UnknownTargetError,
    WireSyntaxError,
    WrongMediaError,
)
from vitron_agent.messages import Module, Operation, make_invocation
from vitron_agent.planners.checks import check_plan
from vitron_agent.profiles import by_module
from vitron_agent.tools.base import Lacking
from vitron_agent.tools.fakes import FakeExpert, fake_experts, paint

KNOWN = {"image-1": "image", "image-2": "image", "mask-1": "mask", "video-1": "video"}
EXPERTS = by_module(fake_experts())


def check(*invocations, budget=None, experts=EXPERTS, calls_left=16):
    plan = steps(*invocations)
    check_plan(plan, KNOWN.get, experts, budget or Budget(), profile="fake", calls_left=calls_left)


def edit(operation, target="", value="", regions=(), **given):
    return make_invocation(
        Module.IMAGE_EDITING, operation, target=target, value=value, regions=regions, inputs=inputs("image-1", **given)
    )


@pytest.mark.parametrize(
    "plan",
    [
        [recolor(base="image-1", output="image-3")],
        [segment(base="image-1", output="mask-2"), recolor(base="image-1", mask="mask-2")],
        [recolor(target="", base="image-1", regions=(Region.box(0, 0, 0.5, 0.5),))],
        [
            remove("", base="image-2", regions=(Region.box(0, 0, 0.5, 0.5, source="image-2"),), output="image-3"),
            recolor("", base="image-3", regions=(Region.box(0.5, 0, 1, 0.5, source="image-2"),)),
        ],
        [edit(Operation.REPLACE, "cat", source="image-2")],
        [edit(Operation.BACKGROUND, value="blur")],
        [edit(Operation.MOVE, "cat", regions=(Region.box(0, 0, 0.5, 0.5),))],
        [edit(Operation.STYLE, value="pencil")],
        [move(Operation.UNDO, value="2"), move(Operation.SELECT, base="image-2"), move(Operation.SEARCH, target="cat")],
    ],
)
def test_good_plans_pass(plan):
    check(*plan)


BAD = [
    ([recolor(base="image-9")], UnknownTargetError, "image-9.*does not exist"),
    ([recolor(base="image-1", mask="mask-9")], UnknownTargetError, "mask-9"),
    ([remove(target="", base="image-1")], UnknownTargetError, "doesn't say on what"),
    ([detect(target="", base="image-1")], UnknownTargetError, "doesn't say on what"),
    ([recolor(base="image-1", regions=(Region.box(0, 0, 1, 1, source="image-7"),))], UnknownTargetError, "image-7"),
    ([recolor(base="image-1", regions=(Region.box(0, 0, 1, 1, source="image-2"),))], WrongMediaError, "on image-2"),
    ([move(Operation.SELECT)], UnknownTargetError, "doesn't say which"),
    ([move(Operation.SEARCH)], UnknownTargetError, "doesn't say on what"),
    ([recolor(base="video-1")], WrongMediaError, "takes image as base, but video-1 is of kind video"),
    ([recolor(base="mask-1")], WrongMediaError, "mask-1 is of kind mask"),
    ([recolor(base="image-1", mask="image-2")], WrongMediaError, "takes mask as mask"),
    ([recolor()], WrongMediaError, "nothing to work on: the conversation has no image"),
    (
        [make_invocation(Module.IMAGE_GROUNDING, Operation.DETECT, target="x", inputs=inputs("image-1", "mask-1"))],
        WrongMediaError,
        "takes no input 'mask'",
    ),
    (
        [recolor(base="image-3", output="image-4"), recolor(base="image-1", output="image-3")],
        DependencyError,
        "reads image-3.*later step",
    ),
    ([recolor(base="image-3", output="image-3")], DependencyError, "makes itself"),
    ([edit(Operation.RECOLOR, "cat")], WireSyntaxError, "needs a value"),
    ([edit(Operation.STYLE)], WireSyntaxError, "needs a value"),
    ([edit(Operation.MOVE, "cat")], WireSyntaxError, "needs a value"),
    ([edit(Operation.RECOLOR, "cat", regions=(Region.box(0, 0, 1, 1),))], WireSyntaxError, "needs a value"),
    ([edit(Operation.REPLACE, "cat")], WireSyntaxError, "by what"),
    ([move(Operation.UNDO, value="some")], WireSyntaxError, "number of turns"),
    (
        [make_invocation(Module.IMAGE_GENERATION, Operation.GENERATE, value="a cat")],
        CapabilityError,
        "profile 'fake' has no expert for image_generation.*'hub'",
    ),
]


@pytest.mark.parametrize(("plan", "error", "words"), BAD)
def test_every_fault_has_its_error_and_says_where(plan, error, words):
    with pytest.raises(error, match=words) as caught:
        check(*plan)
    assert type(caught.value) is error


def test_an_operation_that_the_backend_lacks_is_refused_before_anything_runs():
    editor = FakeExpert(Module.IMAGE_EDITING, paint, operations=[Operation.REMOVE])
    with pytest.raises(CapabilityError, match=r"cannot recolor \(it can: remove\)"):
        check(recolor(base="image-1"), experts=by_module([editor]))
    check(remove(base="image-1"), experts=by_module([editor]))


def test_a_backend_that_refuses_says_why():
    for refusal, kind in (
        (Lacking("needs a generator: use profile 'hub'"), CapabilityError),
        ("'sparkly' is no colour that is known", InvocationError),
    ):
        editor = FakeExpert(Module.IMAGE_EDITING, paint, refusal=refusal)
        with pytest.raises(InvocationError, match=r"a generator|no colour") as caught:
            check(recolor(base="image-1"), experts=by_module([editor]))
        assert type(caught.value) is kind


def test_a_search_needs_somebody_who_looks():
    with pytest.raises(CapabilityError, match="image_grounding"):
        check(move(Operation.SEARCH, target="boat"), experts={})


def test_too_many_steps_and_too_many_calls_are_over_budget():
    plan = [recolor(base="image-1", output=f"image-{number}") for number in range(3, 6)]
    with pytest.raises(BudgetError, match="3 steps; a turn may have 2"):
        check(*plan, budget=Budget(steps=2))
    with pytest.raises(BudgetError, match="3 expert calls; the turn may make 2"):
        check(*plan, calls_left=2)
    check(*plan, budget=Budget(steps=3), calls_left=3)


def test_an_output_of_an_earlier_step_counts_with_its_kind():
    with pytest.raises(WrongMediaError, match="mask-7 is of kind mask"):
        check(segment(base="image-1", output="mask-7"), recolor(base="mask-7"))
