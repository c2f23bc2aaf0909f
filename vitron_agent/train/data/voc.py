"""Pascal VOC 2007: photos with the boxes (and for some the masks) of twenty kinds of things."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitron_agent.errors import UsageError
from vitron_agent.messages import Box

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
PLAIN_NAMES = {"diningtable": "dining table", "pottedplant": "potted plant", "tvmonitor": "tv monitor"}
"""What people say, where it isn't the class's name."""
_VOID = 255


@dataclass(frozen=True)
class Thing:
    """One annotated object.

    Attributes:
        name: One of ``CLASSES``.
        box: Where, as shares of the photo.
        difficult: Whether the annotators found it hard to recognise; neither asked for nor held against anybody.
    """

    name: str
    box: Box
    difficult: bool


@dataclass(frozen=True)
class Photo:
    """One photo with its things.

    Attributes:
        path: Of the picture.
        things: In the order of the annotation.
        masks: Of ``SegmentationClass``; None where it has none.
    """

    path: Path
    things: tuple[Thing, ...]
    masks: Path | None

    @property
    def name(self) -> str:
        """Its number in VOC."""
        return self.path.stem

    @property
    def asked(self) -> tuple[str, ...]:
        """The classes that it shows with an object that is not difficult, in order."""
        shown = {thing.name for thing in self.things if not thing.difficult}
        return tuple(name for name in CLASSES if name in shown)

    def boxes(self, name: str, *, difficult: bool = False) -> tuple[Box, ...]:
        """The boxes of a class; with ``difficult`` those too."""
        return tuple(thing.box for thing in self.things if thing.name == name and (difficult or not thing.difficult))

    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) RGB."""
        with Image.open(self.path) as picture:
            return np.asarray(picture.convert("RGB"))

    def mask(self, name: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """The pixels (H, W) of a class, and those that count (not between things); None without annotation."""
        if self.masks is None:
            return None
        with Image.open(self.masks) as picture:
            labels = np.asarray(picture)
        return labels == CLASSES.index(name) + 1, labels != _VOID


def read_voc(folder: Path) -> Sequence[Photo]:
    """All annotated photos of a folder in VOC's layout, in the order of their numbers.

    Raises:
        UsageError: The folder is not in that layout.
    """
    photos, annotations = folder / "JPEGImages", folder / "Annotations"
    if not photos.is_dir() or not annotations.is_dir():
        raise UsageError(f"{folder} needs the folders JPEGImages and Annotations of Pascal VOC 2007")
    masks = folder / "SegmentationClass"
    return [
        _read_photo(path, photos / f"{path.stem}.jpg", masks / f"{path.stem}.png")
        for path in sorted(annotations.glob("*.xml"))
        if (photos / f"{path.stem}.jpg").is_file()
    ]


def read_kept(folder: Path, holdout: str | None) -> list[Photo]:
    """Those of :func:`read_voc` without a part as of :func:`held_out`, None = all; raises as both."""
    photos = list(read_voc(folder))
    return held_out(photos, holdout)[0] if holdout else photos


def held_out(photos: Sequence[Photo], part: str) -> tuple[list[Photo], list[Photo]]:
    """Divides photos for a part: the others, and those of the part.

    Args:
        photos: In a fixed order.
        part: ``K/N`` = every N-th photo from the K-th on; ``masks`` = the photos with annotated masks, which are few.

    Raises:
        UsageError: ``part`` is not of that form.
    """
    if part == "masks":
        return [photo for photo in photos if not photo.masks], [photo for photo in photos if photo.masks]
    found = re.fullmatch(r"(\d+)/(\d+)", part)
    if found is None or not int(found[1]) < int(found[2]):
        raise UsageError(f"a part is K/N with K < N, such as 0/5, or 'masks', got {part!r}")
    chosen = set(range(int(found[1]), len(photos), int(found[2])))
    rest = [photo for number, photo in enumerate(photos) if number not in chosen]
    return rest, [photos[number] for number in sorted(chosen)]


def _read_photo(annotation: Path, photo: Path, masks: Path) -> Photo:
    try:
        root = ElementTree.parse(annotation).getroot()  # noqa: S314 - a data set that the user downloaded
        width, height = (float(_text(root, f"size/{side}")) for side in ("width", "height"))
        things = []
        for entry in root.iter("object"):
            corners = [float(_text(entry, f"bndbox/{name}")) for name in ("xmin", "ymin", "xmax", "ymax")]
            x_left, y_top, x_right, y_bottom = corners
            box = ((x_left - 1) / width, (y_top - 1) / height, x_right / width, y_bottom / height)  # 1-based
            things.append(Thing(_text(entry, "name"), box, entry.findtext("difficult", "0") == "1"))
    except (ElementTree.ParseError, ValueError) as error:
        raise UsageError(f"{annotation} is not an annotation of Pascal VOC: {error}") from error
    return Photo(photo, tuple(things), masks if masks.is_file() else None)


def _text(entry: ElementTree.Element, path: str) -> str:
    found = entry.findtext(path)
    if found is None:
        raise ValueError(f"{path} is missing")
    return found
