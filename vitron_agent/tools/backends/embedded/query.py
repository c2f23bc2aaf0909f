"""How signals reach grounding: an extra query on the dense features, through a gate that is shut until it is trained.

The query is linear, as a class of the encoder's classifier is; so a place's logit for it says how much the place looks
like what the LLM meant, also where no word list has the word (DESIGN §5, paper §3.2).
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from vitron_agent.errors import WeightsError
from vitron_agent.tools.backends.embedded.signals import SIGNAL_DIMS

WEIGHTS = Path(__file__).parent / "weights" / "grounding_signals.safetensors"
"""Made by :mod:`vitron_agent.train.stage3_decoder`."""
_OFFSET, _SCALE = 6.0, 0.5
"""From a log-probability at a place to the scale of all likeness maps."""
_NEVER = 1e4
"""A likeness that no place has."""
_SHARPNESS = 25.0
"""A known thing whose direction is nearer by 1 / 25 has e times the share of the mixture; learned, it stayed there."""
_LEAST_SPREAD = 1e-6
"""Directions with less than this share of the largest variance count as having it: in a bank of few places they are
noise, which would be scaled up."""


def as_likeness(logit: Tensor, evidence: Tensor) -> Tensor:
    """How much a place looks like something, from its logit and the log of all classes' summed odds there."""
    return (logit - evidence + _OFFSET) * _SCALE


def as_logit(likeness: Tensor, evidence: Tensor) -> Tensor:
    """The inverse of :func:`as_likeness`."""
    return likeness / _SCALE - _OFFSET + evidence


@dataclass(frozen=True)
class Basis:
    """Principal directions of the encoder's features, scaled to unit variance.

    Attributes:
        mean: [1280].
        matrix: [1280, dims]; the coordinates of h are (h - mean) @ matrix.
    """

    mean: Tensor
    matrix: Tensor

    @classmethod
    def of(cls, features: Tensor, dims: int) -> "Basis":
        """Of features [n, 1280]."""
        mean = features.mean(dim=0)
        centered = features - mean
        spread, directions = torch.linalg.eigh(centered.T @ centered / len(features))
        spread = spread.clamp(min=_LEAST_SPREAD * float(spread[-1]))
        return cls(mean, directions[:, -dims:] / spread[-dims:].sqrt())

    def coordinates(self, features: Tensor) -> Tensor:
        """[n, dims] of features [n, 1280]."""
        return (features - self.mean) @ self.matrix


class QueryShape(BaseModel):
    """Sizes of a :class:`QueryAdapter`.

    Attributes:
        tokens: Signal tokens of a step.
        signal_dims: Of each.
        narrow: What each is narrowed to.
        hidden: Of the layer that sees all of them.
        dims: Of the basis.
        channels: Of the encoder's features.
        known: Things whose queries are known; 0 = what signals ask for is the query itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: int = Field(default=8, gt=0)
    signal_dims: int = Field(default=SIGNAL_DIMS, gt=0)
    narrow: int = Field(default=64, gt=0)
    hidden: int = Field(default=384, gt=0)
    dims: int = Field(default=1280, gt=0)
    channels: int = Field(default=1280, gt=0)
    known: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Query:
    """What is looked for.

    Attributes:
        weight: [1280].
        bias: [].
    """

    weight: Tensor
    bias: Tensor

    def likeness(self, head: Tensor, evidence: Tensor) -> Tensor:
        """[h, w]: how much each place of ``head`` [1280, h, w] looks like it; ``evidence`` [h, w] of the classes."""
        return as_likeness(torch.tensordot(self.weight, head, dims=1) + self.bias, evidence)


class QueryAdapter(nn.Module):
    """From a step's signals to a query.

    Signals aim at a query, and get a mixture of the queries of known things, by how near these are to the aim. A query
    that nothing was ever found with may like any place; a mixture of two dogs and a wolf likes what looks like these.

    Args:
        shape: Sizes.
        basis: Directions that queries are made of; None = to be loaded.
        known: Weights [known, dims] and biases [known] of the queries of known things; None = to be loaded, or none.

    Attributes:
        gate: [], 0 until it is trained: ``tanh(gate)`` of a likeness comes from the signals, the rest from the words.
            At 0 grounding does, bit for bit, what it does without signals.
        present: [], the likeness from which on a thing that only signals know counts as being there; before training,
            nothing does.
    """

    def __init__(
        self, shape: QueryShape, basis: Basis | None = None, known: tuple[Tensor, Tensor] | None = None
    ) -> None:
        super().__init__()
        self.shape = shape
        self.norm = nn.LayerNorm(shape.signal_dims)
        self.narrow = nn.Linear(shape.signal_dims, shape.narrow)
        self.join = nn.Sequential(
            nn.Linear(shape.tokens * shape.narrow, shape.hidden), nn.GELU(), nn.Linear(shape.hidden, shape.dims + 2)
        )
        self.gate = nn.Parameter(torch.zeros(()))
        empty = Basis(torch.zeros(shape.channels), torch.zeros(shape.channels, shape.dims))
        self.register_buffer("mean", (basis or empty).mean.clone())
        self.register_buffer("matrix", (basis or empty).matrix.clone())
        self.register_buffer("present", torch.tensor(_NEVER))
        self.mean: Tensor
        self.matrix: Tensor
        self.present: Tensor
        if shape.known:
            weights, biases = known or (torch.zeros(shape.known, shape.dims), torch.zeros(shape.known))
            self.register_buffer("known_weights", weights.clone())
            self.register_buffer("known_biases", biases.clone())
            self.known_weights: Tensor
            self.known_biases: Tensor

    def coefficients(self, signals: Tensor) -> tuple[Tensor, Tensor]:
        """What signals [B, tokens, signal_dims] aim at: weights [B, dims] in the basis and biases [B]."""
        found = self.join(self.narrow(self.norm(signals)).flatten(1))
        # Direction and length apart: a doubtful direction must not make a faint query, which would be everywhere.
        direction, length, bias = found[:, :-2], found[:, -2:-1], found[:, -1]
        return F.normalize(direction, dim=1) * length.exp(), bias

    def mixed(self, weights: Tensor, biases: Tensor) -> tuple[Tensor, Tensor]:
        """The queries of known things [B, dims] and [B], mixed by how near they are to what is aimed at."""
        if not self.shape.known:
            return weights, biases
        nearness = F.normalize(weights, dim=1) @ F.normalize(self.known_weights, dim=1).T
        shares = torch.softmax(nearness * _SHARPNESS, dim=1)
        return shares @ self.known_weights, shares @ self.known_biases

    def forward(self, signals: Tensor) -> Query:
        """The query of one step's signals [tokens, signal_dims]."""
        weights, biases = self.mixed(*self.coefficients(signals[None]))
        return self.query(weights[0], biases[0])

    def query(self, weight: Tensor, bias: Tensor) -> Query:
        """The query of a weight [dims] in the basis and a bias []."""
        across = self.matrix @ weight
        return Query(across, bias - self.mean @ across)

    def blend(self, words: Tensor, signals: Tensor) -> Tensor:
        """A likeness of the words' and of the signals' own, by the gate."""
        return torch.lerp(words, signals, self.gate.tanh())


def save_adapter(adapter: QueryAdapter, path: Path, facts: dict[str, str]) -> None:
    """Writes float16 safetensors; ``facts`` says how it was trained."""
    halves = {name: value.detach().half().contiguous() for name, value in adapter.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(halves, path, {**facts, "shape": adapter.shape.model_dump_json()})


def load_adapter(path: Path) -> QueryAdapter:
    """Reads :func:`save_adapter` back, as float32.

    Raises:
        WeightsError: It is missing or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            shape = QueryShape(**json.loads(file.metadata()["shape"]))
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a dict
        adapter = QueryAdapter(shape)
        adapter.load_state_dict(tensors)
    except Exception as error:
        raise WeightsError(f"{path} is missing or damaged ({error}); reinstall vitron-agent") from error
    return adapter.eval().requires_grad_(False)
