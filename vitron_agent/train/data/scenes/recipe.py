"""What scenes are like: a recipe, whose hash tells which scenes a number was measured on."""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from vitron_agent.errors import ConfigError

VERSION = 1
"""Raised whenever the same seed and recipe would give other pixels, other words or other answers than before."""

MARGIN = 0.02
"""Free rim of the picture, as a share of its side: every body lies wholly within."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How many bodies, how large, how hidden, how fast. Lengths are shares of the picture's side.

    Attributes:
        side: Width and height in pixels.
        frames: Of a clip.
        fps: Of a clip.
        bodies: Fewest and most of them in a scene.
        small: Radii of the small ones.
        large: Radii of the large ones; far from the small ones, so that the words fit at a glance.
        overlaps: Share of bodies that are put in front of or behind another one.
        hidden: The largest share of a body that others may hide; in a clip, in its first and last frame.
        travel: Least and greatest way of a moving body in a clip.
        photos: A folder of photos (jpg) for half of the backgrounds; None = painted ones only. Every fifth photo
            is kept for val and test.
    """

    side: int = 128
    frames: int = 8
    fps: float = 4.0
    bodies: tuple[int, int] = (2, 5)
    small: tuple[float, float] = (0.08, 0.105)
    large: tuple[float, float] = (0.16, 0.21)
    overlaps: float = 0.4
    hidden: float = 0.5
    travel: tuple[float, float] = (0.28, 0.5)
    photos: Path | None = None

    def __post_init__(self) -> None:
        """Raises ConfigError where no scene could be made."""
        for name in ("bodies", "small", "large", "travel"):
            least, most = getattr(self, name)
            if not 0 < least <= most:
                raise ConfigError(f"{name} of a recipe is (least, most) with 0 < least <= most, got ({least}, {most})")
        if self.side < 64 or self.frames < 4:
            raise ConfigError(f"scenes need 64 pixels and 4 frames or more, got {self.side} and {self.frames}")
        if self.bodies[1] > 9:
            raise ConfigError(f"scenes have nine bodies at most, as captions count no further; got {self.bodies[1]}")
        if self.small[1] >= self.large[0]:
            raise ConfigError(f"small bodies must be smaller than large ones, got {self.small} and {self.large}")
        room = 1 - 2 * (self.large[1] + MARGIN)
        if self.travel[1] > room:
            raise ConfigError(f"the largest body has {room:.2f} of the side to travel, got travel={self.travel}")
        if self.photos and not photo_paths(self.photos):
            raise ConfigError(f"{self.photos} holds no photos (*.jpg); give another folder or photos=None")

    @property
    def hash(self) -> str:
        """Sha256 (hex) of the recipe, of the names of its photos and of :data:`VERSION`."""
        photos = [path.name for path in photo_paths(self.photos)] if self.photos else []
        facts = asdict(self) | {"photos": photos, "version": VERSION}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


DEFAULT = Recipe()
"""What the results in docs/results.md are measured on, unless they name another hash."""


@lru_cache(maxsize=8)
def photo_paths(folder: Path) -> tuple[Path, ...]:
    """The photos of a folder, in the order of their names; PNG files beside them are often label images."""
    return tuple(sorted(path for path in folder.iterdir() if path.suffix.lower() in {".jpg", ".jpeg"}))
