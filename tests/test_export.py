import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vitron_agent.boxes import Boxes
from vitron_agent.errors import ConfigError
from vitron_agent.export import coco_rle, detections, mask_detections

BOXES = Boxes(np.array([[0.1, 0.2, 0.5, 0.6], [0, 0, 1, 1]]), ("dog", "cat"), (0.9, 0.25))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools.decode
@given(mask=st.tuples(st.integers(1, 30), st.integers(1, 30)).flatmap(lambda size: hnp.arrays(np.bool_, size)))
def test_coco_reads_the_same_mask(mask: np.ndarray) -> None:
    from pycocotools import mask as coco

    rle = json.loads(json.dumps(coco_rle(mask)))

    assert np.array_equal(coco.decode(rle).astype(bool), mask)
    assert coco.area(rle) == mask.sum()


def test_detections_hold_pixels_labels_and_masks() -> None:
    masks = [np.zeros((100, 200), np.bool_), np.ones((100, 200), np.bool_)]

    found = detections(BOXES, 200, 100, masks)

    assert found.xyxy.tolist() == [[20, 20, 100, 60], [0, 0, 200, 100]]
    assert found.confidence.tolist() == [0.9, 0.25]
    assert found.class_id.tolist() == [1, 0]
    assert found.data["class_name"].tolist() == ["dog", "cat"]
    assert found.mask.shape == (2, 100, 200)
    assert detections(BOXES, 200, 100).mask is None


def test_no_boxes_are_no_detections() -> None:
    nothing = Boxes(np.zeros((0, 4)), (), ())

    assert len(detections(nothing, 10, 10)) == 0
    assert len(detections(nothing, 10, 10, [])) == 0


def test_boxes_fit_their_masks() -> None:
    mask = np.zeros((10, 20), np.bool_)
    mask[2:5, 3:11] = True

    found = mask_detections([mask], ["cat"])

    assert found.xyxy.tolist() == [[3, 2, 11, 5]]
    assert found.confidence.tolist() == [1.0]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 100, 200\), got \(1, 100, 200\)"):
        detections(BOXES, 200, 100, [np.zeros((100, 200), np.bool_)])
    with pytest.raises(ValueError, match="empty"):
        mask_detections([np.zeros((4, 4), np.bool_)], ["cat"])
    with pytest.raises(ValueError, match=r"\(H, W\) bool"):
        coco_rle(np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize(
    ("module", "export"),
    [
        ("pycocotools.mask", lambda: coco_rle(np.ones((2, 2), np.bool_))),
        ("supervision", lambda: detections(BOXES, 2, 2)),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, module: str, export: object
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(ConfigError, match=r"not installed; run: pip install 'vitron-agent\[interop\]'"):
        export()  # type: ignore[operator]
