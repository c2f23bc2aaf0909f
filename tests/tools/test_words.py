import numpy as np
import pytest

from vitron_agent.messages import Finding
from vitron_agent.tools.backends.embedded.grounding import unknown_note
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.tools.phrases.parse import parse_phrase
from vitron_agent.tools.words import Picture, Sighting, Survey, Words, place, plural, singular


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

    def __init__(self, found: Sighting) -> None:
        self.found = found

    def find(self, picture, phrase):
        return self.found

    def survey(self, picture):
        return Survey((), (), ())

    def name(self, picture, family):
        return ()


def thing(score: float = 0.9, label: str = "dog", left: float = 0.0) -> Finding:
    return Finding(label=label, score=score, box=(left, 0.4, left + 0.1, 0.6), facts=(("color", "brown"),))


def answer(question: str, found: Sighting) -> str | None:
    return Words(Seen(found)).answer(question, Picture(np.zeros((8, 8, 3), np.uint8), "sha256:0"))


@pytest.mark.parametrize(
    "question",
    ["is there a gizmo?", "how many gizmos are there?", "where is the gizmo?", "what colour is the gizmo?",
     "is the gizmo red?", "how big is the gizmo?"],
)  # fmt: skip
def test_nothing_is_said_of_the_picture_where_the_word_means_nothing_known(question):
    note = unknown_note(parse_phrase("gizmo", load_nouns()))
    said = answer(question, Sighting(notes=(note,)))
    assert said.startswith("Gizmo: not a thing that I can look for")
    assert "see" not in said


def test_names_keep_their_capitals():
    said = answer("is the cat asleep?", Sighting((thing(label="Egyptian cat"),), trust=0.3))
    assert said == "I can't tell that from what I see. Perhaps: I think I see an Egyptian cat on the left."


@pytest.mark.parametrize(
    ("question", "found", "said"),
    [
        ("is there a dog?", Sighting((thing(),)), "Yes, I see a dog on the left."),
        ("is there a dog?", Sighting((thing(), thing(0.8))), "Yes, I see at least one dog."),
        ("is there a dog?", Sighting((thing(), thing(0.3)), trust=0.2), "Perhaps: I think I see a dog."),
        ("how many dogs are there?", Sighting((thing(), thing(0.3))), "I count a dog."),
        ("how many dogs are there?", Sighting((thing(),) * 2), "I count two dogs; I am not sure of the number."),
        ("how many dogs are there?", Sighting((thing(),), trust=0.2), "Perhaps a dog: I am not sure that I see any."),
        ("how many people are there?", Sighting((thing(label="people"),)), "I count a person."),
        ("where is the dog?", Sighting((thing(), thing(0.3, left=0.8))), "The dog is on the left."),
        (
            "where is the dog?",
            Sighting((thing(), thing(0.8), thing(0.7, left=0.9))),
            "The dog is on the left. There may be more on the right.",
        ),
        ("where are the dogs?", Sighting((thing(), thing())), "The dog is on the left. There may be more there."),
        ("where is the dog?", Sighting((thing(),), trust=0.2), "I think I see a dog on the left."),
        ("what colour is the dog?", Sighting((thing(), thing())), "What I take for dogs looks brown."),
        ("who is the man?", Sighting(), "I can't tell who somebody is."),
        ("how old is the dog?", Sighting((thing(),)), "I can't tell that from the picture."),
        ("who owns the dog?", Sighting(), "I can't tell that from the picture."),
    ],
)
def test_no_more_is_said_than_is_sure(question, found, said):
    assert answer(question, found).startswith(said)


def test_a_description_tells_the_sure_from_the_likely_and_leaves_out_the_rest():
    class Looks(Seen):
        def survey(self, picture):
            sure, likely, not_likely = 0.9, 0.6, 0.3
            return Survey(
                (("domestic dog", 0.9), ("kennel", 0.85)),
                (
                    Sighting((thing(),), trust=sure),
                    Sighting((thing(label="people"),) * 2, trust=likely),
                    Sighting((thing(label="cat"),), trust=not_likely),
                ),
                ("brown",),
            )

    said = Words(Looks(Sighting())).answer("what's in the picture?", Picture(np.zeros((8, 8, 3), np.uint8), "a"))
    assert said == (
        "I see a dog. There may also be a person. The dog is on the left. "
        "As a whole the picture looks like a kennel. It is mainly brown."
    )


@pytest.mark.parametrize(
    ("noun", "one"),
    [("people", "person"), ("cows", "cow"), ("buses", "bus"), ("dog", "dog"), ("sheep", "sheep"), ("bus", "bus"),
     ("sunglasses", "sunglasses"), ("potted plants", "potted plant"), ("blorps", "blorps"), ("old men", "old man")],
)  # fmt: skip
def test_singulars(noun, one):
    assert singular(noun) == one
