import numpy as np
import pytest

from vitron_agent.errors import TurnCancelled
from vitron_agent.tools.backends.embedded.masks import Hints, cut_mask, sharpen


def disc(height: int, width: int, dtype: type = np.uint8) -> tuple[np.ndarray, np.ndarray]:
    """A red disc on green, and where it is."""
    y, x = np.mgrid[:height, :width]
    inside = ((y - height * 0.5) / height) ** 2 + ((x - width * 0.4) / width) ** 2 < 0.05
    random = np.random.default_rng(0)
    image = np.where(inside[..., None], (200, 40, 40), (40, 160, 60)) + random.integers(-12, 12, (height, width, 3))
    return (image * (np.iinfo(dtype).max // 255)).astype(dtype), inside


def rough(inside: np.ndarray) -> np.ndarray:
    """The disc as a map of a few places knows it: blurred, and shifted a little."""
    import cv2

    small = cv2.resize(np.roll(inside, 3, axis=1).astype(np.float32), (24, 20), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(cv2.GaussianBlur(small, (5, 5), 1.5), 0.02, 0.97), np.float32)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_rough_map_becomes_the_things_outline(dtype):
    image, inside = disc(220, 300, dtype)
    mask = cut_mask(image, Hints(rough(inside)), lambda: False)
    assert mask.shape == inside.shape
    assert mask.dtype == np.bool_
    assert overlap(mask, inside) > 0.97


def test_a_large_picture_gets_its_own_edges():
    image, inside = disc(1800, 2400)
    assert overlap(cut_mask(image, Hints(rough(inside)), lambda: False), inside) > 0.97


def test_what_is_known_is_kept():
    image, inside = disc(220, 300)
    known = np.zeros_like(inside)
    known[10:20, 10:20] = True
    barred = np.zeros_like(inside)
    barred[:, :110] = True
    mask = cut_mask(image, Hints(rough(inside), known, None), lambda: False)
    assert mask[12:18, 12:18].all()
    mask = cut_mask(image, Hints(rough(inside), None, barred), lambda: False)
    assert not mask[:, :105].any()
    assert mask[110, 130]


def test_nothing_likely_gives_an_empty_mask():
    image, _ = disc(40, 60)
    assert not cut_mask(image, Hints(np.full((4, 6), 0.1, np.float32)), lambda: False).any()


@pytest.mark.parametrize("shape", [(1, 50, 3), (50, 1, 4), (1, 1, 3), (2, 3, 4)])
def test_thin_pictures_can_be_cut(shape):
    image = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    mask = cut_mask(image, Hints(np.full((2, 2), 0.99, np.float32)), lambda: False)
    assert mask.shape == shape[:2]
    assert mask.all()


def test_the_same_map_gives_the_same_mask():
    image, inside = disc(120, 160)
    first = cut_mask(image, Hints(rough(inside)), lambda: False)
    assert np.array_equal(first, cut_mask(image, Hints(rough(inside)), lambda: False))


def test_a_cancelled_turn_stops():
    image, inside = disc(120, 160)
    with pytest.raises(TurnCancelled):
        cut_mask(image, Hints(rough(inside)), lambda: True)


def test_sharpening_keeps_a_map_of_the_right_size_as_it_is():
    image, inside = disc(60, 80)
    same = inside.astype(np.float32)
    assert sharpen(same, image, image) is same
