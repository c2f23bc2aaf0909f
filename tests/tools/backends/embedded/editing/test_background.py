import numpy as np
import pytest

from tests.tools.editing_scenes import disc, ground
from vitron_agent.tools.backends.embedded.editing.background import (
    Blur,
    Fill,
    before_picture,
    blurred,
    covering,
    cut_subject,
    filled,
    read_background,
    transparent,
)
from vitron_agent.tools.backends.embedded.editing.colors import read_color
from vitron_agent.tools.backends.embedded.editing.pixels import to_unit
from vitron_agent.tools.edit_words import Amount
from vitron_agent.tools.image_grounding import never_cancelled

MASK = disc(90, 120, 45, 60, 22)
WHITE = (1.0, 1.0, 1.0)


@pytest.fixture(scope="module")
def picture():
    picture = to_unit(ground(90, 120))
    picture[MASK] = [0.9, 0.1, 0.1]
    return picture


@pytest.fixture(scope="module")
def subject(picture):
    return cut_subject(picture, MASK, 3, never_cancelled)


@pytest.mark.parametrize(
    "words",
    [
        "blur",
        "blurred",
        "Blur the background",
        "out of focus",
        "bokeh",
        "blur a lot",
        "soft",
        "a nice soft blur",
        "12% blur",
    ],
)
def test_words_for_blur(words):
    assert isinstance(read_background(words), Blur)


@pytest.mark.parametrize("color", ["pink", "white", "sage green"])
def test_a_soft_colour_is_a_colour(color):
    soft = read_color(f"soft {color}")
    assert read_background(f"soft {color}") == Fill(soft, soft)


def test_how_much_blur():
    usual, bit, lot = (read_background(words).radius.number for words in ("blur", "blur a bit", "blur a lot"))
    assert bit < usual < lot
    assert read_background("blur 12px").radius == Amount(12, "px")


@pytest.mark.parametrize(
    ("words", "top", "bottom"),
    [
        ("white", WHITE, WHITE),
        ("plain white", WHITE, WHITE),
        ("black to white gradient", (0, 0, 0), WHITE),
        ("a gradient from white to black", WHITE, (0, 0, 0)),
    ],
)
def test_words_for_colours(words, top, bottom):
    assert read_background(words) == Fill(top, bottom)


def test_a_gradient_of_one_colour_pales():
    fill = read_background("blue gradient")
    assert fill.top == (0, 0, 1)
    assert fill.bottom != fill.top


@pytest.mark.parametrize(
    "words", ["beach", "taj mahal", "", "gradient", "sunset to night gradient", "blurred forest", "bokeh city lights"]
)
def test_scenes_are_not_known(words):
    assert read_background(words) is None


def test_the_subject_stays_and_does_not_bleed_into_the_blur(picture, subject):
    result = blurred(subject, 12, never_cancelled)
    inner = disc(90, 120, 45, 60, 18)
    assert np.allclose(result[inner], picture[inner], atol=1e-3)
    ring = disc(90, 120, 45, 60, 30) & ~disc(90, 120, 45, 60, 25)
    redness = (result[..., 0] - result[..., 1])[ring]
    ordinary = (picture[..., 0] - picture[..., 1])[ring].mean()
    assert redness.mean() < ordinary + 0.03  # a blur of all pixels would leave a red halo of more than 0.3
    far = ~disc(90, 120, 45, 60, 40)
    assert result[far].std(axis=0).max() < 0.8 * picture[far].std(axis=0).max()


def test_a_colour_has_no_fringe(subject):
    result = filled(subject, Fill(WHITE, WHITE), 0)
    assert np.allclose(result[~disc(90, 120, 45, 60, 26)], 1)
    assert np.allclose(result[45, 60], [0.9, 0.1, 0.1], atol=0.02)


def test_a_gradient_runs_from_top_to_bottom_without_bands(subject):
    result = filled(subject, Fill((0, 0, 0), WHITE), 0)
    assert result[0, 0].max() < 0.05
    assert result[-1, 0].min() > 0.95
    assert len(np.unique(np.rint(result[30, :30, 0] * 255))) > 1
    assert np.array_equal(result, filled(subject, Fill((0, 0, 0), WHITE), 0))
    assert not np.array_equal(result, filled(subject, Fill((0, 0, 0), WHITE), 1))


@pytest.mark.parametrize("shape", [(20, 200), (200, 20), (90, 120), (7, 5)])
def test_another_picture_covers_the_frame(subject, shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    other = np.dstack([(rows + 0.5) / shape[0], (columns + 0.5) / shape[1], 0 * rows]).astype(np.float32)
    covered = covering(other, 120, 90)
    assert covered.shape == (90, 120, 3)
    assert covered[45, 60, 0] == pytest.approx(0.5, abs=0.12)
    assert covered[45, 60, 1] == pytest.approx(0.5, abs=0.12)
    result = before_picture(subject, other)
    assert np.array_equal(result[0, 0], covered[0, 0])
    assert np.allclose(result[45, 60], [0.9, 0.1, 0.1], atol=0.02)


def test_transparency(subject):
    result = transparent(subject, None)
    assert result.shape == (90, 120, 4)
    assert result[45, 60, 3] == 1
    assert result[0, 0, 3] == 0
    half = transparent(subject, np.full((90, 120), 0.5, np.float32))
    assert half[45, 60, 3] == 0.5
