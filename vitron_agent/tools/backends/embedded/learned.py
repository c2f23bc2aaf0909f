"""The learned part of grounding: projections, queries and the localiser, in one safetensors file."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from vitron_agent.errors import WeightsError
from vitron_agent.model.encoders.dense import GRID as GRID_SCALE
from vitron_agent.model.encoders.dense import DenseFeatures, on_grid
from vitron_agent.tools.backends.embedded.localiser import GRID, Localiser, Scene
from vitron_agent.tools.phrases.nouns import Nouns

WEIGHTS = Path(__file__).parent / "weights" / "grounding.safetensors"
"""Made by :mod:`vitron_agent.train.queries`."""
_LEVELS = ("low", "mid", "head")


@dataclass(frozen=True)
class Projection:
    """A whitening projection of features [channels, h, w] to [dims, h, w] of unit variance.

    Attributes:
        mean: [channels].
        matrix: [channels, dims].
    """

    mean: Tensor
    matrix: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Projects."""
        return torch.einsum("chw,cd->dhw", features, self.matrix) - (self.mean @ self.matrix)[:, None, None]


@dataclass(frozen=True)
class Projections:
    """One for each level of the encoder."""

    low: Projection
    mid: Projection
    head: Projection

    def scene(self, features: DenseFeatures) -> Scene:
        """A picture as the localiser reads it."""
        rows, columns = features.grid
        middle = features.scales[GRID_SCALE]
        things = [on_grid(self.head(levels.head), rows, columns) for levels in features.scales]
        halves = cv2.resize(features.pixels, (2 * columns, 2 * rows), interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(halves.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).transpose(2, 0, 1) / 50
        lab[0] -= 1
        return Scene(
            padded(torch.cat([*things, self.mid(middle.mid)]), GRID),
            padded(self.low(middle.low), 2 * GRID),
            padded(torch.from_numpy(lab), 2 * GRID),
            padded(torch.ones(1, rows, columns), GRID),
        )


def padded(values: Tensor, side: int) -> Tensor:
    """[channels, h, w] at the top left of [1, channels, side, side]; the rest is 0."""
    return F.pad(values, (0, side - values.shape[2], 0, side - values.shape[1]))[None]


@dataclass(frozen=True, eq=False)
class LearnedQuery:
    """A linear classifier of places, learned from boxes.

    Attributes:
        name: Of the kind of thing, as people say it.
        things: WordNet ids of the things that it is the query of.
        above: WordNet ids of these and of all that they are kinds of.
        classes: ImageNet classes whose strongest logit it adds, times ``gain``.
        weight: [1280].
        bias: Added.
        gain: See ``classes``.
    """

    name: str
    things: frozenset[str]
    above: frozenset[str]
    classes: tuple[int, ...]
    weight: Tensor
    bias: float
    gain: float

    def likeness(self, head: Tensor, logits: Tensor) -> Tensor:
        """How much each place of ``head`` [1280, h, w] with class ``logits`` [1000, h, w] looks like the thing."""
        found: Tensor = torch.tensordot(self.weight, head, dims=1) + self.bias
        return found + self.gain * logits[list(self.classes)].amax(dim=0) if self.classes else found


@dataclass(frozen=True)
class Learned:
    """Everything that was learned."""

    projections: Projections
    queries: tuple[LearnedQuery, ...]
    localiser: Localiser


def save_learned(learned: Learned, path: Path, facts: dict[str, str]) -> None:
    """Writes float16 safetensors; ``facts`` says how it was trained."""
    tensors = {f"localiser.{name}": value for name, value in learned.localiser.state_dict().items()}
    for level in _LEVELS:
        projection: Projection = getattr(learned.projections, level)
        tensors |= {f"{level}.mean": projection.mean, f"{level}.matrix": projection.matrix}
    tensors["queries.weight"] = torch.stack([query.weight for query in learned.queries])
    names = [
        {"name": query.name, "things": sorted(query.things), "bias": query.bias, "gain": query.gain}
        for query in learned.queries
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    halves = {name: value.detach().half().contiguous() for name, value in tensors.items()}
    save_file(halves, path, {**facts, "queries": json.dumps(names)})


def load_learned(path: Path, nouns: Nouns) -> Learned:
    """Reads :func:`save_learned` back, as float32.

    Raises:
        WeightsError: It is missing or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a dict
            names = json.loads(file.metadata()["queries"])
        localiser = Localiser()
        localiser.load_state_dict(
            {name.removeprefix("localiser."): value for name, value in tensors.items() if name.startswith("localiser.")}
        )
        low, mid, head = (Projection(tensors[f"{level}.mean"], tensors[f"{level}.matrix"]) for level in _LEVELS)
        queries = tuple(
            make_query(entry["name"], entry["things"], weight, entry["bias"], entry["gain"], nouns)
            for entry, weight in zip(names, tensors["queries.weight"], strict=True)
        )
    except Exception as error:
        raise WeightsError(f"{path} is missing or damaged ({error}); reinstall vitron-agent") from error
    return Learned(Projections(low, mid, head), queries, localiser.eval().requires_grad_(False))


def make_query(
    name: str, things: Iterable[str], weight: Tensor, bias: float, gain: float, nouns: Nouns
) -> LearnedQuery:
    """A query of things by their WordNet ids, which the table knows."""
    found = [nouns.by_id[wordnet_id] for wordnet_id in things]
    return LearnedQuery(
        name,
        frozenset(thing.wordnet_id for thing in found),
        frozenset[str]().union(*(thing.above for thing in found)),
        tuple(sorted({number for thing in found for number in thing.classes})),
        weight,
        bias,
        gain,
    )
