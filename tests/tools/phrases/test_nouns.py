import pytest

from vitron_agent.tools.phrases.nouns import Nouns, Relation, load_nouns, singulars

NOUNS = load_nouns()
VOC = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "dining table",
    "diningtable", "dog", "horse", "motorbike", "person", "potted plant", "pottedplant", "sheep", "sofa", "train",
    "tv monitor", "tvmonitor",
)  # fmt: skip


def names(phrase: str) -> list[str]:
    meaning = NOUNS.find(phrase)
    assert meaning is not None, phrase
    return [thing.name for thing in meaning.things]


def test_the_table_has_every_imagenet_class_once_and_in_order():
    assert [thing.classes for thing in NOUNS.classes] == [(number,) for number in range(1000)]
    assert all(thing.is_class for thing in NOUNS.classes)


def test_a_dog_is_one_of_118_classes():
    meaning = NOUNS.find("dog")
    assert meaning is not None
    assert meaning.classes == tuple(range(151, 269))
    assert meaning.relation is Relation.IS


def test_nearly_every_class_is_found_by_its_own_name():
    missed = [
        thing.name
        for thing in NOUNS.classes
        if (meaning := NOUNS.find(thing.name.lower())) is None or thing.classes[0] not in meaning.classes
    ]
    assert len(missed) <= 10, missed  # names that mean something commoner: plane, tub, plate, slug


@pytest.mark.parametrize("word", VOC)
def test_plain_names_mean_themselves(word):
    meaning = NOUNS.find(word)
    assert meaning is not None
    assert meaning.relation is Relation.IS
    assert meaning.note is None


@pytest.mark.parametrize(
    ("plural", "singular"),
    [("dogs", "dog"), ("buses", "bus"), ("ponies", "pony"), ("knives", "knife"), ("wolves", "wolf"), ("women", "woman"),
     ("people", "person"), ("geese", "goose"), ("sports cars", "sports car"), ("boxes", "box"), ("glasses", "glasses")],
)  # fmt: skip
def test_plurals_mean_the_same(plural, singular):
    assert names(plural) == names(singular)


def test_a_word_that_ends_in_ss_is_no_plural():
    assert singulars("glass") == ("glass",)


@pytest.mark.parametrize(
    ("word", "note"),
    [("goalkeeper", "goalkeeper: searched as person"), ("pigeon", "pigeon: searched as bird"),
     ("armchair", "armchair: searched as chair"), ("puppies", "puppy: searched as dog")],
)  # fmt: skip
def test_a_near_relation_is_named(word, note):
    meaning = NOUNS.find(word)
    assert meaning is not None
    assert meaning.note == note


def test_a_sister_is_searched_as_its_sisters_by_name():
    meaning = NOUNS.find("addax")
    assert meaning is not None
    assert meaning.classes
    assert meaning.note == "addax: searched as hartebeest or impala or gazelle"


def test_what_is_only_in_the_neighbourhood_is_not_looked_for_but_told():
    meaning = NOUNS.find("giraffe")
    assert meaning is not None
    assert meaning.relation is Relation.BESIDE
    assert set(NOUNS.nearest("giraffe")) <= {thing.name for thing in NOUNS.classes}
    assert len(NOUNS.nearest("giraffe")) == 3


def test_a_misspelling_has_near_words_and_nonsense_has_none():
    assert "bicycle" in NOUNS.nearest("bicicle")
    assert NOUNS.find("qqqqqqqq") is None
    assert NOUNS.nearest("qqqqqqqq") == ()


def test_every_alias_leads_to_something_to_look_for():
    for alias in NOUNS.findable[: len(NOUNS._aliases)]:
        meaning = NOUNS.find(alias)
        assert meaning is not None
        assert all(thing.classes for thing in meaning.things), alias
        assert meaning.relation is not Relation.BESIDE


def test_kinds_lie_below_what_they_are_kinds_of():
    above = {thing.name: thing.wordnet_id for thing in NOUNS.things}
    poodle = NOUNS.find("toy poodle")
    assert poodle is not None
    assert above["dog"] in poodle.things[0].above
    assert above["cat"] not in poodle.things[0].above


def test_aliases_win_over_the_table_and_carry_their_relation():
    nouns = Nouns("n1|animal||\nn2|cat|0|0\nn3|dog|1|0\n\ncat|=1\ndog|=2\n", "hound < dog\ncat ~ dog\n")
    hound, cat = nouns.find("hounds"), nouns.find("cat")
    assert hound is not None
    assert (hound.relation, hound.classes) == (Relation.KIND, (1,))
    assert cat is not None
    assert cat.note == "cat: searched as dog"
