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
    ],
)
def test_another_thing_chooses(text, anchor, meant):
    chosen = choose(parse_phrase(text, NOUNS), ROW, lambda _: [anchor])
    assert chosen.candidates == (meant,)


def test_another_thing_that_is_not_there_chooses_nothing_and_that_is_said():
    chosen = choose(parse_phrase("car next to the zebra", NOUNS), ROW, nowhere)
    assert len(chosen.candidates) == 3
    assert chosen.notes == ("zebra: not found, so it was not used to choose",)


def test_nothing_stays_nothing():
    for text in ("second car", "red car", "biggest car", "both cars", "car on the left"):
        assert not choose(parse_phrase(text, NOUNS), [], nowhere).candidates
