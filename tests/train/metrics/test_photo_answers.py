"""Right answers are right, others wrong or modest, and contradictions are found wherever they stand."""

import pytest

from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.train.metrics.photo_answers import Judged, Known, Meant, Question, is_at, judge, kind_of

LEFT, RIGHT = (0.0, 0.3, 0.2, 0.7), (0.7, 0.3, 1.0, 0.7)
KNOWN = Known({"dog": (LEFT, RIGHT), "sofa": ((0.0, 0.0, 1.0, 1.0),)}, {"dog": ((0.45, 0.0, 0.55, 0.1),)})
DOG, CAT = Meant.kind("dog"), Meant.kind("cat")
QUESTIONS = {
    "there": Question("exists", "Is there a dog?", DOG, "dog"),
    "not there": Question("exists", "Is there a cat?", CAT, "cat", is_there=False),
    "count": Question("count", "How many dogs are there?", DOG, "dog"),
    "where": Question("where", "Where are the dogs?", DOG, "dog"),
    "describe": Question("describe", "What is in the picture?"),
    "name": Question("name", "What is this?", DOG, "dog"),
    "unknowable": Question("unknowable", "Who owns the dog?"),
}


def verdict(name: str, answer: str | None) -> tuple[str, bool]:
    judged = judge(answer, QUESTIONS[name], KNOWN)
    shares = {one: getattr(judged, one) for one in ("right", "wrong", "modest", "silent")}
    assert sum(shares.values()) == 1
    return max(shares, key=shares.__getitem__), bool(judged.contradicts)


@pytest.mark.parametrize(
    ("name", "answer", "wanted", "contradicts"),
    [
        ("there", "Yes.", "right", False),
        ("there", "Yes, I see a poodle.", "right", False),
        ("there", "Yes, I see four dogs.", "right", True),
        ("there", "I don't see any dog.", "wrong", True),
        ("there", "I don't see any poodle.", "wrong", False),
        ("there", "Perhaps: I think I see a dog.", "modest", False),
        ("there", "Dog: not a thing that I can look for.", "modest", False),
        ("there", None, "silent", False),
        ("not there", "No, there is no cat.", "right", False),
        ("not there", "Yes, I see a cat.", "wrong", True),
        ("not there", "There may be a cat.", "modest", False),
        ("count", "There are two dogs.", "right", False),
        ("count", "There are three dogs.", "right", False),  # one is hard to recognise
        ("count", "There are four dogs.", "wrong", True),
        ("count", "I count about four dogs.", "modest", False),
        ("count", "There is no dog.", "wrong", True),
        ("where", "I see two dogs: on the left and on the right.", "right", False),
        ("where", "The dog is at the bottom.", "wrong", True),
        ("where", "I see two dogs.", "modest", False),
        ("where", "I don't see any dog.", "wrong", True),
        ("describe", "I see a dog and a lamp.", "right", False),
        ("describe", "I see a dog and a cat.", "wrong", True),
        ("describe", "There may be a dog.", "modest", False),
        ("describe", "I see a lamp.", "modest", False),
        ("name", "It looks like a poodle.", "right", False),
        ("name", "It looks like an animal.", "right", False),
        ("name", "It looks like an artifact.", "modest", False),
        ("name", "It looks like a lamp.", "wrong", False),
        ("name", "It looks like a cat.", "wrong", True),
        ("name", "It might be a dog.", "modest", False),
        ("unknowable", "I can't tell that from the picture. I see a dog.", "right", False),
        ("unknowable", "I can't tell. I see a cat.", "right", True),
        ("unknowable", "Mr Smith owns the dog.", "wrong", False),
    ],
)
def test_verdicts(name, answer, wanted, contradicts):
    assert verdict(name, answer) == (wanted, contradicts)


def test_what_is_named_at_all():
    assert judge("There may be a dog.", QUESTIONS["describe"], KNOWN).mentions == 0.5
    assert judge("It might be a cat or a dog.", QUESTIONS["name"], KNOWN).mentions == 1
    assert judge("It might be a cat.", QUESTIONS["name"], KNOWN).mentions == 0


def test_nothing_contradicts_what_is_not_known():
    assert judge("It is a dog.", QUESTIONS["name"], None) == Judged(1, 0, 0, 0, 0, 1)
    assert judge("It is a cat.", QUESTIONS["name"], None) == Judged(0, 1, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("word", "kind"),
    [("tabby", "cat"), ("tv monitor", "tvmonitor"), ("table", None), ("horse cart", None), ("toy", None)],
)
def test_kinds_of_words(word, kind):
    meaning = load_nouns().find(word)
    assert kind_of(meaning.things) == kind


@pytest.mark.parametrize(
    ("box", "there", "elsewhere"),
    [
        (LEFT, ("left",), ("right", "middle", "upper left", "most")),
        ((0.6, 0.6, 1.0, 1.0), ("right", "lower right", "bottom-right", "lower"), ("left", "top")),
        ((0.1, 0.1, 0.9, 0.9), ("middle", "center", "most"), ("left", "top")),
    ],
)
def test_places(box, there, elsewhere):
    assert all(is_at(box, place) for place in there)
    assert not any(is_at(box, place) for place in elsewhere)
