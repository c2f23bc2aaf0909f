import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.editing_scenes import disc
from vitron_agent.tools.backends.embedded.editing.placing import added, fitted, moved, stands
from vitron_agent.tools.edit_words import Amount, Beside, Shift, Spot

WIDTH, HEIGHT = 200, 100
THING = (80, 40, 100, 60)
SOFA = np.zeros((HEIGHT, WIDTH), np.bool_)
SOFA[50:80, 100:180] = True


def move(placement, *, anchor=None, place=None, thing=THING):
    return moved(thing, WIDTH, HEIGHT, placement, anchor, place)


def add(placement, *, anchor=None, place=None, thing=(40, 30), share=0.3):
    return added(thing, share, WIDTH, HEIGHT, placement, anchor, place)


@pytest.mark.parametrize(
    ("shift", "corner"),
    [
        (Shift(-1, 0), (30, 40)),
        (Shift(1, 0, Amount(0.1)), (100, 40)),
        (Shift(0, -1, Amount(15, "px")), (80, 25)),
        (Shift(1, 1, Amount(0.1)), (100, 50)),
        (Shift(1, 0, Amount(5000, "px")), (180, 40)),
    ],
)
def test_shifts(shift, corner):
    frame = move(shift)
    assert (frame.left, frame.top) == corner
    assert (frame.width, frame.height) == (20, 20)


def test_spots():
    assert move(Spot(0.5, 0.5)).box == (90, 40, 110, 60)
    assert move(Spot(0.0, None)).box == (8, 40, 28, 60)
    corner = move(Spot(1.0, 0.0))
    assert corner.left > 160
    assert corner.top < 10


placements = st.one_of(
    st.builds(Shift, st.sampled_from([-1, 0, 1]), st.sampled_from([-1, 0, 1]), st.builds(Amount, st.floats(0, 3))),
    st.builds(Spot, st.sampled_from([None, 0.0, 0.5, 1.0]), st.sampled_from([None, 0.0, 0.5, 1.0])),
    st.builds(
        Beside,
        st.sampled_from(["on", "in", "left", "right", "above", "below", "beside", "front", "behind"]),
        st.sampled_from(["sofa", "tree", "grass"]),
    ),
)


@given(placements, st.integers(0, 180), st.integers(0, 90), st.integers(1, 60), st.integers(1, 40))
def test_what_moves_keeps_its_size_and_stays_inside(placement, left, top, wide, high):
    thing = (left, top, min(left + wide, WIDTH), min(top + high, HEIGHT))
    frame = move(placement, anchor=SOFA, thing=thing)
    assert (frame.width, frame.height) == (thing[2] - thing[0], thing[3] - thing[1])
    assert 0 <= frame.left <= WIDTH - frame.width
    assert 0 <= frame.top <= HEIGHT - frame.height


@given(placements, st.integers(1, 900), st.integers(1, 900), st.floats(0.01, 1))
def test_what_is_added_fits_and_keeps_its_shape(placement, wide, high, share):
    placement = None if isinstance(placement, Shift) else placement
    frame = add(placement, anchor=SOFA, thing=(wide, high), share=share)
    assert frame.left >= 0
    assert frame.top >= 0
    assert frame.left + frame.width <= WIDTH
    assert frame.top + frame.height <= HEIGHT
    assert frame.width <= 2 * wide + 1
    if min(frame.width, frame.height) > 8:
        assert frame.width / frame.height == pytest.approx(wide / high, rel=0.15)


def test_relations():
    foot = {relation: add(Beside(relation, "sofa"), anchor=SOFA) for relation in ("left", "right", "above", "below")}
    assert foot["left"].box[2] <= 100
    assert foot["right"].box[0] >= 180 or foot["right"].box[2] == WIDTH
    assert foot["above"].box[3] <= 50
    assert foot["below"].box[1] >= 80 or foot["below"].box[3] == HEIGHT
    assert add(Beside("beside", "sofa"), anchor=SOFA).box[2] <= 100  # there is more room on the left
    inside = add(Beside("in", "sofa"), anchor=SOFA).box
    assert 100 <= inside[0] < inside[2] <= 180


def test_things_sit_on_seats_and_stand_on_tables():
    seat, table = add(Beside("on", "sofa"), anchor=SOFA), add(Beside("on", "table"), anchor=SOFA)
    assert 62 <= seat.box[3] <= 75
    assert 50 <= table.box[3] <= 58
    assert 100 <= seat.left < seat.left + seat.width <= 180


def test_a_drawn_box_says_where_and_how_large():
    place = np.zeros((HEIGHT, WIDTH), np.bool_)
    place[20:60, 30:90] = True
    frame = add(None, place=place, thing=(30, 20))
    assert frame.box == (30, 20, 90, 60)
    click = disc(HEIGHT, WIDTH, 50, 50, 1)
    assert add(None, place=click, share=0.3).height == 30
    assert move(None, place=place).box == (50, 30, 70, 50)


def test_replacements_stand_where_the_old_thing_stood():
    assert fitted((20, 10), (0, 0, 40, 60)).box == (0, 40, 40, 60)
    assert fitted((10, 40), (0, 0, 40, 20)).box == (18, 0, 22, 20) or fitted((10, 40), (0, 0, 40, 20)).height == 20


def test_what_stands():
    assert stands(Beside("on", "sofa"))
    assert not stands(Beside("above", "sofa"))
    assert not stands(Spot(0.5, 0.0))
