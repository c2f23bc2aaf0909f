import pytest

from vitron_agent.messages import Input, Module, Operation, Region, Role, make_invocation
from vitron_agent.tools.backends.embedded.editing.backend import EmbeddedEditing

BASE = Input(role=Role.BASE, handle="image-1")
SOURCE = Input(role=Role.SOURCE, handle="image-2")


def refused(operation, target="", value="", *, source=False, regions=()):
    inputs = (BASE, SOURCE) if source else (BASE,)
    invocation = make_invocation(
        Module.IMAGE_EDITING, operation, target=target, value=value, inputs=inputs, regions=regions
    )
    return EmbeddedEditing().refuse(invocation)


@pytest.mark.parametrize(
    ("operation", "target", "value"),
    [
        (Operation.REPLACE, "sofa", "bench"),
        (Operation.ADD, "cat", "on the sofa"),
        (Operation.BACKGROUND, "", "beach"),
        (Operation.STYLE, "", "van gogh"),
    ],
)
def test_what_needs_a_generator_names_the_profile_that_has_one(operation, target, value):
    reason = refused(operation, target, value)
    assert reason is not None
    assert "'hub'" in reason


@pytest.mark.parametrize(
    ("operation", "target", "value"),
    [
        (Operation.REPLACE, "sofa", "bench"),
        (Operation.ADD, "cat", "on the sofa"),
        (Operation.ADD, "cat", ""),
        (Operation.BACKGROUND, "", ""),
        (Operation.BACKGROUND, "", "beach"),
    ],
)
def test_another_picture_makes_it_possible(operation, target, value):
    assert refused(operation, target, value, source=True) is None


@pytest.mark.parametrize(
    ("operation", "value"),
    [
        (Operation.REMOVE, ""),
        (Operation.RECOLOR, "burnt orange"),
        (Operation.RECOLOR, "#ff8800"),
        (Operation.BACKGROUND, "blur"),
        (Operation.BACKGROUND, "remove"),
        (Operation.BACKGROUND, "pale blue"),
        (Operation.BACKGROUND, "blue to white gradient"),
        (Operation.MOVE, "left 20%"),
        (Operation.MOVE, "next to the tree"),
        (Operation.STYLE, "black and white"),
        (Operation.ADJUST, "contrast less 30%"),
    ],
)
def test_what_it_can_do_it_takes(operation, value):
    assert refused(operation, "thing", value) is None


def test_an_unknown_colour_is_refused_with_near_ones():
    reason = refused(Operation.RECOLOR, "car", "turqoise")
    assert "'turqoise' is no colour" in reason
    assert "turquoise" in reason


def test_an_unknown_adjustment_is_refused_with_the_known_ones():
    assert "brightness, contrast, saturation, warmth or sharpness" in refused(Operation.ADJUST, "", "prettier more")


def test_an_unknown_style_is_refused_with_the_known_ones():
    assert "watercolor" in refused(Operation.STYLE, "", "ukiyo-e")


def test_a_move_must_say_where():
    assert "a direction with an amount" in refused(Operation.MOVE, "dog", "sideways")
    assert refused(Operation.MOVE, "dog", "here") is not None


@pytest.mark.parametrize("value", ["", "here"])
def test_a_move_to_a_drawing_must_say_what_too(value):
    one, two = (Region.box(0, 0, 0.5, 0.5),), (Region.box(0, 0, 0.5, 0.5), Region.points([(0.9, 0.9)]))
    assert refused(Operation.MOVE, "dog", value, regions=one) is None
    assert refused(Operation.MOVE, "", value, regions=two) is None
    assert "draw first the thing" in refused(Operation.MOVE, "", value, regions=one)


def test_an_added_thing_must_have_a_known_place():
    assert "between two chairs" in refused(Operation.ADD, "dog", "between two chairs", source=True)


@pytest.mark.parametrize("words", ["the background", "everything else", "the rest", "Surroundings"])
def test_removing_the_background_is_another_operation(words):
    assert "background => remove" in refused(Operation.REMOVE, words)
