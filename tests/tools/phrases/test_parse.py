import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitron_agent.tools.phrases.nouns import Relation, load_nouns
from vitron_agent.tools.phrases.parse import Phrase, parse_phrase
from vitron_agent.train.data.invocations import written

NOUNS = load_nouns()
LINKS = (
    "nearest", "closest to", "next to", "near", "beside", "by", "between", "around", "round", "outside", "inside",
    "without", "except", "apart from", "other than", "facing", "opposite", "against", "tied to", "locked to",
    "attached to", "leaning on", "leaning against", "behind", "under", "over", "above", "on", "on the left of", "in",
    "with", "holding", "from", "across", "through", "towards", "that is next to", "chasing", "standing near",
)  # fmt: skip
TARGETS = sorted({step.target for record in written(1, 0) for step in record.plan().invocations if step.target})
"""Every phrase in the requests that were written by hand."""
HEADS = sorted(
    {
        phrase.noun
        for phrase in (parse_phrase(target, NOUNS) for target in TARGETS if " " not in target)
        if phrase.meaning is not None and phrase.meaning.relation is not Relation.BESIDE
    }
)
"""Single words among them that can be looked for."""


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


@pytest.mark.parametrize(
    ("text", "noun", "link", "anchor"),
    [
        ("horse nearest the fence", "horse", "near", "fence"),
        ("person closest to the door", "person", "near", "door"),
        ("closest person to the door", "person", "near", "door"),
        ("bike locked to the drainpipe", "bike", "near", "drainpipe"),
        ("litter around the bench", "litter", "near", "bench"),
        ("ladle hanging nearest the window", "ladle", "near", "window"),
        ("everyone except the bride", "everyone", "except", "bride"),
        ("cars except the red one", "cars", "except", "cars"),
        ("horse on the left of the man", "horse", "left of", "man"),
        ("horse on the left side of the man", "horse", "left of", "man"),
        ("horse on the right-hand side of the man", "horse", "right of", "man"),
        ("horse just to the right of the man", "horse", "right of", "man"),
        ("collar of the brown dog", "collar", "with", "dog"),
        ("button on the bear's tummy", "button", "on", "tummy"),
        ("auntie's chair by the radiator", "chair", "near", "radiator"),
        ("chest of drawers by the wall", "chest of drawers", "near", "wall"),
        ("alpaca in the back pen", "alpaca", "with", "pen"),
        ("behind the car", "", "behind", "car"),
    ],
)
def test_the_noun_is_the_thing_before_the_link(text, noun, link, anchor):
    phrase = parse_phrase(text, NOUNS)
    assert (phrase.noun, phrase.link) == (noun, link)
    assert phrase.anchor is not None
    assert phrase.anchor.noun == anchor


@pytest.mark.parametrize(
    ("text", "noun", "unused"),
    [
        ("mannequin without a head", "mannequin", "without a head"),
        ("pug between the two greyhounds", "pug", "between the two greyhounds"),
        ("person furthest from the door", "person", "furthest from the door"),
        ("furthest person from the door", "person", "furthest from the door"),
        ("man walking the dog", "man", "walking the dog"),
        ("girl eating ice cream", "girl", "eating ice cream"),
        ("ball that goes over the fence", "ball", "that goes over the fence"),
        ("man not wearing a hat", "man", "not wearing a hat"),
        ("bus 3", "bus", "3"),
    ],
)
def test_what_cannot_be_seen_from_boxes_is_kept_for_the_note(text, noun, unused):
    phrase = parse_phrase(text, NOUNS)
    assert phrase.meaning is not None
    assert (phrase.noun, phrase.unused, phrase.link) == (noun, (unused,), None)
    assert not phrase.sides


@pytest.mark.parametrize("text", ["nearest beach hut", "wooden round table", "plastic watering can", "outside light"])
def test_a_link_may_be_part_of_a_name(text):
    phrase = parse_phrase(text, NOUNS)
    assert phrase.noun == text.split()[-1]
    assert phrase.link is None


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("noun", ["horse", "gizmo", "thing like that", "everyone"])
@pytest.mark.parametrize("anchor", ["fence", "red car", "dog on the left", "gizmo", "man with the hat"])
def test_the_anchor_is_never_the_noun(noun, link, anchor):
    phrase = parse_phrase(f"{noun} {link} the {anchor}", NOUNS)
    head = parse_phrase(noun, NOUNS)
    assert phrase.meaning == head.meaning
    assert phrase.noun == head.noun


def test_the_noun_of_every_phrase_is_before_its_first_link():
    link = re.compile(rf" (?:{'|'.join(LINKS)}) (?:the|a|an|my|his|her|its)\b| and the\b")
    heads = [(target, link.split(target.lower())[0]) for target in TARGETS]
    found = [(parse_phrase(target, NOUNS), head) for target, head in heads if head != target.lower()]
    assert len(found) > 500
    for phrase, head in found:
        assert phrase.meaning is None or phrase.noun in head, phrase.text


@pytest.mark.parametrize(
    ("verb", "link"),
    [("running", "on"), ("sleeping", "on"), ("flying", "above"), ("parked", "behind"), ("sitting", "in"),
     ("standing", "near"), ("lying", "under"), ("photographed", "by"), ("chained", "to"), ("asleep", "on")],
)  # fmt: skip
def test_a_participle_does_not_hide_a_known_noun(verb, link):
    assert len(HEADS) > 100
    for head in HEADS:
        phrase = parse_phrase(f"{head} {verb} {link} the zzz", NOUNS)
        assert phrase.meaning == NOUNS.find(head), phrase
        assert phrase.noun == head


@pytest.mark.parametrize("text", ["roof guttering by the chimney", "bird netting", "wall hanging", "japanese knotweed"])
def test_a_thing_whose_name_looks_like_a_participle_is_not_another_thing(text):
    meaning = parse_phrase(text, NOUNS).meaning
    assert meaning is None or meaning.relation is Relation.BESIDE


@pytest.mark.parametrize(
    "text", ["{}", "{} on the left", "all the {}", "both {} by the door", "{} running on the beach", "small {}"]
)
def test_irregular_plurals_are_several(text):
    for word in ("people", "children", "men", "women", "geese", "mice", "wolves", "oxen", "knives", "dogs", "crowd"):
        assert parse_phrase(text.format(word), NOUNS).plural, word
    for word in ("person", "child", "man", "goose", "wolf", "knife", "dog"):
        assert parse_phrase(text.format(word), NOUNS).plural is text.startswith(("all", "both")), word


def test_sheep_are_several_unless_one_is_picked():
    several = ("sheep", "sheep on the left", "three sheep", "every sheep")
    one = ("biggest sheep", "leftmost sheep", "one sheep", "that sheep")
    assert all(parse_phrase(text, NOUNS).plural for text in several)
    assert not any(parse_phrase(text, NOUNS).plural for text in one)


@pytest.mark.parametrize("quantity", ["all", "every", "each", "both", "two", "three", "all of the", "both of the"])
def test_a_quantity_means_several(quantity):
    phrase = parse_phrase(f"{quantity} dog", NOUNS)
    assert phrase.noun == "dog"
    assert phrase.plural


@pytest.mark.parametrize("picture", ["picture", "photo", "image", "scene", "pic"])
@pytest.mark.parametrize("where", ["in the", "in this", "of the", "in my"])
def test_the_picture_is_not_another_thing(picture, where):
    for text in ("dog", "dog on the left", "dogs", "dog behind the car"):
        inside = parse_phrase(f"{text} {where} {picture}", NOUNS)
        plain = parse_phrase(text, NOUNS)
        assert (inside.noun, inside.sides, inside.link, inside.unused) == (
            plain.noun, plain.sides, plain.link, plain.unused,
        )  # fmt: skip


def test_a_picture_that_hangs_somewhere_is_one():
    phrase = parse_phrase("girl in the picture on the wall", NOUNS)
    assert phrase.anchor is not None
    assert phrase.anchor.noun == "picture"


@pytest.mark.parametrize("text", ["cat and dog", "cat and the dog", "cat & dog", "cat, dog", "cat or dog"])
def test_two_kinds_are_both_looked_for_and_that_is_said(text):
    meaning = parse_phrase(text, NOUNS).meaning
    assert meaning is not None
    assert [thing.name for thing in meaning.things] == ["cat", "dog"]
    assert meaning.note == "cat and dog: searched as cat or dog"


def test_what_follows_two_kinds_is_meant_of_both():
    phrase = parse_phrase("bride and groom on the sofa", NOUNS)
    assert phrase.meaning is not None
    assert [thing.name for thing in phrase.meaning.things] == ["person"]
    assert (phrase.link, phrase.plural) == ("on", True)


@pytest.mark.parametrize(
    "text",
    ["gizmo and dog", "dog and the gizmo", "red car and blue bus", "cat on the left and dog on the right",
     "two cats and three dogs", "dog on the sofa and cat on the chair", "dog on the sofa and cat", "giraffe and dog"],
)  # fmt: skip
def test_of_two_things_never_one_is_looked_for_alone(text):
    phrase = parse_phrase(text, NOUNS)
    assert phrase.meaning is None
    assert "and" in phrase.noun


def test_a_thing_may_be_known_by_two_others():
    phrase = parse_phrase("tourist with the hat and the map", NOUNS)
    assert phrase.noun == "tourist"
    assert phrase.anchor is not None
    assert phrase.anchor.noun == "hat and map"


@pytest.mark.parametrize("text", ["black and white cat", "old and rusty cat", "big, red cat"])
def test_two_adjectives_are_not_two_things(text):
    assert parse_phrase(text, NOUNS).noun == "cat"


@given(
    st.lists(
        st.sampled_from([*LINKS, "dog", "one", "zzz", "the", "a", "and", "red", "two", "left", "running", "man's"])
    )
)
def test_any_words_are_read(words):
    assert isinstance(parse_phrase(" ".join(words), NOUNS), Phrase)
