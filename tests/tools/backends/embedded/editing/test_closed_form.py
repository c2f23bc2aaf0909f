import numpy as np
import pytest
from skimage import data

from vitron_agent.errors import TurnCancelled
from vitron_agent.tools.backends.embedded.editing.closed_form import solve_alpha, split_colors
from vitron_agent.tools.image_grounding import never_cancelled

GREEN, PURPLE = np.array([0.2, 0.7, 0.3], np.float32), np.array([0.5, 0.2, 0.6], np.float32)


def ramp(height=24, width=40):
    """A straight soft edge between two colours: (picture, alpha, trimap)."""
    columns = np.arange(width, dtype=np.float32)[None].repeat(height, axis=0)
    alpha = np.clip((columns - 10) / 20, 0, 1)
    picture = alpha[..., None] * GREEN + (1 - alpha[..., None]) * PURPLE
    trimap = np.where(columns < 8, 0, np.where(columns > 32, 1, 0.5)).astype(np.float32)
    return picture.astype(np.float32), alpha, trimap


def test_a_mixture_of_two_colours_is_solved_exactly():
    picture, alpha, trimap = ramp()
    found = solve_alpha(picture, trimap, never_cancelled)
    assert np.abs(found - alpha).max() < 0.02
    assert np.array_equal(found[trimap != 0.5], trimap[trimap != 0.5])


def published_laplacian(image, epsilon=1e-7):
    """Equation 12 of Levin, Lischinski and Weiss (2008) as it is printed: window by window, pair by pair."""
    height, width = image.shape[:2]
    colors = image.reshape(-1, 3).astype(np.float64)
    laplacian = np.zeros((height * width, height * width))
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            window = [(y + down) * width + x + right for down in (-1, 0, 1) for right in (-1, 0, 1)]
            apart = colors[window] - colors[window].mean(axis=0)
            inverse = np.linalg.inv(apart.T @ apart / 9 + epsilon / 9 * np.eye(3))
            for a, i in enumerate(window):
                for b, j in enumerate(window):
                    laplacian[i, j] += (i == j) - (1 + apart[a] @ inverse @ apart[b]) / 9
    return laplacian


@pytest.mark.parametrize("corner", [(20, 60), (0, 120), (120, 10), (200, 380)])  # fur, ears, whiskers, cloth
def test_alpha_solves_the_published_system_on_a_real_photo(corner):
    y, x = corner
    crop = (data.chelsea()[y : y + 20, x : x + 20] / 255).astype(np.float32)
    trimap = np.full((20, 20), 0.5, np.float32)
    trimap[:, :5], trimap[:, -5:] = 0, 1
    unknown = (trimap == 0.5).ravel()
    rows = published_laplacian(crop)[unknown]
    exact = np.linalg.solve(rows[:, unknown], -rows[:, ~unknown] @ trimap.ravel()[~unknown])
    found = solve_alpha(crop, trimap, never_cancelled).ravel()[unknown]
    assert np.abs(found - np.clip(exact, 0, 1)).max() < 1e-3
    assert found.std() > 0.1


@pytest.mark.parametrize("shape", [(3, 3), (3, 20), (25, 4)])
def test_small_and_flat_pictures(shape):
    trimap = np.full(shape, 0.5, np.float32)
    trimap[0], trimap[-1] = 0, 1
    found = solve_alpha(np.full((*shape, 3), 0.4, np.float32), trimap, never_cancelled)
    assert np.isfinite(found).all()
    assert 0 <= found.min() <= found.max() <= 1
    assert (found[1:-1] > 0).all()  # nothing to tell by: it goes over from one to the other


def test_unknown_pixels_that_no_known_one_reaches_stay_in_range():
    trimap = np.full((12, 30), 0.5, np.float32)
    trimap[:, :5], trimap[:3, :2] = 0, 1
    found = solve_alpha(np.random.default_rng(0).random((12, 30, 3), np.float32), trimap, never_cancelled)
    assert np.isfinite(found).all()


def test_it_can_be_stopped():
    picture, _, trimap = ramp()
    with pytest.raises(TurnCancelled):
        solve_alpha(picture, trimap, lambda: True)


@pytest.mark.parametrize("scale", [1, 60])
def test_colours_are_told_apart_at_every_size(scale):
    picture, alpha, _ = ramp(24 * scale, 40)
    front, back = split_colors(picture, alpha)
    seen, behind = alpha > 0.2, alpha < 0.8
    assert np.abs(front - GREEN)[seen].max() < 0.05
    assert np.abs(back - PURPLE)[behind].max() < 0.05
    mixture = alpha[..., None] * front + (1 - alpha[..., None]) * back
    assert np.abs(mixture - picture).max() < 0.01


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1)])
def test_colours_of_a_few_pixels(shape):
    image = np.random.default_rng(0).random((*shape, 3), np.float32)
    front, back = split_colors(image, np.full(shape, 0.5, np.float32))
    assert front.shape == back.shape == image.shape
    assert np.isfinite(front).all()
