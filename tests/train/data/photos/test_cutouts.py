from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.train.data.photos.conftest import HEIGHT, WIDTH, Oracle, ellipse
from tests.train.data.test_voc import write
from vitron_agent.errors import UsageError
from vitron_agent.train.data.photos.cutouts import (
    Cutouts,
    flaw_of,
    from_photos,
    from_segments,
    from_voc,
    solid,
    stands_out,
)
from vitron_agent.train.data.photos.folder import read_photos
from vitron_agent.train.data.photos.split import Part
from vitron_agent.train.data.readers.media import read_picture
from vitron_agent.train.data.segments import read_segments
from vitron_agent.train.data.voc import CLASSES, read_voc


def box(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((100, 200), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "flaw"),
    [
        (box(60, 20, 120, 80), None),
        (box(60, 20, 70, 30), "too small"),
        (box(0, 0, 200, 90), "too large"),
        (box(0, 0, 60, 60), "cut off by the border"),
        (box(60, 20, 160, 50), "too few pixels"),
        (box(60, 20, 120, 80) & (np.indices((100, 200)).sum(axis=0) % 60 < 12), "torn"),
        (None, "in pieces"),
    ],
)
def test_masks_that_are_no_thing_have_a_flaw(mask, flaw):
    assert flaw_of(mask) == flaw


def test_one_piece_is_kept_and_its_pinholes_are_filled():
    mask = box(60, 20, 120, 80)
    spoilt = mask.copy()
    spoilt[50, 90] = False
    spoilt[5:8, 5:8] = True
    assert np.array_equal(solid(spoilt), mask)


def test_a_handle_stays_open():
    mask = box(60, 20, 120, 80) & ~box(80, 40, 100, 60)
    assert np.array_equal(solid(mask), mask)


def test_a_thing_has_an_edge_in_the_photo():
    mask = box(60, 20, 120, 80)
    ground = np.full((100, 200, 3), 90, np.uint8)
    image = np.where(mask[..., None], np.uint8(200), ground)
    assert stands_out(image, mask)
    assert not stands_out(ground, mask)
    assert not stands_out(image, box(20, 10, 160, 95))


@pytest.mark.parametrize("mask", [box(0, 0, 0, 0), box(10, 10, 60, 60) | box(120, 10, 170, 60)])
def test_what_is_in_pieces_is_nothing(mask):
    assert solid(mask) is None


def test_a_cutout_is_the_photo_under_its_mask(photos, cutouts):
    paths = {photo.name: photo for photo in photos}
    for one in [one for one in cutouts.read() if one.flaw is None][::40]:
        photo = read_picture(paths[one.name].path)
        mask = cutouts.mask(one)
        assert np.array_equal(mask, ellipse(int(photo[0, 0, 0])))
        left, top, right, bottom = one.box
        pixels = cutouts.pixels(one)
        assert mask[top:bottom, left:right].any(axis=0).all()
        assert mask[top:bottom, left:right].any(axis=1).all()
        assert np.array_equal(pixels[..., :3], photo[top:bottom, left:right])


def test_what_was_tried_is_not_tried_again(photos, cutouts):
    again = Oracle()
    assert list(from_photos(photos, again, cutouts)) == []
    assert again.asked == 0


def test_places_are_not_cut_out(cutouts):
    castles = [one for one in cutouts.read() if "castle" in one.name]
    assert castles
    assert {one.flaw for one in castles} == {"no thing"}


def test_a_damaged_photo_is_named_and_the_rest_goes_on(tmp_path, photos):
    torn = tmp_path / "torn.png"
    torn.write_bytes(photos[0].path.read_bytes()[:200])
    damaged = replace(photos[0], path=torn, name="torn")
    tried = list(from_photos([damaged, photos[1]], Oracle(), Cutouts(tmp_path / "out")))
    assert [(one.name, one.flaw == "unreadable") for one in tried] == [("torn", True), (photos[1].name, False)]


class Blind(Oracle):
    def __init__(self, *, found: bool = True, boxes: tuple = (), recognised: bool = True) -> None:
        super().__init__()
        self._found, self._boxes, self._recognised = found, boxes, recognised

    def cut(self, image, wordnet_id):
        return (super().cut(image, wordnet_id)[0] if self._found else None), self._boxes

    def recognises(self, image, wordnet_id):
        return self._recognised


class Careless(Blind):
    def cut(self, image, wordnet_id):
        return np.roll(super().cut(image, wordnet_id)[0], 30, axis=1), self._boxes


@pytest.mark.parametrize(
    ("cutter", "flaw"),
    [
        (Blind(found=False), "not found"),
        (Careless(), "no edge"),
        (Blind(recognised=False), "not recognised"),
        (Blind(boxes=((0.3, 0.3, 0.7, 0.7), (0.35, 0.35, 0.7, 0.7))), "several"),
    ],
)
def test_what_the_teacher_is_not_sure_of_is_left_out(tmp_path, photos, cutter, flaw):
    cutouts = Cutouts(tmp_path)
    (tried,) = from_photos(photos[:1], cutter, cutouts)
    assert tried.flaw == flaw
    assert [one.flaw for one in cutouts.read()] == [flaw]
    assert not list(tmp_path.glob("*.png"))


def test_masks_of_voc_are_taken_where_they_are_of_one_thing(tmp_path):
    labels = np.zeros((120, 160), np.uint8)
    labels[20:100, 20:80] = CLASSES.index("dog") + 1
    labels[20:100, 90:150] = CLASSES.index("cat") + 1
    dog, cat = ("dog", 0, 11, 11, 50, 50), ("cat", 0, 51, 11, 90, 50)
    write(tmp_path / "voc", "000001", dog, cat, cat, mask=labels)
    Image.fromarray(np.full((120, 160, 3), 7, np.uint8)).save(tmp_path / "voc" / "JPEGImages" / "000001.jpg")
    cutouts = Cutouts(tmp_path / "out")
    (one,) = from_voc(read_voc(tmp_path / "voc"), cutouts)
    assert (one.wordnet_id, one.box, one.flaw) == ("n02084071", (20, 20, 80, 100), None)
    assert list(from_voc(read_voc(tmp_path / "voc"), cutouts)) == []


def test_human_segments_are_cut_out_without_a_name(tmp_path):
    Image.fromarray(np.zeros((120, 160, 3), np.uint8)).save(tmp_path / "7.jpg")
    labels = np.zeros((120, 160), np.uint8)
    labels[20:90, 20:80] = 1
    Image.fromarray(labels).save(tmp_path / "7_1.png")
    cutouts = Cutouts(tmp_path / "out")
    (one,) = (one for one in from_segments(read_segments(tmp_path), cutouts) if one.flaw is None)
    assert (one.wordnet_id, one.box) == ("", (20, 20, 80, 90))
    assert cutouts.usable(one.part) == [one]


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    with pytest.raises(UsageError, match="--cutouts"):
        Cutouts(tmp_path).usable(Part.TRAIN)


def test_class_folders_are_read_and_unknown_classes_told(tmp_path, kinds):
    told = []
    for name in ("beagle", "pop_bottle", "qwertz"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(tmp_path / name / "1.png")
        Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(tmp_path / name / "2.png")
    photos = read_photos(tmp_path, kinds, told.append)
    assert [(photo.name, photo.kind.names[0].text) for photo in photos] == [
        ("beagle/1", "beagle"), ("beagle/2", "beagle"), ("pop_bottle/1", "pop bottle"), ("pop_bottle/2", "pop bottle"),
    ]  # fmt: skip
    assert ["qwertz" in bad.why for bad in told] == [True]


def test_a_folder_without_known_classes_is_refused(tmp_path, kinds):
    with pytest.raises(UsageError, match="known classes"):
        read_photos(tmp_path, kinds, print)
