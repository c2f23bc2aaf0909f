import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitron_agent.boxes import Boxes

intervals = st.tuples(st.floats(0, 1), st.floats(0, 1)).filter(lambda pair: pair[0] < pair[1])
rows = st.tuples(intervals, intervals).map(lambda pairs: (pairs[0][0], pairs[1][0], pairs[0][1], pairs[1][1]))
many_boxes = st.lists(st.tuples(rows, st.text(st.characters(exclude_categories=["Cs"])), st.floats(0, 1))).map(
    lambda items: Boxes(
        np.array([row for row, _, _ in items]), tuple(label for _, label, _ in items), tuple(s for _, _, s in items)
    )
)


@given(boxes=many_boxes)
def test_json_keeps_full_precision(boxes: Boxes) -> None:
    again = Boxes.from_json(boxes.to_json(640, 480))

    assert again == boxes
    assert hash(again) == hash(boxes)
    assert again.to_json(640, 480) == boxes.to_json(640, 480)


def test_pixels_scale_by_width_and_height() -> None:
    boxes = Boxes(np.array([[0.25, 0.5, 0.5, 1.0]]), ("cat",), (1.0,))

    assert boxes.pixels(400, 100).tolist() == [[100, 50, 200, 100]]
    assert boxes.xyxy.dtype == np.float64


@pytest.mark.parametrize(
    ("xyxy", "labels", "scores", "message"),
    [
        ([[0, 0, 1]], ("a",), (1,), r"shape \(n, 4\), got \(1, 3\)"),
        ([0, 0, 1, 1], ("a",), (1,), r"got \(4,\)"),
        ([[0, 0, 1, 1]], (), (1,), "labels must have length 1, one for each box, got 0"),
        ([[0, 0, 1, 1]], ("a",), (), "scores must have length 1"),
        ([[0, 0, 640, 480]], ("a",), (1,), "divided by width"),
        ([[0, 0, np.nan, 1]], ("a",), (1,), r"\[0, 1\]"),
        ([[0.5, 0, 0.5, 1]], ("a",), (1,), "left < right"),
        ([[0, 0.6, 1, 0.5]], ("a",), (1,), "top < bottom"),
        ([[0, 0, 1, 1]], ("a",), (1.01,), "scores must lie"),
    ],
)
def test_what_does_not_fit_is_refused(xyxy: list, labels: tuple, scores: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Boxes(np.array(xyxy), labels, scores)


def test_boxes_do_not_change() -> None:
    corners = np.array([[0.0, 0.0, 1.0, 1.0]])
    boxes = Boxes(corners, ("a",), (1,))
    corners[0, 0] = 0.5

    assert boxes.xyxy[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        boxes.xyxy[0, 0] = 0.5
