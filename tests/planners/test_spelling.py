"""Misspelt words are mended; rare ones, names and British ones are left alone."""

import re

import pytest

from vitron_agent.messages import Plan
from vitron_agent.planners.spelling import mend, mended
from vitron_agent.train.data.invocations import written
from vitron_agent.wire import read_plan


def recolor(target: str) -> Plan:
    return read_plan(
        f"<Module>Image Editing</Module><Instruction>recolor: {target} => gren</Instruction><Input>image-1</Input>"
    )


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("screwdirver", "screwdriver"),
        ("kyte", "kite"),
        ("trofy", "trophy"),
        ("cushon", "cushion"),
        ("saxaphone", "saxophone"),
        ("umbrelas", "umbrellas"),
        ("marbel", "marble"),
    ],
)
def test_a_slip_is_mended(word: str, meant: str) -> None:
    assert mend(word) == meant


@pytest.mark.parametrize(
    "word",
    [
        *("colour", "grey", "fibre", "jewellery", "neighbour's"),
        *("esky", "onesie", "kite", "kites", "teapot", "bollard"),
        *("dgo", "xqzvw", "кот", "x-ray", "4head"),
    ],
)
def test_what_is_a_word_or_like_none_stays(word: str) -> None:
    assert mended(recolor(f"old {word} mug")).invocations[0].target == f"old {word} mug"


def test_only_targets_are_mended_with_their_hyphens_and_endings() -> None:
    step = mended(recolor("half-emtpy spidr's leg")).invocations[0]
    assert (step.target, step.value) == ("half-empty spider's leg", "gren")
    assert mended(Plan(text="A spidr.")) == Plan(text="A spidr.")
    assert mended(mended(recolor("spidr"))) == mended(recolor("spidr")) == recolor("spider")


def test_no_word_that_people_wrote_and_meant_is_changed() -> None:
    changed = set()
    for record in written(1, seed=1):
        said = " ".join([record.request.text, *(turn.text for turn in record.request.history)]).lower()
        for step in record.plan().invocations:
            words = re.findall("[a-z]+", step.target)
            changed |= {word for word in words if mend(word) != word and re.search(rf"\b{word}\b", said)}
    assert changed == set()
