import pytest

from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.tools.phrases.parse import parse_phrase

NOUNS = load_nouns()


@pytest.mark.parametrize(
    ("text", "noun", "facts"),
    [
        ("second dog from the left", "dog", {"ordinal": 1, "sides": ("left",)}),
        ("third bottle from the right", "bottle", {"ordinal": 2, "sides": ("right",)}),
        ("the last person in the row", "person", {"ordinal": -1, "anchor": None}),
        ("old red sports car", "sports car", {"colors": ("red",), "unused": ("old",)}),
        ("black and white cat", "cat", {"colors": ("black", "white")}),
        ("grey horse", "horse", {"colors": ("gray",)}),
        ("man in red", "man", {"colors": ("red",), "anchor": None}),
        ("person on the right", "person", {"sides": ("right",)}),
        ("the dog on the left side of the picture", "dog", {"sides": ("left",)}),
        ("small bird in the top right corner", "bird", {"size": "smallest", "sides": ("top", "right")}),
        ("leftmost horse", "horse", {"sides": ("left",)}),
        ("biggest boat in the background", "boat", {"size": "largest", "sides": ("back",)}),
        ("both cats", "cats", {"number": 2, "plural": True}),
        ("two people on the left", "people", {"number": 2, "sides": ("left",)}),
        ("a cup of coffee", "cup", {}),
        ("group of people", "people", {}),
        ("picture of a dog", "dog", {}),
        ("orange", "orange", {"colors": ()}),
        ("orange cat", "cat", {"colors": ("orange",)}),
        ("traffic light on the left", "traffic light", {"sides": ("left",)}),
        ("all the chairs", "chairs", {"plural": True, "number": None}),
    ],
)
def test_a_phrase_says_what_and_which(text, noun, facts):
    phrase = parse_phrase(text, NOUNS)
    assert phrase.noun == noun
    assert phrase.meaning is not None
    for name, value in facts.items():
        assert getattr(phrase, name) == value, name


@pytest.mark.parametrize(
    ("text", "link", "anchor"),
    [
        ("the red cup on the table", "on", "table"),
        ("car behind the bus", "behind", "bus"),
        ("horse to the left of the man", "left of", "man"),
        ("dog that is lying on the couch", "on", "couch"),
        ("person riding a horse", "on", "horse"),
        ("potted plant next to the sofa", "near", "sofa"),
        ("the dog's ball", "with", "dog"),
        ("woman with the umbrella", "with", "umbrella"),
    ],
)
def test_a_phrase_may_name_another_thing(text, link, anchor):
    phrase = parse_phrase(text, NOUNS)
    assert phrase.link == link
    assert phrase.anchor is not None
    assert phrase.anchor.noun == anchor


def test_the_other_thing_is_a_phrase_of_its_own():
    phrase = parse_phrase("the man in the red shirt", NOUNS)
    assert phrase.anchor is not None
    assert phrase.anchor.colors == ("red",)


@pytest.mark.parametrize(("text", "noun"), [("zzz", "zzz"), ("the shiny zzz", "shiny zzz"), ("", ""), ("one", "")])
def test_unknown_words_are_kept_for_the_note(text, noun):
    phrase = parse_phrase(text, NOUNS)
    assert phrase.meaning is None
    assert phrase.noun == noun


@pytest.mark.parametrize(("text", "chooses"), [("dog", False), ("red dog", True), ("dogs", False), ("first dog", True)])
def test_choosing_phrases_are_told_from_plain_ones(text, chooses):
    assert parse_phrase(text, NOUNS).chooses is chooses
