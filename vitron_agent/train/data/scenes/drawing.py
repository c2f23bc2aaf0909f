"""Scenes as pixels: anti-aliased outlines, patterns, shading as of a rounded body lit from above, backgrounds.

Nothing is drawn outside a body's own anti-aliased outline (no shadows): where one body changes, all other pixels stay.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitron_agent.train.data.samples import Pixels
from vitron_agent.train.data.scenes.model import COLORS, TINTS, Background, Body, Scene
from vitron_agent.train.data.scenes.outlines import OUTLINES
from vitron_agent.train.data.scenes.recipe import Recipe, photo_paths
from vitron_agent.train.data.scenes.splits import split_of

_FINE = 4
"""Outlines are filled on a grid so many times finer, then averaged."""
_BEVEL = 0.55
"""Width of the rounded rim, in radii."""
_LIGHT = np.array([-0.45, -0.65, 0.61], dtype=np.float32)
"""Towards the light: from the upper left, in front of the picture."""


@dataclass(frozen=True, slots=True)
class Patch:
    """The part of a frame that holds a body.

    Attributes:
        left: First column, in pixels.
        top: First row, in pixels.
        coverage: How much of each pixel the body covers, (h, w) float32 in [0, 1].
    """

    left: int
    top: int
    coverage: NDArray[np.float32]

    @property
    def window(self) -> tuple[slice, slice]:
        """Its rows and columns in the frame."""
        height, width = self.coverage.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def patch(body: Body, frame: int, side: int) -> Patch:
    """Where a body is, whatever hides it; one pixel of the body is one of which it covers half or more."""
    return _patch(body.shape, body.angle, *(side * value for value in body.pose(frame)))


@lru_cache(maxsize=512)
def _patch(shape: str, angle: float, x: float, y: float, radius: float) -> Patch:
    left, top = int(x - radius) - 1, int(y - radius) - 1
    width, height = int(x + radius) + 2 - left, int(y + radius) + 2 - top
    turn = np.deg2rad(angle)
    rotation = radius * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    fine = np.zeros((height * _FINE, width * _FINE), np.uint8)
    shift = 4  # fractional bits of the corners
    corners = [
        np.round(((outline @ rotation + (x - left, y - top)) * _FINE - 0.5) * 2**shift).astype(np.int32)
        for outline in OUTLINES[shape]
    ]
    cv2.fillPoly(fine, corners, 255, shift=shift)
    coarse = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return Patch(left, top, np.multiply(coarse, 1 / 255, dtype=np.float32))


def draw(scene: Scene) -> Pixels:
    """The scene: (side, side, 3) of a still, (frames, side, side, 3) of a clip."""
    ground = _background(scene.background, scene.recipe, held_out=split_of(scene.seed) != "train")
    frames = np.empty((scene.num_frames, *ground.shape), np.uint8)
    surfaces: dict[tuple[Body, tuple[float, float, float]], NDArray[np.float32]] = {}
    for frame in range(scene.num_frames):
        canvas = ground.copy()
        for body in scene.bodies:
            if body.frames[0] <= frame <= body.frames[1]:
                place = patch(body, frame, scene.recipe.side)
                key = (body, body.pose(frame))
                if key not in surfaces:  # a body that stands still is painted once
                    surfaces[key] = _surface(body, frame, scene.recipe.side, place)
                under = canvas[place.window]
                under += place.coverage[..., None] * (surfaces[key] - under)
        frames[frame] = np.clip(canvas + 0.5, 0, 255)
    return frames if scene.media == "video" else frames[0]


def _surface(body: Body, frame: int, side: int, place: Patch) -> NDArray[np.float32]:
    """Colors (h, w, 3) float32 in [0, 255] of a body's patch."""
    x, y, radius = (side * value for value in body.pose(frame))
    height, width = place.coverage.shape
    rows = (np.arange(height, dtype=np.float32)[:, None] + (place.top + 0.5 - y)) / radius
    columns = (np.arange(width, dtype=np.float32)[None, :] + (place.left + 0.5 - x)) / radius
    turn = np.deg2rad(body.angle + 30 * (body.grain % 7 - 3))
    u = columns * np.cos(turn) + rows * np.sin(turn)
    v = rows * np.cos(turn) - columns * np.sin(turn)
    color = np.array(COLORS[body.color], np.float32) + _jitter(body.grain)
    mark = _pattern(body, u, v, pixel=1 / radius)[..., None]
    painted = color + mark * (_second_tone(body.color) - color)
    light, shine = _shading(place.coverage, radius)
    return painted * (light + 0.035 * _noise(body.grain, height, width))[..., None] + 80 * shine[..., None]


def _pattern(body: Body, u: NDArray[np.float32], v: NDArray[np.float32], pixel: float) -> NDArray[np.float32]:
    """Where the second tone is: (h, w) in [0, 1], with edges one pixel soft."""
    period = 0.5 + 0.03 * (body.grain % 5)
    if body.pattern == "striped":
        distance = np.abs(u / period % 1 - 0.5) * period
        edge = 0.2 * period
    elif body.pattern == "dotted":
        distance = np.hypot((u / period) % 1 - 0.5, (v / period) % 1 - 0.5) * period
        edge = 0.31 * period
    elif body.pattern == "checked":
        cell = 0.85 * period
        odd = (np.floor(u / cell) + np.floor(v / cell)) % 2
        inner = 0.5 - np.maximum(np.abs(u / cell % 1 - 0.5), np.abs(v / cell % 1 - 0.5))
        # Slightly smaller than the others, so that the color names the body.
        distance, edge = np.where(odd == 1, -inner, 1) * cell, -0.06 * cell
    else:
        return np.zeros_like(u)
    mark: NDArray[np.float32] = np.clip((edge - distance) / pixel + 0.5, 0, 1)
    return mark


def _second_tone(color: str) -> NDArray[np.float32]:
    """Near black on the lightest colors, else near white: tones that are never another color's name."""
    light = color in ("white", "yellow")
    return np.array((52, 52, 56) if light else (238, 238, 234), np.float32)


def _shading(coverage: NDArray[np.float32], radius: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Brightness (about 0.5 to 1.1) and gloss (0 to 1) of a body that bulges towards its middle, both (h, w)."""
    inside = cv2.distanceTransform((coverage > 0.02).astype(np.uint8), cv2.DIST_L2, 3)
    slope = 1 - np.minimum(inside / (_BEVEL * radius), 1)
    relief = cv2.GaussianBlur(np.sqrt(np.maximum(1 - slope**2, 0)), (0, 0), max(radius / 14, 0.8))
    relief *= _BEVEL * radius
    across = cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    down = cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    facing = (_LIGHT[2] - across * _LIGHT[0] - down * _LIGHT[1]) / np.sqrt(across**2 + down**2 + 1)
    facing = np.maximum(facing, 0)
    return 0.52 + 0.58 * facing, np.maximum(facing - 0.9, 0) * 10


def _background(background: Background, recipe: Recipe, *, held_out: bool) -> NDArray[np.float32]:
    """(side, side, 3) float32 in [0, 255]."""
    side = recipe.side
    rng = np.random.default_rng(background.grain)
    if background.ground == "photo" and recipe.photos:
        paths = photo_paths(recipe.photos)
        # Every fifth photo is for measuring only.
        choice = [path for place, path in enumerate(paths) if (place % 5 == 0) == held_out] or paths
        return _crop(choice[background.grain % len(choice)], side, rng)
    tint = np.array(TINTS[background.tint], np.float32)
    depth = 0.3 * (20 + tint.mean())
    way = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    ramp = np.cos(way) * axis[None, :] + np.sin(way) * axis[:, None]
    relief = 0.8 * ramp
    if background.ground == "grainy":
        relief = relief + 0.13 * _noise(background.grain, side, side)
    elif background.ground == "cloudy":
        for cells, weight in ((4, 0.55), (9, 0.3)):
            soft = rng.standard_normal((cells, cells)).astype(np.float32)
            relief = relief + weight * cv2.resize(soft, (side, side), interpolation=cv2.INTER_CUBIC)
    elif background.ground == "striped":
        waves = np.sin(2 * np.pi * rng.uniform(4, 9) * ramp + rng.uniform(0, 6))
        relief = 0.4 * relief + 0.4 * np.clip(3 * waves, -1, 1)
    warm = rng.uniform(-0.25, 0.25, 3).astype(np.float32)
    painted: NDArray[np.float32] = np.clip(tint + depth * relief[..., None] * (1 + warm), 0, 255)
    return painted


def _crop(path: Path, side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    photo = _photo(path)
    span = int(min(photo.shape[:2]) * rng.uniform(0.6, 1))
    top, left = (rng.integers(0, length - span + 1) for length in photo.shape[:2])
    part = photo[top : top + span, left : left + span]
    return cv2.resize(part, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)


@lru_cache(maxsize=64)
def _photo(path: Path) -> Pixels:
    with Image.open(path) as photo:
        return np.asarray(photo.convert("RGB"))


def _noise(grain: int, height: int, width: int) -> NDArray[np.float32]:
    """Grain (height, width) of standard deviation 1."""
    start = grain % 2**16
    return _noise_tape().take(np.arange(start, start + height * width), mode="wrap").reshape(height, width)


@lru_cache(maxsize=1)
def _noise_tape() -> NDArray[np.float32]:
    """Drawn once: parts of it serve everywhere."""
    return np.random.default_rng(0).standard_normal(2**18).astype(np.float32)


def _jitter(grain: int) -> NDArray[np.float32]:
    """A little of another tone, so that not all red things are of the same red."""
    return np.array([(grain >> shift) % 17 - 8 for shift in (3, 9, 15)], np.float32)
