"""Laws of the composed training set, on a few thousand examples."""

from collections import Counter
from pathlib import Path

import pytest

from vitron_agent.messages import Module, Operation, input_kinds, output_kind
from vitron_agent.train.data.invocations import Record, bare, compose, main, read_records, without, written
from vitron_agent.train.data.text import sections
from vitron_agent.wire import complete, write_plan

COUNT = 3000


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


def test_no_slot_is_left_open(records: list[Record]) -> None:
    assert not [record for record in records if "{" in record.request.text or "{" in record.output]


def test_phrasings_are_distinct_within_their_section() -> None:
    for name, lines in sections("phrasings").items():
        assert len(set(lines)) == len(lines), name


def test_the_file_that_is_written_is_read_back(tmp_path: Path) -> None:
    out = tmp_path / "set.jsonl"
    main(["--count", "40", "--seed", "5", "--repeats", "0", "--out", str(out)])
    assert list(read_records(out)) == list(compose(40, seed=5))


def test_written_requests_are_whole_and_come_back_with_slips() -> None:
    once, twice = list(written(1, seed=1)), list(written(2, seed=1))
    assert len(twice) == 2 * len(once) > 1000
    assert [record.output for record in twice] == [record.output for record in once] * 2
    assert all(record.plan() for record in once)


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
