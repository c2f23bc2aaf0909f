import numpy as np
import pytest
import torch

from vitron_agent.errors import TurnCancelled, WeightsError
from vitron_agent.messages import Module, Operation, make_invocation
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding, prominence
from vitron_agent.tools.backends.embedded.query import Basis, QueryAdapter, QueryShape, save_adapter
from vitron_agent.tools.image_grounding import GroundingBackend
from vitron_agent.tools.phrases.nouns import load_nouns


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


# -- signals ----------------------------------------------------------------------------------------------------------

ESPRESSO = 967
SIGNALS = np.random.default_rng(0).normal(size=(8, 768)).astype(np.float32)
UNKNOWN = "quonkle: not a thing that I can look for"


@pytest.fixture
def untrained(vision, tmp_path) -> EmbeddedGrounding:
    torch.manual_seed(0)
    save_adapter(QueryAdapter(QueryShape(dims=8), Basis.of(torch.randn(50, 1280), 8)), tmp_path / "untrained", {})
    return EmbeddedGrounding(vision, adapter=tmp_path / "untrained")


@pytest.mark.parametrize("phrase", ["cat", "kitten", "animals", "bus", "cat on the left", "blue cat"])
def test_an_untrained_adapter_changes_nothing_about_known_words(untrained, grounding, two_cats, phrase):
    found = untrained.detect(two_cats, phrase, image_id="two", signals=SIGNALS * 1000)
    assert found == untrained.detect(two_cats, phrase, image_id="two")
    assert found == grounding.detect(two_cats, phrase, image_id="two")


def test_signals_find_what_no_list_has_a_word_for(signalled, coffee):
    grounding = signalled(ESPRESSO)
    [known] = grounding.detect(coffee, "espresso", image_id="coffee").findings
    found = grounding.detect(coffee, "quonkle", image_id="coffee", signals=SIGNALS)
    assert_same_thing(found.findings, replaced(known, "quonkle"))
    assert found.notes == ("quonkle: no list has this word; searched by what the planner takes it for",)
    alone = grounding.detect(coffee, "", image_id="coffee", signals=SIGNALS)
    assert_same_thing(alone.findings, replaced(known, "thing"))
    assert alone.notes == ()


def replaced(finding, label):
    return finding.model_copy(update={"label": label})


def assert_same_thing(findings, wanted):
    """Weights in half precision move a box by less than a place."""
    [found] = findings
    assert (found.label, found.facts) == (wanted.label, wanted.facts)
    assert found.box == pytest.approx(wanted.box, abs=0.02)
    assert found.score == pytest.approx(wanted.score, abs=0.02)


def test_without_signals_an_unknown_word_stays_unknown(signalled, grounding, coffee):
    for one in (signalled(ESPRESSO), grounding, EmbeddedGrounding(grounding.vision, adapter=None)):
        found = one.detect(coffee, "quonkle", image_id="coffee")
        assert (found.findings, found.notes) == ((), (UNKNOWN,))


def test_what_only_signals_mean_must_be_there_to_be_found(signalled, coffee, cat):
    grounding = signalled(ESPRESSO)
    assert grounding.detect(coffee, "quonkle", image_id="coffee", signals=SIGNALS).findings
    missing = grounding.detect(cat, "quonkle", image_id="cat", signals=SIGNALS)
    assert not missing.findings
    assert "quonkle" in missing.notes[-1]
    strict = signalled(ESPRESSO, present=100.0)
    assert not strict.detect(coffee, "quonkle", image_id="coffee", signals=SIGNALS).findings


def test_words_of_place_and_colour_still_choose(signalled, coffee):
    twice = np.hstack([coffee, coffee[:, ::-1]])
    grounding = signalled(ESPRESSO)
    left, right = (
        grounding.detect(twice, f"quonkle on the {side}", image_id="twice", signals=SIGNALS).findings
        for side in ("left", "right")
    )
    assert len(left) == len(right) == 1
    assert left[0].box[0] < 0.3
    assert right[0].box[2] > 0.7


def test_an_open_gate_lets_signals_speak_where_words_are_wrong(signalled, coffee):
    assert not signalled(ESPRESSO).detect(coffee, "volcano", image_id="coffee", signals=SIGNALS).findings
    open_ = signalled(ESPRESSO, gate=1.5)
    [found] = open_.detect(coffee, "volcano", image_id="coffee", signals=SIGNALS).findings
    [known] = open_.detect(coffee, "espresso", image_id="coffee").findings
    assert found.box == pytest.approx(known.box, abs=0.05)


def test_how_likely_a_thing_must_be_is_blended_as_its_likeness_is(signalled, vision, coffee):
    """Half of two thresholds of which one cannot be reached."""
    view, query = vision.look(coffee, "coffee"), signalled(ESPRESSO).adapter(torch.from_numpy(SIGNALS))
    for gate, present in ((0.0, 1.2), (0.5493, (1.2 + 9.0) / 2)):
        _, threshold = signalled(ESPRESSO, gate=gate, present=9.0)._likeness(view, meaning("espresso"), query)
        assert threshold == pytest.approx(present, abs=1e-3)
    assert signalled(ESPRESSO, present=9.0)._likeness(view, None, query)[1] == pytest.approx(9.0)


def meaning(word):
    found = load_nouns().find(word)
    assert found is not None
    return found


def test_a_class_and_its_own_query_look_alike(signalled, vision, coffee):
    view, query = vision.look(coffee, "coffee"), signalled(ESPRESSO).adapter(torch.from_numpy(SIGNALS))
    torch.testing.assert_close(view.like_signal(query), view.like_classes([ESPRESSO]), atol=0.02, rtol=0.01)


def test_who_has_no_adapter_consumes_no_signals(vision):
    assert not EmbeddedGrounding(vision, adapter=None).consumes_signals
    assert EmbeddedGrounding(vision).consumes_signals


def test_weights_that_are_not_there_are_named_when_signals_come(vision, coffee, tmp_path):
    grounding = EmbeddedGrounding(vision, adapter=tmp_path / "none.safetensors")
    assert grounding.detect(coffee, "espresso", image_id="coffee").findings
    with pytest.raises(WeightsError, match=r"none\.safetensors is missing"):
        grounding.detect(coffee, "espresso", image_id="coffee", signals=SIGNALS)
