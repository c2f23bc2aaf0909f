import numpy as np
import pytest

from vitron_agent.messages import Finding, Region
from vitron_agent.tools.backends.embedded.mask_decoder import WEIGHTS
from vitron_agent.tools.backends.embedded.mask_makers import DecoderMasks, GrabCutMasks, MaskMaker
from vitron_agent.tools.image_segmentation import Prompt


@pytest.fixture(params=["decoder", "grabcut"])
def maker(request, vision) -> MaskMaker:
    return DecoderMasks(WEIGHTS) if request.param == "decoder" else GrabCutMasks(vision)


@pytest.fixture(scope="module")
def decoder() -> DecoderMasks:
    return DecoderMasks(WEIGHTS)


def never() -> bool:
    return False


def test_clicks_are_kept_and_what_is_clicked_away_is_not_taken(decoder, vision, cat):
    view = vision.look(cat, "cat")
    height, width = cat.shape[:2]
    on, off = (0.45, 0.55), (0.3, 0.5)
    drawn = Prompt(regions=(Region.points([on, off], labels=[True, False]),))
    mask = decoder.drawn(cat, view, drawn, never)
    assert mask[int(on[1] * height), int(on[0] * width)]
    assert not mask[int(off[1] * height), int(off[0] * width)]


def test_nothing_is_taken_far_from_what_was_drawn_around(maker, vision, cat):
    view = vision.look(cat, "cat")
    box = Region.box(0.3, 0.3, 0.6, 0.8)
    mask = maker.drawn(cat, view, Prompt(regions=(box,)), never)
    height, width = cat.shape[:2]
    assert mask.shape == (height, width)
    assert mask.any()
    assert not mask[: int(0.25 * height)].any()
    assert not mask[:, int(0.65 * width) :].any()


def test_found_things_are_cut_out_in_their_boxes(decoder, vision, grounding, two_cats):
    view = vision.look(two_cats, "two")
    search = grounding.search(view, "cat")
    right = [finding for finding in search.findings if finding.box[0] > 0.3]
    mask = decoder.found(two_cats, view, search.places, right, Prompt("cat"), never)
    half = two_cats.shape[1] // 2
    assert mask[:, half:].sum() > 10 * mask[:, : half - 40].sum()


def test_several_things_are_one_mask(maker, vision, grounding, two_cats):
    view = vision.look(two_cats, "two")
    places = grounding.search(view, "cat").places
    findings = [
        Finding(label="cat", score=1.0, box=box) for box in ((0.02, 0.02, 0.46, 0.98), (0.54, 0.02, 0.98, 0.98))
    ]
    mask = maker.found(two_cats, view, places, findings, Prompt("cat"), never)
    half = two_cats.shape[1] // 2
    assert mask[:, :half].mean() > 0.2
    assert mask[:, half:].mean() > 0.2
    assert np.array_equal(mask, maker.found(two_cats, view, places, findings[::-1], Prompt("cat"), never))
