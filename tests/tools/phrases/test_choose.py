import pytest

from vitron_agent.messages import Box
from vitron_agent.tools.phrases.choose import Candidate, choose
from vitron_agent.tools.phrases.colors import COLORS
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.tools.phrases.parse import Phrase, parse_phrase

NOUNS = load_nouns()


def candidate(box: Box, score: float = 0.5, color: str = "gray") -> Candidate:
    return Candidate(box, score, {name: float(name == color) for name in COLORS})


LEFT = candidate((0.0, 0.4, 0.2, 0.8), 0.5, "red")
MIDDLE = candidate((0.4, 0.3, 0.7, 0.9), 0.9, "white")
RIGHT = candidate((0.8, 0.1, 0.9, 0.2), 0.4, "red")
ROW = [MIDDLE, LEFT, RIGHT]


def nowhere(_: Phrase) -> list[Box]:
    return []


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("cars", [MIDDLE, LEFT, RIGHT]),
        ("car", [MIDDLE, LEFT, RIGHT]),
        ("red cars", [LEFT, RIGHT]),
        ("white car", [MIDDLE]),
        ("second car from the left", [MIDDLE]),
        ("first car", [LEFT]),
        ("first car from the right", [RIGHT]),
        ("last car", [RIGHT]),
        ("leftmost car", [LEFT]),
        ("car on the right", [RIGHT]),
        ("car in the middle", [MIDDLE]),
        ("cars on the left", [LEFT]),
        ("biggest car", [MIDDLE]),
        ("smallest car", [RIGHT]),
        ("top right car", [RIGHT]),
        ("car in the foreground", [MIDDLE]),
        ("car in the background", [RIGHT]),
        ("two cars", [MIDDLE, LEFT]),
        ("red car on the right", [RIGHT]),
    ],
)
def test_words_choose_among_instances(text, meant):
    chosen = choose(parse_phrase(text, NOUNS), ROW, nowhere)
    assert list(chosen.candidates) == meant
    assert not chosen.notes


def test_there_is_no_fifth_of_three():
    chosen = choose(parse_phrase("fifth car from the left", NOUNS), ROW, nowhere)
    assert not chosen.candidates
    assert chosen.notes == ("fifth car from the left: found only 3",)


def test_a_colour_that_none_has_is_not_found_and_said():
    chosen = choose(parse_phrase("blue car", NOUNS), ROW, nowhere)
    assert not chosen.candidates
    assert chosen.notes == ("no car looks blue; the clearest one looks white",)


def test_the_only_one_is_kept_whatever_its_colour_and_that_is_said():
    chosen = choose(parse_phrase("blue car", NOUNS), [LEFT], nowhere)
    assert chosen.candidates == (LEFT,)
    assert chosen.notes == ("the only car found looks red rather than blue",)


def test_too_few_are_said():
    chosen = choose(parse_phrase("both cars", NOUNS), [LEFT], nowhere)
    assert chosen.candidates == (LEFT,)
    assert chosen.notes == ("both cars: found only 1",)


def test_adjectives_that_choose_nothing_are_said():
    assert choose(parse_phrase("rusty car", NOUNS), ROW, nowhere).notes == ("rusty: not used to choose",)


@pytest.mark.parametrize(
    ("text", "anchor", "meant"),
    [
        ("car next to the tree", (0.9, 0.1, 1.0, 0.3), RIGHT),
        ("car to the left of the bus", (0.25, 0.3, 0.35, 0.8), LEFT),
        ("car to the right of the bus", (0.72, 0.1, 0.78, 0.3), RIGHT),
        ("car on the table", (0.7, 0.2, 1.0, 0.4), RIGHT),
        ("car under the bridge", (0.3, 0.1, 0.8, 0.3), MIDDLE),
        ("car with the flag", (0.05, 0.5, 0.1, 0.6), LEFT),
        ("car nearest the tree", (0.9, 0.1, 1.0, 0.3), RIGHT),
        ("car closest to the flag", (0.05, 0.5, 0.1, 0.6), LEFT),
        ("car on the left of the bus", (0.25, 0.3, 0.35, 0.8), LEFT),
        ("car on the right-hand side of the bus", (0.72, 0.1, 0.78, 0.3), RIGHT),
        ("car parked under the bridge", (0.3, 0.1, 0.8, 0.3), MIDDLE),
    ],
)
def test_another_thing_chooses(text, anchor, meant):
    chosen = choose(parse_phrase(text, NOUNS), ROW, lambda _: [anchor])
    assert chosen.candidates == (meant,)


def test_what_cannot_be_evaluated_is_said():
    chosen = choose(parse_phrase("car between the two trees", NOUNS), ROW, nowhere)
    assert list(chosen.candidates) == ROW
    assert chosen.notes == ("between the two trees: not used to choose",)


def test_people_and_dogs_on_a_side_are_chosen_alike():
    crowd = [candidate((x, 0.4, x + 0.1, 0.8)) for x in (0.0, 0.2, 0.7, 0.9)]
    for word in ("people", "children", "men", "women", "geese", "wolves", "sheep", "dogs"):
        chosen = choose(parse_phrase(f"{word} on the left", NOUNS), crowd, nowhere)
        assert list(chosen.candidates) == crowd[:2], word


def test_all_are_chosen_but_the_one_to_be_spared():
    spared = parse_phrase("cars except the white one", NOUNS)
    near_enough = (MIDDLE.box[0] + 0.02, *MIDDLE.box[1:])
    assert list(choose(spared, ROW, lambda _: [near_enough]).candidates) == [LEFT, RIGHT]


@pytest.mark.parametrize("boxes", [[], [car.box for car in ROW]])
def test_nothing_is_chosen_where_it_is_not_known_which_to_spare(boxes):
    chosen = choose(parse_phrase("cars except the rusty one", NOUNS), ROW, lambda _: boxes)
    assert not chosen.candidates
    assert chosen.notes == ("the rusty cars: can't be told from the rest, so nothing was chosen",)


def test_another_thing_that_is_not_there_chooses_nothing_and_that_is_said():
    chosen = choose(parse_phrase("car next to the zebra", NOUNS), ROW, nowhere)
    assert len(chosen.candidates) == 3
    assert chosen.notes == ("zebra: not found, so it was not used to choose",)


def test_nothing_stays_nothing():
    for text in ("second car", "red car", "biggest car", "both cars", "car on the left"):
        assert not choose(parse_phrase(text, NOUNS), [], nowhere).candidates
