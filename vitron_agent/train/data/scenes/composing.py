"""Composing scenes from seeds: bodies of kindred looks, placed and moved so that the recipe holds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitron_agent.errors import ConfigError
from vitron_agent.train.data.scenes.drawing import patch
from vitron_agent.train.data.scenes.model import (
    COLORS,
    GROUNDS,
    PATTERNS,
    SHAPES,
    TINTS,
    Background,
    Body,
    Event,
    Media,
    Rgb,
    Scene,
)
from vitron_agent.train.data.scenes.outlines import RING_HOLE, TILT
from vitron_agent.train.data.scenes.recipe import DEFAULT, MARGIN, Recipe
from vitron_agent.train.data.scenes.splits import HELD_OUT, split_of

_GRID = 64
"""Pixels on a side of the sketches that tell what hides what."""
_TRIES = 40
_TRIES_OF_A_SCENE = 60
_EVENTS: dict[Event, float] = {
    "still": 3, "left": 1.1, "right": 1.1, "up": 0.9, "down": 0.9, "grows": 1, "appears": 0.9, "disappears": 0.9,
}  # fmt: skip
_BARELY = 0.15
"""Share of a body that is seen in every frame of a clip, however much passes in front of it."""
_CONTRAST = 85
"""Least distance, in RGB, of a body's color to the background's tint."""


@lru_cache(maxsize=64)
def scene(seed: int, recipe: Recipe = DEFAULT, media: Media = "image") -> Scene:
    """The scene of a seed: the same at any time, on any machine.

    Args:
        seed: Also tells the split (:data:`~vitron_agent.train.data.scenes.splits.SEEDS`) and so which looks may occur.
        recipe: What scenes are like.
        media: A still, or a clip.

    Raises:
        UsageError: No split owns the seed.
        ConfigError: The recipe's bodies find no room.
    """
    new = split_of(seed) == "test_new"
    rng = Random(f"{seed}/{media}")  # noqa: S311
    for _ in range(_TRIES_OF_A_SCENE):
        bodies = _bodies(rng, recipe, media, new=new)
        if bodies:
            return Scene(seed, recipe, media, _background(rng, recipe, bodies), bodies)
    raise ConfigError(f"bodies={recipe.bodies} of this size find no room in a scene; ask for fewer or smaller ones")


def shows(scene: Scene) -> bool:
    """True where every body is as visible as the recipe asks, before a background unlike it."""
    tint = TINTS[scene.background.tint]
    unlike = scene.background.ground == "photo" or _contrast(tint, scene.bodies) >= _CONTRAST
    return unlike and _visible(scene.bodies, [sketch(body, scene.num_frames) for body in scene.bodies], scene.recipe)


def sketch(body: Body, num_frames: int) -> NDArray[np.bool_]:
    """Where a body is, whatever hides it: (num_frames, 64, 64)."""
    drawn = np.zeros((num_frames, _GRID, _GRID), bool)
    for frame in range(body.frames[0], body.frames[1] + 1):
        place = patch(body, frame, _GRID)
        drawn[frame][place.window] = place.coverage >= 0.5
    return drawn


def look(rng: Random, *, new: bool, kin: Sequence[Body] = ()) -> dict[str, Any]:
    """Shape, color, pattern, size and angle of a body.

    Args:
        rng: Chooses.
        new: Of a held-out pair of shape and color; else never.
        kin: Of whose shape or color the body often is, so that one word alone seldom tells it from the others.
    """
    while True:
        shape, color = rng.choice(SHAPES), rng.choice(list(COLORS))
        if kin and rng.random() < 0.5:
            shape = rng.choice(kin).shape
        elif kin and rng.random() < 0.3:
            color = rng.choice(kin).color
        if ((shape, color) in HELD_OUT) == new:
            break
        kin = ()  # kin may have no such pair
    pattern = rng.choices(PATTERNS, (5, 2, 2, 2))[0]
    tilt = TILT.get(shape, 180)
    return {
        "shape": shape,
        "color": color,
        "pattern": pattern,
        "size": rng.choice(("small", "large")),
        "angle": rng.uniform(-tilt, tilt),
    }


@dataclass(frozen=True, slots=True)
class _Placed:
    body: Body
    sketch: NDArray[np.bool_]


def _bodies(rng: Random, recipe: Recipe, media: Media, *, new: bool) -> tuple[Body, ...]:
    """Bodies from back to front; none where they did not find their places."""
    placed: list[_Placed] = []
    num_frames = recipe.frames if media == "video" else 1
    for _ in range(rng.randint(*recipe.bodies)):
        kin = [one.body for one in placed]
        for _ in range(_TRIES):
            # The first body of a scene of new looks has one; the others may be of either kind.
            body = unplaced(rng, recipe, media, look(rng, new=new and (not kin or rng.random() < 0.3), kin=kin))
            partner = rng.choice(kin) if kin and rng.random() < recipe.overlaps else None
            found = _place(rng, body, partner, num_frames)
            if found is None or sum(_same_look(found, other) for other in kin) > 1:
                continue
            one = _Placed(found, sketch(found, num_frames))
            inside = rng.randrange(len(placed) + 1)
            order = [*placed[:inside], one, *placed[inside:]]
            apart = not any((one.sketch & other.sketch).any() for other in placed)
            seen = _visible([item.body for item in order], [item.sketch for item in order], recipe)
            if seen if partner else apart:
                placed = order
                break
        else:
            return ()
    moving = media == "image" or any(any(one.body.step) or one.body.growth > 1 for one in placed)
    return tuple(one.body for one in placed) if moving else ()


def unplaced(rng: Random, recipe: Recipe, media: Media, looks: dict[str, Any]) -> Body:
    """A body of some look (:func:`look`) in the middle of the picture, with what it does in a clip."""
    last = recipe.frames - 1
    event = rng.choices(list(_EVENTS), list(_EVENTS.values()))[0] if media == "video" else "still"
    if event == "grows":
        looks = looks | {"size": "small"}
    body = Body(
        **looks,
        x=0.5,
        y=0.5,
        radius=rng.uniform(*(recipe.small if looks["size"] == "small" else recipe.large)),
        grain=rng.getrandbits(24),
        frames=(0, last) if media == "video" else (0, 0),
    )
    speed = rng.uniform(*recipe.travel) / last
    if event in _WAYS:
        x, y = _WAYS[event]
        return replace(body, step=(x * speed, y * speed))
    if event == "grows":
        return replace(body, growth=rng.uniform(1.7, recipe.large[1] / body.radius) ** (1 / last))
    if event == "appears":
        return replace(body, frames=(rng.randint(2, last - 1), last))
    if event == "disappears":
        return replace(body, frames=(0, rng.randint(1, last - 2)))
    return body


_WAYS: dict[str, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


def _place(rng: Random, body: Body, partner: Body | None, num_frames: int) -> Body | None:
    """The body at a place of its own, or meeting its partner in some frame; None where it would leave the picture."""
    if partner is None:
        return _at(body, rng.random(), rng.random(), num_frames)
    frame = rng.randrange(num_frames)
    x, y, radius = partner.pose(frame)
    own = body.pose(frame)
    hole = RING_HOLE * radius if partner.shape == "ring" else 0
    reach = 0 if own[2] < 0.85 * hole else (radius + own[2]) * rng.uniform(0.4, 0.85)
    way = rng.uniform(0, 2 * np.pi)
    moved = replace(body, x=x + reach * np.cos(way) - (own[0] - body.x), y=y + reach * np.sin(way) - (own[1] - body.y))
    return moved if lies_within(moved, num_frames) else None


def _at(body: Body, x: float, y: float, num_frames: int) -> Body:
    """The body at a place, given as a share [0, 1] of the room that its way through all frames leaves."""
    poses = [body.pose(0), body.pose(num_frames - 1)]
    reach = max(radius for _, _, radius in poses) + MARGIN
    way_x, way_y = (poses[1][axis] - poses[0][axis] for axis in (0, 1))
    return replace(
        body,
        x=_within(x, reach - min(way_x, 0), 1 - reach - max(way_x, 0)),
        y=_within(y, reach - min(way_y, 0), 1 - reach - max(way_y, 0)),
    )


def _within(share: float, low: float, high: float) -> float:
    return low + share * (high - low)


def lies_within(body: Body, num_frames: int) -> bool:
    """True where the body is wholly in the picture in every frame."""
    return all(
        radius + MARGIN <= place <= 1 - radius - MARGIN
        for x, y, radius in (body.pose(0), body.pose(num_frames - 1))
        for place in (x, y)
    )


def _visible(bodies: Sequence[Body], sketches: Sequence[NDArray[np.bool_]], recipe: Recipe) -> bool:
    hidden = np.zeros_like(sketches[0])
    for body, whole in zip(reversed(bodies), reversed(sketches), strict=True):
        first, last = body.frames
        there = slice(first, last + 1)
        areas = whole[there].sum(axis=(1, 2))
        shares = (whole[there] & ~hidden[there]).sum(axis=(1, 2)) / areas
        if min(shares[0], shares[-1]) < 1 - recipe.hidden or shares.min() < _BARELY:
            return False
        hidden |= whole
    return True


def _same_look(one: Body, other: Body) -> bool:
    return (one.shape, one.color, one.pattern, one.size) == (other.shape, other.color, other.pattern, other.size)


def _background(rng: Random, recipe: Recipe, bodies: Sequence[Body]) -> Background:
    """A background on which all bodies stand out, or the one on which the least conspicuous does so best."""
    if recipe.photos and rng.random() < 0.5:
        return Background("photo", next(iter(TINTS)), rng.getrandbits(32))
    tints = [tint for tint in TINTS if _contrast(TINTS[tint], bodies) >= _CONTRAST]
    tint = rng.choice(tints) if tints else max(TINTS, key=lambda tint: _contrast(TINTS[tint], bodies))
    return Background(rng.choice([ground for ground in GROUNDS if ground != "photo"]), tint, rng.getrandbits(32))


def _contrast(tint: Rgb, bodies: Sequence[Body]) -> float:
    return min(float(np.linalg.norm(np.subtract(tint, COLORS[body.color]))) for body in bodies)
