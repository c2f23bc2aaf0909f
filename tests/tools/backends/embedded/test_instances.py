import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vitron_agent.tools.backends.embedded.instances import MIN_SCORE, find_instances, overlaps
from vitron_agent.tools.backends.embedded.vision import Places

ROWS, COLUMNS = 20, 30


def places(*things: tuple[tuple[int, int, int, int], float]) -> Places:
    """Places that see boxes (left, top, right, bottom, in places), each with a score."""
    center, extents = torch.zeros(ROWS, COLUMNS), torch.ones(4, ROWS, COLUMNS)
    mask = torch.full((2 * ROWS, 2 * COLUMNS), -5.0)
    for (left, top, right, bottom), score in things:
        y, x = (top + bottom) // 2, (left + right) // 2
        for row in range(y - 1, y + 2):
            for column in range(x - 1, x + 2):
                center[row, column] = score
                sides = (column + 0.5 - left, row + 0.5 - top, right - column - 0.5, bottom - row - 0.5)
                extents[:, row, column] = torch.tensor(sides)
        mask[2 * top : 2 * bottom, 2 * left : 2 * right] = 3.0
        mask[2 * y, 2 * x] = 6.0
    return Places(mask, center, extents)


def test_each_thing_is_one_instance_best_first():
    found = find_instances(places(((2, 2, 10, 12), 0.6), ((15, 4, 28, 18), 0.9)))
    assert [instance.score for instance in found] == pytest.approx([0.9, 0.6])
    assert found[0].box == pytest.approx((15 / 30, 4 / 20, 28 / 30, 18 / 20))
    assert found[1].box == pytest.approx((2 / 30, 2 / 20, 10 / 30, 12 / 20))


def test_the_point_lies_where_the_thing_is_clearest():
    (found,) = find_instances(places(((4, 4, 14, 16), 0.8)))
    assert found.point == pytest.approx(((2 * 9 + 0.5) / 60, (2 * 10 + 0.5) / 40))


def test_what_scores_too_little_is_not_there():
    assert find_instances(places(((4, 4, 14, 16), MIN_SCORE * 0.9))) == []


def test_much_weaker_instances_are_left_out():
    assert len(find_instances(places(((2, 2, 10, 12), 0.9), ((15, 4, 28, 18), 0.3)))) == 1


def test_a_part_of_a_thing_is_no_thing_of_its_own():
    assert len(find_instances(places(((2, 2, 28, 18), 0.9), ((3, 3, 9, 9), 0.7)))) == 1


def test_no_more_than_asked_for():
    assert len(find_instances(places(((2, 2, 10, 12), 0.6), ((15, 4, 28, 18), 0.9)), max_number=1)) == 1


@given(st.integers(0, 2**32 - 1))
def test_whatever_is_seen_boxes_are_valid_and_points_lie_in_the_picture(seed):
    torch.manual_seed(seed)
    random = Places(torch.randn(6, 8), torch.rand(3, 4), torch.rand(4, 3, 4) * 8)
    for instance in find_instances(random, min_score=0.0):
        x_left, y_top, x_right, y_bottom = instance.box
        assert 0 <= x_left < x_right <= 1
        assert 0 <= y_top < y_bottom <= 1
        assert all(0 < value < 1 for value in instance.point)


def test_overlap_is_intersection_over_union():
    boxes = np.array([[0, 0, 1, 1], [0.5, 0, 1.5, 1], [2, 2, 3, 3]])
    assert overlaps(boxes[0], boxes) == pytest.approx([1, 1 / 3, 0])
