import pytest

from vitron_agent.tools.words import place, plural


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((0.0, 0.0, 0.2, 0.2), "at the upper left"),
        ((0.8, 0.8, 1.0, 1.0), "at the lower right"),
        ((0.4, 0.4, 0.6, 0.6), "in the middle"),
        ((0.0, 0.4, 0.2, 0.6), "on the left"),
        ((0.4, 0.0, 0.6, 0.2), "at the top"),
        ((0.4, 0.8, 0.6, 1.0), "at the bottom"),
        ((0.0, 0.0, 0.9, 0.9), "over most of the picture"),
    ],
)
def test_places_are_said_as_people_do(box, words):
    assert place(box) == words


@pytest.mark.parametrize(
    ("noun", "many"),
    [("dog", "dogs"), ("bus", "buses"), ("pony", "ponies"), ("toy", "toys"), ("person", "people"), ("sheep", "sheep"),
     ("bench", "benches"), ("traffic light", "traffic lights"), ("mountain sheep", "mountain sheep")],
)  # fmt: skip
def test_plurals(noun, many):
    assert plural(noun) == many
