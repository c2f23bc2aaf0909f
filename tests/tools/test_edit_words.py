import pytest

from vitron_agent.tools.edit_words import (
    A_BIT,
    Amount,
    Beside,
    Shift,
    Spot,
    bare,
    is_here,
    means_transparent,
    read_placement,
    take_amount,
)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("left", Shift(-1, 0)),
        ("left 20%", Shift(-1, 0, Amount(0.2))),
        ("up 100px", Shift(0, -1, Amount(100, "px"))),
        ("to the right by 30 pixels", Shift(1, 0, Amount(30, "px"))),
        ("down a touch", Shift(0, 1, Amount(A_BIT))),
        ("up and left 10%", Shift(-1, -1, Amount(0.1))),
        ("by half to the left", Shift(-1, 0, Amount(0.5))),
        ("the left side", Spot(0.0, None)),
        ("center", Spot(0.5, 0.5)),
        ("in the middle of the frame", Spot(0.5, 0.5)),
        ("Top right", Spot(1.0, 0.0)),
        ("next to the tree", Beside("beside", "tree")),
        ("on top of the old wall", Beside("on", "old wall")),
    ],
)
def test_where_a_move_goes(words, meant):
    assert read_placement(words, moving=True) == meant


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("left", Spot(0.0, None)),
        ("to the left", Spot(0.0, None)),
        ("on the left", Spot(0.0, None)),
        ("in the top right corner", Spot(1.0, 0.0)),
        ("bottom", Spot(None, 1.0)),
        ("on the sofa", Beside("on", "sofa")),
        ("to the left of the dog", Beside("left", "dog")),
        ("on the right side of the table", Beside("right", "table")),
        ("in front of a car", Beside("front", "car")),
        ("behind the fence", Beside("behind", "fence")),
        ("underneath the bridge", Beside("below", "bridge")),
        ("by the front door", Beside("beside", "front door")),
    ],
)
def test_where_something_is_added(words, meant):
    assert read_placement(words, moving=False) == meant


@pytest.mark.parametrize("words", ["between the two trees", "2 cm left", "sideways", "quickly"])
def test_a_place_that_nobody_knows_is_none(words):
    assert read_placement(words, moving=True) is None


@pytest.mark.parametrize(
    ("words", "amount", "rest"),
    [
        ("more 30%", Amount(0.3), "more"),
        ("more 12.5 percent", Amount(0.125), "more"),
        ("less 0.25", Amount(0.25), "less"),
        ("more a bit", Amount(A_BIT), "more"),
        ("left 40 px", Amount(40, "px"), "left"),
        ("more", None, "more"),
    ],
)
def test_amounts_are_taken_out_of_the_words(words, amount, rest):
    found, left = take_amount(words)
    assert left == rest
    assert (found is None) == (amount is None)
    if found and amount:
        assert found.number == pytest.approx(amount.number)
        assert found.unit == amount.unit


def test_an_amount_is_of_something():
    assert Amount(0.25).of(200) == 50
    assert Amount(30, "px").of(200) == 30


def test_small_words():
    assert bare("The old car") == "old car"
    assert bare("theory") == "theory"
    assert is_here(" Here ")
    assert not is_here("on the sofa")
    assert means_transparent("Transparent background.")
    assert not means_transparent("blur")
