"""Pictures in which phrases mean one thing each, and prompts that alone do not tell which: what signals are for."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from vitron_agent.messages import Box
from vitron_agent.tools.backends.embedded.windows import Cue
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.regions import tight_box
from vitron_agent.train.data.photos.kinds import WORDNET
from vitron_agent.train.data.photos.phrases import Way
from vitron_agent.train.data.photos.split import Part
from vitron_agent.train.data.samples import Task
from vitron_agent.train.masks.examples import Source
from vitron_agent.train.masks.prompts import point_on, smooth_noise
from vitron_agent.train.masks.things import Thing, thing_of
from vitron_agent.train.signals.phrases import Phrase
from vitron_agent.train.signals.pictures import open_pasted

_WAYS = frozenset({Way.NAME, Way.FAMILY, Way.DESCRIPTION})
"""What a thing is; where it is, or what colour it has, no signal is learned to say."""
_REQUESTS = 8
"""Phrases that are drawn for a picture; those that are not of the list only show what else there is."""
_TOGETHER = 0.7
"""This share of the prompts takes in another thing, where there is one."""
_LOOSE = 0.4
"""Sides of a loose box are off by so much of it at most."""


@dataclass(frozen=True)
class Meant:
    """A picture, and what its things can be asked for by.

    Attributes:
        source: At least one of its things has a phrase.
        phrases: Position of a thing, and a phrase that means it and no other one.
    """

    source: Source
    phrases: Sequence[tuple[int, Phrase]]


def meant_pictures(
    photos: Path,
    cutouts: Path,
    part: Part,
    phrases: Iterable[Phrase],
    count: int,
    *,
    seed: int = 0,
    wordnet: Path = WORDNET,
) -> Iterator[Meant]:
    """Things pasted on photos; pictures of which nothing can be asked for are left out.

    Args:
        photos: Folder of photos of one thing each.
        cutouts: What was cut out of them.
        part: Which photos.
        phrases: What may be asked for.
        count: Of pictures that are tried.
        seed: Of the pictures.
        wordnet: Folder of WordNet 3.0.
    """
    known = {phrase.definite: phrase for phrase in phrases}
    pasted = open_pasted(photos, cutouts, part, wordnet, seed=seed, ways=_WAYS)
    for number in range(count):
        samples = list(pasted.samples([Task.REFERRING] * _REQUESTS, _REQUESTS, start=number * _REQUESTS))
        medium = samples[0].media[0]
        things: dict[Box, Thing] = {}
        asked: dict[Phrase, Box] = {}
        for sample in samples:
            if sample.media[0].name != medium.name:
                continue
            named = sample.things[0]
            thing = thing_of(named.masks[0])
            if thing is None:
                continue
            things.setdefault(named.boxes[0], thing)
            if named.phrase in known:
                asked[known[named.phrase]] = named.boxes[0]
        if asked:
            places = {box: place for place, box in enumerate(things)}
            image = medium.load()
            name = f"pasted-{sha256(image.tobytes()).hexdigest()[:16]}"
            source = Source(name, image, list(things.values()))
            yield Meant(source, [(places[box], phrase) for phrase, box in asked.items()])


Doubtful: TypeAlias = Callable[[MaskArray, Sequence[MaskArray], np.random.Generator], Cue]
"""Makes a prompt for a mask (H, W) beside those of other things."""


def loose_box(mask: MaskArray, others: Sequence[MaskArray], random: np.random.Generator) -> Cue:
    """A box with much room around the thing, and often with another one in it."""
    box = np.array(tight_box(_with_another(mask, others, random)))
    room = random.uniform(0, _LOOSE, 4) * np.tile(box[2:] - box[:2], 2)
    x0, y0, x1, y1 = (box + room * (-1, -1, 1, 1)).clip(0, 1).tolist()
    return Cue(box=(x0, y0, x1, y1))


def rough_map(mask: MaskArray, others: Sequence[MaskArray], random: np.random.Generator) -> Cue:
    """A map of few cells, often with another thing on it, as where the localiser does not tell them apart."""
    height, width = mask.shape
    factor = random.uniform(12, 24) / max(mask.shape)
    size = (max(2, round(width * factor)), max(2, round(height * factor)))
    both = _with_another(mask, others, random).astype(np.float32)
    coarse = cv2.GaussianBlur(
        cv2.resize(both, size, interpolation=cv2.INTER_AREA), (0, 0), random.uniform(0.6, 1.4),
        borderType=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    logits = (coarse / max(float(coarse.max()), 0.5) - 0.4) * random.uniform(4, 8) + smooth_noise(size, random) * 0.7
    return Cue(rough=np.asarray(1 / (1 + np.exp(-logits)), np.float32))


def any_click(mask: MaskArray, others: Sequence[MaskArray], random: np.random.Generator) -> Cue:  # noqa: ARG001
    """One click anywhere on the thing: on a part, or near its edge."""
    return Cue(on=[point_on(mask, random)])


DOUBTFUL: Mapping[str, Doubtful] = {"loose box": loose_box, "rough map": rough_map, "click": any_click}
"""Prompts that may mean other things than they do, by name."""


def _with_another(mask: MaskArray, others: Sequence[MaskArray], random: np.random.Generator) -> MaskArray:
    """The thing, often together with the one beside it."""
    if not others or random.random() >= _TOGETHER:
        return mask
    middle, *middles = (np.reshape(tight_box(one), (2, 2)).mean(axis=0) for one in (mask, *others))
    nearest = min(range(len(others)), key=lambda place: float(np.linalg.norm(middles[place] - middle)))
    return mask | others[nearest]
