from itertools import permutations

import numpy as np
import pytest

from tests.tools.editing_scenes import disc, ground, with_thing
from vitron_agent.tools.backends.embedded.editing.adjust import Adjustment, adjust, read_adjustment
from vitron_agent.tools.backends.embedded.editing.colors import to_oklab
from vitron_agent.tools.backends.embedded.editing.pixels import to_unit


@pytest.mark.parametrize(
    ("words", "quantity", "amount"),
    [
        ("brightness more", "brightness", 0.3),
        ("contrast less 30%", "contrast", -0.3),
        ("saturation more 0.5", "saturation", 0.5),
        ("warmth less 10%", "warmth", -0.1),
        ("sharpness less", "sharpness", -0.3),
        ("brighter", "brightness", 0.3),
        ("darker by 20%", "brightness", -0.2),
        ("cooler", "warmth", -0.3),
        ("less dull", "saturation", 0.3),
        ("sharpness +15%", "sharpness", 0.15),
        ("contrast -15%", "contrast", -0.15),
        ("brightness more a bit", "brightness", 0.07),
        ("brightness more 400%", "brightness", 1.0),
        ("Crisper", "sharpness", 0.3),
        ("colour temperature more", "warmth", 0.3),
        ("color temperature less 10%", "warmth", -0.1),
        ("colours more vivid", "saturation", 0.3),
        ("brightness -20", "brightness", -0.2),
        ("contrast more 15", "contrast", 0.15),
        ("not so bright", "brightness", -0.3),
        ("too dark", "brightness", 0.3),
    ],
)
def test_words(words, quantity, amount):
    assert read_adjustment(words) == Adjustment(quantity, pytest.approx(amount))


@pytest.mark.parametrize("words", ["", "more", "beautiful", "brightness 20px", "rotate 30%"])
def test_other_words(words):
    assert read_adjustment(words) is None


ONE_EACH = ["brightness more", "contrast less 30%", "warmer", "saturation +20%", "sharpness less"]


@pytest.mark.parametrize(("first", "second"), list(permutations(ONE_EACH, 2)))
def test_two_quantities_are_not_one_adjustment(first, second):
    assert read_adjustment(f"{first}, {second}") is None


@pytest.fixture(scope="module")
def picture():
    return to_unit(with_thing(ground(80, 100), disc(80, 100, 40, 50, 20)))


def measured(picture, quantity):
    lab = to_oklab(picture)
    light = lab[..., 0]
    if quantity == "brightness":
        return light.mean()
    if quantity == "contrast":
        return light.std()
    if quantity == "saturation":
        return np.hypot(lab[..., 1], lab[..., 2]).mean()
    if quantity == "warmth":
        return lab[..., 2].mean()
    return np.abs(np.diff(light, axis=0)).mean()


@pytest.mark.parametrize("quantity", ["brightness", "contrast", "saturation", "warmth", "sharpness"])
def test_more_is_more_and_less_is_less_in_order(picture, quantity):
    values = [
        measured(adjust(picture, Adjustment(quantity, amount), 1.0), quantity) for amount in (-0.6, -0.2, 0.2, 0.6)
    ]
    assert values == sorted(values)
    assert values[1] < measured(picture, quantity) < values[2]


@pytest.mark.parametrize("quantity", ["brightness", "contrast", "saturation", "warmth", "sharpness"])
def test_no_amount_changes_nothing_and_every_amount_stays_in_range(picture, quantity):
    assert np.allclose(adjust(picture, Adjustment(quantity, 0.0), 1.0), picture, atol=0.01)
    for amount in (-1.0, 1.0):
        result = adjust(picture, Adjustment(quantity, amount), 2.0)
        assert result.shape == picture.shape
        assert np.isfinite(result).all()
        assert 0 <= result.min() <= result.max() <= 1


@pytest.mark.parametrize("quantity", ["brightness", "contrast", "warmth"])
def test_black_and_white_stay(quantity):
    ends = np.zeros((4, 4, 3), np.float32)
    ends[2:] = 1
    result = adjust(ends, Adjustment(quantity, 0.5), 1.0)
    assert np.allclose(result, ends, atol=0.12)


def test_no_saturation_is_grey(picture):
    grey = adjust(picture, Adjustment("saturation", -1.0), 1.0)
    assert np.ptp(grey, axis=2).max() < 0.01
