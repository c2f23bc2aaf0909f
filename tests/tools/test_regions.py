import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitron_agent.errors import UnknownTargetError, WrongMediaError
from vitron_agent.messages import Finding, Region
from vitron_agent.tools.regions import (
    drawn_ones,
    mask_box,
    normalised,
    padded,
    pixel_box,
    rasterise,
    rasterise_all,
    split_points,
)

unit = st.floats(0, 1, allow_nan=False)
points = st.tuples(unit, unit)
sides = st.integers(1, 70)


def drawn() -> st.SearchStrategy[Region]:
    boxes = (
        st.tuples(unit, unit, unit, unit).filter(lambda b: b[0] < b[2] and b[1] < b[3]).map(lambda b: Region.box(*b))
    )
    return st.one_of(
        boxes,
        st.lists(points, min_size=1, max_size=6).map(Region.points),
        st.lists(points, min_size=3, max_size=6).map(Region.polygon),
        st.lists(points, min_size=1, max_size=6).map(Region.scribble),
    )


@given(drawn(), sides, sides)
@settings(max_examples=150)
def test_every_region_is_a_non_empty_mask_of_the_sources_size(region, width, height):
    mask = rasterise(region, width, height)
    assert mask.shape == (height, width)
    assert mask.dtype == np.bool_
    assert mask.any()


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 30), st.integers(1, 30))
def test_a_box_on_pixel_borders_comes_back_exactly(left, top, wide, high):
    width, height = left + wide + 3, top + high + 5
    box = (left, top, left + wide, top + high)
    mask = rasterise(Region.box(*normalised(box, width, height)), width, height)
    found = mask_box(mask)
    assert found is not None
    assert found[0] in (left, left - 1)  # a rounding error may touch one more pixel, never one less
    assert found[2] in (box[2], box[2] + 1)
    assert mask[top : top + high, left : left + wide].all()


def test_a_box_covers_each_pixel_that_it_touches():
    assert pixel_box((0.15, 0.5, 0.25, 0.5000001), 10, 10) == (1, 5, 3, 6)
    assert pixel_box((0.999, 0.999, 1.0, 1.0), 10, 10) == (9, 9, 10, 10)


def test_a_polygon_has_about_the_area_of_its_shape():
    mask = rasterise(Region.polygon([(0.2, 0.2), (0.8, 0.2), (0.5, 0.8)]), 300, 200)
    assert mask.sum() == pytest.approx(0.5 * 180 * 120, rel=0.05)
    assert mask[60, 150]
    assert not mask[150, 30]


def test_a_scribble_is_as_wide_as_it_says():
    mask = rasterise(Region.scribble([(0.1, 0.5), (0.9, 0.5)], width=0.1), 200, 100)
    assert mask[:, 100].sum() == pytest.approx(20, abs=2)


def test_negative_clicks_are_not_part_of_the_mask():
    region = Region.points([(0.25, 0.5), (0.75, 0.5)], labels=[True, False])
    mask = rasterise(region, 100, 50)
    assert mask[25, 25]
    assert not mask[:, 50:].any()
    on, beside = split_points(region, 100, 50)
    assert on.tolist() == [[25.0, 25.0]]
    assert beside.tolist() == [[75.0, 25.0]]


def test_a_mask_region_is_loaded_and_checked():
    ref = "sha256:" + "0" * 64
    mask = np.eye(4, dtype=np.bool_)
    assert np.array_equal(rasterise(Region.mask(ref), 4, 4, lambda _: mask), mask)
    with pytest.raises(UnknownTargetError):
        rasterise(Region.mask(ref), 4, 4)
    with pytest.raises(WrongMediaError, match="4 x 4, its picture 5 x 4"):
        rasterise(Region.mask(ref), 5, 4, lambda _: mask)
    with pytest.raises(WrongMediaError, match="empty"):
        rasterise(Region.mask(ref), 4, 4, lambda _: np.zeros((4, 4), np.bool_))


def test_a_union_holds_all_its_regions():
    left, right = Region.box(0, 0, 0.2, 1), Region.box(0.8, 0, 1, 1)
    mask = rasterise_all([left, right], 10, 2)
    assert mask.sum(axis=0).tolist() == [2, 2, 0, 0, 0, 0, 0, 0, 2, 2]
    assert mask_box(np.zeros((3, 3), np.bool_)) is None
    assert padded((2, 2, 4, 4), 3, 5, 6) == (0, 0, 5, 6)


@given(data=st.data())
def test_a_finding_is_meant_by_what_is_drawn_in_it_or_around_it_but_not_beside_it(data):
    left, top = data.draw(st.floats(0, 0.4)), data.draw(st.floats(0, 0.4))
    finding = Finding(label="dog", score=1.0, box=(left, top, left + 0.2, top + 0.2))
    click = Region.points([(left + 0.1, top + 0.1)])
    around = Region.box(0, 0, left + 0.25, top + 0.25)
    beside = Region.box(0.7, 0.7, 1, 1)
    for region, meant in ((click, (finding,)), (around, (finding,)), (beside, ())):
        assert drawn_ones([finding], [rasterise(region, 120, 90)]) == meant


def test_each_drawing_points_at_its_own_findings_and_clicks_beside_at_none():
    left, right = (Finding(label="dog", score=1.0, box=box) for box in ((0, 0, 0.4, 1), (0.6, 0, 1, 1)))
    click, around = Region.points([(0.2, 0.5)]), Region.box(0.5, 0, 1, 1)
    beside = Region.points([(0.2, 0.5)], labels=[False])
    for regions, meant in (
        ([], (left, right)),
        ([click], (left,)),
        ([click, around], (left, right)),
        ([around, beside], (right,)),
        ([beside], (left, right)),
    ):
        assert drawn_ones([left, right], [rasterise(region, 120, 90) for region in regions]) == meant
