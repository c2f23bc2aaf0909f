from pathlib import Path

import pytest

from vitron_agent.errors import UsageError
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.train.data.photos.descriptions import describe, read_glosses, says_one_of
from vitron_agent.train.data.photos.kinds import WORDNET, Kinds, Sort
from vitron_agent.train.data.photos.split import held_out, mentions_held_out
from vitron_agent.train.data.photos.wording import indefinite, plural
from vitron_agent.train.data.wordnet import WordNet


def ids(name: str) -> str:
    return next(thing.wordnet_id for thing in load_nouns().classes if thing.name == name)


def test_a_kind_has_its_name_its_families_and_what_describes_it(kinds):
    beagle = kinds.kind(ids("beagle"))
    assert [word.text for word in beagle.names] == ["beagle"]
    assert [word.text for word in beagle.families] == ["hound", "dog", "animal"]
    assert [word.definite for word in beagle.descriptions] == ["the small short-legged smooth-coated breed of hound"]
    assert [word.sort for word in beagle.words] == [Sort.NAME, *[Sort.FAMILY] * 3, Sort.DESCRIPTION]


def test_no_word_of_what_is_learned_says_a_held_out_one(kinds):
    assert kinds.kind(ids("tiger")).names
    assert not kinds.kind(ids("tiger shark")).names
    learned = (thing for thing in load_nouns().classes if not held_out(thing.wordnet_id))
    said = [word.text for thing in learned for word in kinds.kind(thing.wordnet_id).words]
    assert not [text for text in said if mentions_held_out(text)]


def test_nobody_is_told_that_a_dog_is_an_entity(kinds):
    said = {word.text for thing in load_nouns().classes for word in kinds.kind(thing.wordnet_id).families}
    assert not said & {"entity", "object", "whole", "artifact", "instrumentality", "placental", "organism", "container"}


def test_words_fit_their_kind_and_what_is_below(kinds):
    beagle, tabby = kinds.kind(ids("beagle")), kinds.kind(ids("tabby"))
    assert all(beagle.fits(word) for word in beagle.words)
    assert [word.text for word in beagle.words if tabby.fits(word)] == ["animal"]


def test_classes_are_found_by_name(kinds):
    assert kinds.named("pop_bottle").wordnet_id == ids("pop bottle")
    assert kinds.named("Beagle").wordnet_id == ids("beagle")
    assert kinds.named("qwertz") is None
    assert kinds.kind("n99999999") is None


def test_without_wordnet_the_message_says_what_to_do(tmp_path):
    with pytest.raises(UsageError, match="wordnet-base"):
        Kinds(tmp_path)


@pytest.mark.parametrize(
    ("gloss", "words", "described"),
    [
        (
            "a very large pot that is used for boiling",
            ["caldron"],
            ("a very large pot that is used for boiling", "something used for boiling"),
        ),
        ("any of various lightweight boats having two hulls", ["cat"], ("a lightweight boat having two hulls",)),
        ('a machine for washing dishes; "wash it"', ["dishwasher"], ()),
        ("a mug intended for serving coffee", ["coffee mug"], ()),
        ("the largest lizard in the world (10 feet); found on islands", ["dragon"], ()),
        ("breed of small dog developed in Norway", ["elkhound"], ()),
        ("a glass", ["goblet"], ()),
        ("lifts and moves heavy objects", ["crane"], ()),
        ("", ["x"], ()),
    ],
)
def test_glosses_become_descriptions_or_nothing(gloss, words, described):
    found = describe(gloss, words)
    assert found == described or set(described) <= set(found)
    assert bool(found) == bool(described)


@pytest.mark.parametrize(
    ("text", "words", "says"),
    [
        ("something to wash dishes", ["dishwasher"], True),
        ("a shop of a barber", ["barbershop"], True),
        ("the lamp on a table", ["table lamp"], True),
        ("a small dog", ["toy terrier"], False),
        ("a cutting tool", ["cleaver"], False),
    ],
)
def test_parts_of_names_are_found(text, words, says):
    assert says_one_of(text, words) is says


@pytest.mark.skipif(not (WORDNET / "data.noun").is_file(), reason="needs the Debian package wordnet-base")
def test_no_description_of_wordnet_says_the_word():
    wordnet, glosses = WordNet(WORDNET, ()), read_glosses(WORDNET)
    described = {thing: describe(glosses[thing], wordnet.synsets[thing[1:]].words) for thing in load_nouns().by_id}
    assert sum(map(bool, described.values())) > 500
    for thing, texts in described.items():
        for text in texts:
            assert not any(f" {word.lower()} " in f" {text.lower()} " for word in wordnet.synsets[thing[1:]].words)
            assert 3 <= len(text.split()) <= 10


@pytest.mark.parametrize(
    ("noun", "one", "many"),
    [
        ("dog", "a dog", "dogs"),
        ("animal", "an animal", "animals"),
        ("hourglass", "an hourglass", "hourglasses"),
        ("unicycle", "a unicycle", "unicycles"),
        ("American egret", "an American egret", "American egrets"),
        ("piece of furniture", "a piece of furniture", "pieces of furniture"),
        ("butterfly", "a butterfly", "butterflies"),
        ("white wolf", "a white wolf", "white wolves"),
        ("goldfish", "a goldfish", "goldfish"),
        ("toy", "a toy", "toys"),
        ("water ox", "a water ox", "water oxen"),
        ("red fox", "a red fox", "red foxes"),
        ("goose", "a goose", "geese"),
        ("mongoose", "a mongoose", "mongooses"),
        ("person", "a person", "people"),
        ("Doberman", "a Doberman", "Dobermans"),
        ("harvestman", "a harvestman", "harvestmen"),
        ("U-boat", "a U-boat", "U-boats"),
        ("RV", "an RV", "RVs"),
    ],
)
def test_articles_and_plurals(noun, one, many):
    assert (indefinite(noun), plural(noun)) == (one, many)


def test_what_cannot_be_counted_is_some():
    assert indefinite("hay") == "some hay"
    assert indefinite("binoculars") == "some binoculars"


def test_the_real_folder_is_where_debian_has_it():
    assert Path("/usr/share/wordnet") == WORDNET
