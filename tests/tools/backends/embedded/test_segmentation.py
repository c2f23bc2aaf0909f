from dataclasses import replace

import numpy as np
import pytest

from vitron_agent.errors import TurnCancelled
from vitron_agent.messages import Module, Operation, Region, make_invocation
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.segmentation import EmbeddedSegmentation
from vitron_agent.tools.image_segmentation import NotFound, Prompt, Segmentation, SegmentationBackend

FACE = (slice(120, 230), slice(140, 290))
"""Pixels that are surely on the cat."""
CORNER = (slice(0, 30), slice(420, 451))
"""Pixels that are surely not."""


def segmented(result: Segmentation | NotFound) -> Segmentation:
    assert isinstance(result, Segmentation)
    return result


def test_it_is_a_segmentation_backend(segmentation):
    assert isinstance(segmentation, SegmentationBackend)


def test_a_phrase_selects_the_thing(segmentation, cat):
    found = segmented(segmentation.segment(cat, Prompt("cat"), image_id="cat"))
    assert found.mask.shape == cat.shape[:2]
    assert found.mask.dtype == np.bool_
    assert found.mask[FACE].mean() > 0.8
    assert found.mask[CORNER].mean() < 0.2
    assert found.alpha is None
    assert found.findings[0].label == "cat"


@pytest.mark.parametrize(
    "region",
    [
        Region.box(0.02, 0.02, 0.92, 0.98),
        Region.points([(0.45, 0.55), (0.98, 0.03)], labels=[True, False]),
        Region.scribble([(0.3, 0.5), (0.5, 0.6), (0.6, 0.6)]),
        Region.polygon([(0.05, 0.05), (0.9, 0.05), (0.9, 0.98), (0.05, 0.98)]),
    ],
    ids=lambda region: region.kind,
)
def test_a_drawing_selects_what_it_is_on_or_around(segmentation, cat, region):
    found = segmented(segmentation.segment(cat, Prompt(regions=(region,)), image_id="cat"))
    assert found.mask[180, 200]
    assert not found.mask[8, 442]
    if region.kind in ("box", "polygon"):
        x_left, y_top, x_right, y_bottom = region.bounds
        height, width = found.mask.shape
        rows, columns = np.nonzero(found.mask)
        assert x_left - 0.05 <= columns.min() / width
        assert columns.max() / width <= x_right + 0.05
        assert y_top - 0.05 <= rows.min() / height
        assert rows.max() / height <= y_bottom + 0.05
    assert found.findings[0].label == "drawn thing"


def test_a_drawn_mask_is_taken_as_it_is(segmentation, cat):
    drawn = np.zeros(cat.shape[:2], np.bool_)
    drawn[17:40, 23:77] = True
    artifact = "sha256:" + "0" * 64
    prompt = Prompt(regions=(Region.mask(artifact),), region_masks={artifact: drawn})
    assert np.array_equal(segmented(segmentation.segment(cat, prompt, image_id="cat")).mask, drawn)


def test_a_phrase_with_a_drawing_means_the_drawn_one(segmentation, two_cats):
    right = Prompt("cat", regions=(Region.box(0.52, 0.02, 0.98, 0.98),))
    found = segmented(segmentation.segment(two_cats, right, image_id="two"))
    half = two_cats.shape[1] // 2
    assert found.mask[:, half:].sum() > 10 * found.mask[:, : half - 20].sum()
    assert all(finding.box[0] > 0.3 for finding in found.findings)


def test_a_phrase_that_means_nothing_known_falls_back_to_the_drawing_and_says_so(segmentation, cat):
    prompt = Prompt("thingummy", regions=(Region.box(0.02, 0.02, 0.92, 0.98),))
    found = segmented(segmentation.segment(cat, prompt, image_id="cat"))
    assert found.mask[180, 200]
    assert found.notes == ("thingummy: not recognised there, so what was drawn was segmented",)


@pytest.mark.parametrize("phrase", ["giraffe", "bus"])
def test_what_is_not_found_is_an_answer(segmentation, cat, phrase):
    found = segmentation.segment(cat, Prompt(phrase), image_id="cat")
    assert isinstance(found, NotFound)
    assert phrase in found.notes[0]


def test_a_soft_selection_has_a_matte_that_agrees_with_the_mask(segmentation, cat):
    found = segmented(segmentation.segment(cat, Prompt("cat", soft=True), image_id="cat"))
    assert found.alpha is not None
    assert found.alpha.shape == found.mask.shape
    assert found.alpha.dtype == np.float32
    assert 0 <= found.alpha.min() <= found.alpha.max() <= 1
    assert found.alpha[FACE].mean() > 0.8
    assert ((found.alpha > 0.5) == found.mask).mean() > 0.9


def test_a_thing_is_segmented_from_a_reference(segmentation, cat, two_cats):
    found = segmentation.segment(two_cats, Prompt(reference=cat, reference_id="cat"), image_id="two")
    assert segmented(found).mask.any()


@pytest.mark.parametrize("shape", [(1, 200, 3), (200, 1, 4)])
@pytest.mark.parametrize("region", [Region.box(0.0, 0.0, 1.0, 1.0), Region.points([(0.5, 0.5)])], ids=["box", "point"])
def test_thin_pictures_can_be_segmented(segmentation, shape, region):
    image = np.random.default_rng(0).integers(0, 65535, shape, dtype=np.uint16)
    found = segmentation.segment(image, Prompt(regions=(region,)), image_id=f"thin {shape}")
    assert isinstance(found, NotFound) or found.mask.shape == shape[:2]
    divided = segmentation.partition(image, image_id=f"thin {shape}")
    assert divided.labels.shape == shape[:2]
    assert len(divided.findings) == int(divided.labels.max()) + 1


def test_a_cancelled_turn_stops(segmentation, cat):
    with pytest.raises(TurnCancelled):
        segmentation.segment(cat, Prompt("cat"), image_id="cat", cancelled=lambda: True)


def test_a_selection_of_nothing_is_refused(segmentation):
    nothing = make_invocation(Module.IMAGE_SEGMENTATION, Operation.SEGMENT)
    assert "needs a target" in segmentation.refuse(nothing)
    something = make_invocation(Module.IMAGE_SEGMENTATION, Operation.SEGMENT, regions=(Region.points([(0.5, 0.5)]),))
    assert segmentation.refuse(something) is None


# -- signals ----------------------------------------------------------------------------------------------------------

ESPRESSO = 967
SIGNALS = np.random.default_rng(0).normal(size=(8, 768)).astype(np.float32)


@pytest.mark.parametrize("phrase", ["quonkle", ""])
def test_signals_select_what_no_word_names(segmentation, signalled, coffee, phrase):
    told = EmbeddedSegmentation(signalled(ESPRESSO))
    wanted = segmented(segmentation.segment(coffee, Prompt("espresso"), image_id="coffee")).mask
    found = segmented(told.segment(coffee, Prompt(phrase, signals=SIGNALS), image_id="coffee")).mask
    assert (found & wanted).sum() / (found | wanted).sum() > 0.95
    if phrase:
        assert isinstance(told.segment(coffee, Prompt(phrase), image_id="coffee"), NotFound)


def test_signals_for_what_is_not_there_select_nothing(signalled, cat):
    told = EmbeddedSegmentation(signalled(ESPRESSO))
    found = told.segment(cat, Prompt("quonkle", signals=SIGNALS), image_id="cat")
    assert isinstance(found, NotFound)
    assert "quonkle" in found.notes[-1]


def test_signals_with_a_drawing_mean_the_drawn_one_or_what_was_drawn(signalled, coffee, cat):
    told = EmbeddedSegmentation(signalled(ESPRESSO))
    region = Region.box(0.05, 0.02, 0.9, 0.98)
    there = segmented(told.segment(coffee, Prompt(regions=(region,), signals=SIGNALS), image_id="coffee"))
    assert [finding.label for finding in there.findings] == ["thing"]
    gone = segmented(told.segment(cat, Prompt(regions=(region,), signals=SIGNALS), image_id="cat"))
    assert gone.notes == ("what is meant: not recognised there, so what was drawn was segmented",)


PROMPTS = {
    "found": Prompt("espresso"),
    "drawn": Prompt("quonkle", regions=(Region.box(0.3, 0.1, 0.9, 0.8),)),
    "neither": Prompt(regions=(Region.points([(0.5, 0.4)]),)),
}


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=list(PROMPTS))
def test_the_mask_decoder_reads_signals_once_its_adapter_is_trained(signalled, mask_signals, coffee, prompt):
    """Grounding's own gate is shut here, and espressos are nowhere: what changes is cut out otherwise."""
    grounding, told = signalled(ESPRESSO, present=1e4), replace(prompt, signals=SIGNALS)
    untrained, trained = EmbeddedSegmentation(grounding), EmbeddedSegmentation(grounding, adapter=mask_signals)
    without = segmented(untrained.segment(coffee, prompt, image_id="coffee")).mask
    assert np.array_equal(without, segmented(untrained.segment(coffee, told, image_id="coffee")).mask)
    assert np.array_equal(without, segmented(trained.segment(coffee, prompt, image_id="coffee")).mask)
    assert not np.array_equal(without, segmented(trained.segment(coffee, told, image_id="coffee")).mask)


def test_segmentation_consumes_signals_where_its_grounding_does(segmentation, vision):
    assert segmentation.consumes_signals
    assert not EmbeddedSegmentation(EmbeddedGrounding(vision, adapter=None)).consumes_signals
