import numpy as np
import pytest

from vitron_agent.errors import TurnCancelled
from vitron_agent.tools.backends.embedded.editing.pixels import (
    around,
    from_unit,
    mixed,
    resized,
    scaled_to,
    smoothed,
    stop_if,
    to_unit,
)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_level_survives(dtype):
    levels = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(-1, 1, 1).repeat(3, axis=2)
    assert np.array_equal(from_unit(to_unit(levels), levels), levels)


def test_mixing_is_linear():
    below, above = np.zeros((2, 2, 3), np.float32), np.ones((2, 2, 3), np.float32)
    alpha = np.array([[0, 0.25], [0.5, 1]], np.float32)
    assert np.allclose(mixed(below, above, alpha)[..., 0], alpha)


def test_sizes():
    plane = np.random.default_rng(0).random((40, 60), np.float32)
    assert scaled_to(plane, 600).shape == (20, 30)
    assert scaled_to(plane, 10_000) is plane
    assert resized(plane, 7, 90).shape == (90, 7)
    assert resized(plane, 60, 40) is plane
    assert 0 <= resized(plane, 200, 200).min() <= resized(plane, 200, 200).max() <= 1


@pytest.mark.parametrize("sigma", [0.5, 3, 9, 40])
def test_smoothing_keeps_the_mean_and_the_shape(sigma):
    plane = np.random.default_rng(0).random((120, 90), np.float32)
    smooth = smoothed(plane, sigma)
    assert smooth.shape == plane.shape
    assert smooth.mean() == pytest.approx(plane.mean(), abs=0.02)
    assert smooth.std() < plane.std()


def test_around_stays_inside():
    mask = np.zeros((10, 20), np.bool_)
    mask[4, 18] = True
    assert around(mask, 3) == (15, 1, 20, 8)


def test_stopping():
    stop_if(lambda: False)
    with pytest.raises(TurnCancelled):
        stop_if(lambda: True)
