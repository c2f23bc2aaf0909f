import pytest

from tests.train.data.readers.sets import SQUARE, coco, coco_file, coco_image, coco_thing, picture, refcoco, text
from vitron_agent.errors import UsageError
from vitron_agent.messages import Region
from vitron_agent.train.data.readers.coco import read_coco, read_refcoco
from vitron_agent.train.data.samples import Bad, Sample, Task


def test_every_kind_on_a_picture_is_asked_for_once(tmp_path):
    person, dogs = (record for record in read_coco(coco(tmp_path)) if isinstance(record, Sample))
    assert (person.id, dogs.id) == ("1-1", "1-18")
    assert [thing.phrase for thing in dogs.things] == ["dog", "dog"]
    assert "dog" in dogs.turns[0].user
    assert dogs.things[0].boxes == {0: (0.25, 0.25, 0.5, 0.75)}
    assert dogs.things[0].masks[0][5:15, 10:20].all()
    assert person.things[0].masks[0].sum() == 10


def test_damaged_pictures_and_annotations_are_named(tmp_path):
    bad = [record for record in read_coco(coco(tmp_path)) if isinstance(record, Bad)]
    named = {record.where.removeprefix("instances_train2017.json "): record.why.partition(":")[0] for record in bad}
    assert named == {
        "image 1, category 1": "empty box, or one outside the picture",
        "image 1, category 18": "crowd, not single things",
        "image 1, category 77": "unknown category",
        "image 2": "missing file",
        "image 3": "picture of another size",
        "image 4": "unreadable picture",
        "image 5": "Field required",
        "image id 99": "annotation of an image that isn't there",
        "image id None": "annotation of an image that isn't there",
    }


def test_expressions_find_their_thing(tmp_path):
    sample, *bad = read_refcoco(refcoco(tmp_path))
    assert (sample.source, sample.task) == ("refcoco+", Task.REFERRING)
    assert sample.turns[0].reply == "the left dog"
    assert sample.things[0].masks[0][5:15, 10:20].all()
    assert [record.why.partition(":")[0] for record in bad] == [
        "nothing is annotated for the expression",
        "empty text",
        "polygon of fewer than three points",
        "mask of another size",
        "placeholder that stands for nothing",
        "text that is not UTF-8",
    ]


def test_what_is_in_a_region_is_the_other_way_round(tmp_path):
    sample = next(read_refcoco(refcoco(tmp_path), task=Task.REGION_CAPTION))
    box = Region.box(0.25, 0.25, 0.5, 0.75, source="image-1")
    assert sample.regions == (box.model_copy(update={"name": "region-1"}),)
    assert sample.turns[0].reply == "the left dog"
    assert sample.things == ()


@pytest.fixture
def release(tmp_path):
    """The original release with its pickle as JSON."""
    picture(tmp_path / "train2014/1.jpg")
    things = [coco_thing(1, id=5, segmentation=[SQUARE])]
    coco_file(tmp_path / "refcocog/instances.json", [coco_image(1, "1.jpg")], things)
    said = [{"sent": "a dog", "raw": "A dog", "tokens": []}, {"sent": "the only dog"}]
    reference = {"ann_id": 5, "image_id": 1, "split": "train", "sentences": said, "ref_id": 3}
    references = [reference, {**reference, "split": "val", "sentences": said[:1]}, {**reference, "ann_id": 6}, {}]
    return text(tmp_path / "refcocog/refs(umd).json", [*references, {**reference, "image_id": 2}])


def test_the_original_release_is_read_by_split(release):
    first, second, *bad = read_refcoco(release)
    assert [(sample.source, sample.id) for sample in (first, second)] == [("refcocog", "0-0"), ("refcocog", "0-1")]
    assert second.turns[0].reply == "the only dog"
    assert [record.where for record in bad] == [
        f"refs(umd).json {where}" for where in ("2-0", "2-1", "3", "4-0", "4-1")
    ]
    (other,) = (record for record in read_refcoco(release, split="val") if isinstance(record, Sample))
    assert other.id == "1-0"


def test_pickles_are_never_opened(release):
    pickled = release.with_suffix(".p")
    pickled.write_bytes(b"cos\nsystem\n(S'touch opened'\ntR.")
    with pytest.raises(UsageError, match=r"a pickle runs code.*json\.dump\(pickle\.load"):
        read_refcoco(pickled)


@pytest.mark.parametrize("content", ["[]", '{"images": []}', '{"images": [], "annotations": [], "categories": [{}]}'])
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "train2017").mkdir()
    with pytest.raises(UsageError, match=r"not in COCO's layout|need id and name"):
        next(read_coco(text(tmp_path / "annotations/instances_train2017.json", content)))


def test_a_missing_folder_of_pictures_is_named(tmp_path):
    path = coco(tmp_path)
    (tmp_path / "train2017").rename(tmp_path / "moved")
    with pytest.raises(UsageError, match=r"train2017 is missing.*another folder: media"):
        next(read_coco(path))
    assert isinstance(next(read_coco(path, tmp_path / "moved")), Sample)
