import numpy as np
import pytest

from vitron_agent.messages import Finding
from vitron_agent.tools.backends.embedded.grounding import unknown_note
from vitron_agent.tools.image_grounding import Detections
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.tools.phrases.parse import parse_phrase
from vitron_agent.tools.words import Picture, Survey, Words, place, plural


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
     ("bench", "benches"), ("traffic light", "traffic lights"), ("mountain sheep", "mountain sheep"),
     ("lens", "lenses"), ("glass", "glasses"), ("iris", "irises")],
)  # fmt: skip
def test_plurals(noun, many):
    assert plural(noun) == many
    assert plural(many) == many


@pytest.mark.parametrize("noun", ["sunglasses", "swimming trunks", "parallel bars", "scissors"])
def test_what_is_plural_already_stays(noun):
    assert plural(noun) == noun


class Seen:
    """Sees the same whatever is asked for."""

    def __init__(self, found: Detections) -> None:
        self.found = found

    def find(self, picture, phrase):
        return self.found

    def survey(self, picture):
        return Survey((), (), ())

    def name(self, picture, family):
        return ()


def answer(question: str, found: Detections) -> str | None:
    return Words(Seen(found)).answer(question, Picture(np.zeros((8, 8, 3), np.uint8), "sha256:0"))


@pytest.mark.parametrize(
    "question",
    ["is there a gizmo?", "how many gizmos are there?", "where is the gizmo?", "what colour is the gizmo?",
     "is the gizmo red?", "how big is the gizmo?"],
)  # fmt: skip
def test_nothing_is_said_of_the_picture_where_the_word_means_nothing_known(question):
    note = unknown_note(parse_phrase("gizmo", load_nouns()))
    said = answer(question, Detections(notes=(note,)))
    assert said.startswith("Gizmo: not a thing that I can look for")
    assert "see" not in said


def test_names_keep_their_capitals():
    cat = Finding(label="Egyptian cat", score=0.3, box=(0.0, 0.4, 0.2, 0.6))
    said = answer("is the cat asleep?", Detections((cat,)))
    assert said == "I can't tell that from what I see. Perhaps: I think I see an Egyptian cat on the left."
