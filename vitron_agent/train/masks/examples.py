"""What the mask decoder learns from: a window of a picture, a prompt for a thing, and the thing's pixels there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitron_agent.model.encoders.dense import DenseFeatures
from vitron_agent.tools.backends.embedded.mask_decoder import SIDE, Patch, Reader
from vitron_agent.tools.backends.embedded.windows import Cue, Looks, Window, framed, make_patch
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.regions import mask_box, normalised
from vitron_agent.train.masks.prompts import draw_cue, draw_window, jittered
from vitron_agent.train.masks.things import Thing

_CELLS = SIDE // 2
_LEAST = 12
"""Cells that a thing must have in a window."""
_COLOR, _LIGHT, _GREY = 0.1, 0.15, 0.08


class Encoder(Protocol):
    """What looks at pictures."""

    def look(self, image: NDArray[np.uint8], name: str) -> DenseFeatures:
        """Features of a picture, known by a name."""
        ...


@dataclass(frozen=True)
class Source:
    """A picture to learn from, not yet seen.

    Attributes:
        name: Its features are known by it.
        image: (H, W, 3).
        things: What is known of it; not empty.
    """

    name: str
    image: NDArray[np.uint8]
    things: Sequence[Thing]


@dataclass(frozen=True)
class Picture:
    """The same, seen; the features in float16.

    Attributes:
        image: (H, W, 3).
        things: Of the source.
        looks: Of the decoder's reader.
    """

    image: NDArray[np.uint8]
    things: Sequence[Thing]
    looks: Looks


@dataclass(frozen=True)
class Question:
    """One example.

    Attributes:
        patch: A batch of one.
        target: [S/2, S/2], the share of each cell that is on the thing.
        weight: [S/2, S/2], 0 where that isn't known.
        ambiguous: As :attr:`Cue.ambiguous`.
        reach: (left, top, right, bottom) of the cells whose sides the thing reaches, if only that is known.
    """

    patch: Patch
    target: Tensor
    weight: Tensor
    ambiguous: bool
    reach: tuple[int, int, int, int] | None


def see(source: Source, features: DenseFeatures, reader: Reader) -> Picture:
    """A picture as the decoder sees it."""
    with torch.inference_mode():
        seen = [tuple(part.half() for part in reader(levels)) for levels in features.scales]
    low, things = zip(*seen, strict=True)
    return Picture(source.image, source.things, Looks(low, things))


class Asker:
    """Makes examples, the same ones for the same seed and step.

    Args:
        groups: Pictures with how much of a batch comes from each group; groups without pictures are left out.
        seed: For everything random.
    """

    def __init__(self, groups: Sequence[tuple[Sequence[Picture], float]], seed: int) -> None:
        used = [(pictures, share) for pictures, share in groups if pictures]
        self._groups = [pictures for pictures, _ in used]
        shares = np.array([share for _, share in used])
        self._shares, self._seed = shares / shares.sum(), seed

    def batch(self, step: int, size: int) -> list[Question]:
        """The examples of one step."""
        random = np.random.default_rng([self._seed, step])
        drawn: list[Question] = []
        while len(drawn) < size:
            drawn += self._draw(random)
        return drawn

    def _draw(self, random: np.random.Generator) -> Iterator[Question]:
        """An example; none if the window that was drawn misses the thing."""
        pictures = self._groups[int(random.choice(len(self._groups), p=self._shares))]
        picture = pictures[int(random.integers(len(pictures)))]
        thing = picture.things[int(random.integers(len(picture.things)))]
        height, width = picture.image.shape[:2]
        if thing.pixels is None:
            cue = _weak_cue(thing, width, height, random)
        else:
            cue = draw_cue(thing.mask(width, height), random)
        window = draw_window(cue, thing.box, width, height, random)
        made = ask(picture, thing, cue, window, random)
        if made is not None:
            yield made


def ask(picture: Picture, thing: Thing, cue: Cue, window: Window, random: np.random.Generator) -> Question | None:
    """The example of a prompt for a thing in a window; None if the window misses the thing."""
    question = _question(picture, thing, cue, window, random)
    if question.reach is None and float((question.target > 0.5).sum()) < _LEAST:
        return None
    return _mirrored(question) if random.random() < 0.5 else question


def _weak_cue(thing: Thing, width: int, height: int, random: np.random.Generator) -> Cue:
    """A prompt for a thing of which only the box is known: the box, or a map as wide."""
    box = normalised(thing.box, width, height)
    if random.random() < 0.6:
        return Cue(box=jittered(box, random))
    blob = np.zeros((height, width), np.float32)
    left, top, right, bottom = thing.box
    axes = ((right - left) * random.uniform(0.3, 0.5), (bottom - top) * random.uniform(0.3, 0.5))
    middle = ((left + right) / 2, (top + bottom) / 2)
    cv2.ellipse(blob, (middle, (2 * axes[0], 2 * axes[1]), 0.0), 1.0, -1)
    small = cv2.resize(blob, (40, max(1, round(40 * height / width))), interpolation=cv2.INTER_AREA)
    return Cue(rough=cv2.GaussianBlur(small, (0, 0), random.uniform(0.8, 2)) * 0.8, box=jittered(box, random))


def _question(picture: Picture, thing: Thing, cue: Cue, window: Window, random: np.random.Generator) -> Question:
    height, width = picture.image.shape[:2]
    patch = make_patch(picture.image, picture.looks, cue, window)
    patch = replace(patch, pixels=_recoloured(patch.pixels, patch.hints[:, 6:], random))
    sure = torch.from_numpy((_cells(thing.sure(width, height), window) >= 1).astype(np.float32))
    if thing.pixels is None:
        box = np.zeros((height, width), np.bool_)
        left, top, right, bottom = thing.box
        box[top:bottom, left:right] = True
        reach = mask_box(_cells(box, window) > 0.5)
        return Question(patch, torch.zeros(_CELLS, _CELLS), sure, ambiguous=False, reach=reach)
    target = torch.from_numpy(_cells(thing.mask(width, height), window))
    return Question(patch, target, sure, cue.ambiguous, reach=None)


def _cells(mask: MaskArray, window: Window) -> NDArray[np.float32]:
    """A mask (H, W) in a window's cells, in [0, 1]; 0 outside the picture."""
    height, width = mask.shape
    left, top, right, bottom = window.crop(width, height)
    crop = mask[top:bottom, left:right].astype(np.uint8) * 255
    return np.asarray(framed(crop, window, (width, height), _CELLS, 0), np.float32) / np.float32(255)


def _recoloured(pixels: Tensor, valid: Tensor, random: np.random.Generator) -> Tensor:
    """The same pixels in another light, now and then in grey."""
    gain = torch.from_numpy(np.exp(random.normal(0, _LIGHT) + random.normal(0, _COLOR, 3))).float()[:, None, None]
    bias = float(random.normal(0, _LIGHT)) * torch.nn.functional.interpolate(valid, size=pixels.shape[2:])
    light = (pixels * gain).add_(bias).clamp_(-1, 1)
    return light.mean(dim=1, keepdim=True).expand_as(light) if random.random() < _GREY else light


def _mirrored(question: Question) -> Question:
    reach = question.reach
    if reach is not None:
        reach = (_CELLS - reach[2], reach[1], _CELLS - reach[0], reach[3])
    target, weight = question.target.flip(-1), question.weight.flip(-1)
    return replace(question, patch=question.patch.flipped(), target=target, weight=weight, reach=reach)
