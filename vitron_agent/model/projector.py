"""From places of a picture or clip to tokens of the LLM."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

_OCTAVES = 4
NUM_POSITIONS = 5 * (1 + 2 * _OCTAVES)


class Projector(nn.Module):
    """Projects features into the LLM's input space.

    ``linear`` is the paper's (§3.1) and ``mlp`` the released code's two layers; both leave positions to the backbone.
    ``placed`` is the embedded one: an MLP that also reads where a place is, as convolutional features don't tell, and
    whose tokens are given the length of word embeddings, so that a frozen LLM takes them for words.

    Args:
        channels: c, of the backbone's features.
        width: d, of the LLM.
        kind: Which.
        scale: Root mean square of a word embedding's numbers; for ``placed``.
    """

    def __init__(
        self, channels: int, width: int, kind: Literal["linear", "mlp", "placed"] = "placed", scale: float = 1.0
    ) -> None:
        super().__init__()
        self.kind = kind
        if kind == "linear":
            self.layers: nn.Module = nn.Linear(channels, width)
        elif kind == "mlp":
            self.layers = nn.Sequential(nn.Linear(channels, width), nn.GELU(), nn.Linear(width, width))
        else:
            self.norm = nn.LayerNorm(channels)
            self.layers = nn.Sequential(nn.Linear(channels + NUM_POSITIONS, width), nn.GELU(), nn.Linear(width, width))
            self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, features: Tensor, positions: Tensor) -> Tensor:
        """Tokens [n, d] of features [n, c] at positions [n, 5] (:func:`grid_positions`)."""
        if self.kind != "placed":
            plain: Tensor = self.layers(features)
            return plain
        tokens = self.layers(torch.cat([self.norm(features), waves(positions)], dim=1))
        return functional.rms_norm(tokens, tokens.shape[1:]) * self.scale


def waves(positions: Tensor) -> Tensor:
    """Positions [n, 5] in [0, 1] as [n, 45]: themselves, and their sines and cosines at four octaves."""
    angles = [positions * torch.pi * 2**octave for octave in range(_OCTAVES)]
    return torch.cat([positions, *(wave for angle in angles for wave in (angle.sin(), angle.cos()))], dim=1)


def grid_positions(side: int, time: float = 0.5) -> Tensor:
    """The places of a side x side grid, row by row, as [side * side, 5]; a still is at time 0.5.

    A position is x and y of the middle, time, width and height, all as shares in [0, 1].
    """
    middles = (torch.arange(side) + 0.5) / side
    y, x = (middle.ravel() for middle in torch.meshgrid(middles, middles, indexing="ij"))
    same = torch.ones(side * side)
    return torch.stack([x, y, time * same, same / side, same / side], dim=1)


def box_positions(boxes: Tensor, times: Tensor) -> Tensor:
    """The positions [n, 5] of boxes [n, 4] (x0, y0, x1, y1 in [0, 1]) at times [n]."""
    low, high = boxes[:, :2], boxes[:, 2:]
    return torch.cat([(low + high) / 2, times[:, None], high - low], dim=1)


def position_boxes(positions: Tensor) -> Tensor:
    """The boxes [n, 4] that :func:`box_positions` was given."""
    middles, halves = positions[:, :2], positions[:, 3:] / 2
    return torch.cat([middles - halves, middles + halves], dim=1)
