"""Pictures, clips and drawings as tokens of the LLM.

In a sequence of token ids a media token is a negative id, -1 - r for row r of a table of embeddings: so sequences with
media are cut, compared and cached like any others (:class:`MediaTable`).
"""

import itertools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from vitron_agent.model.encoders.backbone import pooled
from vitron_agent.model.encoders.familiar import Familiar
from vitron_agent.model.encoders.proposals import Proposer, follow
from vitron_agent.model.encoders.region import RegionEncoder, mask_pooled, shape_of
from vitron_agent.model.encoders.video import VideoFeatures
from vitron_agent.model.projector import Projector, box_positions, grid_positions

_KEPT = 64
"""Media whose tokens a table keeps."""


class MediaConfig(BaseModel):
    """How media become tokens; the defaults keep to the embedded budget of DESIGN §9.

    Attributes:
        backbone: Name of the vision backbone.
        channels: c, of its features.
        width: d, of the LLM.
        projector: See :class:`vitron_agent.model.projector.Projector`.
        image_side: A picture is image_side x image_side tokens.
        frame_side: The same for each frame of a clip.
        num_frames: Frames of a clip that are looked at.
        temporal: ``frames`` keeps tokens of every frame; ``mean`` averages over time, as the paper does, and gives a
            clip as many tokens as a picture.
        things: At most so many things have tokens of their own behind those of the grid, from left to right: one in a
            picture; in a clip three, at its first, middle and last sight. 0 = the grid alone, as in the paper.
        familiar: k, directions of :class:`vitron_agent.model.encoders.familiar.Familiar`; 0 = whatever is shown, the
            model may be asked about it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: str
    channels: int = Field(gt=0)
    width: int = Field(gt=0)
    projector: Literal["linear", "mlp", "placed"] = "placed"
    image_side: int = Field(default=7, gt=0)
    frame_side: int = Field(default=4, gt=0)
    num_frames: int = Field(default=8, gt=0)
    temporal: Literal["frames", "mean"] = "frames"
    things: int = Field(default=0, ge=0)
    familiar: int = Field(default=0, ge=0)


@dataclass(frozen=True)
class Places:
    """What becomes the tokens of one picture or clip: features [n, c] at positions [n, 5].

    A position is x, y, time, width and height, in [0, 1].
    """

    features: Tensor
    positions: Tensor


@dataclass(frozen=True)
class Drawn:
    """What becomes the token of one drawing: features [c] under it, and its geometry [261]."""

    features: Tensor
    shape: Tensor


Prepared: TypeAlias = Places | Drawn
"""Features ready for the trainable part. They cost most of the time, never change, and may be cached."""


def prepare_image(features: Tensor, config: MediaConfig, proposer: Proposer | None = None) -> Places:
    """A picture's features [c, h, w] as places: a grid, then the things that the proposer finds."""
    grid = Places(_rows(features, config.image_side), grid_positions(config.image_side))
    if proposer is None:
        return grid
    things = proposer.find(features, config.things)
    order = things.boxes[:, 0].argsort()
    positions = box_positions(things.boxes[order], torch.full((len(things),), 0.5))
    return _joined([grid, Places(things.features[order], positions)])


def prepare_clip(features: VideoFeatures, config: MediaConfig, proposer: Proposer | None = None) -> Places:
    """A clip's features as places: a grid of all frames one after another, or averaged over time; then its things."""
    if config.temporal == "mean":
        parts = [prepare_image(features.mean(), config)]
    else:
        side = config.frame_side
        positions = [grid_positions(side, time) for time in features.times.tolist()]
        parts = [Places(torch.cat([_rows(frame, side) for frame in features.maps]), torch.cat(positions))]
    tracks = follow(proposer, features, config.things) if proposer else []
    for track in sorted(tracks, key=lambda sights: float(sights[0].box[0])):
        told = [track[index] for index in sorted({0, len(track) // 2, len(track) - 1})]
        boxes, looks = torch.stack([sight.box for sight in told]), torch.stack([sight.features for sight in told])
        parts.append(Places(looks, box_positions(boxes, features.times[[sight.frame for sight in told]])))
    return _joined(parts)


def prepare(seen: Tensor | VideoFeatures, config: MediaConfig, proposer: Proposer | None = None) -> Places:
    """What was seen of a picture [c, h, w] or clip, as places.

    Args:
        seen: By the backbone.
        config: Of the model.
        proposer: The model's own; None where ``config.things`` is 0.
    """
    if isinstance(seen, VideoFeatures):
        return prepare_clip(seen, config, proposer)
    return prepare_image(seen, config, proposer)


def _joined(parts: Sequence[Places]) -> Places:
    return Places(torch.cat([part.features for part in parts]), torch.cat([part.positions for part in parts]))


def prepare_region(
    seen: Tensor | VideoFeatures, mask: NDArray[np.bool_], frames: tuple[int, int] | None = None
) -> Drawn:
    """A drawing.

    Args:
        seen: Features of the picture or frame [c, h, w], or of a clip, of which the middle of ``frames`` counts.
        mask: Its pixels (H, W), one at least.
        frames: First and last one that a drawing on a clip is about; None = all.
    """
    if isinstance(seen, VideoFeatures):
        first, last = frames or (0, seen.num_frames - 1)
        seen = seen.at((first + last) // 2)
    return Drawn(mask_pooled(seen, mask), shape_of(mask))


class MediaEncoder(nn.Module):
    """The trainable half of seeing: projector and region encoder.

    And, frozen by then, what finds things; and what knows the pictures that it may be asked about.

    Args:
        config: The sizes.
        scale: Root mean square of a word embedding's numbers in the LLM.
    """

    def __init__(self, config: MediaConfig, scale: float = 1.0) -> None:
        super().__init__()
        self.sight = config  # "config" is taken: Trainer writes to it
        self.projector = Projector(config.channels, config.width, config.projector, scale)
        self.regions = RegionEncoder(config.channels, config.width)
        self.proposer = Proposer(config.channels).requires_grad_(requires_grad=False) if config.things else None
        self.familiar = Familiar(config.channels, config.familiar) if config.familiar else None

    @property
    def learned(self) -> tuple[nn.Module, ...]:
        """What the stages train; where things are was learned before."""
        return self.projector, self.regions

    def forward(self, items: Sequence[Prepared]) -> Tensor:
        """Tokens [n, d] of all items, in their order."""
        parameter = next(self.parameters())
        empty = parameter.new_zeros(0, self.sight.width)
        places = [item for item in items if isinstance(item, Places)]
        drawn = [item for item in items if isinstance(item, Drawn)]
        of_places, of_drawings = iter(()), iter(())
        if places:
            features = torch.cat([item.features.to(parameter) for item in places])
            positions = torch.cat([item.positions.to(parameter) for item in places])
            of_places = iter(self.projector(features, positions).split([len(item.features) for item in places]))
        if drawn:
            features = torch.stack([item.features.to(parameter) for item in drawn])
            shapes = torch.stack([item.shape.to(parameter) for item in drawn])
            of_drawings = iter(self.regions(features, shapes).split(1))
        tokens = [next(of_places if isinstance(item, Places) else of_drawings) for item in items]
        return torch.cat([empty, *tokens])


def count_tokens(item: Prepared) -> int:
    """How many tokens an item becomes."""
    return len(item.features) if isinstance(item, Places) else 1


class MediaTable:
    """The embeddings behind negative ids, for one reader of prompts; a medium keeps its ids, so a cache knows it again.

    Not safe for several threads: it belongs to a language model, under its lock.
    """

    def __init__(self) -> None:
        self._next = itertools.count()
        self._ids: OrderedDict[str, list[int]] = OrderedDict()
        self._rows: dict[int, Tensor] = {}

    def ids(self, key: str, embed: Callable[[], Tensor]) -> list[int]:
        """The ids of a medium's tokens.

        Args:
            key: The same key means the same tokens.
            embed: Gives them, [n, d]; called for a new key only.
        """
        if key not in self._ids:
            rows = embed()
            self._ids[key] = [-1 - number for number in itertools.islice(self._next, len(rows))]
            self._rows |= dict(zip(self._ids[key], rows, strict=True))
        self._ids.move_to_end(key)
        while len(self._ids) > _KEPT:
            _, gone = self._ids.popitem(last=False)
            for number in gone:
                del self._rows[number]
        return self._ids[key]

    def __getitem__(self, number: int) -> Tensor:
        """The embedding [d] of a negative id."""
        return self._rows[number]


def _rows(features: Tensor, side: int) -> Tensor:
    return pooled(features, side).flatten(1).T.contiguous()
