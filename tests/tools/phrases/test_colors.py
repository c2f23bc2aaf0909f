import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitron_agent.tools.phrases.colors import COLORS, color_shares


@pytest.mark.parametrize(
    ("rgb", "name"),
    [((255, 0, 0), "red"), ((200, 20, 30), "red"), ((255, 140, 0), "orange"), ((255, 230, 20), "yellow"),
     ((20, 160, 40), "green"), ((30, 60, 220), "blue"), ((120, 30, 180), "purple"), ((255, 120, 190), "pink"),
     ((110, 65, 30), "brown"), ((250, 250, 250), "white"), ((128, 128, 128), "gray"), ((10, 10, 12), "black"),
     ((255, 190, 200), "pink"), ((60, 60, 60), "gray"), ((135, 206, 235), "blue")],
)  # fmt: skip
def test_colours_are_called_what_people_call_them(rgb, name):
    shares = color_shares(np.full((3, 4, 3), rgb, np.uint8))
    assert shares[name] == 1


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=50))
def test_shares_add_up_to_one(pixels):
    shares = color_shares(np.array(pixels, np.uint8))
    assert tuple(shares) == COLORS
    assert sum(shares.values()) == pytest.approx(1)


def test_shares_are_shares_of_pixels():
    picture = np.zeros((10, 10, 3), np.uint8)
    picture[:, :3] = (255, 0, 0)
    assert color_shares(picture)["red"] == pytest.approx(0.3)
    assert color_shares(picture)["black"] == pytest.approx(0.7)
