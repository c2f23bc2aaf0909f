"""Is a picture of the kind that a model learned from? What it would say of another kind is invented.

Pooled features of the pictures that it learned from are a Gaussian in the directions in which they vary most, and vary
alike in all others (probabilistic PCA, Tipping and Bishop 1999).
"""

import torch
from torch import Tensor, nn

from vitron_agent.model.encoders.video import VideoFeatures

_TOLD = 0.99
"""Share of the pictures of its own kind that it knows."""
_HELD_BACK = 5
"""Every so many-th picture says how far those of its own kind lie that the directions were not made of."""


class Familiar(nn.Module):
    """Knows pictures and clips like those of :meth:`learn`; before that, none.

    Args:
        channels: c, of the backbone's features.
        directions: k.
    """

    mean: Tensor
    directions: Tensor
    spread: Tensor
    rest: Tensor
    limit: Tensor

    def __init__(self, channels: int, directions: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("directions", torch.zeros(channels, directions))
        self.register_buffer("spread", torch.ones(directions))
        self.register_buffer("rest", torch.ones(()))
        self.register_buffer("limit", torch.zeros(()))

    def forward(self, looks: Tensor) -> Tensor:
        """How far [n] pooled features [n, c] are from what it knows; 1 or 2 is near."""
        apart = looks.to(self.mean) - self.mean
        along = apart @ self.directions
        beside = (apart - along @ self.directions.T).norm(dim=1)
        distances: Tensor = (along / self.spread).square().mean(dim=1) + (beside / self.rest).square()
        return distances

    def knows(self, seen: Tensor | VideoFeatures) -> bool:
        """Whether what was seen of a picture [c, h, w] or clip is near enough."""
        return bool(self(pooled_look(seen)[None])[0] <= self.limit)

    @torch.no_grad()
    def learn(self, looks: Tensor) -> None:
        """From pooled features [n, c] of pictures that it shall know, many more than there are directions."""
        held_back = torch.arange(len(looks)) % _HELD_BACK == 0
        known = looks[~held_back].float()
        self.mean.copy_(known.mean(dim=0))
        apart = known - self.mean
        _, sizes, directions = torch.linalg.svd(apart, full_matrices=False)
        self.directions.copy_(directions[: len(self.spread)].T)
        self.spread.copy_(sizes[: len(self.spread)] / len(known) ** 0.5)
        beside = apart - apart @ self.directions @ self.directions.T
        self.rest.copy_(beside.norm(dim=1).mean())
        self.limit.copy_(self(looks[held_back]).quantile(_TOLD))


def pooled_look(seen: Tensor | VideoFeatures) -> Tensor:
    """Features [c] of a picture [c, h, w] or clip, averaged over space and time."""
    return (seen.mean() if isinstance(seen, VideoFeatures) else seen).float().mean(dim=(1, 2))
