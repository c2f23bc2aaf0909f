"""What can be seen of a scene: visible masks, boxes, and how things lie to each other.

Judgements have three values: True, False, and None where people might disagree ("left of" of two things that are nearly
above each other). What is said is built on True and False alone.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitron_agent.messages import Box
from vitron_agent.tools.regions import tight_box
from vitron_agent.train.data.samples import Thing
from vitron_agent.train.data.scenes.drawing import patch
from vitron_agent.train.data.scenes.model import Scene

Judgement: TypeAlias = bool | None

_CLEAR = 0.12
"""Centers at least so far apart along an axis, as a share of the side, are on different sides of each other."""
_NOTICED = 0.05
"""Least share of the smaller of two bodies where they overlap, for one to be called behind the other."""
OPPOSITE: Mapping[str, str] = {
    "left": "right", "right": "left", "above": "below", "below": "above", "behind": "front", "front": "behind",
}  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class Seen:
    """A scene as a viewer sees it.

    Attributes:
        scene: What is seen.
        owner: Which body each pixel shows, -1 for the background: (frames, side, side) int8.
        boxes: By body and frame: the tight box of its visible pixels.
        overlap: By (front, back) and frame: the share of the smaller body's pixels where the
            front one is seen over the other.
    """

    scene: Scene
    owner: NDArray[np.int8]
    boxes: tuple[dict[int, Box], ...]
    overlap: dict[tuple[int, int], dict[int, float]]

    def mask(self, body: int, frame: int) -> NDArray[np.bool_]:
        """Its visible pixels (side, side)."""
        visible: NDArray[np.bool_] = self.owner[frame] == body
        return visible

    def things(self, words: str, bodies: Iterable[int], medium: int = 0) -> tuple[Thing, ...]:
        """The bodies as what some words name."""
        return tuple(
            Thing(words, self.boxes[body], {frame: self.mask(body, frame) for frame in self.boxes[body]}, medium)
            for body in bodies
        )

    def center(self, body: int, frame: int) -> tuple[float, float]:
        """Of its box, (x, y)."""
        x_left, y_top, x_right, y_bottom = self.boxes[body][frame]
        return (x_left + x_right) / 2, (y_top + y_bottom) / 2

    def related(self, relation: str, one: int, other: int) -> Judgement:
        """How one body lies to another one, in all frames that show both.

        Args:
            relation: left, right, above, below, behind, front, inside or passes (in front of).
            one: Position of a body.
            other: Position of another body.
        """
        if relation == "passes":
            return self._passes(one, other)
        frames = self.boxes[one].keys() & self.boxes[other].keys()
        return agreed(_RELATIONS[relation](self, one, other, frame) for frame in frames)

    def placed(self, place: str, body: int) -> Judgement:
        """Whether a body is in the "left", "right", "top" or "bottom" of the picture, in all its frames."""
        axis = 0 if place in ("left", "right") else 1
        values = [self.center(body, frame)[axis] for frame in self.boxes[body]]
        near = values if place in ("left", "top") else [1 - value for value in values]
        return agreed(_far(0.5 - value, 0.5 - 0.37, -0.05) for value in near)

    def row(self, bodies: Iterable[int], axis: int) -> list[int] | None:
        """Bodies from left to right (axis 0) or from top to bottom; None unless all frames agree clearly."""
        bodies = list(bodies)
        if any(self.boxes[body].keys() != self.boxes[bodies[0]].keys() for body in bodies):
            return None
        orders = []
        for frame in self.boxes[bodies[0]]:
            ordered = sorted(bodies, key=lambda body: self.center(body, frame)[axis])
            values = [self.center(body, frame)[axis] for body in ordered]
            if min(np.diff(values), default=1.0) < _CLEAR / 2:
                return None
            orders.append(ordered)
        return orders[0] if all(order == orders[0] for order in orders) else None

    def _passes(self, one: int, other: int) -> Judgement:
        """One moves across the other, whom it doesn't hide at the beginning or at the end."""
        shares = self.overlap.get((one, other), {})
        moves = self.scene.event(one) in ("left", "right", "up", "down")
        if moves and max(shares.values(), default=0) > 2 * _NOTICED:
            return True if shares.keys() != self.boxes[one].keys() & self.boxes[other].keys() else None
        return None if shares else False


def agreed(judgements: Iterable[Judgement]) -> Judgement:
    """What all judgements say; None where they differ or there are none."""
    said = set(judgements)
    return said.pop() if len(said) == 1 else None


@lru_cache(maxsize=256)
def see(scene: Scene) -> Seen:
    """Looks at a scene, without painting it."""
    side, bodies = scene.recipe.side, scene.bodies
    owner = np.full((scene.num_frames, side, side), -1, np.int8)
    boxes: tuple[dict[int, Box], ...] = tuple({} for _ in bodies)
    overlap: dict[tuple[int, int], dict[int, float]] = {}
    for frame in range(scene.num_frames):
        wholes: dict[int, NDArray[np.bool_]] = {}
        for body, one in enumerate(bodies):
            if one.frames[0] <= frame <= one.frames[1]:
                place = patch(one, frame, side)
                wholes[body] = np.zeros((side, side), bool)
                wholes[body][place.window] = place.coverage >= 0.5
                owner[frame][wholes[body]] = body
        for body in wholes:
            visible = owner[frame] == body
            boxes[body][frame] = tight_box(visible)
            for behind in range(body):
                if behind in wholes and (common := np.count_nonzero(visible & wholes[behind])):
                    smaller = min(np.count_nonzero(wholes[item]) for item in (body, behind))
                    overlap.setdefault((body, behind), {})[frame] = common / smaller
    return Seen(scene, owner, boxes, overlap)


def _far(ahead: float, enough: float, too_little: float) -> Judgement:
    if ahead >= enough:
        return True
    return False if ahead <= too_little else None


def _beside(axis: int, sign: int) -> Callable[[Seen, int, int, int], Judgement]:
    def judge(seen: Seen, one: int, other: int, frame: int) -> Judgement:
        here, there = seen.center(one, frame), seen.center(other, frame)
        ahead = sign * (there[axis] - here[axis])
        aside = abs(there[1 - axis] - here[1 - axis])
        return _far(ahead, max(_CLEAR, 0.7 * aside), -0.03)

    return judge


def _before(seen: Seen, one: int, other: int, frame: int) -> Judgement:
    if share := seen.overlap.get((one, other), {}).get(frame):
        return _far(share, _NOTICED, 0)
    return False


def _behind(seen: Seen, one: int, other: int, frame: int) -> Judgement:
    return _before(seen, other, one, frame)


def _inside(seen: Seen, one: int, other: int, frame: int) -> Judgement:
    """In the hole of a ring, without covering the ring itself."""
    inner, outer = seen.boxes[one][frame], seen.boxes[other][frame]
    if not (inner[0] > outer[0] and inner[1] > outer[1] and inner[2] < outer[2] and inner[3] < outer[3]):
        return False
    if seen.scene.bodies[other].shape == "ring" and not {(one, other), (other, one)} & seen.overlap.keys():
        return True
    return None


_RELATIONS: Mapping[str, Callable[[Seen, int, int, int], Judgement]] = {
    "left": _beside(0, 1),
    "right": _beside(0, -1),
    "above": _beside(1, 1),
    "below": _beside(1, -1),
    "behind": _behind,
    "front": _before,
    "inside": _inside,
}
