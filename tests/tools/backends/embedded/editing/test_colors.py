import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageColor

from vitron_agent.tools.backends.embedded.editing.colors import (
    from_oklab,
    lab_of,
    nearest_names,
    read_color,
    to_oklab,
)


def code(words):
    color = read_color(words)
    assert color is not None, words
    return "#" + "".join(f"{round(value * 255):02x}" for value in color)


def test_every_css_name_is_known():
    for name in tuple(ImageColor.colormap):
        expected = "#{:02x}{:02x}{:02x}".format(*ImageColor.getrgb(name))
        assert code(name) == expected
        assert code(name.title()) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("#ff6600", "#ff6600"),
        ("ff6600", "#ff6600"),
        ("#F60", "#ff6600"),
        ("rgb(1, 2, 3)", "#010203"),
        ("slate gray", "#708090"),
        ("light blue", "#add8e6"),
        ("dark-red", "#8b0000"),
        ("a red colour", "#ff0000"),
        ("gray 50", "#808080"),
        ("Off-White", "#f6f2e7"),
        ("cobalt blue", "#0047ab"),
        ("the colour navy", "#000080"),
    ],
)
def test_names_and_numbers(words, expected):
    assert code(words) == expected


@pytest.mark.parametrize("words", ["blurple", "sparkly", "", "red and white", "dark", "#12345", "rgb(1)", "beach"])
def test_what_is_no_colour_is_none(words):
    assert read_color(words) is None


def test_modifiers_change_lightness_and_chroma_and_keep_the_hue():
    def polar(words):
        light, a, b = lab_of(read_color(words)).tolist()
        return light, np.hypot(a, b), np.arctan2(b, a)

    plain, dark, light, muted = (polar(words) for words in ("teal", "dark teal", "light teal", "muted teal"))
    assert dark[0] < plain[0] < light[0]
    assert muted[1] < 0.7 * plain[1]
    assert light[2] == pytest.approx(plain[2], abs=0.1)


def test_two_names_mix():
    light, a, b = lab_of(read_color("bluish green")).tolist()
    assert a < 0 > b
    assert 0.3 < light < 0.7


def test_nearest_names_help():
    assert "turquoise" in nearest_names("turqoise")
    assert "purple" in nearest_names("purpel")
    assert len(nearest_names("xyzzy")) > 3


unit = st.floats(0, 1, width=32)


@given(st.tuples(unit, unit, unit))
def test_oklab_there_and_back(color):
    pixel = np.array([[color]], np.float32)
    assert np.allclose(from_oklab(to_oklab(pixel)), pixel, atol=2e-3)


def test_oklab_knows_white_and_black():
    assert np.allclose(lab_of((1, 1, 1)), [1, 0, 0], atol=1e-3)
    assert np.allclose(lab_of((0, 0, 0)), [0, 0, 0], atol=1e-6)


@given(st.floats(0, 1), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_any_lab_becomes_a_colour_that_keeps_lightness(light, a, b):
    wanted = np.array([[light, a, b]], np.float32)
    shown = from_oklab(wanted)
    assert (shown >= 0).all()
    assert (shown <= 1).all()
    assert to_oklab(shown)[0, 0] == pytest.approx(light, abs=0.05)


def test_a_name_that_pillow_has_used_before_is_known_all_the_same() -> None:
    code = (
        "from PIL import Image; Image.new('RGB', (1, 1), 'white')\n"
        "from vitron_agent.tools.backends.embedded.editing.colors import _names\n"
        "assert _names()['white'] == '#ffffff'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
