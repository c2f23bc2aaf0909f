import numpy as np
import pytest

from vitron_agent.messages import Region
from vitron_agent.tools.backends.embedded.naming import Naming
from vitron_agent.tools.words import Picture, Sight, Words


@pytest.fixture
def picture(cat) -> Picture:
    return Picture(cat, "cat")


def test_it_is_a_sight(sight):
    assert isinstance(sight, Sight)


def test_a_survey_tells_of_the_cat(sight, picture):
    survey = sight.survey(picture)
    assert survey.sightings[0].label == "cat"
    assert survey.sightings[0].trust > 0.8
    assert survey.names[0][0] in ("cat", "domestic cat", "Egyptian cat", "tabby")
    assert set(survey.colors) & {"brown", "orange", "gray"}
    assert all(finding.score >= 0.3 for one in survey.sightings for finding in one.findings)


def test_what_is_not_there_is_trusted_less(sight, picture):
    there, other = sight.find(picture, "cat"), sight.find(picture, "dog")
    assert there.trust > 0.8 > 0.4 > other.trust
    assert 0 < sight.find(picture, "animal").trust <= 1
    assert not sight.find(picture, "bus").findings
    assert sight.find(picture, "bus").trust == 0


def test_names_are_as_narrow_as_what_is_seen_allows(vision, picture):
    names = Naming(vision).names(vision.look(picture.image, picture.image_id))
    assert 0.5 <= names[0][1] <= 1.0001
    assert [share for _, share in names] == sorted((share for _, share in names), reverse=True)


def test_a_picture_of_nothing_has_no_sure_name(vision):
    flat = np.full((40, 640, 3), 128, np.uint8)
    assert all(share < 0.9 for _, share in Naming(vision).names(vision.look(flat, "flat")))


@pytest.mark.parametrize(
    "region", [Region.box(0.1, 0.1, 0.9, 0.95), Region.points([(0.45, 0.55)])], ids=["box", "point"]
)
def test_what_is_drawn_is_named(sight, cat, region):
    names = sight.name(Picture(cat, "cat", (region,)), "")
    assert any("cat" in name or name == "tabby" for name, _ in names)


def test_a_family_keeps_to_its_kinds(sight, picture):
    for name, _ in sight.name(picture, "dog"):
        assert "cat" not in name.split()


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("What's in the picture?", "cat"),
        ("is there a cat?", "Yes, I see a cat"),
        ("is there a bus?", "I don't see any bus"),
        ("is there a giraffe?", "the nearest words that I know are"),
        ("how many cats are there?", "I count a cat"),
        ("what colour is the cat?", "The cat looks"),
        ("where is the cat?", "The cat is"),
        ("how big is the cat?", "I can't tell its real size"),
        ("how big is the picture?", "451 x 300"),
        ("who is this?", "I can't tell who somebody is"),
        ("where was this photo taken?", "I can't tell that from the picture"),
        ("What is the cat thinking about?", "I can't tell that from what I see"),
    ],
)
def test_questions_about_a_photo_are_answered_from_what_is_seen(sight, picture, question, part):
    answer = Words(sight).answer(question, picture)
    assert answer is not None
    assert part in answer


@pytest.mark.parametrize("text", ["hello", "thank you!", "what can you do?", "why is the bus late?"])
def test_what_is_not_about_the_picture_is_left_to_others(sight, picture, text):
    assert Words(sight).answer(text, picture) is None
