"""Pictures whose places say what features look like."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vitron_agent.artifacts import ImageArray
from vitron_agent.train.data.photos.cutouts import Cutouts
from vitron_agent.train.data.photos.folder import read_photos
from vitron_agent.train.data.photos.kinds import WORDNET, Kinds
from vitron_agent.train.data.photos.making import Pasted
from vitron_agent.train.data.photos.split import Part
from vitron_agent.train.data.samples import Bad, Task
from vitron_agent.train.data.scenes import samples
from vitron_agent.train.data.voc import read_kept


def bank_pictures(
    photos: Path | None, voc: Path | None, count: int, holdout: str | None = None, wordnet: Path = WORDNET
) -> Iterator[tuple[str, ImageArray]]:
    """Names and pixels of up to ``count`` photos of each folder, evenly spread; none that a test is made on.

    Args:
        photos: Folder of photos of one thing each; those of the training part.
        voc: Folder in the layout of Pascal VOC 2007.
        count: At most so many of each.
        holdout: Part of VOC to leave out; see :func:`vitron_agent.train.data.voc.held_out`.
        wordnet: Folder of WordNet 3.0; it says what photos show.
    """
    paths = []
    if photos is not None:
        found = read_photos(photos, Kinds(wordnet), ignore_unknown)
        paths += _spread([photo.path for photo in found if photo.part is Part.TRAIN], count)
    if voc is not None:
        paths += _spread([photo.path for photo in read_kept(voc, holdout)], count)
    for path in paths:
        with Image.open(path) as picture:
            yield str(path), np.asarray(picture.convert("RGB"))


def drawn_pictures(count: int) -> Iterator[tuple[str, ImageArray]]:
    """Names and pixels of drawn scenes of the training split, where there are no photos.

    Queries that are fitted to drawings say what drawings look like: enough to see that all runs, no more.
    """
    for sample in samples("train", [Task.CAPTION], count):
        yield sample.id, sample.media[0].load()


def open_pasted(photos: Path, cutouts: Path, part: Part, wordnet: Path = WORDNET, **more: Any) -> Pasted:
    """Things pasted on photos, from the folders of both; the rest as of :class:`Pasted`."""
    kinds = Kinds(wordnet)
    return Pasted(read_photos(photos, kinds, ignore_unknown), kinds, Cutouts(cutouts), part, **more)


def _spread(paths: list[Path], count: int) -> list[Path]:
    return paths[:: max(1, -(-len(paths) // count))]


def ignore_unknown(bad: Bad) -> None:
    """Photos of unknown classes are no loss here."""
