"""Where things are, whatever they are: boxes that get a token of their own (after Groma, Ma et al. 2024, §3.2).

A grid of tokens that a small LLM can afford is too coarse to tell things apart. So every place of the finer features
says whether it belongs to a thing and where that thing's box ends (as FCOS, Tian et al. 2019); places that mean the
same box are one thing.
"""

from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.nn import functional

from vitron_agent.model.encoders.video import VideoFeatures

_HIDDEN = 96
_LIKELY = 0.4
"""A place belongs to a thing from this probability on."""
_SAME = 0.5
"""Places whose boxes overlap by so much mean one thing."""
_FEWEST = 0.5
"""So much probability, summed over its places, makes a thing."""
_FAR, _UNLIKE = 0.35, 0.7
"""How far a thing moves at most between two frames that are looked at, as a share of the side; and how much nearness
and likeness must lack together for it to be another one."""


@dataclass(frozen=True)
class Things:
    """What was found in one picture.

    Attributes:
        boxes: [n, 4], x0, y0, x1, y1 in [0, 1], the surest first.
        features: [n, c], the mean of its places.
    """

    boxes: Tensor
    features: Tensor

    def __len__(self) -> int:
        return len(self.boxes)


class Proposer(nn.Module):
    """A few convolutions on frozen features.

    Args:
        channels: c, of the backbone's features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, _HIDDEN, 1), nn.GELU(),
            nn.Conv2d(_HIDDEN, _HIDDEN, 3, padding=1), nn.GELU(),
            nn.Conv2d(_HIDDEN, _HIDDEN, 3, padding=2, dilation=2), nn.GELU(),
            nn.Conv2d(_HIDDEN, 5, 1),
        )  # fmt: skip

    def forward(self, maps: Tensor, sizes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Whether places belong to a thing, and where its box is.

        Args:
            maps: [b, c, h, w].
            sizes: [b, 2], rows and columns of each, where smaller maps are filled up; None = all of h and w.

        Returns:
            Logits [b, h, w], and boxes [b, h, w, 4] as shares of the picture.
        """
        belongs, *sides = self.layers(self.norm(maps.movedim(1, 3)).movedim(3, 1)).float().unbind(1)
        left, top, right, bottom = (functional.softplus(side) / 8 for side in sides)  # near 0.1 before training
        rows, columns = (torch.arange(count, device=maps.device) + 0.5 for count in maps.shape[2:])
        size = torch.tensor([maps.shape[2:]]) if sizes is None else sizes
        height, width = size.to(maps.device)[:, :, None, None].unbind(1)
        y, x = rows[:, None] / height, columns / width
        return belongs, torch.stack([x - left, y - top, x + right, y + bottom], dim=-1)

    @torch.no_grad()
    def find(self, features: Tensor, most: int) -> Things:
        """The things of a picture [c, h, w], at most so many."""
        logits, boxes = self(features.to(next(self.parameters()))[None])
        belongs, boxes = logits[0].sigmoid().flatten(), boxes[0].flatten(0, 1).clamp(0, 1)
        rows = features.flatten(1).T
        found: list[tuple[Tensor, Tensor]] = []
        free = torch.where(belongs >= _LIKELY, belongs, 0)
        while len(found) < most and free.sum() >= _FEWEST:
            same = overlaps(boxes[int(free.argmax())][None], boxes)[0] >= _SAME
            votes = torch.where(same, free, 0)
            free = torch.where(same, 0, free)
            if votes.sum() >= _FEWEST:
                shares = (votes / votes.sum()).to(rows.device)
                found.append((shares.to(boxes) @ boxes, shares.to(rows) @ rows))
        if not found:
            return Things(boxes.new_zeros(0, 4), rows.new_zeros(0, rows.shape[1]))
        return Things(*(torch.stack(parts) for parts in zip(*found, strict=True)))


@dataclass(frozen=True)
class Sight:
    """A thing in one frame of a clip.

    Attributes:
        frame: Which of the frames that are looked at, from 0.
        box: [4].
        features: [c].
    """

    frame: int
    box: Tensor
    features: Tensor


def follow(proposer: Proposer, clip: VideoFeatures, most: int) -> list[list[Sight]]:
    """The things of a clip, at most so many, those first that are seen most often; each over time.

    A thing of the next frame goes on what is nearest and likest among those of the frames before.
    """
    tracks: list[list[Sight]] = []
    for index, features in enumerate(clip.maps):
        things = proposer.find(features, most)
        sights = [Sight(index, box, look) for box, look in zip(things.boxes, things.features, strict=True)]
        new = set(range(len(things)))
        if tracks and new:
            cost = _apart(tracks, things)
            for track, thing in zip(*linear_sum_assignment(cost.numpy()), strict=True):
                if cost[track, thing] < _UNLIKE:
                    tracks[track].append(sights[thing])
                    new.discard(int(thing))
        tracks += [[sights[thing]] for thing in sorted(new)]
    return sorted(tracks, key=len, reverse=True)[:most]


def _apart(tracks: list[list[Sight]], things: Things) -> Tensor:
    boxes, looks = (
        torch.stack([track[-1].box for track in tracks]),
        torch.stack([track[-1].features for track in tracks]),
    )
    away = torch.cdist(_middles(boxes), _middles(things.boxes)) / _FAR
    return away + 1 - functional.cosine_similarity(looks[:, None], things.features[None], dim=2)


def _middles(boxes: Tensor) -> Tensor:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def overlaps(some: Tensor, others: Tensor) -> Tensor:
    """Intersection over union [n, m] of boxes [n, 4] and [m, 4]."""
    return overlap(some[:, None], others)


def overlap(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union [...] of boxes [..., 4], pair by pair."""
    inner = (torch.minimum(one[..., 2:], other[..., 2:]) - torch.maximum(one[..., :2], other[..., :2])).clamp(0)
    shared = inner.prod(dim=-1)
    first, second = ((boxes[..., 2:] - boxes[..., :2]).clamp(0).prod(dim=-1) for boxes in (one, other))
    return shared / (first + second - shared).clamp(min=1e-9)
