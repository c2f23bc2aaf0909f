"""Laws of the composed training set, on a few thousand examples."""

from collections import Counter
from pathlib import Path

import pytest

from vitron_agent.messages import Invocation, Module, Operation, Role, input_kinds, output_kind
from vitron_agent.train.data.invocations import Record, bare, compose, main, read_records, without, written
from vitron_agent.train.data.text import sections
from vitron_agent.train.metrics.planner import read_rows
from vitron_agent.wire import complete, write_plan

COUNT = 3000
EVALUATION = Path(__file__).parents[2] / "assets" / "planner_eval"
PAPER_ROWS = (
    (Module.IMAGE_GENERATION, "text"),
    (Module.IMAGE_SEGMENTATION, "text+sketch+image"),
    (Module.IMAGE_SEGMENTATION, "text+sketch+image+reference"),
    (Module.IMAGE_SEGMENTATION, "text+image"),
    (Module.IMAGE_EDITING, "text+sketch+image"),
    (Module.IMAGE_EDITING, "text+image"),
    (Module.VIDEO_GENERATION, "text"),
    (Module.IMAGE_TO_VIDEO, "text+image"),
    (Module.VIDEO_SEGMENTATION, "text+sketch+video"),
    (Module.VIDEO_SEGMENTATION, "text+video"),
    (Module.VIDEO_EDITING, "text+sketch+video"),
    (Module.VIDEO_EDITING, "text+video"),
)
"""Functions and kinds of user input of the paper's Table 14."""


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return list(compose(COUNT, seed=7))


def test_the_same_seed_gives_the_same_set_and_another_seed_another() -> None:
    assert list(compose(50, seed=3)) == list(compose(50, seed=3))
    assert list(compose(50, seed=3)) != list(compose(50, seed=4))


def test_every_output_is_read_back_as_it_was_written(records: list[Record]) -> None:
    assert all(write_plan(record.plan()) == record.output for record in records)


def test_every_input_exists_and_is_of_a_kind_that_the_module_takes(records: list[Record]) -> None:
    for record in records:
        kinds = {medium.handle: medium.kind for medium in record.request.media}
        for step in record.plan().invocations:
            for item in step.inputs:
                assert kinds[item.handle] in input_kinds(step.module, item.role), record
            if step.output:
                kind = output_kind(step)
                assert kind is not None
                kinds[step.output] = kind


def test_outputs_carry_the_numbers_that_completion_would_give(records: list[Record]) -> None:
    for record in records:
        media = [(medium.handle, medium.kind) for medium in record.request.media]
        plan = record.plan()
        assert complete(plan, media, record.request.current, dict(record.request.next_numbers)) == plan


def test_every_module_and_operation_is_there_and_about_a_fifth_is_answered_in_words(records: list[Record]) -> None:
    steps = Counter((step.module, step.operation) for record in records for step in record.plan().invocations)
    assert {module for module, _ in steps} == set(Module)
    assert {operation for _, operation in steps} == set(Operation)
    answers = sum(not record.plan().invocations for record in records)
    assert 0.15 < answers / COUNT < 0.30


def user_input(step: Invocation) -> str:
    """What a step was asked with, in the words of the paper's table."""
    kinds = ["text"]
    if step.regions:
        kinds.append("sketch")
    if base := step.input(Role.BASE):
        kinds.append(base.rpartition("-")[0])
    if step.input(Role.REFERENCE):
        kinds.append("reference")
    return "+".join(kinds)


def test_every_row_of_the_papers_table_is_there(records: list[Record]) -> None:
    rows = Counter(row for record in records for row in {(s.module, user_input(s)) for s in record.plan().invocations})
    assert len(set(PAPER_ROWS)) == 12
    assert {row: rows[row] for row in PAPER_ROWS if rows[row] < 10} == {}


def test_plans_have_up_to_four_steps_and_long_ones_are_no_rarity(records: list[Record]) -> None:
    lengths = Counter(len(record.plan().invocations) for record in records)
    assert max(lengths) == 4
    assert lengths[2] > 250
    assert lengths[3] > 60
    assert lengths[4] > 10


def test_everything_that_can_be_drawn_is_drawn_and_meant(records: list[Record]) -> None:
    kinds = Counter(region.kind for record in records for region in record.request.regions)
    assert min(kinds[kind] for kind in ("box", "points", "scribble", "polygon")) > 40
    drawn = [record for record in records if record.request.regions]
    meant = sum(any(step.regions for step in record.plan().invocations) for record in drawn)
    assert meant > 0.8 * len(drawn) > 100


def test_follow_ups_go_on_with_what_is_there(records: list[Record]) -> None:
    later = [record for record in records if record.request.history and record.plan().invocations]
    assert len(later) > 400
    earlier = sum(
        any(step.inputs and not {item.handle for item in step.inputs} & set(record.request.attached) for step in steps)
        for record in later
        if (steps := record.plan().invocations)
    )
    assert earlier > 300


def test_questions_are_asked_after_edits(records: list[Record]) -> None:
    asked = sum(
        record.output == "Let me look."
        and any(step.module is Module.IMAGE_EDITING for step in record.request.history[-1].plan.invocations)
        for record in records
        if record.request.history
    )
    assert asked > 40


def test_what_cannot_be_done_is_asked_for_and_answered_in_words(records: list[Record]) -> None:
    answers = {
        name: {line.split(" ||| ")[1] for line in lines}
        for name, lines in sections("phrasings").items()
        if name.startswith("impossible.") or name == "unsupported"
    }
    found = {name: [record for record in records if record.output in said] for name, said in answers.items()}
    assert {name: len(some) for name, some in found.items() if len(some) < 8} == {}
    assert all(not record.plan().invocations for some in found.values() for record in some)
    stills = [record.request for record in found["impossible.video_on_image"]]
    assert not [medium for request in stills for medium in request.media if medium.kind == "video"]


def test_no_request_of_the_evaluation_was_written_for_training() -> None:
    held_out = {bare(row.request.text) for path in EVALUATION.glob("*.jsonl") for row in read_rows(path)}
    questions = (line.split(" ||| ")[0] for lines in sections("phrasings").values() for line in lines)
    own = {bare(record.request.text) for record in written(1, seed=1)}
    own |= {bare(question) for question in questions if "{" not in question}
    # Numbers only: a failure must not show what is held out.
    num_evaluated, num_shared = len(held_out), len(own & held_out)
    assert num_evaluated > 400
    assert num_shared == 0


def test_no_slot_is_left_open(records: list[Record]) -> None:
    assert not [record for record in records if "{" in record.request.text or "{" in record.output]


def test_phrasings_are_distinct_within_their_section() -> None:
    for name, lines in sections("phrasings").items():
        assert len(set(lines)) == len(lines), name


def test_the_file_that_is_written_is_read_back(tmp_path: Path) -> None:
    out = tmp_path / "set.jsonl"
    main(["--count", "40", "--seed", "5", "--repeats", "0", "--out", str(out)])
    assert list(read_records(out)) == list(compose(40, seed=5))


def test_written_requests_are_whole_and_come_back_changed() -> None:
    once, twice = list(written(1, seed=1)), list(written(2, seed=1))
    assert len(twice) == 2 * len(once) > 1000
    assert twice[: len(once)] == once
    again = twice[len(once) :]
    for record, changed in zip(once, again, strict=True):
        assert [(step.module, step.operation, step.inputs) for step in record.plan().invocations] == [
            (step.module, step.operation, step.inputs) for step in changed.plan().invocations
        ]
    others = sum(record.output != changed.output for record, changed in zip(once, again, strict=True))
    assert 0.1 < others / len(once) < 0.3


def test_held_out_requests_are_left_out_whatever_their_case() -> None:
    records = list(compose(10, seed=4))
    kept = list(without(records, {bare(records[3].request.text.upper() + "!!")}))
    assert records[3] not in kept
    assert len(kept) < 10


def test_held_out_requests_do_not_come_back_misspelt() -> None:
    whole = list(written(3, seed=1))
    rest = list(written(3, seed=1, held_out={bare(whole[0].request.text)}))
    assert len(rest) <= len(whole) - 3
    assert bare(whole[0].request.text) not in {bare(record.request.text) for record in rest}


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"request": {"text": "hi"}, "output": "Hello."}\n{"request": {"text": "hi"}}\n')
    with pytest.raises(ValueError, match=r"mine\.jsonl, line 2"):
        list(read_records(path))
