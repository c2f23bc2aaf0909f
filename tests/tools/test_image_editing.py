"""The typed tool of module C: what it finds, what it may touch, how it ends."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ImageCms

from tests.ingest import samples
from tests.tools.editing_scenes import EXCHANGED, ColorSegmentation, disc, ground, with_thing
from vitron_agent.artifacts import ArtifactStore
from vitron_agent.errors import ExpertError, TurnCancelled, VerificationError, WrongMediaError
from vitron_agent.ingest import ingest
from vitron_agent.messages import Input, Module, Operation, Region, Role, make_invocation
from vitron_agent.tools.backends.embedded.editing.backend import EmbeddedEditing
from vitron_agent.tools.base import Backend, Expert, Job
from vitron_agent.tools.guarantee import grown
from vitron_agent.tools.image_editing import Edit, EditingBackend, ImageEditingExpert
from vitron_agent.tools.verify import verify_outputs

WHOLE = [(Operation.STYLE, "monochrome"), (Operation.ADJUST, "brightness more")]
PARTS = [
    (Operation.REMOVE, ""),
    (Operation.MOVE, "left 20%"),
    (Operation.RECOLOR, "blue"),
    (Operation.BACKGROUND, "blur"),
    (Operation.BACKGROUND, "white"),
    (Operation.BACKGROUND, "remove"),
    (Operation.STYLE, "pixelate"),
    (Operation.STYLE, "negative"),
    (Operation.ADJUST, "brightness less 50%"),
]
SOURCED = [(Operation.ADD, "top left"), (Operation.REPLACE, "green"), (Operation.BACKGROUND, "")]


class Bench:
    """One store, one expert."""

    def __init__(self, store, backend=None):
        self.store = store
        self.segmentation = ColorSegmentation()
        self.expert = ImageEditingExpert(backend or EmbeddedEditing(), self.segmentation)

    def job(self, operation, value="", *, target="red", base=None, cancelled=lambda: False, regions=(), **inputs):
        refs = {Role.BASE: self.store.put_image(base)}
        handles = [Input(role=Role.BASE, handle="image-1")]
        for number, (role, array) in enumerate(inputs.items(), 2):
            put = self.store.put_mask if array.dtype == np.bool_ else self.store.put_image
            refs[Role(role)] = put(array)
            handles.append(Input(role=Role(role), handle=f"image-{number}"))
        invocation = make_invocation(
            Module.IMAGE_EDITING, operation, target=target, value=value, inputs=tuple(handles), regions=regions
        )
        return Job(invocation=invocation, inputs=refs, store=self.store, cancelled=cancelled)

    def run(self, operation, value="", **fields):
        return self.ran(self.job(operation, value, **fields))

    def ran(self, job):
        """The job's outcome, verified as the graph does it: (result, area, outcome)."""
        outcome = self.expert.run(job)
        assert outcome.status == "done"
        put = {"image": self.store.put_image, "mask": self.store.put_mask}
        refs = {item.slot: put[item.kind](item.value) for item in outcome.outputs}
        assert verify_outputs(job, refs) == "done"
        values = {item.slot: item.value for item in outcome.outputs}
        return values["image"], values.get("area"), outcome


@pytest.fixture
def bench(store):
    return Bench(store)


def scene(height=60, width=80, channels=3, dtype=np.uint8):
    mask = disc(height, width, height * 0.45, width * 0.55, min(height, width) * 0.2)
    return with_thing(ground(height, width, channels, dtype), mask), mask


def assert_outside_untouched(base, result, area):
    assert result.dtype == base.dtype
    assert result.shape[:2] == base.shape[:2]
    assert np.array_equal(result[~area][:, : base.shape[2]], base[~area])
    assert not np.array_equal(result, base)


def test_the_seams_fit(bench):
    assert isinstance(bench.expert, Expert)
    assert isinstance(bench.expert.backend, EditingBackend)
    assert isinstance(bench.expert.backend, Backend)


FORMS = [(61, 79, 3, np.uint8), (61, 79, 4, np.uint8), (37, 53, 3, np.uint16), (53, 38, 4, np.uint16)]


@pytest.mark.parametrize(("height", "width", "channels", "dtype"), FORMS)
@pytest.mark.parametrize(("operation", "value"), PARTS)
def test_every_masked_edit_changes_inside_and_nothing_outside(bench, operation, value, height, width, channels, dtype):
    base, mask = scene(height, width, channels, dtype)
    result, area, _ = bench.run(operation, value, base=base, mask=mask)
    assert_outside_untouched(base, result, area)


@pytest.mark.parametrize(("height", "width", "channels", "dtype"), FORMS)
@pytest.mark.parametrize(("operation", "value"), SOURCED)
def test_every_edit_from_another_picture_changes_inside_and_nothing_outside(
    bench, operation, value, height, width, channels, dtype
):
    base, _ = scene(height, width, channels, dtype)
    source = with_thing(ground(50, 70, seed=3), disc(50, 70, 25, 35, 12), "green")
    target = "green" if operation is Operation.ADD else "red"
    result, area, _ = bench.run(operation, value, target=target, base=base, source=source)
    assert_outside_untouched(base, result, area)


@pytest.mark.parametrize("shape", [(40, 1), (1, 40), (1, 1), (2, 3)])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(("operation", "value"), PARTS)
def test_pictures_of_a_few_pixels_are_edited_too(bench, operation, value, channels, shape):
    height, width = shape
    base = ground(height, width, channels)
    mask = np.zeros(shape, np.bool_)
    mask[height // 2, width // 2] = True
    base = with_thing(base, mask)
    job = bench.job(operation, value, base=base, mask=mask)
    if max(shape) < 4 and operation in (Operation.REMOVE, Operation.MOVE):
        with pytest.raises(ExpertError, match="covers the whole picture"):
            bench.expert.run(job)
        return
    result, *areas = (item.value for item in bench.expert.run(job).outputs)
    assert result.shape[:2] == shape
    assert np.array_equal(result[~areas[0]][:, :channels], base[~areas[0]])


@pytest.mark.parametrize(("operation", "value"), WHOLE)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_whole_picture_edit_has_no_area_and_keeps_the_alpha(bench, operation, value, dtype):
    base, mask = scene(channels=4, dtype=dtype)
    base[..., 3] = np.where(mask, np.iinfo(dtype).max, 77)
    result, area, _ = bench.run(operation, value, target="", base=base)
    assert area is None
    assert np.array_equal(result[..., 3], base[..., 3])
    assert not bench.segmentation.prompts


@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_mask_on_any_size_holds_the_guarantee(tmp_path_factory, data):
    height, width = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    operation, value = data.draw(st.sampled_from(PARTS))
    spots = data.draw(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.3)), min_size=1, max_size=4))
    mask = np.zeros((height, width), np.bool_)
    for y, x, radius in spots:
        mask |= disc(height, width, y * (height - 1), x * (width - 1), radius * min(height, width))
    base = with_thing(ground(height, width, data.draw(st.sampled_from([3, 4]))), mask)
    bench = Bench(ArtifactStore("memory://"))
    job = bench.job(operation, value, base=base, mask=mask)
    try:
        outcome = bench.expert.run(job)
    except ExpertError:
        assert grown(mask, 3).all()  # nothing is left to fill from
        return
    result, area = (item.value for item in outcome.outputs)
    assert np.array_equal(result[~area][:, : base.shape[2]], base[~area])


def test_ingested_pictures_of_every_kind_hold_the_guarantee(bench):
    picture, mask = scene(46, 62)
    files = {
        "palette": samples.encoded(picture, "PNG", mode="P"),
        "cmyk": samples.encoded(picture, "JPEG", mode="CMYK", quality=95, icc_profile=samples.cmyk_profile()),
        "rotated": samples.encoded(picture, "JPEG", exif=samples.exif(6), quality=95),
        "deep": samples.png(picture.astype(np.uint16) * 257, 2),
        "alpha": samples.png(np.dstack([picture, np.full(mask.shape, 200, np.uint8)]), 6),
    }
    for kind, data in files.items():
        base = bench.store.image(ingest(data, store=bench.store))
        inside = np.rot90(mask, 3) if kind == "rotated" else mask
        assert base.shape[:2] == inside.shape
        for operation, value in PARTS[:4]:
            result, area, _ = bench.run(operation, value, base=base, mask=np.ascontiguousarray(inside))
            assert_outside_untouched(base, result, area)


def test_an_icc_profile_goes_on(bench, store):
    base, mask = scene()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    job = bench.job(Operation.RECOLOR, "blue", base=base, mask=mask)
    job = Job(invocation=job.invocation, store=store, inputs=job.inputs | {Role.BASE: store.put_image(base, profile)})
    assert bench.expert.run(job).outputs[0].icc == profile


def test_another_picture_keeps_its_colours_in_the_bases_profile(bench, store):
    base, _ = scene()
    source = with_thing(ground(60, 80, seed=3), disc(60, 80, 10, 10, 9), "green")
    expected, _, _ = bench.run(Operation.BACKGROUND, base=base, source=source)
    job = bench.job(Operation.BACKGROUND, base=base, source=source)
    exchanged = store.put_image(np.ascontiguousarray(source[..., [1, 0, 2]]), EXCHANGED)
    job = Job(invocation=job.invocation, store=store, inputs=job.inputs | {Role.SOURCE: exchanged})
    assert np.abs(bench.ran(job)[0].astype(int) - expected).max() <= 3


def test_the_target_is_found_by_its_words(bench):
    base, mask = scene()
    result, area, outcome = bench.run(Operation.RECOLOR, "blue", base=base)
    assert bench.segmentation.prompts[0].phrase == "red"
    assert (area & mask).sum() == mask.sum()
    assert area.sum() < 2.5 * mask.sum()
    assert outcome.findings[0].label == "red"
    assert result[mask].mean(axis=0).argmax() == 2


@pytest.mark.parametrize("value", ["", "here"])
def test_what_was_drawn_first_moves_to_what_was_drawn_last(bench, value):
    base, mask = scene()
    thing, place = Region.box(0.3, 0.1, 0.8, 0.9), Region.points([(0.12, 0.8)])
    result, _, _ = bench.run(Operation.MOVE, value, target="", base=base, regions=(thing, place))
    assert result[48, 10].argmax() == 0
    assert np.ptp(result[48, 10].astype(int)) > 100
    assert np.ptp(result[mask].astype(int), axis=1).mean() < 60


def test_what_is_not_there_is_not_found(bench):
    base, _ = scene()
    outcome = bench.expert.run(bench.job(Operation.REMOVE, target="green", base=base))
    assert outcome.status == "not_found"
    assert outcome.notes == ("no green here",)
    assert outcome.outputs == ()


def test_an_anchor_that_is_not_there_is_not_found(bench):
    base, _ = scene()
    outcome = bench.expert.run(bench.job(Operation.MOVE, "next to the green", base=base))
    assert outcome.status == "not_found"


def test_a_mask_of_another_size_is_refused(bench):
    base, mask = scene()
    with pytest.raises(WrongMediaError, match="the mask is 79 x 60, the picture 80 x 60"):
        bench.expert.run(bench.job(Operation.REMOVE, base=base, mask=np.ascontiguousarray(mask[:, 1:])))
    with pytest.raises(WrongMediaError, match="empty"):
        bench.expert.run(bench.job(Operation.REMOVE, base=base, mask=np.zeros_like(mask)))


def test_a_cancelled_turn_stops(bench):
    base, mask = scene()
    with pytest.raises(TurnCancelled):
        bench.expert.run(bench.job(Operation.REMOVE, base=base, mask=mask, cancelled=lambda: True))


def test_the_same_seed_gives_the_same_bits(bench):
    base, mask = scene()
    for operation, value in [*PARTS, (Operation.STYLE, "watercolor"), (Operation.BACKGROUND, "blue to white gradient")]:
        first, _, _ = bench.run(operation, value, base=base, mask=mask)
        second, _, _ = bench.run(operation, value, base=base, mask=mask)
        assert np.array_equal(first, second)


class BadBackend(EmbeddedEditing):
    """Does what a broken backend might."""

    def __init__(self, spoil):
        super().__init__()
        self.spoil = spoil

    def edit(self, request):
        return Edit(self.spoil(super().edit(request).image))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda image: np.roll(image, 2, axis=1), "shifted or scaled"),
        (lambda image: np.roll(image, -1, axis=0), "shifted or scaled"),
        (lambda image: image[1:], "an edit keeps the size"),
        (lambda image: image[::2, ::2], "an edit keeps the size"),
        (lambda image: image.astype(np.uint16) * 257, "an edit keeps the depth"),
        (lambda image: image[..., :1], "an edit keeps the channels"),
        (lambda image: image[..., 0], "an edit keeps the size"),
    ],
)
def test_a_backend_that_breaks_the_frame_is_caught(store, spoil, message):
    base, mask = scene(200, 240)
    bench = Bench(store, BadBackend(spoil))
    with pytest.raises(VerificationError, match=message):
        bench.expert.run(bench.job(Operation.RECOLOR, "blue", base=base, mask=mask))


def test_a_backend_that_paints_outside_is_corrected(store):
    base, mask = scene()
    bench = Bench(store, BadBackend(lambda image: 255 - image))
    result, area, _ = bench.run(Operation.RECOLOR, "blue", base=base, mask=mask)
    assert_outside_untouched(base, result, area)


def test_drawings_on_the_source_are_not_on_the_base(bench):
    base, _ = scene()
    source = with_thing(ground(50, 70, seed=3), disc(50, 70, 15, 15, 8), "green")
    source = with_thing(source, disc(50, 70, 30, 50, 8), "green")
    region = Region.box(0.5, 0.3, 0.95, 0.95, source="image-2")
    _, area, _ = bench.run(Operation.ADD, "top left", target="green", base=base, source=source, regions=(region,))
    assert bench.segmentation.prompts[0].regions == (region,)
    assert area[:30, :40].any()
    assert not area[45:].any()
