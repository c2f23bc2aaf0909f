import numpy as np
import pytest

from tests.tools.editing_scenes import disc
from vitron_agent.errors import TurnCancelled
from vitron_agent.tools.backends.embedded.editing.matte import layers, matte
from vitron_agent.tools.image_grounding import never_cancelled

SIDE = 90


def blended(edge=4.0, side=SIDE):
    """A green disc over purple with a truly soft edge: (picture, true alpha, mask)."""
    rows, columns = np.mgrid[:side, :side]
    distance = np.hypot(rows - side / 2, columns - side / 2)
    alpha = np.clip((side / 4 - distance) / edge + 0.5, 0, 1).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 0.01, (side, side, 3))
    green, purple = np.array([0.2, 0.7, 0.3]), np.array([0.5, 0.2, 0.6])
    picture = alpha[..., None] * green + (1 - alpha[..., None]) * purple + noise
    return np.clip(picture, 0, 1).astype(np.float32), alpha, alpha > 0.5


def test_the_matte_is_near_the_true_alpha():
    picture, alpha, mask = blended()
    found = matte(picture, mask, 5, never_cancelled)
    hard = np.abs(mask - alpha).mean()
    assert np.abs(found - alpha).mean() < 0.35 * hard


def test_a_mask_that_is_off_is_corrected():
    picture, alpha, mask = blended(edge=1.5)
    shifted = np.roll(mask, 3, axis=1)
    found = matte(picture, shifted, 6, never_cancelled)
    assert np.abs(found - alpha).mean() < 0.4 * np.abs(shifted - alpha).mean()


def test_the_matte_keeps_within_the_radius():
    picture, _, mask = blended()
    found = matte(picture, mask, 3, never_cancelled)
    assert not found[~disc(SIDE, SIDE, SIDE / 2, SIDE / 2, SIDE / 4 + 5)].any()
    assert (found[disc(SIDE, SIDE, SIDE / 2, SIDE / 2, SIDE / 4 - 5)] == 1).all()


def test_large_pictures_are_solved_smaller_and_refined():
    picture, alpha, mask = blended(edge=8, side=700)
    found = matte(picture, mask, 12, never_cancelled)
    assert found.shape == mask.shape
    assert np.abs(found - alpha).mean() < 0.5 * np.abs(mask - alpha).mean()


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (2, 9), (3, 3), (30, 30)])
def test_with_nothing_to_solve_from_the_mask_stays(shape):
    picture = np.random.default_rng(0).random((*shape, 3), np.float32)
    full = np.ones(shape, np.bool_)
    assert np.array_equal(matte(picture, full, 3, never_cancelled), full)
    dot = np.zeros(shape, np.bool_)
    dot[0, 0] = True
    assert np.array_equal(matte(picture, dot, 3, never_cancelled), dot)


def test_thin_parts_do_not_fade():
    picture, _, mask = blended()
    stem = np.zeros_like(mask)
    stem[10:80, 43:47] = True
    picture[stem] = [0.2, 0.7, 0.3]
    found = matte(picture, mask | stem, 5, never_cancelled)
    assert found[12:20, 44:46].min() > 0.9


def test_layers_take_the_background_out_of_the_edge():
    picture, alpha, _ = blended(edge=10)
    front, back = layers(picture, alpha)
    edge = (alpha > 0.3) & (alpha < 0.7)
    assert np.abs(front[edge] - [0.2, 0.7, 0.3]).mean() < 0.5 * np.abs(picture[edge] - [0.2, 0.7, 0.3]).mean()
    assert np.abs(back[edge] - [0.5, 0.2, 0.6]).mean() < 0.5 * np.abs(picture[edge] - [0.5, 0.2, 0.6]).mean()
    assert np.array_equal(front[alpha == 1], picture[alpha == 1])
    assert np.array_equal(back[alpha == 0], picture[alpha == 0])


def test_it_can_be_stopped():
    picture, _, mask = blended()
    with pytest.raises(TurnCancelled):
        matte(picture, mask, 5, lambda: True)
