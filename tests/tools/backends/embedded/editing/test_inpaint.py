import numpy as np
import pytest

from tests.tools.editing_scenes import disc
from vitron_agent.errors import ExpertError, TurnCancelled
from vitron_agent.tools.backends.embedded.editing import patches
from vitron_agent.tools.backends.embedded.editing.inpaint import few_frequencies, inpaint, interpolated
from vitron_agent.tools.image_grounding import ignore_progress, never_cancelled


def stripes(height=90, width=120):
    """Diagonal stripes: what lies behind a hole can be told exactly."""
    rows, columns = np.mgrid[:height, :width]
    wave = 0.5 + 0.35 * np.sin((rows + 2 * columns) * 2 * np.pi / 24)
    return np.repeat(wave[..., None], 3, axis=2).astype(np.float32)


def ramp(height=60, width=80):
    rows, columns = np.mgrid[:height, :width]
    return np.dstack([rows / height, columns / width, 0.5 + 0 * rows]).astype(np.float32)


HOLE = disc(90, 120, 45, 60, 14)
SCRATCH = np.zeros((60, 80), np.bool_)
SCRATCH[20:23, 10:60] = True


@pytest.mark.parametrize(("picture", "hole"), [(stripes(), HOLE), (ramp(), SCRATCH)])
def test_outside_the_hole_nothing_changes_and_what_was_in_it_does_not_matter(picture, hole):
    one, two = picture.copy(), picture.copy()
    one[hole], two[hole] = 0, 1
    first, second = inpaint(one, hole), inpaint(two, hole)
    assert np.array_equal(first[~hole], picture[~hole])
    assert np.allclose(first, second, atol=1e-3)
    assert first.dtype == np.float32
    assert 0 <= first.min() <= first.max() <= 1


def test_patches_continue_a_pattern_that_interpolation_smears():
    picture = stripes()
    emptied = picture.copy()
    emptied[HOLE] = 0

    def error(filled):
        return float(np.abs(filled - picture)[HOLE].mean())

    found = patches.complete(emptied, HOLE, seed=0, report=ignore_progress, cancelled=never_cancelled)
    assert error(found) < 0.05
    assert error(found) < 0.3 * error(interpolated(emptied, HOLE))
    assert error(inpaint(emptied, HOLE)) < 0.08


def test_scratches_are_filled_nearly_exactly():
    picture = ramp()
    emptied = picture.copy()
    emptied[SCRATCH] = 0
    for method in (inpaint, interpolated, few_frequencies):
        assert np.abs(method(emptied, SCRATCH) - picture)[SCRATCH].max() < 0.03


def test_the_same_seed_gives_the_same_pixels():
    assert np.array_equal(inpaint(stripes(), HOLE, seed=5), inpaint(stripes(), HOLE, seed=5))


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (2, 2), (5, 7), (16, 16)])
def test_small_pictures(shape):
    picture = np.random.default_rng(0).random((*shape, 3), np.float32)
    hole = np.zeros(shape, np.bool_)
    hole[shape[0] // 2, shape[1] // 2] = True
    filled = inpaint(picture, hole)
    assert np.array_equal(filled[~hole], picture[~hole])
    assert np.isfinite(filled).all()


@pytest.mark.parametrize("hole", [disc(90, 120, 0, 0, 30), disc(90, 120, 89, 60, 25), disc(90, 120, 45, 60, 44)])
def test_holes_at_the_border_and_nearly_everywhere(hole):
    filled = inpaint(stripes(), hole)
    assert np.isfinite(filled).all()
    assert np.array_equal(filled[~hole], stripes()[~hole])


def test_the_whole_picture_cannot_be_filled():
    with pytest.raises(ExpertError, match="covers the whole picture"):
        inpaint(ramp(), np.ones((60, 80), np.bool_))


def test_large_holes_are_interpolated_smaller():
    picture = ramp(240, 320)
    hole = disc(240, 320, 120, 160, 95)
    filled = interpolated(picture, hole)
    assert np.abs(filled - picture)[hole].mean() < 0.03


def test_it_reports_and_can_be_stopped():
    seen = []
    inpaint(stripes(), HOLE, report=seen.append)
    assert [progress.step for progress in seen] == list(range(seen[0].of))
    with pytest.raises(TurnCancelled):
        inpaint(stripes(), HOLE, cancelled=lambda: True)
