"""Teaching a :class:`vitron_agent.model.encoders.proposals.Proposer`, by pictures whose things are known."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vitron_agent.model.encoders.backbone import VisionBackbone
from vitron_agent.model.encoders.proposals import overlap
from vitron_agent.model.encoders.video import spread
from vitron_agent.train.data.samples import Sample, Thing
from vitron_agent.train.data.voc import Photo

_NOTHING, _UNKNOWN = -1, -2
_FRAMES = 2
"""So many of a clip's frames are learned from; the others look much the same."""


@dataclass(frozen=True)
class Shown:
    """One picture.

    Attributes:
        features: [c, h, w] float16.
        owner: [h, w], the thing that each place belongs to; -1 where there is none, -2 where nobody knows.
        boxes: [n, 4] of the things, in [0, 1].
    """

    features: Tensor
    owner: Tensor
    boxes: Tensor


def show_samples(samples: Iterable[Sample], backbone: VisionBackbone) -> Iterator[Shown]:
    """Pictures and clips of which every thing is named, with its mask."""
    for sample in samples:
        [medium] = sample.media
        pixels = medium.load()
        if medium.kind == "image":
            yield _shown(backbone.features(pixels), sample.things, 0)
        else:
            for frame in spread(len(pixels), _FRAMES):
                yield _shown(backbone.frame_features(pixels[frame]), sample.things, frame)


def show_photos(photos: Iterable[Photo], backbone: VisionBackbone) -> Iterator[Shown]:
    """Photos of VOC, of which boxes are known: their inner parts belong to the things, the rest of them to nobody."""
    for photo in photos:
        features = backbone.features(photo.image())
        rows, columns = features.shape[1:]
        owner = torch.full((rows, columns), _NOTHING)
        things = sorted(photo.things, key=lambda thing: _area(thing.box), reverse=True)  # small ones lie on large ones
        for number, thing in enumerate(things):
            for shrunk, label in ((1.0, _UNKNOWN), (0.5, number)):
                owner[_window(thing.box, shrunk, rows, columns)] = label
        yield Shown(features.half(), owner, torch.tensor([thing.box for thing in things]).reshape(-1, 4))


def _shown(features: Tensor, things: Sequence[Thing], frame: int) -> Shown:
    rows, columns = features.shape[1:]
    owner = np.full((rows, columns), _NOTHING)
    most = np.full((rows, columns), 0.5, np.float32)  # a place belongs to what covers half of it
    there = [thing for thing in things if frame in thing.boxes]
    for number, thing in enumerate(there):
        share = cv2.resize(thing.masks[frame].astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        owner[share >= most] = number
        most = np.maximum(most, share)
    boxes = torch.tensor([thing.boxes[frame] for thing in there]).reshape(-1, 4)
    return Shown(features.half(), torch.from_numpy(owner), boxes)


def examples(shown: Iterable[Shown]) -> list[dict[str, Any]]:
    """As :func:`vitron_agent.train.fit.fit` takes them: pictures of one size come side by side."""
    return [{"input_ids": range(one.owner.numel()), "labels": [0], "shown": one} for one in shown]


def collate(batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Maps [b, c, h, w], owners [b, h, w] and the boxes of places' owners [b, h, w, 4], filled up to the largest."""
    shown: list[Shown] = [one["shown"] for one in batch]
    rows, columns = (max(one.owner.shape[axis] for one in shown) for axis in (0, 1))

    def fill(tensor: Tensor, value: int) -> Tensor:
        height, width = tensor.shape[-2:]
        return functional.pad(tensor, (0, columns - width, 0, rows - height), value=value)

    boxes = [one.boxes[one.owner.clamp(min=0)] if len(one.boxes) else torch.zeros(*one.owner.shape, 4) for one in shown]
    return {
        "maps": torch.stack([fill(one.features, 0) for one in shown]),
        "owners": torch.stack([fill(one.owner, _UNKNOWN) for one in shown]),
        "boxes": torch.stack([fill(box.movedim(2, 0), 0).movedim(0, 2) for box in boxes]),
        "sizes": torch.tensor([one.owner.shape for one in shown]),
        "labels": torch.zeros(len(shown)),
    }


def loss(model: Any, inputs: dict[str, Any], _: Tensor | int | None = None) -> Tensor:
    """Cross-entropy of belonging to a thing, and of its places L1 and 1 - IoU of the box."""
    logits, boxes = model(inputs["maps"].float(), inputs["sizes"])
    owners = inputs["owners"]
    known, inside = owners != _UNKNOWN, owners >= 0
    belongs = functional.binary_cross_entropy_with_logits(logits[known], inside[known].float())
    if not bool(inside.any()):
        return belongs
    found, wanted = boxes[inside], inputs["boxes"][inside]
    return belongs + (1 - overlap(found, wanted)).mean() + 5 * functional.l1_loss(found, wanted)


def _area(box: tuple[float, float, float, float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _window(box: tuple[float, float, float, float], shrunk: float, rows: int, columns: int) -> tuple[slice, slice]:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = (box[2] - box[0]) * shrunk / 2, (box[3] - box[1]) * shrunk / 2
    return (
        slice(int((y - half[1]) * rows), max(int((y - half[1]) * rows) + 1, round((y + half[1]) * rows))),
        slice(int((x - half[0]) * columns), max(int((x - half[0]) * columns) + 1, round((x + half[0]) * columns))),
    )
