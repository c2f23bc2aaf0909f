"""How well a mask follows a thing: region similarity J and contour accuracy F (DAVIS, Perazzi et al. 2016, §4)."""

import cv2
import numpy as np

from vitron_agent.tools.base import MaskArray

_TOLERANCE = 0.0075
"""How far apart two outlines may be and still agree, as a share of the diagonal; BSDS's own, DAVIS allows 0.8 %."""


def overlap(made: MaskArray, wanted: MaskArray) -> float:
    """J: intersection over union of two masks (H, W); 1 where both are empty."""
    either = int((made | wanted).sum())
    return float((made & wanted).sum() / either) if either else 1.0


def edge_f(made: MaskArray, wanted: MaskArray) -> float:
    """F: how well the outlines of two masks (H, W) agree; 1 where both have none.

    The harmonic mean of the shares of both that lie near the other. The picture's border is no outline.
    """
    radius = max(1, round(_TOLERANCE * float(np.hypot(*wanted.shape))))
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    one, other = _outline(made), _outline(wanted)
    if not one.any() or not other.any():
        return float(one.any() == other.any())
    precision = float((one & (cv2.dilate(other.astype(np.uint8), near) > 0)).sum() / one.sum())
    recall = float((other & (cv2.dilate(one.astype(np.uint8), near) > 0)).sum() / other.sum())
    return 2 * precision * recall / max(precision + recall, 1e-9)


def _outline(mask: MaskArray) -> MaskArray:
    """The mask's pixels that touch others; not those at the picture's border only."""
    edge: MaskArray = mask & (cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) == 0)
    return edge
