"""What verification lets through, and every misbehaviour that it stops."""

from fractions import Fraction

import numpy as np
import pytest

from vitron_agent.artifacts import ArtifactStore
from vitron_agent.boxes import Boxes
from vitron_agent.errors import VerificationError
from vitron_agent.messages import Module, Operation, Region, Role, make_invocation
from vitron_agent.tools import fakes
from vitron_agent.tools.base import Job
from vitron_agent.tools.verify import verify_outputs

HEIGHT, WIDTH = 23, 31


@pytest.fixture
def base():
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


@pytest.fixture
def mask():
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[5:15, 8:20] = True
    return mask


@pytest.fixture
def job_of(store: ArtifactStore, base):
    def make(module=Module.IMAGE_EDITING, operation=Operation.RECOLOR, picture=base, **fields):
        fields = {"target": "thing", "value": "red", **fields}
        invocation = make_invocation(module, operation, **fields)
        return Job(invocation=invocation, inputs={Role.BASE: store.put_image(picture)}, store=store)

    return make


def kept(store: ArtifactStore, outcome):
    put = {"image": store.put_image, "mask": store.put_mask}
    return {item.slot: put[item.kind](item.value) for item in outcome.outputs}


def test_a_good_edit_passes(job_of, store):
    job = job_of()
    assert verify_outputs(job, kept(store, fakes.paint(job))) == "done"


@pytest.mark.parametrize(
    ("behave", "message"),
    [
        (fakes.shift_by_a_pixel, "outside the area"),
        (fakes.smaller, "16 x 12, the picture that was worked on 31 x 23"),
        (fakes.touch_outside, "1 pixels outside the area"),
        (fakes.give_nothing, "should give image, but gave nothing"),
        (fakes.give_a_mask, "should give image"),
    ],
)
def test_every_misbehaving_fake_is_caught(job_of, store, behave, message):
    job = job_of()
    with pytest.raises(VerificationError, match=message):
        verify_outputs(job, kept(store, behave(job)))


def test_a_backend_that_returns_its_input_left_it_unchanged(job_of, store):
    job = job_of()
    assert verify_outputs(job, kept(store, fakes.give_input_back(job))) == "unchanged"


def test_without_an_area_the_whole_picture_may_change(job_of, store, base):
    assert verify_outputs(job_of(), {"image": store.put_image(255 - base)}) == "done"


def test_another_depth_is_caught(job_of, store, base):
    with pytest.raises(VerificationError, match="uint16, its base uint8"):
        verify_outputs(job_of(), {"image": store.put_image(base.astype(np.uint16) * 257)})


@pytest.mark.parametrize(("value", "may"), [("remove", True), ("transparent", True), ("blur", False)])
def test_only_a_removed_background_may_add_an_alpha(job_of, store, base, mask, value, may):
    job = job_of(operation=Operation.BACKGROUND, value=value)
    alpha = np.where(mask, 255, 0).astype(np.uint8)
    outputs = {"image": store.put_image(np.dstack([base, alpha])), "area": store.put_mask(~mask)}
    if may:
        assert verify_outputs(job, outputs) == "done"
    else:
        with pytest.raises(VerificationError, match="4 channels, its base 3"):
            verify_outputs(job, outputs)


def test_an_alpha_may_not_be_lost(job_of, store, base):
    job = job_of(picture=np.dstack([base, base[..., 0]]))
    with pytest.raises(VerificationError, match="3 channels, its base 4"):
        verify_outputs(job, {"image": store.put_image(255 - base)})


def test_a_missing_or_damaged_artifact_is_caught(job_of, store, base):
    job = job_of()
    ref = store.put_image(255 - base)
    path = store.path(ref)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(VerificationError, match="cannot be read back"):
        verify_outputs(job, {"image": ref})
    store.delete(ref)
    with pytest.raises(VerificationError, match="cannot be read back"):
        verify_outputs(job, {"image": ref})


def test_a_reference_that_lies_is_caught(job_of, store, base):
    lie = store.put_image(255 - base).model_copy(update={"shape": (HEIGHT, WIDTH, 4)})
    with pytest.raises(VerificationError, match="its reference says"):
        verify_outputs(job_of(), {"image": lie})


def segmenting(job_of, target="thing"):
    return job_of(Module.IMAGE_SEGMENTATION, Operation.SEGMENT, target=target, value="")


def test_masks_have_the_size_of_the_picture_and_select_something(job_of, store, mask):
    job = segmenting(job_of)
    assert verify_outputs(job, {"mask": store.put_mask(mask)}) == "done"
    with pytest.raises(VerificationError, match="empty"):
        verify_outputs(job, {"mask": store.put_mask(np.zeros_like(mask))})
    with pytest.raises(VerificationError, match="23 x 31"):
        verify_outputs(job, {"mask": store.put_mask(np.ascontiguousarray(mask.T))})


def test_partitions_have_the_size_of_the_picture(job_of, store, mask):
    job = segmenting(job_of, "everything")
    labels = mask.astype(np.uint16)
    assert verify_outputs(job, {"partition": store.put_partition(labels)}) == "done"
    with pytest.raises(VerificationError, match="30 x 23"):
        verify_outputs(job, {"partition": store.put_partition(np.ascontiguousarray(labels[:, :-1]))})


def test_boxes_lie_on_the_picture_and_are_not_none(job_of, store):
    job = job_of(Module.IMAGE_GROUNDING, Operation.DETECT, value="")
    boxes = Boxes(np.array([[0.1, 0.1, 0.5, 0.5]]), ("thing",), (0.9,))
    assert verify_outputs(job, {"boxes": store.put_boxes(boxes, WIDTH, HEIGHT)}) == "done"
    with pytest.raises(VerificationError, match="no boxes"):
        verify_outputs(job, {"boxes": store.put_boxes(Boxes(np.zeros((0, 4)), (), ()), WIDTH, HEIGHT)})
    with pytest.raises(VerificationError, match="31 x 24"):
        verify_outputs(job, {"boxes": store.put_boxes(boxes, WIDTH, HEIGHT + 1)})
    outside = store.put_bytes(
        b'{"boxes":[{"xyxy":[0.1,0.1,1.5,0.5],"label":"thing","score":0.9}]}', "boxes", "application/json",
        width=WIDTH, height=HEIGHT,
    )  # fmt: skip
    with pytest.raises(VerificationError, match="cannot be read back"):
        verify_outputs(job, {"boxes": outside})


def test_a_generated_picture_has_no_base_to_match(store, base):
    invocation = make_invocation(Module.IMAGE_GENERATION, Operation.GENERATE, value="a cat")
    job = Job(invocation=invocation, inputs={}, store=store)
    assert verify_outputs(job, {"image": store.put_image(base)}) == "done"


def test_a_clip_has_all_its_frames(job_of, store, base):
    job = job_of(Module.IMAGE_TO_VIDEO, Operation.ANIMATE)
    frames = [(np.ascontiguousarray(base[:22, :30]), Fraction(number, 8)) for number in range(3)]
    ref = store.put_clip(frames, Fraction(8))
    assert verify_outputs(job, {"video": ref}) == "done"
    with pytest.raises(VerificationError, match="3 frames, its reference says 4"):
        verify_outputs(job, {"video": ref.model_copy(update={"frames": 4})})


def test_fakes_honour_a_drawn_mask(job_of, store, mask):
    job = job_of(regions=(Region.mask(store.put_mask(mask).id),))
    outputs = kept(store, fakes.paint(job))
    assert verify_outputs(job, outputs) == "done"
    assert np.array_equal(store.mask(outputs["area"]), mask)
