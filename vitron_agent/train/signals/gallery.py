"""Pictures whose things are known, seen once: what queries are asked about while they are learned.

They are seen at the coarsest of the encoder's sizes, which is still larger than most of them.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from vitron_agent.messages import Region
from vitron_agent.model.encoders.dense import SIZES, fit, on_grid
from vitron_agent.model.encoders.efficientnet import EfficientNetLite
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.tools.regions import rasterise
from vitron_agent.train.data.photos.cutouts import Cutout, Cutouts
from vitron_agent.train.data.photos.folder import Photo
from vitron_agent.train.data.photos.making import BACKGROUNDS
from vitron_agent.train.data.photos.paste import Scene, compose, look, paint
from vitron_agent.train.data.photos.split import VOC_KINDS, Part
from vitron_agent.train.data.readers.media import read_picture
from vitron_agent.train.data.samples import Pixels
from vitron_agent.train.data.voc import Photo as Annotated
from vitron_agent.train.signals.gate import wanted_places

_MOST_THINGS = 4
_SIDE = 20
"""Places a side at most."""
NO_PLACE = 1e4
"""Evidence where the picture has ended: nothing is likely there."""


@dataclass(frozen=True)
class Known:
    """A picture with its things.

    Attributes:
        name: The same name means the same pixels.
        kinds: WordNet id of each thing.
        load: Makes its pixels (H, W, 3), and a mask (H, W) for each thing; where only the photo's kind is known, all of
            it.
        behind: WordNet id of what the rest of it shows; empty = of nothing particular.
        complete: Whether nothing else is there.
    """

    name: str
    kinds: tuple[str, ...]
    load: Callable[[], tuple[Pixels, list[NDArray[np.bool_]]]]
    behind: str
    complete: bool


def pasted_pictures(
    photos: Sequence[Photo], cutouts: Cutouts, part: Part, count: int, seed: int = 0
) -> Iterator[Known]:
    """One to four things of known kinds on photos, all of one part; a test's photos may be those of validation too."""
    known = load_nouns().by_id
    named = [one for one in cutouts.usable(part) if one.wordnet_id in known]
    # Each kind as often as the others: of some there are hundreds of cut-outs.
    kinds: dict[str, list[Cutout]] = {}
    for one in named:
        kinds.setdefault(one.wordnet_id, []).append(one)
    ids = sorted(kinds)
    usable = [photo for photo in photos if photo.part in BACKGROUNDS[part]]
    backgrounds = [photo for photo in usable if photo.kind.is_scenery] or usable
    for number in range(count):
        rng = Random(f"{seed}/{number}")  # noqa: S311
        behind = rng.choice(backgrounds)
        chosen = [rng.choice(kinds[rng.choice(ids)]) for _ in range(rng.randint(1, _MOST_THINGS))]
        scene = compose(rng, behind, chosen, cutouts)
        shown = tuple(one.cutout.wordnet_id for one in scene.placements)
        if shown:
            load = partial(_load_pasted, scene, cutouts)
            yield Known(
                _name(repr((behind.name, scene.placements))), shown, load, behind.kind.wordnet_id, complete=True
            )


def _load_pasted(scene: Scene, cutouts: Cutouts) -> tuple[Pixels, list[NDArray[np.bool_]]]:
    return paint(scene, cutouts), [one.mask for one in look(scene, cutouts)]


def photo_pictures(photos: Iterable[Photo], cutouts: Cutouts) -> Iterator[Known]:
    """The photos of the training part; where a thing was cut out of one, its place is known too."""
    cut = {one.name: one for one in cutouts.usable(Part.TRAIN)}
    for photo in photos:
        if photo.part is not Part.TRAIN:
            continue
        load = partial(_load_photo, photo, cutouts, cut.get(photo.name))
        yield Known(_name(photo.name), (photo.kind.wordnet_id,), load, "", complete=True)


def _load_photo(photo: Photo, cutouts: Cutouts, cut: Cutout | None) -> tuple[Pixels, list[NDArray[np.bool_]]]:
    pixels = read_picture(photo.path)
    return pixels, [np.ones(pixels.shape[:2], np.bool_) if cut is None else cutouts.mask(cut)]


def voc_pictures(photos: Iterable[Annotated]) -> Iterator[Known]:
    """Annotated photos: the boxes of twenty kinds, and what else there is, nobody says."""
    for photo in photos:
        kinds = tuple(VOC_KINDS[one.name][0] for one in photo.things)
        yield Known(_name(f"voc/{photo.name}"), kinds, partial(_load_voc, photo), "", complete=False)


def _load_voc(photo: Annotated) -> tuple[Pixels, list[NDArray[np.bool_]]]:
    pixels = photo.image()
    height, width = pixels.shape[:2]
    return pixels, [rasterise(Region.box(*one.box), width, height) for one in photo.things]


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Gallery:
    """Pictures as they were seen; n pictures of p places, t things.

    Attributes:
        heads: [n, p, 1280] float16, features.
        evidence: [n, p], the logarithm of all classes' summed odds; :data:`NO_PLACE` where the picture has ended.
        pictures: [t], the number of each thing's picture.
        kinds: WordNet id of each thing.
        covered: [t, p], how much of each place a thing covers.
        behind: WordNet id of what is behind the things of each picture, or nothing.
        complete: [n], whether there is nothing else.
    """

    heads: Tensor
    evidence: Tensor
    pictures: Tensor
    kinds: tuple[str, ...]
    covered: Tensor
    behind: tuple[str, ...]
    complete: Tensor


def see_gallery(pictures: Iterable[Known], network: EfficientNetLite, folder: Path) -> Gallery:
    """Looks at pictures; what was looked at before is read from a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    heads, evidence, owners, covered, behind, complete = [], [], [], [], [], []
    kinds: list[str] = []
    for number, known in enumerate(pictures):
        path = folder / f"{known.name}.safetensors"
        if not path.is_file():
            save_file(_look(known, network), path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
        seen = load_file(path)
        heads.append(seen["heads"])
        evidence.append(seen["evidence"])
        covered.append(seen["covered"])
        owners += [number] * len(known.kinds)
        kinds += known.kinds
        behind.append(known.behind)
        complete.append(known.complete)
    return Gallery(
        torch.stack(heads), torch.stack(evidence), torch.tensor(owners), tuple(kinds), torch.cat(covered),
        tuple(behind), torch.tensor(complete),
    )  # fmt: skip


@torch.inference_mode()
def _look(known: Known, network: EfficientNetLite) -> dict[str, Tensor]:
    pixels, masks = known.load()
    size = fit(pixels.shape[1], pixels.shape[0], SIZES[0])
    resized = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
    head = network.levels(torch.from_numpy(resized.transpose(2, 0, 1).copy())).head
    rows, columns = (round(_SIDE * places / max(head.shape[1:])) for places in head.shape[1:])
    evidence = torch.logsumexp(network.classify(head), dim=0)[None]
    covered = torch.stack([wanted_places(mask, (rows, columns)) for mask in masks])
    return {
        "heads": _padded(on_grid(head, rows, columns)).T.half().contiguous(),
        "evidence": _padded(on_grid(evidence, rows, columns), NO_PLACE)[0],
        "covered": _padded(covered),
    }


def _padded(maps: Tensor, beyond: float = 0.0) -> Tensor:
    """[c, p] of [c, rows, columns]."""
    rows, columns = maps.shape[1:]
    return F.pad(maps, (0, _SIDE - columns, 0, _SIDE - rows), value=beyond).flatten(1)
