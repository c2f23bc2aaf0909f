import numpy as np
import pytest

from tests.tools.editing_scenes import disc, ground, with_thing
from vitron_agent.errors import TurnCancelled
from vitron_agent.tools.backends.embedded.editing.pixels import to_unit
from vitron_agent.tools.backends.embedded.editing.style import STYLES, Brush, negative, pixelate, read_style
from vitron_agent.tools.image_grounding import never_cancelled


def brush(scale=0.2, block=6, *, whole=True, seed=0, cancelled=never_cancelled):
    return Brush(scale, block, whole, seed, cancelled)


@pytest.fixture(scope="module")
def picture():
    return to_unit(with_thing(ground(90, 120), disc(90, 120, 45, 60, 25)))


def test_every_documented_style_exists():
    documented = "pencil watercolor cartoon oil monochrome sepia emboss pixelate vintage posterize negative"
    assert set(STYLES) == set(documented.split())


@pytest.mark.parametrize("name", STYLES)
def test_a_style_changes_the_picture_within_range_and_the_same_way_each_time(picture, name):
    before = picture.copy()
    result = STYLES[name](picture, brush())
    assert result.shape == picture.shape
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    assert -1e-6 <= result.min() <= result.max() <= 1 + 1e-6
    assert np.abs(result - picture).mean() > 0.01
    assert np.array_equal(result, STYLES[name](picture, brush()))
    assert np.array_equal(picture, before)


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 2)])
def test_a_style_takes_any_size(name, shape):
    picture = np.random.default_rng(0).random((*shape, 3), np.float32)
    result = STYLES[name](picture, brush(scale=max(shape) / 1000))
    assert result.shape == picture.shape
    assert np.isfinite(result).all()


@pytest.mark.parametrize("name", STYLES)
def test_a_photo_looks_the_same_at_another_size(picture, name):
    import cv2

    large = np.clip(cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC), 0, 1)
    small_result = STYLES[name](picture, brush(scale=1.2, block=6))
    large_result = STYLES[name](large, brush(scale=3.6, block=18))
    shrunk = cv2.resize(large_result, (120, 90), interpolation=cv2.INTER_AREA)
    assert np.abs(cv2.blur(shrunk, (9, 9)) - cv2.blur(small_result, (9, 9))).mean() < 0.06


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("pencil", "pencil"),
        ("black and white", "monochrome"),
        ("Black & White", "monochrome"),
        ("an oil painting", "oil"),
        ("Watercolour", "watercolor"),
        ("cartoon style", "cartoon"),
        ("greyscale", "monochrome"),
        ("sepia tone", "sepia"),
        ("pixelated", "pixelate"),
        ("8-bit", "pixelate"),
        ("vintage look", "vintage"),
        ("inverted colours", "negative"),
    ],
)
def test_words(words, name):
    assert read_style(words) == name


@pytest.mark.parametrize("words", ["van gogh", "stained glass", "cyberpunk", "", "studio ghibli", "a lego set"])
def test_free_words_need_a_generator(words):
    assert read_style(words) is None


def test_negative_twice_is_the_picture(picture):
    assert np.allclose(negative(negative(picture, brush()), brush()), picture, atol=1e-6)


def test_pixels_are_blocks(picture):
    result = pixelate(picture, brush(block=10))
    assert len(np.unique(result.reshape(-1, 3), axis=0)) <= 12 * 9
    assert result.mean() == pytest.approx(picture.mean(), abs=0.02)


@pytest.mark.parametrize("name", ["pencil", "watercolor", "cartoon", "oil", "posterize"])
def test_slow_styles_can_be_stopped(picture, name):
    with pytest.raises(TurnCancelled):
        STYLES[name](picture, brush(cancelled=lambda: True))
