"""The small network that turns "how much each place looks like it" into pixels and boxes.

It is told what to look for by a query map only, never by a class, so what it learned from twenty kinds of things holds
for every word (and for a place that was clicked on). Trained by :mod:`vitron_agent.train.queries`.

Shape letters: B pictures, G = 40 places a side (a place is 16 pixels of the picture at 640 pixels a side; the picture
lies at the top left and ``valid`` marks it), 2G half places, C channels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GRID = 40
"""G."""
HEAD_DIMS, MID_DIMS, LOW_DIMS, QUERY_DIMS = 64, 48, 32, 5
SCALES = 3
_WIDTH, _DETAIL = 64, 32
_DILATIONS = (1, 2, 4, 8, 1)
_MAX_LOG_EXTENT = 4.0


@dataclass(frozen=True)
class Scene:
    """What the localiser reads of a picture, whatever is looked for.

    Attributes:
        features: [B, 3 * 64 + 48, G, G], whitened: things at three scales, then parts.
        low: [B, 32, 2G, 2G], whitened edges and textures.
        lab: [B, 3, 2G, 2G], colour, about -1 to 1.
        valid: [B, 1, G, G], 1 where the picture is.
    """

    features: Tensor
    low: Tensor
    lab: Tensor
    valid: Tensor

    def flipped(self) -> "Scene":
        """Its mirror image."""
        return Scene(self.features.flip(-1), self.low.flip(-1), self.lab.flip(-1), self.valid.flip(-1))


@dataclass(frozen=True)
class Located:
    """What the localiser says.

    Attributes:
        mask: [B, 2G, 2G] logits: is this place on the thing (on any of its instances)?
        center: [B, G, G] logits: is this the middle of an instance whose box is right?
        extents: [B, 4, G, G], distances in places from here to the left, top, right and bottom of the instance.
    """

    mask: Tensor
    center: Tensor
    extents: Tensor

    def flipped(self) -> "Located":
        """The same for the mirror image."""
        return Located(self.mask.flip(-1), self.center.flip(-1), self.extents.flip(-1)[:, [2, 1, 0, 3]])


class Localiser(nn.Module):
    """See the module's description."""

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        self.read_features = nn.Conv2d(SCALES * HEAD_DIMS + MID_DIMS, 32, 1)
        self.read_low = nn.Conv2d(LOW_DIMS, 16, 1)
        self.read_query = nn.Conv2d(QUERY_DIMS, 32, 1)
        self.join = nn.Conv2d(32 + 16 + 32 + 1, _WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(_WIDTH, dilation) for dilation in _DILATIONS)
        self.norm = nn.GroupNorm(8, _WIDTH)
        self.boxes = nn.Conv2d(_WIDTH, 5, 1)
        self.detail = nn.Conv2d(_WIDTH, _DETAIL, 1)
        self.paint = nn.Sequential(
            nn.Conv2d(_DETAIL + 16 + 3, _DETAIL, 3, padding=1), nn.ReLU(),
            nn.Conv2d(_DETAIL, _DETAIL, 3, padding=1), nn.ReLU(),
            nn.Conv2d(_DETAIL, 1, 1),
        )  # fmt: skip
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, scene: Scene, query: Tensor) -> Located:
        """Looks for what ``query`` [B, 5, G, G] (see :func:`query_channels`) marks."""
        valid = scene.valid
        low = F.relu(self.read_low(scene.low))
        features = F.relu(self.read_features(self.dropout(scene.features)))
        joined = torch.cat([features, F.avg_pool2d(low, 2), F.relu(self.read_query(query)), valid], dim=1)
        x = self.join(joined * valid)
        for block in self.blocks:
            x = block(x)
        x = F.relu(self.norm(x * valid))
        boxes = self.boxes(x)
        fine = F.interpolate(self.detail(x), scale_factor=2, mode="bilinear", align_corners=False)
        mask = self.paint(torch.cat([fine, low, scene.lab], dim=1))
        return Located(mask[:, 0], boxes[:, 0], boxes[:, 1:].clamp(max=_MAX_LOG_EXTENT).exp())


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.convolution = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.convolution(F.relu(self.norm(x)))
        return x + added


def query_channels(likeness: Tensor, valid: Tensor) -> Tensor:
    """The localiser's query from how much each place looks like the thing.

    Args:
        likeness: [B, 3, G, G], log-odds-like, at three scales.
        valid: [B, 1, G, G].

    Returns:
        [B, 5, G, G]: the three, their mean as a probability, and their mean relative to the picture's best place.
    """
    mean = likeness.mean(dim=1, keepdim=True)
    best = mean.masked_fill(valid == 0, -1e4).amax(dim=(2, 3), keepdim=True)
    return torch.cat([likeness / 3, mean.sigmoid(), (mean - best).clamp(min=-10) / 3], dim=1) * valid
