"""Pictures whose masks are known to the pixel: things cut out of photos and pasted on other photos."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vitron_agent.train.masks.things import Thing, thing_of

_SIDE = 480
"""Longer side of a pasted picture."""
_SIZES = (0.2, 0.65)
"""Of the longer side of a pasted thing, as a share of the picture's."""
_MOST = 3
_LIGHT = 0.2
_FEATHER = 0.7
"""Sigma in pixels of the soft edge that cameras make."""


@dataclass(frozen=True)
class CutOut:
    """A thing without its surroundings.

    Attributes:
        pixels: (h, w, 3).
        alpha: (h, w), 1 on the thing, else 0.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.float32]


def cut_outs(image: NDArray[np.uint8], things: Sequence[Thing]) -> list[CutOut]:
    """The things of a picture that are known to the pixel and that its border does not cut off."""
    height, width = image.shape[:2]
    found = []
    for thing in things:
        left, top, right, bottom = thing.box
        if thing.pixels is not None and left > 0 and top > 0 and right < width and bottom < height:
            found.append(CutOut(image[top:bottom, left:right].copy(), thing.pixels.astype(np.float32)))
    return found


def paste(
    background: NDArray[np.uint8], stock: Sequence[CutOut], random: np.random.Generator
) -> tuple[NDArray[np.uint8], list[Thing]]:
    """A picture with one to three things pasted on it, and what is left to see of each."""
    factor = _SIDE / max(background.shape[:2])
    size = (round(background.shape[1] * factor), round(background.shape[0] * factor))
    picture = cv2.resize(background, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    masks: list[NDArray[np.bool_]] = []
    for _ in range(int(random.integers(1, _MOST + 1))):
        placed, alpha = _placed(stock[int(random.integers(len(stock)))], size, random)
        picture += (placed - picture) * cv2.GaussianBlur(alpha, (0, 0), _FEATHER)[..., None]
        masks = [mask & (alpha <= 0.5) for mask in masks] + [alpha > 0.5]
    things = [thing for mask in masks if (thing := thing_of(mask)) is not None]
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8), things


def _placed(
    cut: CutOut, size: tuple[int, int], random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A cut-out somewhere in a picture of (width, height): its pixels and its alpha there."""
    height, width = cut.alpha.shape
    scale = random.uniform(*_SIZES) * max(size) / max(width, height)
    across = scale if random.random() < 0.5 else -scale
    center = (random.uniform(0.1, 0.9) * size[0], random.uniform(0.1, 0.9) * size[1])
    move = np.array([[across, 0, center[0] - across * width / 2], [0, scale, center[1] - scale * height / 2]])
    light = 1 + random.uniform(-_LIGHT, _LIGHT, 3)
    pixels = cv2.warpAffine(cut.pixels, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(cut.alpha, move, size, flags=cv2.INTER_LINEAR)
    return np.asarray(pixels * light, np.float32).clip(0, 255), np.asarray(alpha, np.float32)
