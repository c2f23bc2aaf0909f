from tests.train.data.readers.sets import magicbrush
from vitron_agent.train.data.readers.magicbrush import read_magicbrush
from vitron_agent.train.data.samples import Task, Turn


def test_steps_go_from_picture_to_picture_inside_a_mask(tmp_path):
    first, second, *_ = read_magicbrush(magicbrush(tmp_path))
    assert first.task is Task.EDIT
    assert first.turns == (Turn("add a hat", ""),)
    assert [medium.name.rpartition("/")[2] for medium in first.media] == ["7-input.png", "7-output1.png"]
    assert second.media[0] == first.media[1]
    (area,) = first.things
    assert area.boxes == {0: (0.25, 0.25, 0.5, 0.5)}
    assert area.masks[0][5:10, 10:20].all()  # the mask is twice as large as the picture
    assert area.masks[0].sum() == 50


def test_damaged_steps_are_named(tmp_path):
    _, _, *bad = read_magicbrush(magicbrush(tmp_path))
    assert [(record.where, record.why.partition(":")[0]) for record in bad] == [
        ("edit_sessions.json 7-3", "empty mask"),
        ("edit_sessions.json 7-4", "mask without transparency"),
        ("edit_sessions.json 7-5", "missing file"),
        ("edit_sessions.json 7-6", "unreadable mask"),
        ("edit_sessions.json 7-7", "empty text"),
        ("edit_sessions.json 7-8", "Input should be a valid string"),
        ("edit_sessions.json 7-9", "name of no file in the folder"),
    ]
