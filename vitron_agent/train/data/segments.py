"""BSDS500: photos that people divided into segments without naming them; for learning where things end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitron_agent.errors import UsageError

_SHARES = (0.015, 0.6)
"""Segments of a share of the photo between these may be things."""
_ANNOTATORS = 3
"""Those who drew the fewest segments divide by things, not by parts."""


@dataclass(frozen=True)
class Divided:
    """A photo with human segmentations.

    Attributes:
        path: Of the picture.
        annotations: Label images (H, W), one an annotator.
    """

    path: Path
    annotations: tuple[Path, ...]

    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) RGB."""
        with Image.open(self.path) as picture:
            return np.asarray(picture.convert("RGB"))

    def segments(self) -> Iterator[NDArray[np.bool_]]:
        """The masks (H, W) of segments that may be things, by the annotators who divided most coarsely."""
        drawn = []
        for path in self.annotations:
            with Image.open(path) as picture:
                drawn.append(np.asarray(picture))
        for labels in sorted(drawn, key=lambda one: len(np.unique(one)))[:_ANNOTATORS]:
            for label in np.unique(labels):
                mask = labels == label
                if _SHARES[0] < mask.mean() < _SHARES[1]:
                    yield mask


def read_segments(folder: Path) -> Sequence[Divided]:
    """All photos ``<id>.jpg`` with their ``<id>_<annotator>.png``, in a folder or one below it, in order.

    Raises:
        UsageError: There is none.
    """
    photos = [
        Divided(path, tuple(sorted(path.parent.glob(f"{path.stem}_*.png")))) for path in sorted(folder.glob("**/*.jpg"))
    ]
    found = [photo for photo in photos if photo.annotations]
    if not found:
        raise UsageError(f"{folder} holds no photos with segmentations: <id>.jpg beside <id>_<annotator>.png")
    return found
