import pytest

from tests.train.data.readers.sets import invocations, said, text
from vitron_agent.messages import Module, Operation, Region, Role
from vitron_agent.train.data.readers.invocations import read_invocations
from vitron_agent.train.data.samples import Bad, Sample
from vitron_agent.wire import read_plan, write_plan


@pytest.fixture
def samples(tmp_path) -> list[Sample]:
    return [record for record in read_invocations(invocations(tmp_path)) if isinstance(record, Sample)]


def steps(sample: Sample, turn=0):
    return read_plan(sample.turns[turn].reply, sample.regions).invocations


def test_replies_are_in_our_wire_form(samples):
    for sample in samples:
        for turn in sample.turns:
            assert write_plan(read_plan(turn.reply, sample.regions)) == turn.reply
    assert samples[0].turns[0].user == "Mark the zebra"
    assert samples[0].turns[0].reply == (
        "<Module>Image Segmentation</Module><Instruction>segment: zebra</Instruction>"
        "<Input>image-1</Input><Output>mask-1</Output>"
    )


def test_a_box_around_everything_is_no_drawing(samples):
    assert samples[0].regions == ()


def test_what_was_drawn_is_named_in_request_and_plan(samples):
    box = Region.box(0.25, 0.25, 0.5, 0.75, source="image-1")
    assert samples[1].regions == (box.model_copy(update={"name": "region-1"}),)
    assert samples[1].turns[0].user == "Mark what I drew: region-1"
    assert "<Region>region-1</Region>" in samples[1].turns[0].reply


@pytest.mark.parametrize(
    ("bbox", "user"),
    [([10, 5, 20, 15], "Mark region-1 of the zebra region-1 here"), (None, "Mark of the zebra here")],
)
def test_a_drawing_is_named_apart_from_other_words_and_none_leaves_no_gap(bbox, user, tmp_path):
    invocations(tmp_path)
    turns = said("<image>\nMark <objs> of the zebra<objs>" + (" here" if bbox is None else "here"), "Which one?")
    path = text(tmp_path / "one.json", [{"image": "data/a.jpg", "bbox": bbox, "conversations": turns}])
    (sample,) = read_invocations(path)
    assert sample.turns[0].user == user


def test_the_drawing_takes_the_place_of_the_papers_coordinates(samples):
    (step,) = steps(samples[2])
    assert (step.module, step.operation, step.target) == (Module.VIDEO_SEGMENTATION, Operation.TRACK, "clock")
    assert [region.name for region in step.regions] == ["region-1"]


def test_two_instructions_of_video_editing_are_two_steps(samples):
    first, second = steps(samples[3])
    assert (first.operation, second.operation) == (Operation.REPLACE, Operation.BACKGROUND)
    assert second.input(Role.BASE) == first.output == "video-2"


def test_later_turns_work_on_what_was_made(samples):
    (drawn,), (edited,) = steps(samples[4]), steps(samples[4], 1)
    assert drawn.output == "image-1"
    assert (edited.input(Role.BASE), edited.output) == ("image-1", "image-2")
    assert samples[4].turns[2].reply == "With pleasure."


def test_of_two_pictures_the_second_shows_what_is_meant(samples):
    (step,) = steps(samples[5])
    assert (step.input(Role.BASE), step.input(Role.REFERENCE)) == ("image-1", "image-2")


def test_damaged_records_are_named(tmp_path):
    bad = [record for record in read_invocations(invocations(tmp_path)) if isinstance(record, Bad)]
    assert [(record.where, record.why.partition(":")[0]) for record in bad] == [
        ("data.json 6", "unknown tag"),
        ("data.json 7", "reply that cannot be read"),
        ("data.json 8", "reply that cannot be read"),
        ("data.json 9", "reply that cannot be read"),
        ("data.json 10", "module without what it works on"),
        ("data.json 11", "region that is no box"),
        ("data.json 12", "empty box, or one outside the picture"),
        ("data.json 13", "missing file"),
        ("data.json 14", "input that does not exist"),
    ]
