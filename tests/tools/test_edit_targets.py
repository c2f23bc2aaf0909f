"""Which masks an edit's words, drawings and inputs come to."""

from dataclasses import replace

import numpy as np
import pytest

from tests.tools.editing_scenes import ColorSegmentation, disc, ground, with_thing
from vitron_agent.messages import Input, Module, Operation, Region, Role, make_invocation
from vitron_agent.tools.base import Job
from vitron_agent.tools.edit_targets import EditTargets, NothingFoundError
from vitron_agent.tools.edit_words import Beside, Shift
from vitron_agent.tools.regions import rasterise

HEIGHT, WIDTH = 60, 80
THING = disc(HEIGHT, WIDTH, 20, 30, 9)
OTHER = disc(HEIGHT, WIDTH, 40, 60, 9)
SIGNAL = {"shared": np.ones((2, 3), np.float16), "private": np.zeros((1, 3), np.float16)}
TOLD = np.concatenate([SIGNAL["shared"], SIGNAL["private"]]).astype(np.float32)


@pytest.fixture
def targets_of(store):
    base = with_thing(with_thing(ground(HEIGHT, WIDTH), THING), OTHER, "blue")
    source = with_thing(ground(50, 40, seed=2), disc(50, 40, 25, 20, 8), "green")

    def make(
        operation, *, target="", value="", regions=(), mask=None, source_picture=None, with_source=False,
        reference=None, channels=None,
    ):  # fmt: skip
        refs = {Role.BASE: store.put_image(base)}
        inputs = [Input(role=Role.BASE, handle="image-1")]
        if with_source or source_picture is not None:
            refs[Role.SOURCE] = store.put_image(source if source_picture is None else source_picture)
            inputs.append(Input(role=Role.SOURCE, handle="image-2"))
        if reference is not None:
            refs[Role.REFERENCE] = store.put_image(reference)
            inputs.append(Input(role=Role.REFERENCE, handle="image-3"))
        if mask is not None:
            refs[Role.MASK] = store.put_mask(mask)
            inputs.append(Input(role=Role.MASK, handle="mask-1"))
        invocation = make_invocation(
            Module.IMAGE_EDITING, operation, target=target, value=value, inputs=tuple(inputs), regions=regions
        )
        job = Job(invocation=invocation, inputs=refs, store=store)
        segmentation = ColorSegmentation()
        if channels is not None:
            job, segmentation.consumes_signals = replace(job, signal=SIGNAL, channels=channels), True
        return EditTargets(job, segmentation)

    return make


def test_a_given_mask_comes_before_words(targets_of):
    assert np.array_equal(targets_of(Operation.REMOVE, target="blue", mask=THING).mask(), THING)


def test_a_phrase_is_segmented(targets_of):
    targets = targets_of(Operation.REMOVE, target="blue")
    assert np.array_equal(targets.mask(), OTHER)
    assert [finding.label for finding in targets.findings] == ["blue"]


def test_a_phrase_with_a_drawing_means_the_thing_there(targets_of):
    region = Region.box(0.5, 0.4, 1, 1)
    assert np.array_equal(targets_of(Operation.RECOLOR, target="thing", regions=(region,)).mask(), OTHER)


@pytest.mark.parametrize("operation", [Operation.STYLE, Operation.ADJUST])
def test_nothing_said_means_the_whole_picture_for_looks(targets_of, operation):
    assert targets_of(operation).mask() is None
    assert targets_of(operation, target="red").mask() is not None


def test_nothing_said_means_the_main_subject_for_backgrounds(targets_of):
    targets = targets_of(Operation.BACKGROUND, value="blur")
    assert np.array_equal(targets.mask(), THING | OTHER)
    prompt = targets._segmentation.prompts[0]
    assert (prompt.phrase, prompt.regions, prompt.reference) == ("", (), None)


@pytest.mark.parametrize("words", ["background", "the background", "The rest.", "everything else"])
def test_another_background_goes_behind_the_subject_also_where_the_target_says_so(targets_of, words):
    targets = targets_of(Operation.BACKGROUND, target=words, value="blur")
    assert np.array_equal(targets.mask(), targets_of(Operation.BACKGROUND, value="blur").mask())


@pytest.mark.parametrize("words", ["background", "the background", "everything else"])
def test_the_background_is_what_the_subject_is_not(targets_of, words):
    assert np.array_equal(targets_of(Operation.STYLE, target=words, value="sepia").mask(), ~(THING | OTHER))


def test_the_subject_may_be_called_so(targets_of):
    targets = targets_of(Operation.ADJUST, target="foreground", value="brightness more")
    assert np.array_equal(targets.mask(), THING | OTHER)


def test_polygons_and_masks_are_taken_as_drawn(targets_of, store):
    triangle = Region.polygon([(0, 0), (0.5, 0), (0, 0.5)])
    targets = targets_of(Operation.REMOVE, target="blue", regions=(triangle, Region.mask(store.put_mask(OTHER).id)))
    mask = targets.mask()
    assert mask[5, 5]
    assert (mask & OTHER).sum() == OTHER.sum()
    assert not targets._segmentation.prompts


def test_boxes_and_strokes_on_nothing_known_are_taken_as_drawn(targets_of):
    region = Region.box(0.8, 0, 1, 0.3)
    targets = targets_of(Operation.RECOLOR, target="thing", regions=(region,))
    mask = targets.mask()
    assert mask.sum() == 16 * 18
    assert "exactly what was drawn" in targets.notes[0]


def test_a_click_on_nothing_known_is_not_found(targets_of):
    with pytest.raises(NothingFoundError):
        targets_of(Operation.RECOLOR, regions=(Region.points([(0.95, 0.05)]),)).mask()


def test_who_boxes_something_wants_it_gone_even_if_only_a_scrap_is_recognised(targets_of):
    scrap = Region.box(0.4, 0.0, 1, 0.45)  # holds a bit of the red disc
    assert targets_of(Operation.REMOVE, regions=(scrap,)).mask()[5, 70]
    whole = Region.box(0.2, 0.1, 0.55, 0.6)
    assert np.array_equal(targets_of(Operation.REMOVE, regions=(whole,)).mask(), THING)
    assert not targets_of(Operation.RECOLOR, regions=(scrap,)).mask()[5, 70]


def test_an_added_thing_comes_from_the_source(targets_of):
    targets = targets_of(Operation.ADD, target="green", value="on the blue", with_source=True)
    assert targets.mask() is None
    assert targets.source_mask().shape == (50, 40)
    assert targets.placement == Beside("on", "blue")
    assert np.array_equal(targets.anchor(), OTHER)


def test_a_replacement_is_named_by_the_value(targets_of):
    targets = targets_of(Operation.REPLACE, target="red", value="the green one", with_source=True)
    assert np.array_equal(targets.mask(), THING)
    assert targets.source_mask().any()
    assert targets._segmentation.prompts[-1].phrase == "green one"


def test_a_mask_of_the_sources_size_is_about_the_source(targets_of):
    given = disc(50, 40, 10, 10, 5)
    added = targets_of(Operation.ADD, target="green", with_source=True, mask=given)
    assert np.array_equal(added.source_mask(), given)
    assert added.place() is None
    replaced = targets_of(Operation.REPLACE, target="red", with_source=True, mask=given)
    assert np.array_equal(replaced.source_mask(), given)
    assert np.array_equal(replaced.mask(), THING)


def test_a_mask_of_the_bases_size_says_where_to_add(targets_of):
    targets = targets_of(Operation.ADD, target="green", with_source=True, mask=OTHER)
    assert np.array_equal(targets.place(), OTHER)
    assert targets.source_mask().any()


def test_a_cut_out_source_needs_no_segmenting(targets_of):
    cutout = np.dstack([ground(50, 40), np.where(disc(50, 40, 25, 20, 8), 255, 0).astype(np.uint8)])
    targets = targets_of(Operation.ADD, target="whatever", source_picture=cutout)
    assert np.array_equal(targets.source_mask(), disc(50, 40, 25, 20, 8))
    assert not targets._segmentation.prompts


def test_drawings_say_where_something_is_added(targets_of):
    region = Region.box(0.1, 0.5, 0.3, 0.9)
    targets = targets_of(Operation.ADD, target="green", value="here", with_source=True, regions=(region,))
    assert targets.place().sum() == 16 * 24
    assert targets.placement is None


def test_a_drawing_is_the_thing_or_the_place_of_a_move(targets_of):
    region = Region.box(0.5, 0.4, 1, 1)
    thing = targets_of(Operation.MOVE, value="left", regions=(region,))
    assert np.array_equal(thing.mask(), OTHER)
    assert thing.place() is None
    assert thing.placement == Shift(-1, 0)
    place = targets_of(Operation.MOVE, target="red", value="here", regions=(region,))
    assert np.array_equal(place.mask(), THING)
    assert place.place().any()
    assert place.placement is None


@pytest.mark.parametrize("value", ["", "here", "over there"])
@pytest.mark.parametrize("target", ["", "thing"])
def test_of_two_drawings_the_first_is_the_thing_that_moves_and_the_last_its_place(targets_of, target, value):
    first, last = Region.box(0.5, 0.4, 1, 1), Region.box(0, 0, 0.25, 0.25)
    targets = targets_of(Operation.MOVE, target=target, value=value, regions=(first, last))
    assert np.array_equal(targets.mask(), OTHER)
    assert np.array_equal(targets.place(), rasterise(last, WIDTH, HEIGHT))


def test_a_reference_picture_shows_what_is_edited_and_nothing_else(targets_of):
    reference = ground(9, 9)
    targets = targets_of(Operation.MOVE, target="red", value="next to the blue", reference=reference)
    targets.mask()
    targets.anchor()
    edited, anchor = targets._segmentation.prompts
    assert np.array_equal(edited.reference, reference)
    assert (anchor.phrase, anchor.reference, anchor.reference_id) == ("blue", None, "")


# -- signals ----------------------------------------------------------------------------------------------------------


def told(targets):
    """The words and whether signals came with them, of all that was looked for."""
    found = []
    for prompt in targets._segmentation.prompts:
        assert prompt.signals is None or np.array_equal(prompt.signals, TOLD)
        found.append((prompt.phrase, prompt.signals is not None))
    return found


@pytest.mark.parametrize(
    ("channels", "edited"), [("text", ("red", False)), ("signal", ("", True)), ("hybrid", ("red", True))]
)
def test_the_signal_is_that_of_the_target_and_an_anchor_has_words_alone(targets_of, channels, edited):
    targets = targets_of(Operation.MOVE, target="red", value="next to the blue", channels=channels)
    targets.mask()
    targets.anchor()
    assert told(targets) == [edited, ("blue", False)]


@pytest.mark.parametrize("channels", ["text", "signal", "hybrid"])
def test_a_thing_in_the_source_is_known_by_its_words(targets_of, channels):
    added = targets_of(Operation.ADD, target="green", value="on the blue", with_source=True, channels=channels)
    added.source_mask()
    added.anchor()
    assert told(added) == [("green", False), ("blue", False)]
    replaced = targets_of(Operation.REPLACE, target="red", value="the green one", with_source=True, channels=channels)
    replaced.source_mask()
    assert [signals for _, signals in told(replaced)] == [False]


def test_a_drawing_goes_with_the_signal_of_what_it_is_on(targets_of):
    region = Region.box(0.5, 0.4, 1, 1)
    targets = targets_of(Operation.RECOLOR, target="thing", regions=(region,), channels="hybrid")
    targets.mask()
    assert told(targets) == [("thing", True)]


@pytest.mark.parametrize("channels", ["text", "signal", "hybrid"])
@pytest.mark.parametrize("target", ["", "the background", "foreground"])
def test_the_main_subject_is_meant_by_no_signal(targets_of, target, channels):
    targets = targets_of(Operation.BACKGROUND, target=target, value="blur", channels=channels)
    targets.mask()
    assert told(targets) == [("", False)]
