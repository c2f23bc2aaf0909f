import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from vitron_agent.errors import VerificationError
from vitron_agent.tools.guarantee import (
    allowed_area,
    check_form,
    check_outside,
    composite,
    displacement,
    grown,
    is_changed,
    with_channels,
)


def picture(height, width, channels=3, dtype=np.uint8, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)


def textured(height=240, width=320, dtype=np.uint8):
    """Blobs of all sizes, as in a photo: white noise would not survive being scaled."""
    rng = np.random.default_rng(0)
    grey = sum(ndimage.gaussian_filter(rng.normal(size=(height, width)), size) * size for size in (1, 3, 9))
    grey = (grey - grey.min()) / np.ptp(grey) * np.iinfo(dtype).max
    return np.repeat(grey[..., None], 3, axis=2).astype(dtype)


masks = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40).flatmap(
    lambda shape: hnp.arrays(np.bool_, shape)
)


@given(masks, st.integers(0, 9), st.sampled_from([3, 4]), st.sampled_from([np.uint8, np.uint16]))
@settings(max_examples=200)
def test_outside_the_area_every_bit_is_the_bases(mask, feather, channels, dtype):
    base = picture(*mask.shape, channels, dtype)
    edited = np.iinfo(dtype).max - base
    area = allowed_area(mask, feather)
    # The backend behaves here; a picture that is inverted outside too is composited back just the same.
    result = composite(base, edited, area)
    assert result.dtype == dtype
    assert np.array_equal(result[~area], base[~area])
    assert np.array_equal(result[area], edited[area])
    check_outside(base, result, area)


@given(masks, st.integers(0, 9))
@settings(max_examples=200)
def test_growth_is_the_euclidean_disc_and_leaves_its_input_alone(mask, radius):
    before = mask.copy()
    area = grown(mask, radius)
    rows, columns = np.nonzero(mask)
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    near = np.zeros_like(mask)
    for row, column in zip(rows, columns, strict=True):
        near |= (y - row) ** 2 + (x - column) ** 2 <= radius**2
    assert np.array_equal(area, near)
    assert np.array_equal(mask, before)


def test_placed_pixels_belong_to_the_area():
    mask, placed = np.zeros((2, 9, 9), np.bool_)
    mask[1, 1] = placed[7, 7] = True
    area = allowed_area(mask, 1, placed)
    assert area.sum() == 6
    assert area[7, 7]


def test_the_shift_is_named():
    base = textured()
    area = np.zeros(base.shape[:2], np.bool_)
    area[100:140, 140:180] = True
    right, down = displacement(base, np.roll(base, (2, -3), axis=(0, 1)), area)
    assert right == pytest.approx(-3, abs=0.3)
    assert down == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize("shift", [(0, 1), (1, 0), (-3, 2), (0, -15)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_shifted_picture_is_caught(shift, dtype):
    base = textured(dtype=dtype)
    area = np.zeros(base.shape[:2], np.bool_)
    area[80:160, 100:220] = True
    edited = np.roll(base, shift, axis=(0, 1))
    with pytest.raises(VerificationError, match="shifted or scaled"):
        composite(base, edited, area)


@pytest.mark.parametrize("scale", [1.015, 1.03, 1.06])
def test_a_scaled_picture_is_caught(scale):
    base = textured()
    area = np.zeros(base.shape[:2], np.bool_)
    area[100:140, 140:180] = True
    scaled = cv2.resize(base, None, fx=scale, fy=scale)[:240, :320]
    with pytest.raises(VerificationError, match="shifted or scaled"):
        composite(base, np.ascontiguousarray(scaled), area)


def test_recoding_outside_is_mended_and_not_mistaken_for_a_shift():
    base = textured()
    area = np.zeros(base.shape[:2], np.bool_)
    area[100:140, 140:180] = True
    noisy = np.clip(base + np.random.default_rng(0).normal(0, 8, base.shape), 0, 255).astype(np.uint8)
    assert np.array_equal(composite(base, noisy, area)[~area], base[~area])


@pytest.mark.parametrize(
    ("edited", "message"),
    [
        (picture(10, 11), "11 x 10, its base 12 x 10"),
        (picture(10, 12, dtype=np.uint16), "uint16, its base uint8"),
        (picture(10, 12, 4), "4 channels, its base 3"),
        (picture(10, 12)[..., 0], "shape"),
    ],
)
def test_a_wrong_form_is_caught(edited, message):
    with pytest.raises(VerificationError, match=message):
        check_form(picture(10, 12), edited)


def test_an_alpha_may_be_gained_where_one_was_asked_for_but_not_lost():
    check_form(picture(4, 4), picture(4, 4, 4), may_gain_alpha=True)
    with pytest.raises(VerificationError):
        check_form(picture(4, 4, 4), picture(4, 4), may_gain_alpha=True)


def test_a_gained_alpha_is_opaque_outside_the_area():
    base = picture(6, 6)
    edited = with_channels(base, 4).copy()
    edited[..., 3] = 7
    area = np.zeros((6, 6), np.bool_)
    area[2:4, 2:4] = True
    result = composite(base, edited, area)
    assert (result[area, 3] == 7).all()
    assert (result[~area, 3] == 255).all()


def test_one_touched_pixel_outside_is_named():
    base = picture(20, 30)
    area = np.zeros((20, 30), np.bool_)
    area[5:8, 5:8] = True
    result = base.copy()
    result[12, 17, 2] ^= 1
    with pytest.raises(VerificationError, match=r"1 pixels .* x=17, y=12"):
        check_outside(base, result, area)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_changed_has_a_level_and_a_share(dtype):
    step = np.iinfo(dtype).max // 255
    base = np.full((100, 100, 3), 50 * step, dtype)
    area = np.zeros((100, 100), np.bool_)
    area[:, :50] = True  # 5,000 pixels: 25 of them must differ by more than 2/255

    def with_change(count, by):
        result = base.copy()
        result[:count, 0] += np.array(by * step, dtype)
        return result

    assert not is_changed(base, base, area)
    assert not is_changed(base, with_change(100, 2), area)
    assert not is_changed(base, with_change(24, 3), area)
    assert is_changed(base, with_change(25, 3), area)
    assert not is_changed(base, with_change(25, 3), None)
    assert is_changed(base, with_change(50, 3), None)


def test_one_changed_pixel_is_enough_for_a_tiny_area():
    base = picture(1, 1)
    assert is_changed(base, 255 - base, np.ones((1, 1), np.bool_))
