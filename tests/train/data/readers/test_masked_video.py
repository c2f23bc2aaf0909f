import pytest

from tests.train.data.readers.sets import davis, youtube_vos
from vitron_agent.errors import UsageError
from vitron_agent.train.data.readers.masked_video import read_davis, read_youtube_vos
from vitron_agent.train.data.samples import Bad, Sample

RIGHT, LEFT = (0.25, 0.25, 0.5, 0.75), (0.0, 0.25, 0.1, 0.75)


def samples(records) -> dict[str, Sample]:
    return {record.id: record for record in records if isinstance(record, Sample)}


def test_objects_of_a_class_are_followed_together(tmp_path):
    bears = samples(read_davis(davis(tmp_path)))["bear-all-bear"]
    assert [thing.boxes for thing in bears.things] == [{0: RIGHT, 1: RIGHT, 2: RIGHT}, {1: LEFT, 2: LEFT}]
    assert bears.things[0].masks[0][5:15, 10:20].all()
    assert bears.things[0].masks[0].sum() == 100
    assert bears.media[0].load().shape[0] == 4  # the last frame has no annotation
    assert bears.media[0].fps == 24


def test_expressions_of_davis_are_read_in_either_encoding(tmp_path):
    found = samples(read_davis(davis(tmp_path)))
    assert found["bear-Davis17_annot1-1"].things[0].boxes == {1: LEFT, 2: LEFT}
    assert found["bear-Davis17_annot2-1"].turns[0].reply == "a café bear"


def test_misspelled_clips_of_ref_davis_are_found(tmp_path):
    folder = davis(tmp_path)
    (folder / "davis_semantics.json").unlink()
    assert "classic-car-Davis17_annot1-4" in samples(read_davis(folder))


def test_damage_in_davis_is_named(tmp_path):
    bad = [record for record in read_davis(davis(tmp_path)) if isinstance(record, Bad)]
    assert [(record.where, record.why.partition(":")[0]) for record in bad] == [
        ("Davis17_annot1.txt line 3", "line that is not"),
        ("Davis17_annot1.txt line 5", "line that is not"),
        ("clip bear, Davis17_annot1-2", "shown in none of the frames that were taken"),
        ("clip torn", "mask that is not indexed, or of another size"),
        ("clip gone", "no frames"),
        ("clip classic-car", "Input should be a valid integer, unable to parse string as an integer"),
    ]


def test_davis_needs_words(tmp_path):
    folder = davis(tmp_path)
    (folder / "davis_semantics.json").unlink()
    for path in (folder / "davis_text_annotations").iterdir():
        path.unlink()
    with pytest.raises(UsageError, match=r"needs words: davis_semantics\.json, or davis_text_annotations"):
        next(read_davis(folder))


def test_youtube_vos_has_classes_and_expressions(tmp_path):
    found = samples(read_youtube_vos(youtube_vos(tmp_path)))
    assert found.keys() == {"0a-all-penguin", "0a-all-person", "0a-0", "0a-1"}
    assert found["0a-0"].turns[0].reply == "the penguin on the right"
    assert [thing.boxes.keys() for thing in found["0a-1"].things] == [{0, 1, 2}, {1, 2}]
    assert found["0a-0"].media[0].fps == 6


def test_youtube_vos_without_expressions_has_classes(tmp_path):
    folder = youtube_vos(tmp_path)
    (folder / "meta_expressions").rename(tmp_path / "away")
    assert samples(read_youtube_vos(folder)).keys() == {"0a-all-penguin", "0a-all-person"}


def test_damage_in_youtube_vos_is_named(tmp_path):
    bad = [record for record in read_youtube_vos(youtube_vos(tmp_path)) if isinstance(record, Bad)]
    assert [(record.where, record.why.partition(":")[0]) for record in bad] == [
        ("clip 0a, all-ape", "shown in none of the frames that were taken"),
        ("clip 0b", "unreadable mask"),
        ("clip 0c", "no frames"),
        ("clip 0d", "Field required"),
    ]
