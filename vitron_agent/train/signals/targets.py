"""What the signal of a phrase should become: for each thing the linear query that the word channel amounts to.

The paper aligns projected signals with each expert's own condition encoder by L2 (§3.3, App. B.4). The condition
encoder of embedded grounding is :meth:`Vision.likeness`: it turns a meaning into a map. Here its maps on places of many
photos are put into one linear query per thing, by least squares, so that signals can be compared with it in feature
space.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from vitron_agent.artifacts import ImageArray
from vitron_agent.model.encoders.dense import GRID, DenseEncoder, DenseFeatures
from vitron_agent.model.encoders.efficientnet import Levels
from vitron_agent.tools.backends.embedded.localiser import SCALES, Scene
from vitron_agent.tools.backends.embedded.query import Basis, as_logit
from vitron_agent.tools.backends.embedded.vision import View, Vision
from vitron_agent.tools.phrases.nouns import Meaning, Relation, Thing, load_nouns
from vitron_agent.train.signals.phrases import learnable

BASIS_DIMS = 1280
"""All directions of the encoder's features: on pasted things the queries of 384 of them pointed as well as the word
channel on half as many."""
_PLACES = {GRID: 40, 0: 20}
"""So many places of a photo are drawn at the middle scale, and at the coarse one."""
_RIDGE = 1e-3


def draw_bank(pictures: Iterable[tuple[str, ImageArray]], encoder: DenseEncoder, seed: int = 0) -> Tensor:
    """Features [n, 1280] of places drawn from pictures, each with its name."""
    random = np.random.default_rng(seed)
    drawn = []
    for name, image in pictures:
        features = encoder.encode(image, name)
        for scale, count in _PLACES.items():
            head = features.scales[scale].head.flatten(1).T
            drawn.append(head[torch.from_numpy(random.integers(0, len(head), count))].half())
    return torch.cat(drawn)


@dataclass(frozen=True)
class Targets:
    """Best linear queries.

    Attributes:
        ids: WordNet id of each thing.
        weights: [things, 1280], in the basis.
        biases: [things].
        basis: What the weights are coefficients of.
        fit: [things], share of a map's variance that its query explains.
    """

    ids: tuple[str, ...]
    weights: Tensor
    biases: Tensor
    basis: Basis
    fit: Tensor

    def of(self, things: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Weight [1280] and bias of the mean of some things."""
        rows = [self.ids.index(one) for one in things]
        return self.weights[rows].mean(dim=0), self.biases[rows].mean()


def make_targets(bank: Tensor, vision: Vision, encoder: DenseEncoder) -> Targets:
    """Fits a query to every thing of the table that looks like something.

    Args:
        bank: Of :func:`draw_bank`.
        vision: Whose word channel is put into queries; without held-out classes.
        encoder: Whose features the bank holds.
    """
    bank = bank.float()
    basis = Basis.of(bank, BASIS_DIMS)
    view = _as_picture(bank, encoder)
    coordinates = torch.cat([basis.coordinates(bank), torch.ones(len(bank), 1)], dim=1)
    gram = coordinates.T @ coordinates
    gram += _RIDGE * len(bank) * torch.eye(len(gram))
    inverse = torch.linalg.inv(gram) @ coordinates.T
    evidence = torch.logsumexp(view.logits[0], dim=0).flatten()
    ids, rows, fits = [], [], []
    for thing in load_nouns().things:
        usable = replace(thing, classes=learnable(thing))
        if not _can_be_seen(usable, vision):
            continue
        likeness = vision.likeness(view, Meaning(thing.name, (usable,), Relation.IS))[0].flatten()
        wanted = as_logit(likeness, evidence)
        row = inverse @ wanted
        ids.append(thing.wordnet_id)
        rows.append(row)
        fits.append(1 - (coordinates @ row - wanted).var() / wanted.var())
    solved = torch.stack(rows)
    return Targets(tuple(ids), solved[:, :-1], solved[:, -1], basis, torch.stack(fits))


def save_targets(targets: Targets, path: Path) -> None:
    """Writes float32 safetensors."""
    tensors = {"weights": targets.weights, "biases": targets.biases, "fit": targets.fit, **vars(targets.basis)}
    save_file({name: value.contiguous() for name, value in tensors.items()}, path, {"ids": " ".join(targets.ids)})


def load_targets(path: Path) -> Targets:
    """Reads :func:`save_targets` back."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        ids = tuple(file.metadata()["ids"].split())
    basis = Basis(tensors["mean"], tensors["matrix"])
    return Targets(ids, tensors["weights"], tensors["biases"], basis, tensors["fit"])


def _can_be_seen(thing: Thing, vision: Vision) -> bool:
    """Whether the word channel has a map for it."""
    return bool(thing.classes) or any(
        query.things & thing.above or thing.wordnet_id in query.above for query in vision.queries
    )


def _as_picture(bank: Tensor, encoder: DenseEncoder) -> View:
    """The bank as a picture of one column, each place of it a row, at all scales."""
    levels = Levels(*(bank.T[:, :, None] for _ in fields(Levels)))
    pixels: NDArray[np.uint8] = np.zeros((len(bank), 1, 3), np.uint8)
    empty = torch.zeros(0)
    return View(
        DenseFeatures(1, len(bank), (levels,) * SCALES, pixels), Scene(empty, empty, empty, empty), encoder.classify
    )
