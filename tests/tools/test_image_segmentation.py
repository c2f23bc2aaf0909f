from dataclasses import replace

import numpy as np
import pytest
from PIL import ImageCms
from skimage import data

from vitron_agent.artifacts import ArtifactStore
from vitron_agent.errors import WrongMediaError
from vitron_agent.messages import Input, Module, Operation, Region, Role, make_invocation, output_kind
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.segmentation import EmbeddedSegmentation
from vitron_agent.tools.backends.embedded.vision import Vision
from vitron_agent.tools.base import Expert, Job, Told
from vitron_agent.tools.fakes import FakeSegmentation
from vitron_agent.tools.image_segmentation import ImageSegmentationExpert, NotFound, cut_out, prompt_of

MASK = np.zeros((300, 451), np.bool_)
MASK[50:100, 60:90] = True


@pytest.fixture(scope="module")
def expert(tmp_path_factory: pytest.TempPathFactory) -> ImageSegmentationExpert:
    vision = Vision(DenseEncoder(tmp_path_factory.mktemp("encoder")))
    return ImageSegmentationExpert(EmbeddedSegmentation(EmbeddedGrounding(vision)))


def job(
    store: ArtifactStore,
    target: str = "",
    value: str = "",
    regions: tuple[Region, ...] = (),
    mask: np.ndarray | None = None,
    icc: bytes | None = None,
) -> Job:
    refs = {Role.BASE: store.put_image(data.chelsea(), icc)}
    inputs = [Input(handle="image-1")]
    if mask is not None:
        refs[Role.MASK] = store.put_mask(mask)
        inputs.append(Input(role=Role.MASK, handle="mask-1"))
    invocation = make_invocation(
        Module.IMAGE_SEGMENTATION, Operation.SEGMENT, target=target, value=value, regions=regions, inputs=tuple(inputs)
    )
    return Job(invocation, refs, store)


def test_a_phrase_gives_a_mask_that_can_be_stored(expert, store):
    assert isinstance(expert, Expert)
    outcome = expert.run(job(store, "cat"))
    (produced,) = outcome.outputs
    assert (produced.slot, produced.kind) == ("mask", "mask")
    assert np.array_equal(store.mask(store.put_mask(produced.value)), produced.value)


def test_soft_adds_the_picture_with_the_matte_as_its_alpha(expert, store):
    mask, cutout = expert.run(job(store, "cat", "soft")).outputs
    assert (cutout.slot, cutout.kind) == ("cutout", "image")
    assert cutout.value.shape == (300, 451, 4)
    assert np.array_equal(cutout.value[..., :3], data.chelsea())
    assert cutout.value[..., 3][mask.value].mean() > 200


def test_a_cutout_keeps_the_colour_profile(expert, store):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert expert.run(job(store, "cat", "soft", icc=profile)).outputs[1].icc == profile


def test_everything_gives_a_partition_that_can_be_stored(expert, store):
    outcome = expert.run(job(store, "everything"))
    (produced,) = outcome.outputs
    assert (produced.slot, produced.kind) == ("partition", "partition")
    assert np.array_equal(store.partition(store.put_partition(produced.value)), produced.value)
    assert len(outcome.findings) == int(produced.value.max()) + 1


@pytest.mark.parametrize("target", ["everything", "Everything"])
@pytest.mark.parametrize("drawn", ["nothing", "points", "mask"])
def test_what_everything_gives_is_what_the_plan_expects(expert, store, target, drawn):
    regions = (Region.points([(0.45, 0.55)]),) if drawn == "points" else ()
    mask = MASK if drawn == "mask" else None
    asked = job(store, target, regions=regions, mask=mask)
    assert expert.run(asked).outputs[0].kind == output_kind(asked.invocation)
    assert FakeSegmentation().run(asked).outputs[0].kind == output_kind(asked.invocation)
    assert output_kind(asked.invocation) == ("partition" if drawn == "nothing" else "mask")


def test_not_found_has_no_outputs_but_says_why(expert, store):
    outcome = expert.run(job(store, "giraffe"))
    assert (outcome.status, outcome.outputs) == ("not_found", ())
    assert "giraffe" in outcome.notes[0]


def test_a_mask_input_counts_as_drawn(expert, store):
    asked = job(store, mask=MASK)
    prompt = prompt_of(asked, Told(asked.invocation.target))
    assert prompt.regions == (Region.mask(asked.inputs[Role.MASK].id),)
    assert np.array_equal(expert.run(asked).outputs[0].value, MASK)


@pytest.mark.parametrize("role", ["input", "region"])
def test_a_mask_of_another_picture_is_refused(store, role):
    small = np.ones((40, 60), np.bool_)
    regions = (Region.mask(store.put_mask(small).id),) if role == "region" else ()
    with pytest.raises(WrongMediaError, match="60 x 40, its picture 451 x 300"):
        prompt_of(job(store, "cat", regions=regions, mask=small if role == "input" else None), Told("cat"))


def test_a_drawn_mask_is_read_from_the_store(store):
    drawn = np.zeros((300, 451), np.bool_)
    drawn[5:9, 7:20] = True
    ref = store.put_mask(drawn)
    prompt = prompt_of(job(store, regions=(Region.mask(ref.id), Region.points([(0.1, 0.1)]))), Told(""))
    assert np.array_equal(prompt.region_masks[ref.id], drawn)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_cut_out_keeps_the_colours_bit_for_bit_and_multiplies_alphas(dtype):
    full = np.iinfo(dtype).max
    image = np.random.default_rng(0).integers(0, full, (4, 5, 4), dtype=dtype)
    image[..., 3] = full
    image[0, 0, 3] = 0
    cut = cut_out(image, np.full((4, 5), 0.5, np.float32))
    assert cut.dtype == dtype
    assert np.array_equal(cut[..., :3], image[..., :3])
    assert cut[0, 0, 3] == 0
    assert abs(int(cut[1, 1, 3]) - full / 2) <= 1


SIGNAL = {"shared": np.ones((2, 3), np.float16), "private": np.zeros((1, 3), np.float16)}
TOLD = np.concatenate([SIGNAL["shared"], SIGNAL["private"]]).astype(np.float32)


class Listener:
    """Finds nothing, and remembers what it was asked."""

    name = "listener"
    version = "1"
    operations = frozenset({Operation.SEGMENT})
    consumes_signals = True

    def refuse(self, invocation):
        return None

    def segment(self, image, prompt, **rest):
        self.prompt = prompt
        return NotFound()


@pytest.mark.parametrize(
    ("channels", "phrase", "told"), [("text", "cat", False), ("signal", "", True), ("hybrid", "cat", True)]
)
def test_the_prompt_holds_what_the_backend_is_told(store, channels, phrase, told):
    backend = Listener()
    ImageSegmentationExpert(backend).run(replace(job(store, "cat"), signal=SIGNAL, channels=channels))
    assert backend.prompt.phrase == phrase
    assert np.array_equal(backend.prompt.signals, TOLD) if told else backend.prompt.signals is None


@pytest.mark.parametrize("channels", ["text", "signal", "hybrid"])
@pytest.mark.parametrize("target", ["", "everything", "Everything"])
def test_no_signal_means_what_nobody_named(store, channels, target):
    """Whatever is drawn, or the main subject."""
    backend = Listener()
    asked = job(store, target, regions=(Region.points([(0.5, 0.5)]),))
    ImageSegmentationExpert(backend).run(replace(asked, signal=SIGNAL, channels=channels))
    assert (backend.prompt.phrase, backend.prompt.signals) == ("", None)
