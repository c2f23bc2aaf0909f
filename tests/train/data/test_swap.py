"""Another thing in a request: in the words and in the plan, or not at all."""

from random import Random

import pytest

from vitron_agent.messages import Plan
from vitron_agent.planners.base import PastTurn, PlanRequest
from vitron_agent.train.data.invocations import written
from vitron_agent.train.data.swap import phrases, swap
from vitron_agent.wire import read_plan

RECOLOR = "<Module>Image Editing</Module><Instruction>recolor: {} => {}</Instruction><Input>image-1</Input>"


def recolor(target: str, value: str = "red") -> Plan:
    return read_plan(RECOLOR.format(target, value))


KNOWN = phrases([recolor("umbrella of the bride"), recolor("tiles")])


def test_every_swapped_request_names_its_new_things_and_keeps_everything_else() -> None:
    rows = [(record.request, record.plan()) for record in written(1, seed=1)]
    known = phrases(plan for _, plan in rows)
    rng = Random(1)
    swapped = [(plan, again) for request, plan in rows if (again := swap(request, plan, known, rng))]
    assert len(swapped) > len(rows) / 3
    for plan, (request, new) in swapped:
        changed = [pair for pair in zip(plan.invocations, new.invocations, strict=True) if pair[0] != pair[1]]
        assert changed
        for before, after in changed:
            assert after.target in request.text
            assert after.model_copy(update={"target": before.target}) == before


def test_singular_stays_singular_and_the_article_fits() -> None:
    for text, wanted in [
        ("Paint a mug red", "Paint an umbrella of the bride red"),
        ("MUG red", "umbrella of the bride red"),
    ]:
        swapped = swap(PlanRequest(text=text), recolor("mug"), KNOWN, Random(1))
        assert swapped
        assert swapped[0].text == wanted
        assert swapped[1] == recolor("umbrella of the bride")


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("make it red", recolor("mug")),
        ("the mug next to the other mug: red", recolor("mug")),
        ("paint the man red, he asked for it", recolor("man")),
        ("make the cat like the cat's collar", recolor("cat", "as the cat's collar")),
        ("the mug's handle red", recolor("mug")),
        ("make it all red", read_plan(RECOLOR.format("", "red"))),
    ],
)
def test_a_sentence_that_would_not_stay_right_is_left_alone(text: str, plan: Plan) -> None:
    assert swap(PlanRequest(text=text), plan, KNOWN, Random(1)) is None


def test_what_was_spoken_of_before_keeps_its_name() -> None:
    request = PlanRequest(text="now the mug", history=(PastTurn(text="hide the mug", plan=Plan(text="No.")),))
    assert swap(request, recolor("mug"), KNOWN, Random(1)) is None
