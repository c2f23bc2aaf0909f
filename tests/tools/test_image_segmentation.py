import numpy as np
import pytest
from skimage import data

from vitron_agent.artifacts import ArtifactStore
from vitron_agent.messages import Input, Module, Operation, Region, Role, make_invocation
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.segmentation import EmbeddedSegmentation
from vitron_agent.tools.backends.embedded.vision import Vision
from vitron_agent.tools.base import Expert, Job
from vitron_agent.tools.image_segmentation import ImageSegmentationExpert, cut_out, prompt_of


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
) -> Job:
    refs = {Role.BASE: store.put_image(data.chelsea())}
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


def test_everything_gives_a_partition_that_can_be_stored(expert, store):
    outcome = expert.run(job(store, "everything"))
    (produced,) = outcome.outputs
    assert (produced.slot, produced.kind) == ("partition", "partition")
    assert np.array_equal(store.partition(store.put_partition(produced.value)), produced.value)
    assert len(outcome.findings) == int(produced.value.max()) + 1


def test_everything_within_a_drawing_is_what_was_drawn(expert, store):
    outcome = expert.run(job(store, "everything", regions=(Region.points([(0.45, 0.55)]),)))
    assert outcome.outputs[0].kind == "mask"


def test_not_found_has_no_outputs_but_says_why(expert, store):
    outcome = expert.run(job(store, "giraffe"))
    assert (outcome.status, outcome.outputs) == ("not_found", ())
    assert "giraffe" in outcome.notes[0]


def test_a_mask_input_counts_as_drawn(expert, store):
    drawn = np.zeros((300, 451), np.bool_)
    drawn[50:100, 60:90] = True
    asked = job(store, mask=drawn)
    prompt = prompt_of(asked)
    assert prompt.regions == (Region.mask(asked.inputs[Role.MASK].id),)
    assert np.array_equal(expert.run(asked).outputs[0].value, drawn)


def test_a_drawn_mask_is_read_from_the_store(store):
    drawn = np.zeros((300, 451), np.bool_)
    drawn[5:9, 7:20] = True
    ref = store.put_mask(drawn)
    prompt = prompt_of(job(store, regions=(Region.mask(ref.id), Region.points([(0.1, 0.1)]))))
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
