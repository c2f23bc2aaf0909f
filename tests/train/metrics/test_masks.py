"""Masks are worth most that are the thing, shifts cost more the further they go, and the outline tells fine ones."""

import numpy as np
import pytest

from vitron_agent.train.metrics.masks import edge_f, overlap

SIDE = 400


def square(left: int = 100, side: int = 120) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[140 : 140 + side, left : left + side] = True
    return mask


@pytest.mark.parametrize("measure", [overlap, edge_f])
def test_the_same_is_worth_one_and_more_shift_is_worth_less(measure):
    worth = [measure(square(100 + shift), square()) for shift in (0, 6, 40, 200)]
    assert worth == sorted(worth, reverse=True)
    assert (worth[0], worth[-1]) == (1, 0)
    assert measure(square(130), square()) == pytest.approx(measure(square(), square(130)))


@pytest.mark.parametrize("measure", [overlap, edge_f])
def test_nothing_is_right_only_where_nothing_is(measure):
    empty = np.zeros((SIDE, SIDE), np.bool_)
    assert measure(empty, empty) == 1
    assert measure(empty, square()) == measure(square(), empty) == 0


def test_the_outline_forgives_its_tolerance_and_no_more():
    assert edge_f(square(101), square()) == 1
    assert edge_f(square(115), square()) < 0.7 < overlap(square(115), square())


def test_a_border_of_the_picture_is_no_outline():
    half = np.zeros((SIDE, SIDE), np.bool_)
    half[:, :200] = True
    assert edge_f(half, half) == 1
    assert edge_f(np.ones_like(half), half) == 0
