import numpy as np
from PIL import Image

from vitron_agent.train.data.voc import read_voc
from vitron_agent.train.masks.things import Thing, annotated, thing_of, with_masks


def test_a_thing_gives_its_mask_back(disc):
    thing = thing_of(disc)
    assert np.array_equal(thing.mask(90, 60), disc)
    assert thing.sure(90, 60).all()


def test_a_speck_is_no_thing():
    speck = np.zeros((100, 100), np.bool_)
    assert thing_of(speck) is None
    speck[50, 50] = True
    assert thing_of(speck) is None


def test_of_a_box_only_its_outside_is_sure():
    sure = Thing((10, 20, 30, 40), None).sure(50, 60)
    assert not sure[20:40, 10:30].any()
    assert sure.sum() == 50 * 60 - 20 * 20


VOC = """<annotation><size><width>90</width><height>60</height></size>
{}</annotation>"""
OBJECT = """<object><name>{}</name><difficult>0</difficult>
<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"""


def test_voc_gives_masks_where_boxes_do_not_mix_them_and_else_boxes(tmp_path, disc):
    for folder in ("JPEGImages", "Annotations", "SegmentationClass"):
        (tmp_path / folder).mkdir()
    boxes = [("cat", 17, 12, 45, 40), ("dog", 50, 5, 80, 50), ("dog", 55, 5, 85, 50)]
    labels = np.where(disc, 8, 0).astype(np.uint8)
    labels[10, 17:45] = 255
    for name, masked in (("000001", True), ("000002", False), ("000003", True)):
        Image.new("RGB", (90, 60)).save(tmp_path / "JPEGImages" / f"{name}.jpg")
        objects = "".join(OBJECT.format(*box) for box in boxes)
        (tmp_path / "Annotations" / f"{name}.xml").write_text(VOC.format(objects))
        if masked:
            Image.fromarray(labels).save(tmp_path / "SegmentationClass" / f"{name}.png")
    photos = read_voc(tmp_path)
    (cat,) = annotated(photos[0])
    assert np.array_equal(cat.mask(90, 60), disc)
    assert not cat.sure(90, 60)[10, 20]
    assert cat.sure(90, 60)[25, 30]
    assert [thing.pixels for thing in annotated(photos[1])] == [None] * 3
    learned, measured = with_masks(photos)
    assert [photo.name for photo in learned] == ["000001"]
    assert [photo.name for photo in measured] == ["000003"]
