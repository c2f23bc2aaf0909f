"""Things cut out of photos, once, into a folder: a picture with alpha each, and ``cutouts.jsonl`` about all of them.

The masks of single-object photos are those of the embedded segmentation, asked for the class's name: a teacher's, not
people's, so only those are kept that look like a thing (:func:`flaw_of`) and are still recognised without their photo.
Annotated masks (VOC, BSDS) are taken as they are, by the same rules of shape.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitron_agent.errors import MediaFormatError, UsageError
from vitron_agent.messages import Box
from vitron_agent.tools.regions import PixelBox, mask_box
from vitron_agent.train.data.photos.folder import Photo
from vitron_agent.train.data.photos.split import VOC_KINDS, Part, part_of
from vitron_agent.train.data.readers.media import read_picture
from vitron_agent.train.data.samples import Pixels
from vitron_agent.train.data.segments import Divided
from vitron_agent.train.data.voc import Photo as VocPhoto

INDEX = "cutouts.jsonl"
_SHARES = (0.02, 0.65)
"""A thing covers a share of its photo between these."""
_MAIN = 0.9
"""This share of a mask is in one piece."""
_PINHOLE = 0.01
_BORDER = 0.12
"""A thing that touches more of the photo's border than this is cut off by it."""
_FILLED = 0.35
"""A thing fills this share of its convex hull; what does not is torn."""
_MIN_SIDE = 40
"""Smaller things have too few pixels to be seen, in pixels of the photo."""
_GREY = 127
_NEAR_PX = (9, 9)
_NOT_AT_BORDER = 0.8
"""So much of the surroundings of a pixel is on the thing only where the photo ends, or deep inside."""
_CHANGE, _CHANGING = 10, 0.5
"""The colours (Lab) on both sides of an edge differ by more than this along half of it. On 160 cut-outs, most of those
below were blobs with ground, and few of those above."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """One thing without its photo.

    Attributes:
        name: Of the picture file in the folder, without its ending.
        photo: Path of the photo that it was cut from.
        wordnet_id: Of its kind; empty where that isn't known.
        part: What it may be used for.
        box: Where it was in the photo, in pixels.
        size: (width, height) of the photo.
        flaw: Why it can't be used; None if it can. Only then there is a picture.
    """

    name: str
    photo: str
    wordnet_id: str
    part: Part
    box: PixelBox | None = None
    size: tuple[int, int] | None = None
    flaw: str | None = None


class Cutouts:
    """A folder of cut-outs.

    Args:
        folder: Is made if it isn't there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def read(self) -> Iterator[Cutout]:
        """All, in the order in which they were tried; those with a flaw too."""
        path = self.folder / INDEX
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            facts = json.loads(line)
            box, size = (facts[key] and tuple(facts[key]) for key in ("box", "size"))
            yield Cutout(**facts | {"part": Part(facts["part"]), "box": box, "size": size})

    def usable(self, part: Part) -> list[Cutout]:
        """Those of a part that have no flaw.

        Raises:
            UsageError: There are none.
        """
        found = [one for one in self.read() if one.flaw is None and one.part is part]
        if not found:
            raise UsageError(
                f"{self.folder} has no cut-outs for {part}: python -m vitron_agent.train.data.photos FOLDER --cutouts "
                f"{self.folder}"
            )
        return found

    def add(self, cutout: Cutout, photo: Pixels | None, mask: NDArray[np.bool_] | None) -> Cutout:
        """Keeps the pixels of a photo (H, W, 3) under a mask (H, W), unless there is a flaw, and remembers the rest."""
        if cutout.flaw is None:
            assert photo is not None
            assert mask is not None
            left, top, right, bottom = box = _box(mask)
            path = self.path(cutout.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.dstack([photo, np.where(mask, 255, 0).astype(np.uint8)])
            Image.fromarray(pixels[top:bottom, left:right]).save(path)
            cutout = replace(cutout, box=box, size=(mask.shape[1], mask.shape[0]))
        with (self.folder / INDEX).open("a", encoding="utf-8") as index:
            index.write(json.dumps(asdict(cutout)) + "\n")
        return cutout

    def pixels(self, cutout: Cutout) -> NDArray[np.uint8]:
        """(h, w, 4) RGB and alpha, which is 0 or 255, of the size of its box."""
        with Image.open(self.path(cutout.name)) as picture:
            return np.asarray(picture)

    def path(self, name: str) -> Path:
        """Of a cut-out's picture."""
        return self.folder / f"{name}.png"

    def mask(self, cutout: Cutout) -> NDArray[np.bool_]:
        """Its pixels (H, W) in the photo that it was cut from."""
        assert cutout.box is not None
        assert cutout.size is not None
        left, top, right, bottom = cutout.box
        mask = np.zeros(cutout.size[::-1], np.bool_)
        mask[top:bottom, left:right] = self.pixels(cutout)[..., 3] > 0
        return mask


class Cutter(Protocol):
    """Cuts things out of photos; see :class:`vitron_agent.train.data.photos.teacher.EmbeddedCutter`."""

    def cut(self, image: Pixels, wordnet_id: str) -> tuple[NDArray[np.bool_] | None, Sequence[Box]]:
        """The mask (H, W) of what a picture (H, W, 3) shows of a kind, None if nothing; and a box for each thing."""
        ...

    def recognises(self, image: Pixels, wordnet_id: str) -> bool:
        """Whether a thing on a grey ground (H, W, 3) looks like that kind."""
        ...


def from_photos(photos: Iterable[Photo], cutter: Cutter, cutouts: Cutouts) -> Iterator[Cutout]:
    """Cuts the thing out of each photo that was not tried before; gives what came of each."""
    tried = {one.name for one in cutouts.read()}
    for photo in photos:
        if photo.name not in tried:
            image, mask, flaw = _thing_of(photo, cutter)
            cutout = Cutout(photo.name, str(photo.path), photo.kind.wordnet_id, photo.part, flaw=flaw)
            yield cutouts.add(cutout, image, mask)


def from_voc(photos: Iterable[VocPhoto], cutouts: Cutouts) -> Iterator[Cutout]:
    """Cuts out what people masked in photos of Pascal VOC: each class of which a photo shows one thing."""
    tried = {one.name for one in cutouts.read()}
    for photo in photos:
        for label in photo.asked:
            name, wordnet_id = f"voc-{photo.name}-{label}", VOC_KINDS[label][0]
            annotated = photo.mask(label)
            if name in tried or annotated is None or len(photo.boxes(label, difficult=True)) > 1:
                continue
            mask = solid(annotated[0])
            part = part_of(wordnet_id, photo.path.stem)
            yield cutouts.add(Cutout(name, str(photo.path), wordnet_id, part, flaw=flaw_of(mask)), photo.image(), mask)


def from_segments(photos: Iterable[Divided], cutouts: Cutouts) -> Iterator[Cutout]:
    """Cuts out what people divided photos into (BSDS); nobody knows what it is called."""
    tried = {one.name for one in cutouts.read()}
    for photo in photos:
        for number, segment in enumerate(photo.segments()):
            name = f"segment-{photo.path.stem}-{number}"
            if name not in tried:
                mask = solid(segment)
                part = part_of("", photo.path.stem)
                yield cutouts.add(Cutout(name, str(photo.path), "", part, flaw=flaw_of(mask)), photo.image(), mask)


def solid(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The largest piece of a mask (H, W) without pinholes; None if the other pieces are not small."""
    count, labels, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count == 1:
        return None
    largest = 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())
    whole = facts[largest, cv2.CC_STAT_AREA] >= _MAIN * mask.sum()
    return _without_pinholes(labels == largest) if whole else None


def _without_pinholes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Larger holes are true ones: handles, wheels."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    small = np.flatnonzero(facts[:, cv2.CC_STAT_AREA] < _PINHOLE * mask.sum())
    filled: NDArray[np.bool_] = mask | np.isin(labels, small)
    return filled


def flaw_of(mask: NDArray[np.bool_] | None) -> str | None:
    """What is wrong with the shape of a mask (H, W) in one piece; None if nothing is."""
    if mask is None:
        return "in pieces"
    if not _SHARES[0] <= mask.mean() <= _SHARES[1]:
        return "too small" if mask.mean() < _SHARES[0] else "too large"
    if np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).mean() > _BORDER:
        return "cut off by the border"
    left, top, right, bottom = _box(mask)
    if min(right - left, bottom - top) < _MIN_SIDE:
        return "too few pixels"
    outline = cv2.findNonZero(mask.astype(np.uint8))
    return "torn" if mask.sum() < _FILLED * cv2.contourArea(cv2.convexHull(outline)) else None


def stands_out(image: Pixels, mask: NDArray[np.bool_]) -> bool:
    """Whether a mask (H, W) mostly ends where the photo (H, W, 3) changes; a blob with ground around it does not."""
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    on = mask.astype(np.float32)
    share = cv2.blur(on, _NEAR_PX)
    inside = cv2.blur(lab * on[..., None], _NEAR_PX) / np.maximum(share, 1e-6)[..., None]
    outside = cv2.blur(lab * (1 - on[..., None]), _NEAR_PX) / np.maximum(1 - share, 1e-6)[..., None]
    edge = mask & (cv2.erode(on, np.ones((3, 3))) == 0) & (share < _NOT_AT_BORDER)
    change = np.linalg.norm(inside - outside, axis=2)[edge]
    return float((change > _CHANGE).mean()) >= _CHANGING


def _thing_of(photo: Photo, cutter: Cutter) -> tuple[Pixels | None, NDArray[np.bool_] | None, str | None]:
    """The pixels of a photo and the mask of its thing; or what is wrong with it."""
    if not photo.kind.words or photo.kind.is_scenery:
        return None, None, "no thing"
    try:
        image = read_picture(photo.path)
    except MediaFormatError:
        return None, None, "unreadable"
    return image, *_cut(image, photo.kind.wordnet_id, cutter)


def _cut(image: Pixels, wordnet_id: str, cutter: Cutter) -> tuple[NDArray[np.bool_] | None, str | None]:
    found, boxes = cutter.cut(image, wordnet_id)
    if found is None:
        return None, "not found"
    mask = solid(found)
    flaw = flaw_of(mask)
    if mask is None or flaw is not None:
        return None, flaw
    height, width = mask.shape
    middles = ((int((box[1] + box[3]) / 2 * height), int((box[0] + box[2]) / 2 * width)) for box in boxes)
    if sum(mask[min(row, height - 1), min(column, width - 1)] for row, column in middles) > 1:
        return None, "several"
    if not stands_out(image, mask):
        return None, "no edge"
    left, top, right, bottom = _box(mask)
    alone = np.where(mask[..., None], image, _GREY).astype(np.uint8)[top:bottom, left:right]
    return (mask, None) if cutter.recognises(alone, wordnet_id) else (None, "not recognised")


def _box(mask: NDArray[np.bool_]) -> PixelBox:
    box = mask_box(mask)
    assert box is not None
    return box
