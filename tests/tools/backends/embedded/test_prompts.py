import numpy as np
import pytest

from vitron_agent.messages import Region
from vitron_agent.tools.backends.embedded.prompts import region_cues
from vitron_agent.tools.image_segmentation import Prompt

SIZE = (120, 90)


def cues(*regions: Region, **masks: np.ndarray) -> list:
    return region_cues(Prompt(regions=regions, region_masks=masks), *SIZE)


def test_clicks_and_strokes_are_one_cue():
    click = Region.points([(0.2, 0.3), (0.8, 0.9)], labels=[True, False])
    (cue,) = cues(click, Region.points([(0.4, 0.4)]), Region.scribble([(0.1, 0.1), (0.5, 0.1)]))
    assert list(cue.on) == [(0.2, 0.3), (0.4, 0.4)]
    assert list(cue.off) == [(0.8, 0.9)]
    assert cue.stroke.shape == SIZE[::-1]
    assert cue.stroke[9, 30]
    assert cue.box is None
    assert cue.rough is None


def test_each_thing_that_is_drawn_around_is_a_cue_of_its_own():
    box, polygon = Region.box(0.1, 0.2, 0.4, 0.6), Region.polygon([(0.5, 0.5), (0.9, 0.5), (0.7, 0.9)])
    first, second = cues(box, polygon)
    assert first.box == pytest.approx((0.1, 0.2, 0.4, 0.6))
    assert first.rough is None
    assert second.box == pytest.approx((0.5, 0.5, 0.9, 0.9), abs=0.02)
    assert second.rough[50, 84] == 1
    assert second.rough[10, 10] == 0


def test_clicks_go_to_the_thing_that_they_are_in_and_no_to_all():
    left, right = Region.box(0.0, 0.0, 0.45, 1.0), Region.box(0.55, 0.0, 1.0, 1.0)
    clicks = Region.points([(0.2, 0.5), (0.7, 0.5)], labels=[True, False])
    first, second = cues(left, right, clicks, Region.scribble([(0.6, 0.2), (0.9, 0.2)]))
    assert list(first.on) == [(0.2, 0.5)]
    assert first.stroke is None
    assert list(second.on) == []
    assert second.stroke.any()
    assert list(first.off) == list(second.off) == [(0.7, 0.5)]


def test_a_drawn_mask_is_a_rough_map():
    artifact = "sha256:" + "1" * 64
    drawn = np.zeros((180, 240), np.bool_)
    drawn[40:80, 100:140] = True
    (cue,) = region_cues(Prompt(regions=(Region.mask(artifact),), region_masks={artifact: drawn}), *SIZE)
    assert cue.rough[30, 60] == 1
    assert cue.rough.mean() == pytest.approx(drawn.mean(), rel=0.2)
    assert cue.box == pytest.approx((100 / 240, 40 / 180, 140 / 240, 80 / 180), abs=0.01)
