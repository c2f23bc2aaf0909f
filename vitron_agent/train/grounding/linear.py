"""Linear queries: for each kind of thing a logistic regression on the encoder's places, from boxes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vitron_agent.messages import Box
from vitron_agent.model.encoders.dense import DenseFeatures

_CORE = 0.8
"""Places in this middle part of a box count as being on the thing."""
_SAMPLES = 150
"""Places drawn of each picture and scale: so many on things, so many elsewhere."""


class Annotated(NamedTuple):
    """A thing on a picture: its kind's number, where it is, and whether it is hard to recognise."""

    kind: int
    box: Box
    difficult: bool


@dataclass(frozen=True)
class Places:
    """Places drawn from pictures.

    Attributes:
        features: [n, 1280] float16.
        activations: [n, kinds], the strongest logit of each kind's ImageNet classes.
        positive: [n, kinds], how much each place counts as one on the kind; 0 = it isn't.
        negative: [n, kinds], how much it counts as one that is not.
        picture: [n], the number of the picture that it comes from.
    """

    features: Tensor
    activations: Tensor
    positive: Tensor
    negative: Tensor
    picture: Tensor


@dataclass(frozen=True)
class Fit:
    """The learned numbers: ``features @ weight + bias + gain * activations``.

    Attributes:
        weight: [1280, kinds].
        bias: [kinds].
        gain: [kinds].
    """

    weight: Tensor
    bias: Tensor
    gain: Tensor


def activations_of(logits: Tensor, classes: Sequence[Sequence[int]]) -> Tensor:
    """[kinds, h, w] from logits [1000, h, w]; 0 for a kind without classes."""
    none = torch.zeros_like(logits[0])
    return torch.stack([logits[list(own)].amax(dim=0) if own else none for own in classes])


def draw_places(
    features: DenseFeatures,
    classify: Callable[[Tensor], Tensor],
    number: int,
    things: Sequence[Annotated],
    classes: Sequence[Sequence[int]],
    random: np.random.Generator,
) -> Places:
    """Draws places of a picture.

    Args:
        features: What the encoder saw of it.
        classify: From features to logits of the ImageNet classes.
        number: Of the picture.
        things: What is on it; places on difficult things count as nothing.
        classes: The ImageNet classes of each kind.
        random: For the drawing.
    """
    drawn: list[tuple[Tensor, ...]] = []
    for levels in features.scales:
        rows, columns = levels.head.shape[1:]
        positive, negative = label_places(things, len(classes), rows, columns)
        on_thing = positive.max(axis=0) > 0
        shares = [min(1.0, _SAMPLES / max(1, int(part.sum()))) for part in (on_thing, ~on_thing)]
        share = np.where(on_thing, *shares)
        chosen = torch.from_numpy(random.random(share.shape) < share)
        importance = torch.from_numpy(1 / share)
        weights = [(torch.from_numpy(part) * importance)[:, chosen].T.float() for part in (positive, negative)]
        active = activations_of(classify(levels.head), classes)[:, chosen].T
        drawn.append((levels.head[:, chosen].T.half(), active, *weights, torch.full((len(active),), number)))
    return Places(*(torch.cat(parts) for parts in zip(*drawn, strict=True)))


def joined(parts: Sequence[Places]) -> Places:
    """The places of several pictures."""
    return Places(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Places)))


def label_places(
    things: Sequence[Annotated], kinds: int, rows: int, columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much each place [kinds, rows, columns] counts as on and as off each kind; every thing weighs alike."""
    positive = np.zeros((kinds, rows, columns))
    touched = np.zeros((kinds, rows, columns), np.bool_)
    for kind, box, difficult in things:
        touched[kind] |= cover(box, rows, columns, 1.0)
        core = cover(box, rows, columns, _CORE)
        if not difficult:
            positive[kind] = np.maximum(positive[kind], core / core.sum() ** 0.5)
    return positive, ~touched / (rows * columns) ** 0.5


def cover(box: Box, rows: int, columns: int, share: float) -> NDArray[np.bool_]:
    """The places whose middle lies in the middle ``share`` of a box; the nearest one if there is none."""
    x_left, y_top, x_right, y_bottom = box
    middle_x, middle_y = (x_left + x_right) / 2, (y_top + y_bottom) / 2
    x = np.abs((np.arange(columns) + 0.5) / columns - middle_x) <= (x_right - x_left) / 2 * share
    y = np.abs((np.arange(rows) + 0.5) / rows - middle_y) <= (y_bottom - y_top) / 2 * share
    x[min(int(middle_x * columns), columns - 1)] = True
    y[min(int(middle_y * rows), rows - 1)] = True
    covered: NDArray[np.bool_] = y[:, None] & x[None]
    return covered


def fit(
    places: Places, pictures: Sequence[int], *, epochs: int = 12, batch: int = 2048, rate: float = 3e-3,
    decay: float = 0.3, seed: int = 0,
) -> Fit:  # fmt: skip
    """Fits the queries to the places of some pictures by Adam, on standardised features."""
    torch.manual_seed(seed)
    chosen = torch.nonzero(torch.isin(places.picture, torch.tensor(pictures)))[:, 0]
    mean, deviation = places.features[::20].float().mean(dim=0), places.features[::20].float().std(dim=0) + 1e-2
    kinds = places.activations.shape[1]
    weight = torch.zeros(len(mean), kinds, requires_grad=True)
    bias = torch.zeros(kinds, requires_grad=True)
    gain = torch.full((kinds,), 0.3, requires_grad=True)
    totals = [part[chosen].sum(dim=0).clamp(min=1e-6) for part in (places.positive, places.negative)]
    optimiser = torch.optim.Adam([weight, bias, gain], lr=rate)
    steps = max(1, epochs * len(chosen) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps + 1)
    for _ in range(steps):
        rows = chosen[torch.randint(len(chosen), (batch,))]
        scores = (places.features[rows].float() - mean) / deviation @ weight + bias + gain * places.activations[rows]
        losses = places.positive[rows] / totals[0] * F.softplus(-scores)
        losses = losses + places.negative[rows] / totals[1] * F.softplus(scores)
        loss = losses.sum() / kinds * len(chosen) / batch + decay * weight.square().sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    plain = weight.detach() / deviation[:, None]
    return Fit(plain, bias.detach() - mean @ plain, gain.detach())
