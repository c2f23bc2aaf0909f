from collections import Counter

import pytest

from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.train.data.photos.split import VOC_KINDS, Part, held_out, mentions_held_out, part_of
from vitron_agent.train.data.scenes import TASKS, samples
from vitron_agent.train.data.text import sections
from vitron_agent.train.data.voc import CLASSES

THINGS = load_nouns().classes
NEW = [thing for thing in THINGS if held_out(thing.wordnet_id)]


def test_a_tenth_of_all_words_is_held_out():
    assert 0.08 < len(NEW) / len(THINGS) < 0.12


def test_the_rule_is_fixed():
    assert [thing.name for thing in NEW[:6]] == [
        "junco", "European fire salamander", "tree frog", "frilled lizard", "black widow", "tick",
    ]  # fmt: skip


def test_what_grounding_has_learned_queries_of_is_not_held_out():
    assert tuple(VOC_KINDS) == CLASSES
    assert not any(held_out(wordnet_id) for ids in VOC_KINDS.values() for wordnet_id in ids)


def test_families_are_of_the_table_and_not_held_out():
    families = [line.split()[0] for line in sections("photos")["families"]]
    assert len(set(families)) == len(families)
    assert set(families) <= set(load_nouns().by_id)
    assert not any(map(held_out, families))


def test_held_out_kinds_have_photos_for_the_test_alone():
    for thing in THINGS:
        parts = {part_of(thing.wordnet_id, f"{thing.wordnet_id}_{number}") for number in range(30)}
        assert (parts == {Part.TEST_NEW}) if held_out(thing.wordnet_id) else (Part.TEST_NEW not in parts)


def test_most_other_photos_are_for_training():
    parts = Counter(part_of("n02084071", f"photo-{number}") for number in range(2000))
    assert parts[Part.TRAIN] > 1700
    assert 60 < parts[Part.VAL] < 140
    assert 60 < parts[Part.TEST_SEEN] < 140


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("Remove the rocking chair.", True),
        ("two Rocking Chairs, please", True),
        ("a black-and-white frilled lizard", True),
        ("the chair rocks", False),
        ("paint the file orange", False),
        ("find the dog on the left", False),
        ("", False),
    ],
)
def test_texts_are_searched_for_held_out_words(text, mentions):
    assert mentions_held_out(text) is mentions


@pytest.mark.parametrize("media", ["image", "video"])
def test_scenes_say_no_held_out_word(media):
    turns = (turn for sample in samples("train", TASKS, 20 * len(TASKS), media=media) for turn in sample.turns)
    assert not [turn for turn in turns if mentions_held_out(f"{turn.user} {turn.reply}")]
