import pytest

from tests.train.data.readers.sets import got10k, lasot, text
from vitron_agent.errors import UsageError
from vitron_agent.train.data.readers.tracking import read_got10k, read_lasot
from vitron_agent.train.data.samples import Sample


def test_things_of_got10k_are_followed_while_they_are_there(tmp_path):
    sample = next(read_got10k(got10k(tmp_path)))
    assert isinstance(sample, Sample)
    assert sample.turns[0].reply == "goat"
    assert sample.media[0].fps == 10
    assert sample.things[0].boxes == {
        0: (0.25, 0.25, 0.5, 0.75),
        1: (0.3, 0.25, 0.55, 0.75),
        3: (0.875, 0.25, 1.0, 0.75),  # cut at the edge
    }


def test_long_clips_are_taken_in_fewer_frames(tmp_path):
    sample = next(read_got10k(got10k(tmp_path), num_frames=2))
    assert sample.media[0].load().shape[0] == 2
    assert sample.media[0].fps == pytest.approx(10 / 3)
    assert sample.things[0].boxes.keys() == {0, 1}


def test_damaged_clips_of_got10k_are_named(tmp_path):
    _, *bad = read_got10k(got10k(tmp_path))
    assert [record.why.partition(":")[0] for record in bad] == [
        "boxes and frames do not agree",
        "empty box, or one outside the picture",
        "no object_class in meta_info.ini",
        "not a number",
        "missing file",
    ]
    assert bad[-1].where == "clip gone"


@pytest.mark.parametrize("below", ["", "airplane"])
def test_things_of_lasot_are_described(below, tmp_path):
    sample, hidden, silent = read_lasot(lasot(tmp_path) / below)
    assert sample.turns[0].reply == "white airplane landing on ground"
    assert sample.things[0].boxes == {0: (0.25, 0.25, 0.5, 0.75)}
    assert hidden.why.startswith("shown in none")
    assert silent.why.startswith("missing file")
    assert silent.where == "clip airplane-3"


def test_lasot_is_split_by_its_lists(tmp_path):
    folder = lasot(tmp_path)
    text(folder / "training_set.txt", "airplane-1\n")
    (sample,) = read_lasot(folder, split="training")
    assert sample.id == "airplane-1"
    with pytest.raises(UsageError, match=r"testing_set\.txt is missing"):
        read_lasot(folder, split="testing")
