"""Conversations up to a step's signal: what they end in, and what the signal is about."""

from random import Random

import pytest

from tests import tiny
from vitron_agent.messages import Operation
from vitron_agent.train.signals.phrases import Group, Phrase
from vitron_agent.train.signals.steps import OPERATIONS, ask, draw_phrases, step_ids
from vitron_agent.wire import SIGNAL, read_plan

TOKENIZER = tiny.tokenizer()
WANTED = Phrase("quonkle", ("n1",), Group.TRAIN, described=False)
OTHERS = [Phrase(word, ("n2",), Group.TRAIN, described=False) for word in ("fence", "piano", "lemon")]
REPLY = "<|im_start|>assistant\n"


def steps(operation: Operation, count: int = 60) -> list[list[int]]:
    return [step_ids(WANTED, operation, OTHERS, TOKENIZER, Random(seed)) for seed in range(count)]


@pytest.fixture(scope="module", params=OPERATIONS)
def operation(request: pytest.FixtureRequest) -> Operation:
    found: Operation = request.param
    return found


def test_they_end_where_the_signal_opens_and_nowhere_else_is_one(operation):
    opening = TOKENIZER.ids[SIGNAL]
    for ids in steps(operation):
        assert ids[-1] == opening
        assert ids.count(opening) == 1


def test_the_last_phrase_that_is_named_is_the_one(operation):
    for ids in steps(operation):
        *_, written = TOKENIZER.decode_wire(ids[:-1]).split(REPLY)
        plan = read_plan(written)
        assert len(plan.invocations) in (1, 2)
        assert plan.invocations[-1].target == WANTED.text
        assert all(one.operation is operation for one in plan.invocations)
        assert all(one.target in {other.text for other in OTHERS} for one in plan.invocations[:-1])


def test_what_is_read_is_what_was_written(operation):
    for ids in steps(operation, 20):
        head, written = TOKENIZER.decode_wire(ids[:-1]).rsplit(REPLY, 1)
        assert ids[-1 - len(TOKENIZER.encode_wire(written)) : -1] == TOKENIZER.encode_wire(written)
        assert written.endswith("</Output>")  # the signal is read behind a whole step
        assert WANTED.text in head.rsplit("user\n", 1)[1]  # and the request asked for it


def test_some_come_after_another_request_and_some_are_second_steps():
    many = [TOKENIZER.decode_wire(ids) for ids in steps(Operation.DETECT, 300)]
    after = sum(text.count(REPLY) == 2 for text in many)
    second = sum(text.rsplit(REPLY, 1)[1].count("<Module>") == 2 for text in many)
    assert all(text.count(REPLY) in (1, 2) for text in many)
    assert 20 < after < 80
    assert 20 < second < 80


def test_the_same_seed_says_the_same():
    assert steps(Operation.REMOVE, 10) == steps(Operation.REMOVE, 10)
    assert len({tuple(ids) for ids in steps(Operation.REMOVE, 30)}) > 20


def test_a_request_names_the_phrase(operation):
    described = Phrase("a large pot used for boiling", ("n3",), Group.TRAIN, described=True)
    for seed in range(40):
        assert "large pot used for boiling" in ask(described, operation, Random(seed))


def test_things_with_many_words_are_drawn_more_often_but_not_by_so_much():
    many = [Phrase(f"word {number}", ("n3",), Group.TRAIN, described=False) for number in range(32)]
    drawn = draw_phrases([*many, WANTED], 5000, Random(0))
    alone = sum(phrase is WANTED for phrase in drawn)
    assert 0.15 < alone / len(drawn) < 0.25  # 1 of 1 + 32 ** 0.4; by the number of words 0.03
    assert draw_phrases(many, 50, Random(3)) == draw_phrases(many, 50, Random(3))
