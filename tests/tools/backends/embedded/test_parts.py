import numpy as np
import pytest

from vitron_agent.errors import TurnCancelled
from vitron_agent.tools.backends.embedded.parts import merge


def test_what_looks_alike_is_merged_and_what_does_not_stays_apart():
    sizes = np.array([10.0, 10.0, 10.0, 10.0])
    looks = np.array([[0.0], [0.2], [5.0], [5.1]])
    chain = np.array([[0, 1], [1, 2], [2, 3]])
    assert merge(sizes, looks, chain, 1.0).tolist() == [0, 0, 1, 1]


def test_only_neighbours_are_merged():
    sizes, looks = np.array([10.0, 10.0, 10.0]), np.array([[0.0], [9.0], [0.0]])
    assert len(set(merge(sizes, looks, np.array([[0, 1], [1, 2]]), 1.0).tolist())) == 3


def test_specks_go_to_their_neighbour():
    sizes, looks = np.array([1000.0, 1.0]), np.array([[0.0], [3.0]])
    assert merge(sizes, looks, np.array([[0, 1]]), 1.0).tolist() == [0, 0]


def test_a_single_part_stays_whole():
    assert merge(np.array([5.0]), np.array([[1.0]]), np.empty((0, 2), np.intp), 1.0).tolist() == [0]


def test_everything_is_divided_into_named_parts(segmentation, cat):
    divided = segmentation.partition(cat, image_id="cat")
    assert divided.labels.shape == cat.shape[:2]
    assert divided.labels.dtype == np.uint16
    assert set(np.unique(divided.labels)) == set(range(len(divided.findings)))
    assert 2 <= len(divided.findings) <= 60
    shares = [float(dict(finding.facts)["share"]) for finding in divided.findings]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=0.02)
    assert np.array_equal(segmentation.partition(cat, image_id="cat").labels, divided.labels)


def test_dividing_can_be_cancelled(segmentation, cat):
    segmentation.partition(cat, image_id="cat")
    with pytest.raises(TurnCancelled):
        segmentation.partition(cat, image_id="cat", cancelled=lambda: True)
