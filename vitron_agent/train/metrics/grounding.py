"""How well a reply says where, and in a clip when, its things are.

A box of a still is worth its intersection over union with the thing's. A box of a clip, with its frames, is worth vIoU
as VidSTG defines it (Zhang et al. 2020): the sum of the overlaps in the frames that both have, by the number of frames
that either has. One box for many frames cannot follow a moving thing: :func:`ceiling` tells what the truth itself is
worth, written so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from vitron_agent.grounded import Mention, read_grounded
from vitron_agent.messages import Region
from vitron_agent.tools.backends.embedded.instances import overlaps
from vitron_agent.train.data.examples import handles
from vitron_agent.train.data.grounded import mentions
from vitron_agent.train.data.samples import Sample, Thing

HIT = 0.5
"""A box that overlaps so much is right."""


@dataclass(frozen=True, slots=True)
class Places:
    """What the boxes of one reply are worth, each with the thing that it fits best; each in [0, 1].

    A thing without a box, and a box without a thing, count as 0. A reply that rightly has no box is worth 1.

    Attributes:
        accuracy: Share of the pairs that overlap by :data:`HIT` or more.
        overlap: Mean of the pairs: IoU; vIoU in a clip.
        time: Mean of the pairs: IoU of the frames; 1 in a still.
    """

    accuracy: float
    overlap: float
    time: float


@dataclass(frozen=True, slots=True)
class Said:
    """What a reply says of the things that it should name; each in [0, 1].

    Attributes:
        named: Share of the phrases that stand in it with a box behind them.
        recall: Share of the things whose phrase stands in it with a box that overlaps by :data:`HIT` or more.
        unread: 1 where something in it begins like a box and is none, else 0.
    """

    named: float
    recall: float
    unread: float


def places(reply: str, sample: Sample) -> Places:
    """The worth of all boxes of a reply, whatever their phrases; for what was asked for by one phrase."""
    return compare([region for mention in read_grounded(reply).mentions for region in mention.regions], sample)


def said(reply: str, sample: Sample) -> Said:
    """The worth of phrases with their boxes; for captions and answers. Where there is no thing, no box is right."""
    read = read_grounded(reply)
    free = list(read.mentions)
    unread = float(bool(read.unread))
    if not sample.things:
        silent = float(not any(mention.regions for mention in free))
        return Said(silent, silent, unread)
    named, right, things = [], [], iter(sample.things)
    for wanted in mentions(sample):
        meant = [next(things) for _ in wanted.regions]
        found = next((mention for mention in free if mention.regions and _says(mention, wanted)), None)
        if found:
            free.remove(found)
        pairs = _paired(_table(found.regions if found else (), meant, sample)[..., 0])
        right += [value >= HIT for value, _, thing in pairs if thing is not None]
        named.append(found is not None)
    return Said(fmean(named), fmean(right), unread)


def compare(regions: Sequence[Region], sample: Sample) -> Places:
    """The worth of some boxes as all that is said of a sample's things."""
    table = _table(regions, sample.things, sample)
    pairs = _paired(table[..., 0])
    return Places(
        accuracy=_mean([value >= HIT for value, _, _ in pairs]),
        overlap=_mean([value for value, _, _ in pairs]),
        time=_mean([0.0 if box is None or thing is None else table[box, thing, 1] for _, box, thing in pairs]),
    )


def ceiling(sample: Sample) -> Places:
    """What the truth is worth in the form in which it is written."""
    return compare([region for mention in mentions(sample) for region in mention.regions], sample)


def baselines(sample: Sample) -> Mapping[str, Places]:
    """What is reached without looking, by name: as many boxes as there are things, all the same."""
    count, frames = len(sample.things), _frames(sample)
    center, whole = (0.25, 0.25, 0.75, 0.75), (0.0, 0.0, 1.0, 1.0)
    said = {"center box": Region.box(*center), "whole picture": Region.box(*whole)}
    if frames > 1:
        half = (frames // 4, max(frames // 4, frames - frames // 4 - 1))
        said["center box, middle half of the frames"] = Region.box(*center, frames=half)
    return {name: compare([region] * count, sample) for name, region in said.items()}


def overlap(region: Region, thing: Thing, num_frames: int = 1) -> tuple[float, float]:
    """IoU (vIoU in a clip) of a box with a thing, and IoU of their frames.

    Args:
        region: A box; without frames it holds in all of them.
        thing: Where it truly is.
        num_frames: Of the medium.
    """
    first, last = region.frames or (0, num_frames - 1)
    shared = [box for frame, box in thing.boxes.items() if first <= frame <= last]
    either = last - first + 1 + len(thing.boxes) - len(shared)
    worth = overlaps(np.array(region.bounds), np.array(shared)).sum() if shared else 0.0
    return float(worth) / either, len(shared) / either


def _frames(sample: Sample, medium: int = 0) -> int:
    return sample.media[medium].frames or 1


def _table(regions: Sequence[Region], things: Sequence[Thing], sample: Sample) -> NDArray[np.float64]:
    """(boxes, things, 2): overlaps, and those of the frames."""
    names = handles(sample)
    both = [
        overlap(region, thing, _frames(sample, thing.medium))
        if region.source in (None, names[thing.medium])
        else (0.0, 0.0)
        for region in regions
        for thing in things
    ]
    return np.array(both).reshape(len(regions), len(things), 2)


def _paired(table: NDArray[np.float64]) -> list[tuple[float, int | None, int | None]]:
    """Each box with one thing, the best pair first: (overlap, box, thing); what has no partner stands alone, with 0."""
    left = table.astype(float)
    pairs: list[tuple[float, int | None, int | None]] = []
    for _ in range(min(table.shape)):
        box, thing = (int(place) for place in np.unravel_index(int(left.argmax()), left.shape))
        pairs.append((float(table[box, thing]), box, thing))
        left[box], left[:, thing] = -1, -1
    boxes, things = ({pair[side] for pair in pairs} for side in (1, 2))
    pairs += [(0.0, box, None) for box in range(table.shape[0]) if box not in boxes]
    return pairs + [(0.0, None, thing) for thing in range(table.shape[1]) if thing not in things]


def _says(mention: Mention, wanted: Mention) -> bool:
    return f" {mention.words.rstrip(' :')}".casefold().endswith(f" {wanted.words}".casefold())


def _mean(values: Iterable[float]) -> float:
    """1 of nothing: where nothing was to be said, nothing is what should be said."""
    values = list(values)
    return fmean(values) if values else 1.0
