import pytest

from tests.train.data.readers.sets import cc3m, picture, text, webvid
from vitron_agent.errors import UsageError
from vitron_agent.train.data.readers.captions import read_cc3m, read_webvid
from vitron_agent.train.data.samples import Bad, Sample, Task, Turn


def test_rows_find_their_pictures_by_number(tmp_path):
    one, gone, other, torn = read_cc3m(cc3m(tmp_path))
    assert one.turns[0].reply == 'a "quoted" cat'
    assert other.media[0].name.endswith("00000/000000002.jpg")
    assert gone.why.startswith("missing file")
    assert torn == Bad("Train_GCC-training.tsv row 3", "row of another number of columns: 1 instead of 2")


def test_a_header_changes_nothing(tmp_path):
    path = cc3m(tmp_path)
    before = list(read_cc3m(path))
    text(path, "caption\turl\n" + path.read_text())
    assert list(read_cc3m(path)) == before


def test_rows_in_the_millions_lie_in_folders_of_ten_thousand(tmp_path):
    path = text(tmp_path / "a.tsv", "cat\thttp://x\n" * 10_003)
    picture(tmp_path / "00001/000010002.jpg")
    (sample,) = (record for record in read_cc3m(path) if isinstance(record, Sample))
    assert sample.id == "10002"


def test_tables_may_name_their_pictures(tmp_path):
    picture(tmp_path / "pictures/a.jpg")
    path = text(tmp_path / "a.csv", 'filepath,title\na.jpg,"a cat, a dog"\n')
    (sample,) = read_cc3m(path, tmp_path / "pictures", task=Task.GENERATION)
    assert sample.task is Task.GENERATION
    assert sample.turns == (Turn("a cat, a dog", ""),)


@pytest.mark.parametrize("num_rows", [1, 12_000])
def test_a_quotation_mark_that_is_never_closed_is_reported(num_rows, tmp_path):
    picture(tmp_path / "a.jpg")
    path = text(tmp_path / "a.csv", 'filepath,title\na.jpg,a cat\na.jpg,"a dog\n' + "a.jpg,a cat\n" * num_rows)
    good, bad, *rest = read_cc3m(path)
    assert good.turns[0].reply == "a cat"
    assert bad == Bad("a.csv row 1", "row of another number of columns: 0 instead of 2")
    assert len(rest) < num_rows


def test_captions_with_commas_may_be_quoted(tmp_path):
    picture(tmp_path / "00000/000000000.jpg")
    (sample,) = read_cc3m(text(tmp_path / "a.csv", 'caption,url\n"a cat, a dog",http://x\n'))
    assert sample.turns[0].reply == "a cat, a dog"


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n"])
@pytest.mark.parametrize("reader", [read_cc3m, read_webvid])
def test_other_tables_are_refused(reader, content, tmp_path):
    with pytest.raises(UsageError, match="needs the columns"):
        reader(text(tmp_path / "a.csv", content))


def test_clips_lie_in_the_folders_of_their_pages(tmp_path):
    sample, torn, outside, short = read_webvid(webvid(tmp_path), num_frames=4)
    assert sample.turns[0].reply == "A lamp that dims"
    assert sample.media[0].load().shape[0] == 4
    reasons = [record.why.partition(":")[0] for record in (torn, outside, short)]
    assert reasons == ["unreadable clip", "name of no file in the folder", "row of another number of columns"]
