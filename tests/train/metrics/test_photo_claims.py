"""Answers in free words are read as people mean them."""

import pytest

from vitron_agent.train.metrics.photo_claims import read_text


def claims(text: str) -> list[tuple[str, int, bool, tuple[str, ...], bool]]:
    return [
        ("/".join(thing.name for thing in claim.things), claim.number, claim.exact, claim.places, claim.sure)
        for claim in read_text(text).claims
    ]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Yes, I see a brown dog at the upper left.", [("dog", 1, False, ("upper left",), True)]),
        ("There are two dogs and a cat.", [("dog", 2, True, (), True), ("cat", 1, False, (), True)]),
        ("I see two dogs: on the left and in the middle.", [("dog", 2, True, ("left", "middle"), True)]),
        ("Dogs and people run.", [("dog", 2, False, (), True), ("person", 2, False, (), True)]),
        ("I see at least two dogs.", [("dog", 2, False, (), True)]),
        ("It is a horse cart.", [("horse cart", 1, False, (), True)]),
        ("The dog is on the left of the car.", [("dog", 1, False, (), True), ("car", 1, False, (), True)]),
        ("The dog is on the left of the picture.", [("dog", 1, False, ("left",), True)]),
        ("On the right there is a dog.", [("dog", 1, False, ("right",), True)]),
        ("The dog is over most of the picture.", [("dog", 1, False, ("most",), True)]),
        ("(dog: searched as cat) Here is 1 cat.", [("cat", 1, True, (), True)]),
    ],
)
def test_things_numbers_and_places(text, wanted):
    assert claims(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "No, there is no dog.",
        "I don't see any dog in the picture.",
        "There isn't a dog.",
        "The picture is without a dog.",
    ],
)
def test_what_is_denied_is_not_there(text):
    assert claims(text) == [("dog", 0, True, (), True)]


def test_a_denial_ends_with_its_clause():
    assert claims("I don't see a dog, but there is a cat.") == [("dog", 0, True, (), True), ("cat", 1, False, (), True)]


@pytest.mark.parametrize(
    "text",
    ["There may also be a dog.", "Perhaps: I think I see a dog.", "It might be a dog; I am not sure.",
     "It looks most like a dog, but I am not sure.", "I see about a dog."],
)  # fmt: skip
def test_what_may_be_is_not_sure(text):
    assert [(name, sure) for name, _, _, _, sure in claims(text)] == [("dog", False)]


@pytest.mark.parametrize(
    "text",
    ["I can't tell how old the dog is.", "I cannot say who owns the dog.", "I don't know the dog.",
     "Dog: not a thing that I can look for."],
)  # fmt: skip
def test_refusals_claim_nothing(text):
    read = read_text(text)
    assert read.refuses
    assert not read.claims


def test_a_refusal_is_of_one_sentence():
    read = read_text("I can't tell that from the picture. I see a dog.")
    assert read.refuses
    assert len(read.claims) == 1


def test_yes_and_no():
    assert [read_text(text).says for text in ("Yes.", "No, it isn't.", "no", "No dog is here.", "Two.")] == [
        "yes", "no", "no", "", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "I see nothing special.", "Is there a dog?", "Its main colours are red and blue."]
)
def test_nothing_is_claimed(text):
    assert claims(text) == []
