"""Results in the forms that other vision tools read: COCO run-length masks and supervision ``Detections``.

Both need the extra ``interop`` (``pip install "vitron-agent[interop]"``).
"""

from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import NDArray

from vitron_agent.boxes import Boxes
from vitron_agent.errors import ConfigError

if TYPE_CHECKING:
    import supervision


class CocoRle(TypedDict):
    """A mask as COCO writes it into JSON: ``size`` is [height, width], ``counts`` the compressed run lengths."""

    size: list[int]
    counts: str


def coco_rle(mask: NDArray[np.bool_]) -> CocoRle:
    """A (H, W) bool mask as COCO run-length encoding, ready for JSON.

    Raises:
        ValueError: Another shape or dtype.
        ConfigError: pycocotools is not installed.
    """
    if mask.ndim != 2 or mask.dtype != np.bool_:
        raise ValueError(f"a mask is (H, W) bool, got {mask.shape} {mask.dtype}")
    coded = _needs("pycocotools.mask").encode(np.asfortranarray(mask, dtype=np.uint8))
    return CocoRle(size=[int(side) for side in coded["size"]], counts=coded["counts"].decode("ascii"))


def detections(
    boxes: Boxes, width: int, height: int, masks: Sequence[NDArray[np.bool_]] | None = None
) -> "supervision.Detections":
    """Boxes, and a mask for each where there are, as supervision ``Detections``.

    Args:
        boxes: n labelled boxes.
        width: Of the picture in pixels.
        height: Of the picture in pixels.
        masks: n masks of (H, W) bool, in the order of the boxes.

    Returns:
        ``xyxy`` in pixels, ``confidence``, ``class_id`` numbering the sorted labels, ``data["class_name"]``, ``mask``.

    Raises:
        ValueError: The number or size of the masks does not fit.
        ConfigError: supervision is not installed.
    """
    stack = None if masks is None else np.array(masks, dtype=np.bool_)
    if stack is not None and not stack.size:
        stack = stack.reshape(0, height, width)
    if stack is not None and stack.shape != (len(boxes), height, width):
        raise ValueError(f"masks must have shape {(len(boxes), height, width)}, got {stack.shape}")
    names = sorted(set(boxes.labels))
    found: supervision.Detections = _needs("supervision").Detections(
        xyxy=boxes.pixels(width, height),
        mask=stack,
        confidence=np.array(boxes.scores, dtype=np.float64),
        class_id=np.array([names.index(label) for label in boxes.labels], dtype=np.int64),
        data={"class_name": np.array(boxes.labels, dtype=np.str_)},
    )
    return found


def mask_detections(
    masks: Sequence[NDArray[np.bool_]], labels: Sequence[str], scores: Sequence[float] | None = None
) -> "supervision.Detections":
    """Masks as supervision ``Detections``; each box is the smallest around its mask.

    Args:
        masks: n masks of (H, W) bool, all of one size.
        labels: n words.
        scores: n confidences in [0, 1]; None = 1 each.

    Raises:
        ValueError: A mask is empty, or numbers and sizes do not fit.
        ConfigError: supervision is not installed.
    """
    if not masks or any(mask.shape != masks[0].shape or not mask.any() for mask in masks):
        raise ValueError("give one mask or more, all of one size and none of them empty")
    height, width = masks[0].shape
    corners = [_bounds(mask) / np.array([width, height, width, height]) for mask in masks]
    boxes = Boxes(np.array(corners), tuple(labels), tuple(scores or [1.0] * len(masks)))
    return detections(boxes, width, height, masks)


def _bounds(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(x_left, y_top, x_right, y_bottom) of the pixels that are True, right and bottom exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], dtype=np.float64)


def _needs(module: str) -> ModuleType:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        raise ConfigError(f"{name} is not installed; run: pip install 'vitron-agent[interop]'") from error
