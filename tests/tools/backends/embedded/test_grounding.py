import numpy as np
import pytest

from vitron_agent.errors import TurnCancelled
from vitron_agent.messages import Module, Operation, make_invocation
from vitron_agent.tools.backends.embedded.grounding import prominence
from vitron_agent.tools.image_grounding import GroundingBackend


def test_it_is_a_grounding_backend(grounding):
    assert isinstance(grounding, GroundingBackend)


def test_a_cat_is_found_where_it_is(grounding, cat):
    found = grounding.detect(cat, "cat", image_id="cat")
    best = found.findings[0]
    assert best.label == "cat"
    assert best.score > 0.4
    x_left, y_top, x_right, y_bottom = best.box
    assert x_left < 0.3
    assert x_right > 0.7
    assert y_bottom - y_top > 0.6
    x, y = map(float, dict(best.facts)["point"].split())
    assert x_left <= x <= x_right
    assert y_top <= y <= y_bottom
    assert dict(best.facts)["color"] in ("brown", "orange")
    assert found.notes == ()


@pytest.mark.parametrize(
    ("phrase", "note"), [("kitten", "kitten: searched as cat"), ("animals", None), ("tabby", None)]
)
def test_wider_and_narrower_words_find_it_too_and_say_what_was_searched(grounding, cat, phrase, note):
    found = grounding.detect(cat, phrase, image_id="cat")
    assert found.findings
    assert found.notes == ((note,) if note else ())


def test_an_unknown_word_is_not_found_with_the_nearest_known_words(grounding, cat):
    found = grounding.detect(cat, "giraffe", image_id="cat")
    assert not found.findings
    assert found.notes[0].startswith("giraffe: not a thing that I can look for; the nearest words that I know are ")
    assert grounding.detect(cat, "qqqqqqqq", image_id="cat").notes == ("qqqqqqqq: not a thing that I can look for",)


def test_what_is_not_there_is_not_found_and_that_is_said(grounding, cat):
    found = grounding.detect(cat, "bus", image_id="cat")
    assert not found.findings
    assert found.notes == ("no bus found in the picture",)


def test_words_choose_between_two(grounding, two_cats):
    both = grounding.detect(two_cats, "cats", image_id="two")
    left = grounding.detect(two_cats, "cat on the left", image_id="two")
    right = grounding.detect(two_cats, "second cat from the left", image_id="two")
    assert len(both.findings) >= 2
    assert len(left.findings) == len(right.findings) == 1
    assert left.findings[0].box[2] < 0.7
    assert right.findings[0].box[0] > 0.3
    assert left.findings[0] in both.findings


def test_a_thing_is_found_again_from_a_reference(grounding, cat, two_cats):
    found = grounding.detect(two_cats, "", image_id="two", reference=cat, reference_id="cat")
    assert found.findings
    assert found.findings[0].label == "thing like the reference"


def test_the_same_question_gets_the_same_answer_in_any_depth(grounding, cat):
    first = grounding.detect(cat, "cat", image_id="cat")
    assert grounding.detect(cat, "cat", image_id="cat") == first
    deep = cat.astype(np.uint16) * 257
    assert grounding.detect(deep, "cat", image_id="deep") == first


def test_a_cancelled_turn_stops(grounding):
    with pytest.raises(TurnCancelled):
        grounding.detect(np.zeros((8, 300, 3), np.uint8), "cat", image_id="stopped", cancelled=lambda: True)


def test_a_search_for_nothing_is_refused(grounding):
    assert "needs a target" in grounding.refuse(make_invocation(Module.IMAGE_GROUNDING, Operation.DETECT))
    assert grounding.refuse(make_invocation(Module.IMAGE_GROUNDING, Operation.DETECT, target="cat")) is None


def test_the_main_thing_is_prominent(grounding, cat):
    weight = prominence(grounding.vision.look(cat, "cat"))
    rows, columns = weight.shape
    assert bool((weight >= 0).all())
    middle = weight[rows // 4 : 3 * rows // 4, columns // 4 : 3 * columns // 4]
    assert float(middle.mean()) > float(weight.mean())
