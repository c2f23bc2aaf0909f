import numpy as np
import pytest

from tests.tools.editing_scenes import disc, ground
from vitron_agent.tools.backends.embedded.editing.colors import read_color, to_oklab
from vitron_agent.tools.backends.embedded.editing.pixels import to_unit
from vitron_agent.tools.backends.embedded.editing.recolor import recolor
from vitron_agent.tools.image_grounding import never_cancelled

MASK = disc(70, 90, 35, 45, 20)


def thing(color):
    """A ball of a colour, lit from above, before earth."""
    picture = to_unit(ground(70, 90))
    rows = np.mgrid[:70, :90][0]
    shade = 1.15 - 0.5 * (rows - 15) / 40
    picture[MASK] = np.clip(shade[MASK][:, None] * np.array(color, np.float32), 0, 1)
    return picture


def painted(color, words):
    return recolor(thing(color), MASK, read_color(words), 2, never_cancelled)


@pytest.mark.parametrize("own", [(0.8, 0.15, 0.1), (0.15, 0.15, 0.17), (0.8, 0.8, 0.8), (0.1, 0.2, 0.6)])
@pytest.mark.parametrize("words", ["red", "blue", "dark green", "yellow", "purple", "#c0ffee"])
def test_the_hue_becomes_the_wanted_one_and_the_shading_stays(own, words):
    before, after = to_oklab(thing(own))[MASK], to_oklab(painted(own, words))[MASK]
    wanted = to_oklab(np.array([[read_color(words)]], np.float32))[0, 0]
    hue = np.arctan2(np.median(after[:, 2]), np.median(after[:, 1]))
    difference = np.angle(np.exp(1j * (hue - np.arctan2(wanted[2], wanted[1]))))
    assert abs(difference) < 0.15
    assert np.median(after[:, 0]) == pytest.approx(np.clip(wanted[0], 0.2, 0.93), abs=0.08)
    assert np.corrcoef(before[:, 0], after[:, 0])[0, 1] > 0.9


@pytest.mark.parametrize(("words", "low", "high"), [("white", 0.8, 1.0), ("black", 0.0, 0.35), ("grey", 0.5, 0.7)])
def test_colours_without_hue(words, low, high):
    lab = to_oklab(painted((0.8, 0.15, 0.1), words))[MASK]
    assert low < np.median(lab[:, 0]) < high
    assert np.hypot(lab[:, 1], lab[:, 2]).mean() < 0.03
    assert lab[:, 0].std() > 0.02


def test_white_letters_on_a_red_thing_stay_white():
    picture = thing((0.8, 0.1, 0.1))
    letters = np.zeros_like(MASK)
    letters[33:37, 35:55] = True
    picture[letters] = 0.9
    after = recolor(picture, MASK, read_color("blue"), 2, never_cancelled)
    assert np.abs(after[34:36, 37:53] - 0.9).max() < 0.1


def test_nothing_changes_outside_the_radius():
    far = ~disc(70, 90, 35, 45, 23)
    assert np.array_equal(painted((0.8, 0.1, 0.1), "green")[far], thing((0.8, 0.1, 0.1))[far])
