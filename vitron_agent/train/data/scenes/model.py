"""What a scene is: bodies of known look, place and motion on a background, and the words for all of it.

Lengths and places are shares of the picture's side, origin top left; frames count from 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vitron_agent.train.data.scenes.recipe import Recipe

Media: TypeAlias = Literal["image", "video"]
Rgb: TypeAlias = tuple[int, int, int]

SHAPES = (
    "ball", "square", "triangle", "star", "heart", "cross", "ring", "moon", "diamond", "arrow", "flower", "drop",
)  # fmt: skip
COLORS: Mapping[str, Rgb] = {
    "red": (212, 38, 38),
    "orange": (246, 132, 28),
    "yellow": (250, 218, 48),
    "green": (44, 156, 66),
    "blue": (36, 88, 214),
    "purple": (126, 56, 170),
    "pink": (246, 132, 188),
    "brown": (122, 72, 36),
    "black": (34, 34, 38),
    "white": (244, 244, 242),
    "gray": (138, 138, 142),
}
PATTERNS = ("plain", "striped", "dotted", "checked")
TINTS: Mapping[str, Rgb] = {
    "light gray": (196, 198, 200),
    "dark gray": (78, 80, 84),
    "beige": (218, 202, 172),
    "light blue": (164, 198, 222),
    "dark blue": (40, 54, 92),
    "light green": (172, 206, 170),
    "dark green": (38, 72, 54),
    "lilac": (194, 178, 216),
    "dark red": (92, 42, 48),
}
"""Colors of backgrounds."""
GROUNDS = ("smooth", "grainy", "cloudy", "striped", "photo")
"""Kinds of background, as captions call them."""

Event: TypeAlias = Literal["left", "right", "up", "down", "grows", "appears", "disappears", "still"]
"""What a body does in a clip; each does one thing."""


@dataclass(frozen=True, slots=True)
class Body:
    """One thing of a scene.

    Attributes:
        shape: One of :data:`SHAPES`.
        color: One of :data:`COLORS`.
        pattern: One of :data:`PATTERNS`, in a lighter or darker tone on the color.
        size: Which of the recipe's two ranges the radius was drawn from; of a growing body, in frame 0.
        x: Of the center, in frame 0.
        y: Of the center, in frame 0.
        radius: Of the smallest circle around the center that holds the body, in frame 0.
        angle: By which it is turned, in degrees.
        grain: Chooses the fine structure of its surface.
        step: By which it moves from frame to frame, (x, y).
        growth: Factor of the radius from frame to frame.
        frames: First and last frame in which it is there, inclusive.
    """

    shape: str
    color: str
    pattern: str
    size: Literal["small", "large"]
    x: float
    y: float
    radius: float
    angle: float
    grain: int
    step: tuple[float, float] = (0.0, 0.0)
    growth: float = 1.0
    frames: tuple[int, int] = (0, 0)

    def pose(self, frame: int) -> tuple[float, float, float]:
        """Center x, center y and radius in a frame."""
        return (
            self.x + frame * self.step[0],
            self.y + frame * self.step[1],
            self.radius * self.growth**frame,
        )


@dataclass(frozen=True, slots=True)
class Background:
    """What is behind all bodies.

    Attributes:
        ground: One of :data:`GROUNDS`.
        tint: One of :data:`TINTS`; of no meaning for a photo.
        grain: Chooses its structure, or the photo.
    """

    ground: str
    tint: str
    grain: int


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture or a clip before it is drawn. Equal scenes have equal pixels.

    Attributes:
        seed: That it was composed from; edits keep it.
        recipe: That it was composed by.
        media: A still or a clip.
        background: Behind the bodies.
        bodies: From back to front: later ones hide earlier ones.
    """

    seed: int
    recipe: Recipe
    media: Media
    background: Background
    bodies: tuple[Body, ...]

    @property
    def num_frames(self) -> int:
        """1 of a still."""
        return self.recipe.frames if self.media == "video" else 1

    def event(self, body: int) -> Event:
        """What a body does; "still" in a picture."""
        one = self.bodies[body]
        if one.frames[0] > 0:
            return "appears"
        if one.frames[1] < self.num_frames - 1:
            return "disappears"
        if one.growth > 1:
            return "grows"
        dx, dy = one.step
        if dx:
            return "left" if dx < 0 else "right"
        if dy:
            return "up" if dy < 0 else "down"
        return "still"
