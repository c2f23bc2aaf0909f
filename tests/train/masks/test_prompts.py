import cv2
import numpy as np
import pytest

from vitron_agent.tools.backends.embedded.windows import Cue
from vitron_agent.train.masks.prompts import (
    by_box,
    by_click,
    by_clicks,
    by_heat,
    by_mask,
    by_scribble,
    draw_cue,
    draw_window,
)
from vitron_agent.train.masks.things import thing_of

SEEDS = range(12)


def pixel(mask: np.ndarray, point: tuple[float, float]) -> bool:
    return bool(mask[int(point[1] * mask.shape[0]), int(point[0] * mask.shape[1])])


@pytest.mark.parametrize("seed", SEEDS)
def test_prompts_are_about_the_thing(disc, seed):
    random = np.random.default_rng(seed)
    x0, y0, x1, y1 = by_box(disc, random).box
    assert 0 <= x0 < x1 <= 1
    assert 0 <= y0 < y1 <= 1
    assert abs((x0 + x1) / 2 - 30 / 90) < 0.1
    assert abs((y0 + y1) / 2 - 25 / 60) < 0.1
    assert pixel(disc, by_click(disc, random).on[0])
    assert by_click(disc, random).ambiguous
    clicks = by_clicks(disc, random)
    assert all(pixel(disc, point) for point in clicks.on)
    assert not any(pixel(disc, point) for point in clicks.off)
    assert not clicks.ambiguous
    stroke = by_scribble(disc, random).stroke
    assert disc[stroke].mean() > 0.6
    for cue in (by_heat(disc, random), by_mask(disc, random)):
        assert cue.rough.dtype == np.float32
        assert 0 <= cue.rough.min() <= cue.rough.max() <= 1


def test_maps_are_higher_on_the_thing_than_beside_it(disc):
    for make in (by_heat, by_mask):
        maps = [make(disc, np.random.default_rng(seed)).rough for seed in SEEDS]
        mean = np.mean([cv2.resize(one, (90, 60)) for one in maps], axis=0)
        assert mean[disc].mean() > mean[~disc].mean() + 0.4


def test_the_smallest_mask_can_be_asked_for():
    dot = np.zeros((30, 40), np.bool_)
    dot[12, 17] = True
    for seed in range(40):
        assert isinstance(draw_cue(dot, np.random.default_rng(seed)), Cue)


def test_a_full_mask_can_be_asked_for():
    full = np.ones((30, 40), np.bool_)
    for seed in range(40):
        draw_cue(full, np.random.default_rng(seed))


def test_windows_hold_what_is_asked_for(disc):
    box = thing_of(disc).box
    for seed in range(30):
        random = np.random.default_rng(seed)
        cue = draw_cue(disc, random)
        window = draw_window(cue, box, 90, 60, random)
        left, top, right, bottom = window.crop(90, 60)
        assert disc[top:bottom, left:right].sum() > 0.05 * disc.sum()
