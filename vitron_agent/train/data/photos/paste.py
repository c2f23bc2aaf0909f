"""Cut-outs on other photos: where everything is, and which pixels of it are seen, is known exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from vitron_agent.messages import Box
from vitron_agent.tools.phrases.colors import color_shares
from vitron_agent.tools.regions import tight_box
from vitron_agent.train.data.photos.cutouts import Cutout, Cutouts
from vitron_agent.train.data.photos.folder import Photo
from vitron_agent.train.data.readers.media import read_picture
from vitron_agent.train.data.samples import Pixels

_LONGER_SIDE = (0.3, 0.62)
"""Of a pasted thing, as a share of the photo's shorter side."""
_MOST_ENLARGED = 1.5
_MOST_HIDDEN = 1 / 3
_NOTICED = 0.05
"""A thing is in front of another where they share this much of the smaller one."""
_TRIES = 25
_JITTERED = 0.5
"""How many things of all get other colours."""
_GAIN = 0.12
"""Their channels change by so much at most."""
_FEATHER_PX = 0.8
"""Standard deviation of the blur of an edge."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one thing is pasted.

    Attributes:
        cutout: What.
        corner: (left, top) in pixels of the photo; all of the thing lies in the photo.
        size: (width, height) in pixels of the photo.
        flip: Whether it is mirrored.
        gains: Factors of red, green and blue.
    """

    cutout: Cutout
    corner: tuple[int, int]
    size: tuple[int, int]
    flip: bool
    gains: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Scene:
    """A photo with things on it.

    Attributes:
        background: The photo.
        placements: Later ones lie before earlier ones.
    """

    background: Photo
    placements: tuple[Placement, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is seen of one thing of a scene.

    Attributes:
        mask: (H, W), its visible pixels: two thirds of it at least.
        box: Tight around the mask.
        covers: Positions in the scene of the things that it hides a noticeable part of.
        colors: Share of each basic colour on it.
    """

    mask: NDArray[np.bool_]
    box: Box
    covers: frozenset[int]
    colors: dict[str, float]


def compose(rng: Random, background: Photo, chosen: Sequence[Cutout], cutouts: Cutouts) -> Scene:
    """Puts things on a photo at random places and sizes; those that find no place are left out."""
    height, width = read_picture(background.path).shape[:2]
    placements, masks = list[Placement](), list[NDArray[np.bool_]]()
    for cutout in chosen:
        for _ in range(_TRIES):
            placement = _placement(rng, cutout, width, height)
            _, alpha = _layer(placement, cutouts)
            tried = [*masks, _on_canvas(alpha > 0, placement, (height, width))]
            if all(hidden <= _MOST_HIDDEN for hidden in _hidden_shares(tried)):
                placements.append(placement)
                masks = tried
                break
    return Scene(background, tuple(placements))


def paint(scene: Scene, cutouts: Cutouts, *, without: int | None = None) -> Pixels:
    """The scene as (H, W, 3) RGB; without one of its things, as if that had never been there."""
    image = read_picture(scene.background.path).copy()
    for number, placement in enumerate(scene.placements):
        if number == without:
            continue
        color, alpha = _layer(placement, cutouts)
        (left, top), (width, height) = placement.corner, placement.size
        under = image[top : top + height, left : left + width]
        under[...] = np.rint(alpha[..., None] * color + (1 - alpha[..., None]) * under).astype(np.uint8)
    return image


def look(scene: Scene, cutouts: Cutouts) -> list[Seen]:
    """What is seen of each thing of a scene."""
    image = paint(scene, cutouts)
    shape = (image.shape[0], image.shape[1])
    whole = [_on_canvas(_layer(one, cutouts)[1] > 0, one, shape) for one in scene.placements]
    seen = []
    for number, mask in enumerate(whole):
        above = whole[number + 1 :]
        visible = mask & ~np.logical_or.reduce(above) if above else mask
        covers = frozenset(
            other
            for other, behind in enumerate(whole[:number])
            if (behind & mask).sum() >= _NOTICED * min(behind.sum(), mask.sum())
        )
        seen.append(Seen(visible, tight_box(visible), covers, color_shares(image[visible])))
    return seen


def _placement(rng: Random, cutout: Cutout, width: int, height: int) -> Placement:
    assert cutout.box is not None
    own = (cutout.box[2] - cutout.box[0], cutout.box[3] - cutout.box[1])
    scale = min(_MOST_ENLARGED, rng.uniform(*_LONGER_SIDE) * min(width, height) / max(own))
    size = (max(1, round(own[0] * scale)), max(1, round(own[1] * scale)))
    corner = (rng.randint(0, width - size[0]), rng.randint(0, height - size[1]))
    jitter = _GAIN if rng.random() < _JITTERED else 0.0
    red, green, blue = (1 + rng.uniform(-jitter, jitter) for _ in range(3))
    return Placement(cutout, corner, size, rng.random() < 0.5, (red, green, blue))


def _layer(placement: Placement, cutouts: Cutouts) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colours (h, w, 3) in [0, 255] and alpha (h, w): 0 outside the thing, at least a half on it, 1 well inside."""
    pixels = cutouts.pixels(placement.cutout)
    if placement.flip:
        pixels = pixels[:, ::-1]
    smaller = placement.size[0] < pixels.shape[1]
    resized = cv2.resize(pixels, placement.size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    color = np.clip(resized[..., :3] * np.array(placement.gains, np.float32), 0, 255).astype(np.float32)
    edge = cv2.copyMakeBorder(resized[..., 3], 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=0).astype(np.float32) / 255
    alpha = cv2.GaussianBlur(edge, (5, 5), _FEATHER_PX)[2:-2, 2:-2]
    return color, np.where(alpha >= 0.5, alpha, 0).astype(np.float32)


def _on_canvas(mask: NDArray[np.bool_], placement: Placement, shape: tuple[int, int]) -> NDArray[np.bool_]:
    canvas = np.zeros(shape, np.bool_)
    (left, top), (width, height) = placement.corner, placement.size
    canvas[top : top + height, left : left + width] = mask
    return canvas


def _hidden_shares(masks: Sequence[NDArray[np.bool_]]) -> list[float]:
    """How much of each thing the later ones hide; all of a thing without pixels."""
    above = np.zeros_like(masks[0])
    shares = list[float]()
    for mask in reversed(masks):
        shares.append(float((mask & above).sum() / mask.sum()) if mask.any() else 1.0)
        above |= mask
    return shares
