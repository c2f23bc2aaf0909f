import math

import numpy as np
import pytest

from tests.train.data.readers.sets import picture, text
from vitron_agent.train.data.readers.common import Unusable, bounds, each, inside, rows, to_box
from vitron_agent.train.data.readers.media import picture as medium
from vitron_agent.train.data.samples import Bad, Sample, Task, Turn


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../a", "a/../../b", "x" * 300])
def test_names_that_lead_out_of_the_folder_are_refused(name, tmp_path):
    with pytest.raises(Unusable, match="name of no file"):
        inside(tmp_path, name)


def test_boxes_are_cut_at_the_edge():
    assert to_box((-5, 5, 20, 30), (40, 20)) == (0, 0.25, 0.5, 1)


@pytest.mark.parametrize(
    "corners",
    [
        (5, 5, 5, 9),
        (9, 5, 5, 9),
        (50, 5, 60, 9),
        (-9, 5, -1, 9),
        (math.nan, 5, 9, 9),
        (5, 5, math.inf, 9),
        (),
        (10**400, 5, 9, 9),
    ],
)
def test_boxes_with_nothing_in_the_picture_are_refused(corners):
    with pytest.raises(Unusable, match="empty box, or one outside"):
        to_box(corners, (40, 20))


def test_a_picture_of_no_size_has_no_boxes():
    with pytest.raises(Unusable):
        to_box((0, 0, 1, 1), (0, 20))


def test_bounds_hold_the_mask_and_nothing_more():
    mask = np.zeros((20, 40), bool)
    with pytest.raises(Unusable, match="empty mask"):
        bounds(mask)
    mask[5:15, 10:20] = True
    assert bounds(mask) == (0.25, 0.25, 0.5, 0.75)


def test_json_lines_are_read_one_by_one(tmp_path):
    path = text(tmp_path / "a.jsonl", '{"a": 1}\n\nbroken\n')
    assert list(rows(path)) == [("1", '{"a": 1}\n'), ("3", "broken\n")]


@pytest.mark.parametrize("handle", ["image-2", "image-0", "video-1", "region-1", "image-" + "9" * 5000])
def test_handles_of_what_is_not_there_are_refused(handle, tmp_path):
    shown = (medium(picture(tmp_path / "a.png")),)

    def build(name, said):
        yield Sample(Task.CAPTION, name, "tests", shown, (Turn("what is in image-1?", said),))

    good, bad = each("line", [("1", "image-1 is gray"), ("2", f"see {handle}")], build)
    assert isinstance(good, Sample)
    assert bad == Bad("line 2", f"text names a medium or region that isn't there: {handle}")
