import io
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms

from vitron_agent.artifacts import ArtifactRef, ArtifactStore, Boxes
from vitron_agent.errors import ArtifactError

IN_TEMPORARY_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))
pictures = st.tuples(sizes, st.sampled_from([3, 4]), st.sampled_from([np.uint8, np.uint16])).flatmap(
    lambda facts: hnp.arrays(facts[2], (*facts[0], facts[1]))
)
masks = sizes.flatmap(lambda size: hnp.arrays(np.bool_, size))
partitions = sizes.flatmap(lambda size: hnp.arrays(np.uint16, size))


@pytest.fixture(params=["folder", "memory"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "with [brackets]" if request.param == "folder" else "memory://", cache_bytes=0)


@given(picture=pictures, icc=st.sampled_from([None, SRGB]))
@IN_TEMPORARY_FOLDER
def test_pictures_round_trip(any_store: ArtifactStore, picture: np.ndarray, icc: bytes | None) -> None:
    ref = any_store.put_image(picture, icc)

    for name in (ref, ref.id):
        read = any_store.image(name)
        assert read.dtype == picture.dtype
        assert np.array_equal(read, picture)
        assert any_store.icc(name) == icc
    assert (ref.height, ref.width, ref.shape, ref.dtype) == (*picture.shape[:2], picture.shape, str(picture.dtype))
    assert any_store.describe(ref.id) == ref
    assert any_store.put_image(picture.copy(), icc) == ref


@given(picture=pictures)
@IN_TEMPORARY_FOLDER
def test_other_programs_see_the_same_picture(store: ArtifactStore, picture: np.ndarray) -> None:
    ref = store.put_image(picture, SRGB)

    with Image.open(store.path(ref)) as image:
        assert image.info["icc_profile"] == SRGB
        seen = np.asarray(image)
    assert np.array_equal(seen, picture if picture.dtype == np.uint8 else picture >> 8)


@given(mask=masks)
@IN_TEMPORARY_FOLDER
def test_masks_round_trip_at_one_bit(any_store: ArtifactStore, mask: np.ndarray) -> None:
    ref = any_store.put_mask(mask)

    read = any_store.mask(ref)
    assert read.dtype == np.bool_
    assert np.array_equal(read, mask)
    with Image.open(io.BytesIO(any_store.read(ref))) as image:
        assert image.mode == "1"
    assert any_store.describe(ref.id) == ref


@given(labels=partitions)
@IN_TEMPORARY_FOLDER
def test_partitions_round_trip(any_store: ArtifactStore, labels: np.ndarray) -> None:
    ref = any_store.put_partition(labels)

    assert np.array_equal(any_store.partition(ref), labels)
    assert any_store.describe(ref.id) == ref


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((4, 5), np.uint8),
        np.zeros((4, 5, 1), np.uint8),
        np.zeros((4, 5, 3), np.float32),
        np.zeros((4, 5, 3), np.int16),
        np.zeros((0, 5, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(store: ArtifactStore, picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\) RGB"):
        store.put_image(picture)


def test_a_made_up_profile_is_refused(store: ArtifactStore) -> None:
    with pytest.raises(ValueError, match="ICC"):
        store.put_image(np.zeros((2, 2, 3), np.uint8), b"not a profile" * 20)


@pytest.mark.parametrize("put", ["put_mask", "put_partition"])
def test_what_is_no_mask_is_refused(store: ArtifactStore, put: str) -> None:
    with pytest.raises(ValueError, match=r"\(H, W\)"):
        getattr(store, put)(np.zeros((2, 2), np.uint8))


def test_strided_views_round_trip(store: ArtifactStore) -> None:
    picture = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)

    assert np.array_equal(store.image(store.put_image(picture[::-1, ::2]).id), picture[::-1, ::2])
    assert np.array_equal(store.mask(store.put_mask(picture[:, ::3, 0] > 9)), picture[:, ::3, 0] > 9)


def test_boxes_intervals_and_tensors_round_trip(any_store: ArtifactStore) -> None:
    boxes = Boxes(np.array([[0.1, 0.2, 1 / 3, 0.9]]), ("the “clock”\n",), (0.123456789,))
    tensors = {"shared": np.ones((4, 768), np.float16), "private": np.zeros((4, 768), np.float16)}

    boxes_ref = any_store.put_boxes(boxes, 640, 480)
    interval_ref = any_store.put_interval([(0, 3), (9, 9)], frames=10, fps=29.97)
    tensors_ref = any_store.put_tensors(tensors)

    assert any_store.boxes(boxes_ref) == boxes
    assert (boxes_ref.width, boxes_ref.height) == (640, 480)
    assert any_store.interval(interval_ref) == ((0, 3), (9, 9))
    read = any_store.tensors(tensors_ref)
    assert all(
        np.array_equal(read[name], tensor) and read[name].dtype == np.float16 for name, tensor in tensors.items()
    )


def test_an_interval_lies_within_its_clip(store: ArtifactStore) -> None:
    with pytest.raises(ValueError, match="< 10"):
        store.put_interval([(0, 10)], frames=10, fps=25)


def test_clips_round_trip(any_store: ArtifactStore) -> None:
    frames = [np.full((6, 10, 3), value, np.uint8) for value in (0, 100, 255)]

    ref = any_store.put_clip([(frame, Fraction(n, 8)) for n, frame in enumerate(frames)], Fraction(8))

    assert all(np.array_equal(*pair) for pair in zip(any_store.frames(ref), frames, strict=True))
    assert (ref.width, ref.height, ref.frames, ref.fps) == (10, 6, 3, 8.0)


def test_a_file_is_kept_by_content(any_store: ArtifactStore, tmp_path: Path) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(b"some bytes" * 1000)

    ref = any_store.put_file(source, "video", "video/mp4", frames=3)

    assert ref == any_store.put_bytes(source.read_bytes(), "video", "video/mp4", frames=3)
    with any_store.open(ref) as file:
        assert file.read() == source.read_bytes()
    assert any_store.nbytes(ref) == 10_000


def test_ids_exist_and_delete(any_store: ArtifactStore) -> None:
    refs = [any_store.put_mask(np.full((2, 2), value)) for value in (False, True)]
    assert sorted(any_store.ids()) == sorted(ref.id for ref in refs)

    any_store.delete(refs[0].id)
    any_store.delete(refs[0])

    assert list(any_store.ids()) == [refs[1].id]
    assert not any_store.exists(refs[0])
    assert not any_store.exists(refs[0].id)
    assert any_store.age(refs[1]) < 60
    with pytest.raises(ArtifactError, match=refs[0].id):
        any_store.mask(refs[0])


def test_memory_stores_are_private() -> None:
    ref = ArtifactStore("memory://").put_mask(np.ones((1, 1), np.bool_))

    assert not ArtifactStore("memory://").exists(ref)


@pytest.mark.parametrize("reader", ["image", "mask", "partition", "boxes", "interval", "tensors"])
def test_reading_as_another_kind_names_the_artifact(any_store: ArtifactStore, reader: str) -> None:
    refs: dict[str, ArtifactRef] = {
        "image": any_store.put_image(np.zeros((2, 2, 3), np.uint8)),
        "mask": any_store.put_mask(np.zeros((2, 2), np.bool_)),
        "partition": any_store.put_partition(np.zeros((2, 2), np.uint16)),
        "boxes": any_store.put_boxes(Boxes(np.zeros((0, 4)), (), ()), 2, 2),
        "interval": any_store.put_interval([], frames=1, fps=1),
        "tensors": any_store.put_tensors({}),
    }

    for kind, ref in refs.items():
        if kind != reader:
            with pytest.raises(ArtifactError, match=ref.id):
                getattr(any_store, reader)(ref.id)


@pytest.mark.parametrize(
    "name", ["", "sha256:../../../etc/passwd", "sha256:" + "A" * 64, "mask-1", "sha256:" + "0" * 63]
)
def test_only_ids_name_artifacts(any_store: ArtifactStore, name: str) -> None:
    with pytest.raises(ArtifactError, match="no artifact id"):
        any_store.exists(name)


def test_arrays_are_shared_and_cannot_be_written(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    picture = np.zeros((4, 4, 3), np.uint8)
    ref = store.put_image(picture)
    picture[:] = 9

    assert store.image(ref) is store.image(ref.id)
    assert not store.image(ref).any()
    for array in (
        store.image(ref),
        ArtifactStore(tmp_path).image(ref),
        store.mask(store.put_mask(picture[..., 0] > 3)),
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1


def test_the_cache_is_bounded_by_bytes_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path, cache_bytes=250)
    first, second, third = (store.put_image(np.full((4, 8, 3), value, np.uint8)) for value in range(3))  # 96 bytes each

    second_array, third_array = store.image(second), store.image(third)
    assert store.image(second) is second_array
    store.image(first)  # third was used longest ago

    assert store.image(second) is second_array
    assert store.image(third) is not third_array


def test_the_cache_stands_many_threads(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path, cache_bytes=500)
    refs = [store.put_image(np.full((4, 8, 3), value, np.uint8)) for value in range(12)]
    wrong: list[int] = []

    def read() -> None:
        for _ in range(20):
            wrong.extend(value for value, ref in enumerate(refs) if not (store.image(ref) == value).all())

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
