from pathlib import Path

import pytest

from tests.train.data.test_voc import write
from vitron_agent.train.data.photos.split import Part
from vitron_agent.train.signals.pictures import bank_pictures, drawn_pictures


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    for number in range(12):
        write(tmp_path / "voc", f"{number:06}", ("dog", 0, 1, 1, 50, 50))
    return tmp_path / "voc"


def test_photos_are_those_of_the_training_part_evenly_spread(folder, photos, wordnet):
    part = {str(photo.path): photo.part for photo in photos}
    names = [name for name, _ in bank_pictures(folder, None, 20, wordnet=wordnet)]
    assert 10 <= len(set(names)) == len(names) <= 20
    assert {part[name] for name in names} == {Part.TRAIN}
    assert len({Path(name).stem.split("_")[0] for name in names}) > 5
    everything = [name for name, _ in bank_pictures(folder, None, 10_000, wordnet=wordnet)]
    assert len(everything) == sum(one is Part.TRAIN for one in part.values())


def test_what_is_held_out_of_voc_is_not_among_them(voc):
    names = {Path(name).stem for name, _ in bank_pictures(None, voc, 100, "1/3")}
    assert names == {f"{number:06}" for number in range(12) if number % 3 != 1}
    assert len(list(bank_pictures(None, voc, 5))) in (4, 5)


def test_both_sources_are_taken(folder, wordnet, voc):
    found = list(bank_pictures(folder, voc, 3, wordnet=wordnet))
    assert [pixels.shape for _, pixels in found] == [(120, 160, 3)] * 3 + [(50, 100, 3)] * 3


def test_without_photos_there_are_drawn_scenes_of_the_training_split():
    assert list(bank_pictures(None, None, 3)) == []
    first, second = drawn_pictures(2)
    assert first[0] != second[0]
    assert all(name.startswith("train-") and pixels.ndim == 3 for name, pixels in (first, second))
