from tests.train.data.readers.sets import hcstvg, vidstg
from vitron_agent.train.data.readers.grounded_video import read_hcstvg, read_vidstg
from vitron_agent.train.data.samples import Bad, Sample, Task

BOX, CUT = (0.25, 0.25, 0.5, 0.75), (0.25, 0.25, 1.0, 0.75)


def test_sentences_of_vidstg_single_out_a_thing_of_a_segment(tmp_path):
    sentence, question = (record for record in read_vidstg(vidstg(tmp_path)) if isinstance(record, Sample))
    assert (sentence.task, question.task) == (Task.REFERRING, Task.QUESTION)
    assert sentence.turns[0].user.endswith("the child, where a child holds a ball")
    assert sentence.turns[0].reply == "child"
    assert question.turns[0].user == "what does the child hold?"
    assert question.turns[0].reply == "ball or sports ball"
    assert sentence.media[0].load().shape[0] == 6  # frames 2 to 7 of the clip
    assert sentence.things[0].boxes == {1: CUT, 2: CUT}
    assert question.things[0].boxes == {1: BOX, 2: BOX}


def test_records_of_vidstg_without_use_are_named(tmp_path):
    bad = [record for record in read_vidstg(vidstg(tmp_path)) if isinstance(record, Bad)]
    assert [(record.where.removeprefix("train_annotations.json "), record.why.partition(":")[0]) for record in bad] == [
        ("0, sentence 1", "thing that isn't listed"),
        ("1", "clip that VidOR does not annotate"),
        ("2", "missing file"),
        ("3", "Field required"),
        ("4, sentence 0", "shown in none of the frames that were taken"),
        ("4, sentence 1", "thing that isn't listed"),
        ("4, sentence 2", "shown in none of the frames that were taken"),
        ("5", "Field required"),
        ("6", "span outside the clip"),
    ]


def test_both_versions_of_hcstvg_are_read(tmp_path):
    first, second = (record for record in read_hcstvg(hcstvg(tmp_path)) if isinstance(record, Sample))
    assert (first.id, first.turns[0].reply) == ("1_a.mp4", "The man turns.")
    assert first.things[0].boxes == {2: BOX, 3: BOX, 4: BOX}
    assert (second.id, second.turns[0].reply) == ("2_b.mp4", "A woman sits.")
    assert second.things[0].boxes == {0: BOX, 1: BOX, 2: BOX}


def test_fewer_frames_have_fewer_boxes(tmp_path):
    first = next(read_hcstvg(hcstvg(tmp_path), num_frames=3))
    assert first.things[0].boxes == {1: BOX}
    assert first.media[0].load().shape[0] == 3


def test_records_of_hcstvg_without_use_are_named(tmp_path):
    bad = [record for record in read_hcstvg(hcstvg(tmp_path)) if isinstance(record, Bad)]
    assert [(record.where, record.why.partition(":")[0]) for record in bad] == [
        ("train.json gone.mp4", "missing file"),
        ("train.json 0.mp4", "Field required"),
        ("train.json 1.mp4", "empty box, or one outside the picture"),
        ("train.json 2.mp4", "empty text"),
        ("train.json 3.mp4", "Input should be a valid integer"),
    ]
