"""What counts as said, and what a misspelt word may have meant."""

from pathlib import Path

import pytest

from vitron_agent.messages import Plan
from vitron_agent.planners.base import PastTurn, PlanRequest, Rejection
from vitron_agent.planners.said import invented, said
from vitron_agent.train.metrics.planner import read_rows
from vitron_agent.wire import read_plan

ASSETS = Path(__file__).parents[1] / "assets" / "planner_eval"


def remove(target: str) -> Plan:
    return read_plan(f"<Module>Image Editing</Module><Instruction>remove: {target}</Instruction><Input>image-1</Input>")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("take the mugs off the table", "mug on the table"),
        ("the man's hat has to go", "man hat"),
        ("every gull out", "gulls"),
        ("owtline the kyte", "kite"),
        ("the teef", "teeth"),
        ("get the bumbel bee", "bumblebee"),
        ("that trofy", "trophy"),
        ("remvoe the screwdirver", "screwdriver"),
        ("off with the half-eaten pie", "half eaten pie"),
        ("segment all there is", "everything"),
        ("把红灯笼删掉", "red lantern"),
    ],
)
def test_what_was_said_in_other_words_forms_or_letters_is_not_invented(text: str, target: str) -> None:
    assert invented(remove(target), PlanRequest(text=text)) == ()


@pytest.mark.parametrize(
    ("text", "target", "words"),
    [
        ("owtline the kyte", "kettle", ("kettle",)),
        ("that trofy", "truck", ("truck",)),
        ("mack the bak dor blu", "baby dog", ("baby",)),
        ("i want the tecups to spin", "cups", ("cups",)),
        ("the mug on the left", "red mug", ("red",)),
    ],
)
def test_what_nobody_said_is_named(text: str, target: str, words: tuple[str, ...]) -> None:
    assert invented(remove(target), PlanRequest(text=text)) == words


def test_what_was_said_before_counts_too() -> None:
    past = (
        PastTurn(text="hide the mug", plan=remove("mug")),
        PastTurn(text="and?", plan=Plan(text="There is a spoon as well.")),
    )
    refused = (Rejection(plan="", error="nothing looks like a fork"),)
    request = PlanRequest(text="those three", history=past, rejections=refused)
    for thing in ("mug", "spoon", "fork"):
        assert invented(remove(thing), request) == ()
    assert invented(remove("knife"), request) == ("knife",)


def test_no_right_plan_of_the_evaluation_is_taken_for_invented() -> None:
    files = [ASSETS / name for name in ("dev.jsonl", "dev_2.jsonl")]
    rows = [row for path in files for row in read_rows(path) if row.accepted]
    assert len(rows) == 372
    assert [row.id for row in rows if invented(row.plan(), row.request)] == []


def test_the_words_said_are_what_a_target_may_be_made_of() -> None:
    past = (PastTurn(text="hide the mug's handle", plan=remove("handle")),)
    words = said(PlanRequest(text="No! The half-eaten Pie, and 2 forks", history=past))
    assert {"half-eaten", "half", "eaten", "pie", "2", "forks", "fork", "mug", "handle", "pie's"} <= set(words)
    assert (
        invented(remove(" ".join(words[:20])), PlanRequest(text="No! The half-eaten Pie, and 2 forks", history=past))
        == ()
    )
    assert not {"spoon", "!", ""} & set(words)
