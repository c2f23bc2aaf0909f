"""Another colour for a thing, with its shading, texture and highlights."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vitron_agent.tools.backends.embedded.editing.colors import RGB, from_oklab, lab_of, to_oklab
from vitron_agent.tools.backends.embedded.editing.matte import matte
from vitron_agent.tools.backends.embedded.editing.pixels import UnitArray, mixed
from vitron_agent.tools.base import MaskArray

_DARKEST, _LIGHTEST = 0.2, 0.93
"""Lightness of a black and of a white thing: shading needs room on both sides."""
_VIVID = 0.17
"""Chroma that paint and cloth rarely exceed; what a screen's pure colours have beyond it is halved."""
_COLORFUL = 0.09
"""Saturation (chroma by lightness) from which a thing has a colour of its own."""


def recolor(image: UnitArray, mask: MaskArray, color: RGB, radius: int, cancelled: Callable[[], bool]) -> UnitArray:
    """Gives a thing another colour.

    Args:
        image: (H, W, 3), the thing and its surroundings.
        mask: (H, W).
        color: Which.
        radius: Pixels around the mask in which its true edge is looked for.
        cancelled: As for :func:`matte`.

    Returns:
        (H, W, 3), unchanged further than ``radius`` outside the mask.
    """
    alpha = matte(image, mask, radius, cancelled)
    lab = to_oklab(image)
    painted, weight = _painted(lab, mask, lab_of(color))
    return mixed(image, from_oklab(lab + (painted - lab) * weight[..., None]), alpha)


def _painted(lab: UnitArray, mask: MaskArray, target: NDArray[np.float32]) -> tuple[UnitArray, UnitArray]:
    """The picture in the new colour, and how much of it each pixel takes on.

    A thing that has a colour gets the new one where it has its own: white letters, tyres and highlights stay. What is
    grey, white or black gets it everywhere.
    """
    light = lab[..., 0]
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    saturation = chroma / np.maximum(light, 0.05)
    own = float(np.percentile(saturation[mask], 65))
    if own > _COLORFUL:
        weight = _smoothstep(saturation / own, 0.15, 0.5)
        main = mask & (weight > 0.5)
        richness = np.clip(np.sqrt(saturation / own), 0.6, 1.15)
    else:
        weight = np.ones_like(light)
        main = mask
        richness = np.ones_like(light)
    goal = float(np.clip(target[0], _DARKEST, _LIGHTEST))
    vivid = float(np.hypot(target[1], target[2]))
    a, b = target[1:] * (min(vivid, _VIVID + (vivid - _VIVID) / 2) / max(vivid, 1e-6))
    shaded = _shaded(light, float(np.median(light[main])), goal)
    # Chroma follows the shading: less in the dark, and fading to white in the light.
    fade = np.where(shaded < goal, shaded / goal, (1 - shaded) / (1 - goal))
    strength = richness * np.clip(fade, 0, 1.2)
    return np.dstack([shaded, a * strength, b * strength]).astype(np.float32), weight


def _shaded(light: UnitArray, own: float, goal: float) -> UnitArray:
    """Lightness moved so that the thing's own becomes the goal, black and white staying in their places.

    The slopes are held within limits: a white thing that turns black keeps visible folds, a black one that turns
    white doesn't show its noise.
    """
    below = np.clip(goal / max(own, 1e-3), 0.35, 1.5)
    above = np.clip((1 - goal) / max(1 - own, 1e-3), 0.35, 1.2)
    return np.asarray(np.clip(goal + (light - own) * np.where(light < own, below, above), 0, 1), np.float32)


def _smoothstep(value: NDArray[np.floating], low: float, high: float) -> UnitArray:
    part = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float32)
