import numpy as np
import pytest

from tests.tools.editing_scenes import disc, ground
from vitron_agent.tools.backends.embedded.editing.compose import Thing, cut_out, erased, paste, relit, resurfaced
from vitron_agent.tools.backends.embedded.editing.pixels import to_unit
from vitron_agent.tools.backends.embedded.editing.placing import Frame
from vitron_agent.tools.guarantee import grown
from vitron_agent.tools.image_grounding import ignore_progress, never_cancelled

GREEN = np.array([0.1, 0.8, 0.2], np.float32)
CANVAS = to_unit(ground(70, 100))


@pytest.fixture(scope="module")
def thing():
    picture = to_unit(ground(50, 60, seed=4))
    mask = disc(50, 60, 25, 30, 12)
    picture[mask] = GREEN
    return cut_out(picture, mask, 2, never_cancelled)


def test_a_cut_out_thing_has_its_own_colours_up_to_the_edge(thing):
    assert thing.size == (25, 25)
    assert np.abs(thing.color[thing.alpha > 0.3] - GREEN).max() < 0.12


def test_a_source_with_alpha_brings_its_matte():
    picture = np.dstack([to_unit(ground(50, 60)), disc(50, 60, 25, 30, 12) * np.float32(0.6)])
    cut = cut_out(picture, disc(50, 60, 25, 30, 12), 2, never_cancelled)
    assert cut.alpha.max() == pytest.approx(0.6)


@pytest.mark.parametrize("frame", [Frame(10, 10, 25, 25), Frame(60, 30, 50, 40), Frame(3, 5, 7, 9)])
def test_a_pasted_thing_lies_in_its_frame_and_nothing_else_changes(thing, frame):
    result, covered = paste(CANVAS, thing, frame)
    assert np.array_equal(result[~covered], CANVAS[~covered])
    left, top, right, bottom = frame.box
    near = np.zeros_like(covered)
    near[max(0, top - 6) : bottom + 6, max(0, left - 6) : right + 6] = True
    assert not (covered & ~near).any()
    middle = result[min(69, top + frame.height // 2), min(99, left + frame.width // 2)]
    assert np.abs(middle - GREEN).max() < 0.1


@pytest.mark.parametrize("frame", [Frame(-10, -10, 25, 25), Frame(95, 65, 25, 25), Frame(-30, -30, 200, 200)])
def test_a_thing_may_stick_out(thing, frame):
    result, covered = paste(CANVAS, thing, frame, shadow=True)
    assert result.shape == CANVAS.shape
    assert np.array_equal(result[~covered], CANVAS[~covered])
    assert covered.any()


def test_a_thing_far_outside_changes_nothing(thing):
    result, covered = paste(CANVAS, thing, Frame(300, 300, 10, 10))
    assert np.array_equal(result, CANVAS)
    assert not covered.any()


def test_a_shadow_darkens_only_the_ground_at_its_foot(thing):
    frame = Frame(40, 20, 25, 25)
    plain, _ = paste(CANVAS, thing, frame)
    shaded, covered = paste(CANVAS, thing, frame, shadow=True)
    assert (shaded <= plain + 1e-6).all()
    assert shaded[46, 52].mean() < 0.8 * plain[46, 52].mean()
    assert np.array_equal(shaded[:38], plain[:38])
    assert np.array_equal(shaded[~covered], CANVAS[~covered])


def test_what_is_in_front_stays_in_front(thing):
    wall = np.zeros((70, 100), np.float32)
    wall[:, 50:] = 1
    result, covered = paste(CANVAS, thing, Frame(38, 20, 25, 25), before=wall, shadow=True)
    assert np.array_equal(result[:, 50:], CANVAS[:, 50:])
    assert not covered[:, 50:].any()
    assert np.abs(result[32, 46] - GREEN).max() < 0.1


def test_a_transparent_canvas_becomes_opaque_under_the_thing(thing):
    canvas = np.dstack([CANVAS, np.zeros((70, 100), np.float32)])
    result, _ = paste(canvas, thing, Frame(40, 20, 25, 25))
    assert result[32, 52, 3] == 1
    assert result[0, 0, 3] == 0


def test_an_erased_thing_is_gone_and_the_seam_is_the_pictures():
    mask = disc(70, 100, 35, 50, 10)
    picture = CANVAS.copy()
    picture[mask] = GREEN
    result = erased(picture, mask, 5, seed=0, report=ignore_progress, cancelled=never_cancelled)
    outside = ~grown(mask, 5)
    assert np.array_equal(result[outside], picture[outside])
    assert np.abs(result[mask] - CANVAS[mask]).mean() < 0.25
    assert (result[mask][:, 1] - result[mask][:, 0]).max() < 0.2  # no green is left


def test_an_erased_cut_out_leaves_transparency():
    mask = disc(70, 100, 35, 50, 10)
    picture = np.dstack([CANVAS, mask.astype(np.float32)])
    result = erased(picture, mask, 5, seed=0, report=ignore_progress, cancelled=never_cancelled)
    assert result[..., 3].max() < 0.05


def test_a_relit_thing_goes_half_way(thing):
    bright, dark = np.full((9, 9, 3), 0.8, np.float32), np.full((9, 9, 3), 0.2, np.float32)
    assert relit(thing, bright, bright).color == pytest.approx(thing.color, abs=0.01)
    assert relit(thing, bright, dark).color.mean() < thing.color.mean()
    assert relit(thing, dark, bright).color.mean() > thing.color.mean()


def test_another_sky_fills_the_place_of_the_old():
    picture = CANVAS.copy()
    sky = np.zeros((70, 100), np.bool_)
    sky[:30] = True
    picture[sky] = [0.7, 0.8, 0.9]
    source = np.full((40, 40, 3), 0.1, np.float32)
    source[:20] = [0.9, 0.4, 0.1]
    source_mask = np.zeros((40, 40), np.bool_)
    source_mask[:20] = True
    result = resurfaced(picture, sky, source, source_mask, 2, never_cancelled)
    assert np.abs(result[:26] - [0.9, 0.4, 0.1]).max() < 0.05
    assert np.array_equal(result[34:], picture[34:])


def test_a_thing_without_soft_edges():
    dot = Thing(np.ones((1, 1, 3), np.float32), np.ones((1, 1), np.float32), (0, 0, 1, 1))
    result, covered = paste(CANVAS, dot, Frame(5, 6, 3, 2))
    assert covered.sum() == 6
    assert np.allclose(result[6:8, 5:8], 1)
