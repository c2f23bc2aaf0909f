from collections import Counter

from tests.train.data.readers.sets import llava, picture, said, text
from vitron_agent.train.data.readers.conversations import read_captions, read_conversations
from vitron_agent.train.data.samples import Bad, Sample, Task, Turn


def first_users(records):
    return [record.turns[0].user for record in records if isinstance(record, Sample)]


def test_placeholders_become_handles_and_that_of_the_only_medium_goes(tmp_path):
    users = first_users(read_conversations(llava(tmp_path)))
    assert users == [
        "What is it?", "image-1\nWhat is it?", "What happens?", "What happens?", "Is image-1 in video-1?", "Hello",
    ]  # fmt: skip


def test_turns_and_media_keep_their_order(tmp_path):
    _, pair, clip, folder, mixed, words, *_ = read_conversations(llava(tmp_path))
    assert pair.turns == (Turn("image-1\nWhat is it?", "A cat."), Turn("And image-2?", "Black."))
    assert [medium.name.rpartition("/")[2] for medium in pair.media] == ["a.jpg", "b.jpg"]
    assert [medium.kind for medium in mixed.media] == ["image", "video"]
    assert clip.media[0].load().shape[0] == 8
    assert folder.media[0].load().shape[0] == 3
    assert words.media == ()


def test_damaged_records_are_counted_by_reason(tmp_path):
    bad = [record for record in read_conversations(llava(tmp_path)) if isinstance(record, Bad)]
    assert [record.where for record in bad] == [f"mix.json {number}" for number in range(6, 17)]
    reasons = Counter(record.why.partition(":")[0] for record in bad)
    assert reasons["placeholders and media do not agree"] == 1
    assert reasons["missing file"] == 1
    assert reasons["text with a tag of plans"] == 2
    assert reasons["Field required"] == 1


def test_captions_and_folders_of_media(tmp_path):
    picture(tmp_path / "elsewhere/a.jpg")
    path = text(tmp_path / "chat.json", [{"image": "a.jpg", "conversations": said("Say it.\n<image>", "A cat")}])
    (sample,) = read_captions(path, tmp_path / "elsewhere")
    assert (sample.task, sample.source, sample.turns) == (Task.CAPTION, "chat", (Turn("Say it.", "A cat"),))


def test_broken_lines_of_json_are_named(tmp_path):
    good = '{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}'
    path = text(tmp_path / "a.jsonl", f"{good}\n{good[:-2]}\n{good}\n")
    one, bad, other = read_conversations(path)
    assert (one.id, other.id) == ("1", "3")
    assert bad.where == "a.jsonl 2"
    assert bad.why.startswith("Invalid JSON")
