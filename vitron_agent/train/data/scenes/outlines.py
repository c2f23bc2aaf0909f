"""Outlines of the shapes, as polygons in the unit circle around the origin; x to the right, y down."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

RING_HOLE = 0.6
"""Radius of a ring's hole as a share of the ring's."""

_TURN = np.linspace(0, 2 * np.pi, 72, endpoint=False)


def _circle(radius: float = 1.0, x: float = 0.0, y: float = 0.0) -> NDArray[np.float64]:
    return np.array([x + radius * np.cos(_TURN), y + radius * np.sin(_TURN)]).T


def _polar(radius: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
    return radius(_TURN)[:, None] * _circle()


def _fitted(outline: NDArray[np.float64]) -> NDArray[np.float64]:
    """Just within the unit circle."""
    longest: float = np.hypot(*outline.T).max()
    return outline / longest


def _corners(num: int, radii: tuple[float, ...] = (1.0,)) -> NDArray[np.float64]:
    angles = 2 * np.pi * np.arange(num) / num - np.pi / 2
    reach = np.resize(np.array(radii), num)
    return np.stack([reach * np.cos(angles), reach * np.sin(angles)], axis=1)


def _heart() -> NDArray[np.float64]:
    x = 16 * np.sin(_TURN) ** 3
    y = -(13 * np.cos(_TURN) - 5 * np.cos(2 * _TURN) - 2 * np.cos(3 * _TURN) - np.cos(4 * _TURN))
    return _fitted(np.stack([x, y - 2.5], axis=1))


def _moon() -> NDArray[np.float64]:
    """The unit disk without a smaller one at its right: outer arc there, inner arc back."""
    tip = np.deg2rad(52)
    outer = np.linspace(tip, 2 * np.pi - tip, 48)
    x, y = np.cos(tip), np.sin(tip)
    center, radius = 0.5, np.hypot(x - 0.5, y)
    start = np.arctan2(y, x - center)
    inner = np.linspace(2 * np.pi - start, start, 36)
    xs = np.concatenate([np.cos(outer), center + radius * np.cos(inner)])
    ys = np.concatenate([np.sin(outer), radius * np.sin(inner)])
    return _fitted(np.stack([xs + 0.15, ys], axis=1))


def _drop() -> NDArray[np.float64]:
    round_part = np.linspace(np.deg2rad(-28), np.deg2rad(208), 48)
    bottom = np.stack([0.62 * np.cos(round_part), 0.38 + 0.62 * np.sin(round_part)], axis=1)
    return np.concatenate([bottom, [[0.0, -1.0]]])


_ARM = 0.31
OUTLINES: Mapping[str, tuple[NDArray[np.float64], ...]] = {
    "ball": (_circle(0.95),),
    "square": (np.array([[-0.7, -0.7], [0.7, -0.7], [0.7, 0.7], [-0.7, 0.7]]),),
    "triangle": (_corners(3),),
    "star": (_corners(10, (1.0, 0.42)),),
    "heart": (_heart(),),
    "cross": (
        np.array(
            [
                [-_ARM, -0.92], [_ARM, -0.92], [_ARM, -_ARM], [0.92, -_ARM], [0.92, _ARM], [_ARM, _ARM],
                [_ARM, 0.92], [-_ARM, 0.92], [-_ARM, _ARM], [-0.92, _ARM], [-0.92, -_ARM], [-_ARM, -_ARM],
            ]
        ),
    ),
    "ring": (_circle(), _circle(RING_HOLE)),
    "moon": (_moon(),),
    "diamond": (np.array([[0, -1], [0.62, 0], [0, 1], [-0.62, 0]], dtype=np.float64),),
    "arrow": (
        np.array([[-0.95, -0.27], [0.1, -0.27], [0.1, -0.72], [0.97, 0], [0.1, 0.72], [0.1, 0.27], [-0.95, 0.27]]),
    ),
    "flower": (_polar(lambda turn: 0.55 + 0.45 * np.sqrt(np.abs(np.cos(3 * turn)))),),
    "drop": (_drop(),),
}  # fmt: skip
"""By shape; where there are two outlines, the second one is a hole."""
TILT: Mapping[str, float] = {"square": 18, "triangle": 22, "diamond": 15, "cross": 15, "heart": 25, "drop": 25}
"""How far shapes may be turned to either side, in degrees, before they look like others; any angle where not named."""
