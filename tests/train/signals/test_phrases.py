"""Which phrases there are, and that what is held out is not learned."""

from collections import Counter

import pytest

from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.train.data.photos.split import held_out, mentions_held_out
from vitron_agent.train.signals.phrases import Group, Phrase, learnable, read_phrases


def of(phrases: list[Phrase], group: Group) -> list[Phrase]:
    return [phrase for phrase in phrases if phrase.group is group]


def test_nothing_that_is_learned_from_says_a_held_out_word(phrases):
    for group in (Group.TRAIN, Group.NEW_WORD):
        assert [phrase.text for phrase in of(phrases, group) if mentions_held_out(phrase.text)] == []


def test_nothing_that_is_learned_from_means_a_held_out_thing(phrases):
    for phrase in (*of(phrases, Group.TRAIN), *of(phrases, Group.NEW_WORD)):
        assert not any(map(held_out, phrase.things)), phrase
        if not phrase.described:
            meaning = load_nouns().find(phrase.text)
            assert meaning is not None
            assert not any(held_out(thing.wordnet_id) for thing in meaning.things), phrase


def test_what_is_new_means_held_out_things_alone(phrases):
    new = of(phrases, Group.NEW_THING)
    assert all(held_out(one) for phrase in new for one in phrase.things)
    assert {phrase.described for phrase in new} == {True, False}


def test_a_phrase_is_in_one_group(phrases):
    assert max(Counter(phrase.text for phrase in phrases).values()) == 1
    groups = {group: of(phrases, group) for group in Group}
    assert all(groups.values())
    things = {group: {one for phrase in found for one in phrase.things} for group, found in groups.items()}
    assert not things[Group.NEW_THING] & (things[Group.TRAIN] | things[Group.NEW_WORD])


def test_new_words_mean_things_that_others_teach(phrases):
    """Nearly all: where a thing has but one word, that may be the new one."""
    learned = {phrase.things for phrase in of(phrases, Group.TRAIN)}
    new = of(phrases, Group.NEW_WORD)
    assert 0.02 < len(new) / len(of(phrases, Group.TRAIN)) < 0.06
    assert sum(phrase.things in learned for phrase in new) > 0.95 * len(new)


def test_they_are_always_the_same_in_the_same_order(phrases, wordnet):
    assert read_phrases(wordnet) == phrases


def test_what_is_too_general_to_be_looked_for_is_no_phrase(phrases):
    texts = {phrase.text for phrase in phrases}
    assert {"cat", "poodle", "espresso"} <= texts
    assert not {"animal", "mammal"} & texts
    assert max(len(load_nouns().by_id[one].classes) for phrase in phrases for one in phrase.things) < 200


@pytest.mark.parametrize(
    ("text", "described", "definite"),
    [
        ("espresso", False, "the espresso"),
        ("a large pot used for boiling", True, "the large pot used for boiling"),
        ("an animal with stripes", True, "the animal with stripes"),
        ("something that holds liquids", True, "something that holds liquids"),
    ],
)
def test_phrases_are_said_as_people_say_them(text, described, definite):
    assert Phrase(text, ("n00000000",), Group.TRAIN, described).definite == definite


def test_descriptions_stand_with_their_article(phrases):
    described = [phrase for phrase in phrases if phrase.described]
    assert described
    assert all(phrase.text.split()[0] in ("a", "an", "something") for phrase in described)


def test_a_family_is_learned_by_its_members_that_are_not_held_out():
    nouns = load_nouns()
    for thing in nouns.things:
        kept = learnable(thing)
        assert set(kept) <= set(thing.classes)
        assert not any(held_out(nouns.classes[number].wordnet_id) for number in kept)
    dog = nouns.find("dog")
    assert dog is not None
    assert 0 < len(learnable(dog.things[0])) < len(dog.classes)
