from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitron_agent.errors import UsageError
from vitron_agent.train.data.segments import read_segments
from vitron_agent.train.data.voc import CLASSES, PLAIN_NAMES, held_out, read_voc

THING = "<object><name>{}</name><difficult>{}</difficult><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"  # noqa: E501


def write(folder: Path, name: str, *things: tuple[object, ...], mask: np.ndarray | None = None) -> None:
    for part in ("JPEGImages", "Annotations", "SegmentationClass"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((50, 100, 3), np.uint8)).save(folder / "JPEGImages" / f"{name}.jpg")
    body = "".join(THING.format(*thing) for thing in things)
    text = f"<annotation><size><width>100</width><height>50</height></size>{body}</annotation>"
    (folder / "Annotations" / f"{name}.xml").write_text(text)
    if mask is not None:
        Image.fromarray(mask).save(folder / "SegmentationClass" / f"{name}.png")


def test_photos_are_read_with_their_boxes_and_masks(tmp_path):
    labels = np.zeros((50, 100), np.uint8)
    labels[:10], labels[10:12] = CLASSES.index("dog") + 1, 255
    write(tmp_path, "000002", ("dog", 0, 1, 1, 50, 50), ("cat", 1, 51, 1, 100, 25), mask=labels)
    write(tmp_path, "000001", ("person", 0, 11, 11, 20, 20))
    first, second = read_voc(tmp_path)
    assert (first.name, second.name) == ("000001", "000002")
    assert first.things[0].box == (0.1, 0.2, 0.2, 0.4)
    assert second.things[0].box == (0.0, 0.0, 0.5, 1.0)
    assert second.asked == ("dog",)
    assert second.boxes("cat") == ()
    assert second.boxes("cat", difficult=True) == ((0.5, 0.0, 1.0, 0.5),)
    assert second.image().shape == (50, 100, 3)
    assert first.mask("person") is None
    pixels, counted = second.mask("dog")
    assert pixels[:10].all()
    assert not pixels[10:].any()
    assert not counted[10:12].any()
    assert counted[12:].all()


@pytest.mark.parametrize("text", ["<annotation>", "<annotation/>", "no xml"])
def test_what_is_no_annotation_is_named(tmp_path, text):
    write(tmp_path, "000001")
    (tmp_path / "Annotations" / "000001.xml").write_text(text)
    with pytest.raises(UsageError, match=r"000001\.xml"):
        read_voc(tmp_path)


def test_another_layout_is_refused(tmp_path):
    with pytest.raises(UsageError, match="JPEGImages"):
        read_voc(tmp_path)


def test_parts_are_disjoint_and_together_everything(tmp_path):
    for number in range(7):
        write(tmp_path, f"{number:06}")
    photos = list(read_voc(tmp_path))
    parts = [held_out(photos, f"{number}/3") for number in range(3)]
    assert sorted((photo.name for _, part in parts for photo in part)) == [photo.name for photo in photos]
    for rest, part in parts:
        assert not {photo.name for photo in rest} & {photo.name for photo in part}
        assert len(rest) + len(part) == 7


def test_the_photos_with_masks_are_a_part_too(tmp_path):
    write(tmp_path, "000001")
    write(tmp_path, "000002", mask=np.zeros((50, 100), np.uint8))
    rest, part = held_out(list(read_voc(tmp_path)), "masks")
    assert ([photo.name for photo in rest], [photo.name for photo in part]) == (["000001"], ["000002"])


@pytest.mark.parametrize("part", ["3/3", "x", "1", "-1/3", "1/"])
def test_a_part_that_is_none_is_refused(part):
    with pytest.raises(UsageError, match="K/N"):
        held_out([], part)


def test_every_plain_name_is_of_a_class():
    assert set(PLAIN_NAMES) <= set(CLASSES)
    assert len(CLASSES) == 20


def test_segments_come_from_those_who_divided_most_coarsely(tmp_path):
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "7.jpg")
    coarse = np.zeros((20, 20), np.uint8)
    coarse[:8, :8] = 1
    fine = np.arange(400, dtype=np.uint16).reshape(20, 20)
    for number, labels in enumerate([fine, coarse, coarse, coarse]):
        Image.fromarray(labels).save(tmp_path / f"7_{number}.png")
    (photo,) = read_segments(tmp_path)
    masks = list(photo.segments())
    assert len(masks) == 3
    assert all(np.array_equal(mask, coarse == 1) for mask in masks)


def test_a_folder_without_segmentations_is_refused(tmp_path):
    with pytest.raises(UsageError, match="segmentations"):
        read_segments(tmp_path)
