import itertools
import logging

import pytest

from tests.train.data.readers.sets import cc3m, coco, flickr30k, llava, picture, text
from vitron_agent.errors import UsageError
from vitron_agent.train.data.readers import READERS, stream
from vitron_agent.train.data.readers.streaming import usable
from vitron_agent.train.data.samples import Bad

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def table(tmp_path):
    """Twenty captions of one picture."""
    picture(tmp_path / "a.jpg")
    rows = [f"a.jpg,cat {number}" for number in range(20)]
    return text(tmp_path / "a.csv", "\n".join(["filepath,title", *rows]) + "\n")


def ids(rows) -> list[str]:
    return [row["sample"].id for row in rows]


def test_a_stream_gives_the_readers_samples_and_reports_the_rest(tmp_path):
    path = llava(tmp_path)
    bad: list[Bad] = []
    streamed = [row["sample"] for row in stream(READERS["llava"], path, report=bad.append)]
    reported: list[Bad] = []
    assert streamed == list(usable(READERS["llava"](path), reported.append))
    assert bad == reported != []


def test_bad_records_are_logged_unless_somebody_wants_them(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        list(stream(READERS["cc3m"], cc3m(tmp_path)))
    assert "Train_GCC-training.tsv row 3: row of another number of columns" in caplog.text


def test_masks_and_media_come_through(tmp_path):
    (person, dogs) = (row["sample"] for row in stream(READERS["coco"], coco(tmp_path), report=lambda bad: None))
    assert dogs.things[0].masks[0].sum() >= 100
    assert person.media[0].load().shape == (20, 40, 3)


def test_shuffling_is_seeded(table):
    rows = stream(READERS["cc3m"], table).shuffle(seed=1, buffer_size=8)
    assert sorted(ids(rows), key=int) == [str(number) for number in range(20)]
    assert ids(rows) == ids(stream(READERS["cc3m"], table).shuffle(seed=1, buffer_size=8))
    assert ids(rows) != ids(stream(READERS["cc3m"], table))


def test_a_stream_goes_on_where_it_was_left(table):
    rows = stream(READERS["cc3m"], table)
    first = ids(itertools.islice(rows, 7))
    state = rows.state_dict()
    other = stream(READERS["cc3m"], table)
    other.load_state_dict(state)
    assert first + ids(other) == [str(number) for number in range(20)]


def test_options_reach_the_reader(tmp_path):
    folder = flickr30k(tmp_path)
    (folder / "train.txt").rename(folder / "val.txt")
    assert ids(stream(READERS["flickr30k"], folder, split="val", report=lambda bad: None)) == ["100-1"]


def test_what_is_not_the_set_is_refused_at_the_first_row(tmp_path):
    with pytest.raises(UsageError, match="missing"):
        next(iter(stream(READERS["cc3m"], tmp_path / "nowhere.csv")))
