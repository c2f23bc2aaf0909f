"""Pixels as numbers to reckon with, and back without loss."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitron_agent.artifacts import ImageArray
from vitron_agent.errors import TurnCancelled
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.regions import PixelBox, mask_box, padded

UnitArray: TypeAlias = NDArray[np.float32]
"""(H, W, 3) sRGB, (H, W, 4) with straight alpha, or one plane (H, W); float32 in [0, 1]."""

_MAX_SIGMA = 4.0


def to_unit(image: ImageArray) -> UnitArray:
    """A picture as float32 in [0, 1]; uint8 and uint16 survive the way there and back."""
    return image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)


def from_unit(image: UnitArray, like: ImageArray) -> ImageArray:
    """Back to the depth of ``like``, rounded and clipped."""
    full = np.iinfo(like.dtype).max
    pixels: ImageArray = np.rint(np.clip(image, 0, 1) * np.float32(full)).astype(like.dtype)
    return pixels


def crop_of(box: PixelBox) -> tuple[slice, slice]:
    """The rows and columns of a box."""
    return slice(box[1], box[3]), slice(box[0], box[2])


def around(mask: MaskArray, margin: int) -> PixelBox:
    """The box of a mask that is not empty, grown by ``margin`` within the picture."""
    box = mask_box(mask)
    assert box is not None
    return padded(box, margin, mask.shape[1], mask.shape[0])


def mixed(below: UnitArray, above: UnitArray, alpha: UnitArray) -> UnitArray:
    """``above`` over ``below``, colours only; ``alpha`` is (H, W)."""
    weight = alpha[..., None]
    return below + (above - below) * weight


def scaled_to(image: UnitArray, max_pixels: int) -> UnitArray:
    """A picture of at most so many pixels, area-averaged; itself if it is small enough."""
    import cv2

    height, width = image.shape[:2]
    factor = (max_pixels / (height * width)) ** 0.5
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def resized(image: UnitArray, width: int, height: int) -> UnitArray:
    """A picture or plane of another size: area-averaged down, smoothly interpolated up."""
    import cv2

    if image.shape[:2] == (height, width):
        return image
    shrinks = width * height < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.clip(np.asarray(cv2.resize(image, (width, height), interpolation=method), np.float32), 0, 1)


def smoothed(image: UnitArray, sigma: float) -> UnitArray:
    """Gaussian blur of a picture or plane; wide ones are made on a smaller copy, where nobody sees the difference."""
    import cv2

    factor = min(1.0, _MAX_SIGMA / sigma)
    if factor == 1:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
    height, width = image.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.GaussianBlur(cv2.resize(image, size, interpolation=cv2.INTER_AREA), (0, 0), sigma * factor)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def stop_if(cancelled: Callable[[], bool]) -> None:
    """Raises TurnCancelled once the turn was cancelled."""
    if cancelled():
        raise TurnCancelled("stopped while editing")
