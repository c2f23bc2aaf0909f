import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.train.data.readers.sets import HEIGHT, RUNS, SQUARE, WIDTH
from vitron_agent.train.data.readers.common import Unusable
from vitron_agent.train.data.readers.segmentation import RunLengths, to_mask

SIZE = (WIDTH, HEIGHT)


@pytest.fixture(params=["pycocotools", "opencv"])
def tool(request, monkeypatch):
    if request.param == "pycocotools":
        pytest.importorskip("pycocotools")
    else:
        monkeypatch.setitem(sys.modules, "pycocotools.mask", None)
    return request.param


def test_polygons_are_filled(tool):
    mask = to_mask([SQUARE], SIZE)
    assert mask.shape == (HEIGHT, WIDTH)
    assert mask[5:15, 10:20].all()
    assert mask.sum() <= 11 * 11


def test_several_polygons_are_united(tool):
    other = [x + 5 for x in SQUARE]
    both = to_mask([SQUARE, other], SIZE)
    assert (both == (to_mask([SQUARE], SIZE) | to_mask([other], SIZE))).all()


def test_polygons_end_at_the_picture(tool):
    assert to_mask([[-1e12, -1e12, 1e12, -1e12, 1e12, 1e12, -1e12, 1e12]], SIZE).mean() > 0.9


@pytest.mark.parametrize("damaged", [[], [[1, 2, 3, 4]], [[1, 2, 3, 4, 5, 6, 7]], [SQUARE, []]])
def test_polygons_of_too_few_points_are_refused(damaged):
    with pytest.raises(Unusable, match="polygon"):
        to_mask(damaged, SIZE)


def test_run_lengths_go_down_the_columns():
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[5:15, 10] = True
    assert (to_mask(RunLengths(**RUNS), SIZE) == expected).all()


@given(st.lists(st.booleans(), min_size=24, max_size=24), st.booleans())
def test_compressed_run_lengths_are_those_of_the_reference_tool(bits, repeated):
    tool = pytest.importorskip("pycocotools.mask")
    mask = np.array(bits, np.uint8).reshape(4, 6)
    mask = np.kron(mask, np.ones((30, 20), np.uint8)) if repeated else mask
    coded = tool.encode(np.asfortranarray(mask))
    runs = RunLengths(size=tuple(coded["size"]), counts=coded["counts"].decode())
    assert (to_mask(runs, mask.shape[::-1]) == mask.astype(bool)).all()


@pytest.mark.parametrize(
    "counts", [[], [5], [-1, 801], [800, 1], "", "abc", "~~~", "\u1234", "o" * 100, [10**12]], ids=lambda c: str(c)[:9]
)
def test_damaged_run_lengths_are_refused(counts):
    with pytest.raises(Unusable, match="damaged run lengths"):
        to_mask(RunLengths(size=(HEIGHT, WIDTH), counts=counts), SIZE)


def test_masks_of_another_picture_are_refused():
    with pytest.raises(Unusable, match="another size: 3 x 2 on 40 x 20"):
        to_mask(RunLengths(size=(2, 3), counts=[6]), SIZE)
