"""The promptable mask decoder: from a window of a picture and hints on a thing in it to the thing's pixels.

A U-shaped network on the window's pixels, joined on the way down by the encoder's features and by how much they look
like what lies under the prompt; at stride 16 prompt tokens and places look at each other (as in SAM, Kirillov et al.
2023). It never hears of classes, so it serves whatever was
found or drawn. Trained by :mod:`vitron_agent.train.mask_decoder`.

Shape letters: B windows; S = 256 pixels a side; n prompt tokens; K = 4 masks: the one for clear prompts, then three for
a single click, which may mean a thing or a part of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import pi
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from vitron_agent.errors import WeightsError
from vitron_agent.model.encoders.efficientnet import Levels
from vitron_agent.tools.backends.embedded.signals import SIGNAL_DIMS, SignalAdapter, attend

WEIGHTS = Path(__file__).parent / "weights" / "mask_decoder.safetensors"
"""Made by :mod:`vitron_agent.train.mask_decoder`."""
_ADAPTER = "adapter."
"""Begins the names of the adapter's parameters, which are trained and kept on their own."""
SIDE = 256
"""S."""
SCALES = 3
LOW_DIMS, MID_DIMS, HEAD_DIMS = 32, 64, 96
THING_DIMS = MID_DIMS + HEAD_DIMS
HINTS = 7
"""Channels: the rough map and whether there is one, the box and whether there is one, on, off, in the picture."""
SPOT_KINDS = 5
"""No spot (padding), top left of the box, bottom right of it, on the thing, not on it."""
CLEAR, AMBIGUOUS = slice(0, 1), slice(1, 4)
"""Which of the K masks answer which prompts."""
_MASKS = 4
_GROUPS = 8
_EDGE, _FINE, _MIDDLE = 16, 32, 80
"""Channels at strides 2, 4 and 8."""


@dataclass(frozen=True)
class Shape:
    """Of the network.

    Attributes:
        width: Channels at stride 16, and of tokens.
        layers: In which tokens and places look at each other.
        heads: Of each attention.
        signal_dims: Of signal tokens.
    """

    width: int = 160
    layers: int = 2
    heads: int = 8
    signal_dims: int = SIGNAL_DIMS


@dataclass(frozen=True)
class Patch:
    """Windows and their prompts.

    Attributes:
        pixels: [B, 3, S, S], -1 to 1; 0 outside the picture.
        low: [B, 3 * 32, S/8, S/8], edges and textures at three scales.
        things: [B, 3 * 160, S/16, S/16], parts and things at three scales.
        hints: [B, 7, S/4, S/4].
        spots: [B, n, 2], x and y of corners and clicks as shares of the window.
        kinds: [B, n], which of ``SPOT_KINDS``.
    """

    pixels: Tensor
    low: Tensor
    things: Tensor
    hints: Tensor
    spots: Tensor
    kinds: Tensor

    def flipped(self) -> "Patch":
        """The mirror images."""
        pixels, low, things, hints = (one.flip(-1) for one in (self.pixels, self.low, self.things, self.hints))
        spots = self.spots * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
        boxed = self.kinds[:, :1] == 1  # then the second spot is the other corner, which now lies on the left
        across = torch.where(boxed, spots[:, [1, 0], 0], spots[:, :2, 0])
        spots = torch.cat([torch.stack([across, spots[:, :2, 1]], dim=2), spots[:, 2:]], dim=1)
        return Patch(pixels, low, things, hints, spots, self.kinds)


@dataclass(frozen=True)
class Decoded:
    """What the decoder says.

    Attributes:
        masks: [B, K, S/2, S/2], logits.
        quality: [B, K], the overlap with the true mask that it expects.
    """

    masks: Tensor
    quality: Tensor


class MaskDecoder(nn.Module):
    """See the module's description."""

    def __init__(self, shape: Shape, dropout: float = 0.1) -> None:
        super().__init__()
        self.shape, width = shape, shape.width
        self.reader = Reader()
        self.edges = nn.Conv2d(3, _EDGE, 3, stride=2, padding=1)
        self.fine_in = nn.Conv2d(_EDGE, _FINE, 3, stride=2, padding=1)
        self.fine_join = nn.Conv2d(_FINE + HINTS + 3, _FINE, 1)
        self.fine_down = _Block(_FINE)
        self.middle_in = nn.Conv2d(_FINE, _MIDDLE, 3, stride=2, padding=1)
        self.middle_join = nn.Conv2d(_MIDDLE + SCALES * (LOW_DIMS + 1), _MIDDLE, 1)
        self.middle_down = _Block(_MIDDLE)
        self.coarse_in = nn.Conv2d(_MIDDLE, width, 3, stride=2, padding=1)
        self.coarse_join = nn.Conv2d(width + SCALES * (THING_DIMS + 2), width, 1)
        self.coarse = nn.Sequential(_Block(width), _Block(width, dilation=2))
        self.dropout = nn.Dropout2d(dropout)
        self.places = _Fourier(width)
        self.kinds = nn.Embedding(SPOT_KINDS, width)
        self.answers = nn.Parameter(torch.randn(_MASKS + 1, width) * 0.02)
        self.adapter = SignalAdapter(width, shape.heads, shape.signal_dims)
        self.layers = nn.ModuleList(_TwoWay(width, shape.heads) for _ in range(shape.layers))
        self.last_look = _Attention(width, shape.heads)
        self.middle_skip = nn.Conv2d(width, _MIDDLE, 1)
        self.middle_up = _Block(_MIDDLE)
        self.fine_skip = nn.Conv2d(_MIDDLE, _FINE, 1)
        self.fine_up = _Block(_FINE)
        self.edge_skip = nn.Conv2d(_FINE, _EDGE, 1)
        self.edge_up = _Block(_EDGE, groups=4)
        self.painters = nn.ModuleList(_mlp(width, width, _EDGE) for _ in range(_MASKS))
        self.judge = _mlp(width, width, _MASKS)

    def forward(self, patch: Patch, signals: Tensor | None = None) -> Decoded:
        """Masks of what the hints mean; ``signals`` [B, m, signal_dims] are further prompt tokens."""
        on_it = _weight(patch.hints)
        edges = self.edges(patch.pixels)
        fine = torch.cat([self.fine_in(F.relu(edges)), patch.hints, _contrast(patch.pixels, on_it)], dim=1)
        fine = self.fine_down(self.fine_join(fine))
        like = _likeness(patch.low, on_it, [LOW_DIMS] * SCALES)
        middle = torch.cat([self.middle_in(F.relu(fine)), self.dropout(patch.low), like], dim=1)
        middle = self.middle_down(self.middle_join(middle))
        like = _likeness(patch.things, on_it, [MID_DIMS, HEAD_DIMS] * SCALES)
        coarse = torch.cat([self.coarse_in(F.relu(middle)), self.dropout(patch.things), like], dim=1)
        coarse = self.coarse(self.coarse_join(coarse))
        answers, coarse = self._confer(coarse, patch, signals)
        middle = self.middle_up(middle + _doubled(self.middle_skip(coarse)))
        fine = self.fine_up(fine + _doubled(self.fine_skip(middle)))
        edges = F.relu(self.edge_up(edges + _doubled(self.edge_skip(fine))))
        brushes = torch.stack([paint(answers[:, k]) for k, paint in enumerate(self.painters)], dim=1)
        return Decoded(torch.einsum("bkc,bchw->bkhw", brushes, edges), self.judge(answers[:, -1]).sigmoid())

    def _confer(self, coarse: Tensor, patch: Patch, signals: Tensor | None) -> tuple[Tensor, Tensor]:
        """Tokens [B, K + 1, width] and places [B, width, S/16, S/16] that know of each other."""
        batch, _, rows, columns = coarse.shape
        spots = self.places(patch.spots) * (patch.kinds > 0)[..., None] + self.kinds(patch.kinds)
        tokens = torch.cat([self.answers.expand(batch, -1, -1), spots], dim=1)
        if signals is not None:
            tokens = self.adapter(tokens, signals)
        where = self.places(grid_centres(rows, columns).to(coarse.device))[None]
        image = coarse.flatten(2).transpose(1, 2)
        for layer in self.layers:
            tokens, image = layer(tokens, image, where)
        tokens = tokens + self.last_look(tokens, image + where, image)
        return tokens[:, : _MASKS + 1], image.transpose(1, 2).reshape(coarse.shape)


class Reader(nn.Module):
    """Whitening projections of the encoder's features; learned once, before the rest, and then fixed."""

    def __init__(self) -> None:
        super().__init__()
        for level, channels, dims in (("low", 48, LOW_DIMS), ("mid", 120, MID_DIMS), ("head", 1280, HEAD_DIMS)):
            self.register_buffer(f"{level}_mean", torch.zeros(channels))
            self.register_buffer(f"{level}_matrix", torch.zeros(channels, dims))

    def forward(self, levels: Levels) -> tuple[Tensor, Tensor]:
        """Edges [32, h/8, w/8], and parts and things [160, h/16, w/16] of one picture at one scale."""
        things = torch.cat([self._project("mid", levels.mid), self._project("head", levels.head)])
        return self._project("low", levels.low), things

    def _project(self, level: str, features: Tensor) -> Tensor:
        mean, matrix = self.get_buffer(f"{level}_mean"), self.get_buffer(f"{level}_matrix")
        found: Tensor = torch.einsum("chw,cd->dhw", features, matrix) - (mean @ matrix)[:, None, None]
        return found


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int = 1, groups: int = _GROUPS) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, width)
        self.convolution = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.convolution(F.relu(self.norm(x)))
        return x + added


class _Fourier(nn.Module):
    """Codes positions [..., 2] in [0, 1] as [..., width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("waves", torch.randn(2, width // 2))

    def forward(self, positions: Tensor) -> Tensor:
        angles = 2 * pi * (2 * positions - 1) @ self.get_buffer("waves")
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        found: Tensor = self.out(attend(self.query(query), self.key(key), self.value(value), self._heads))
        return found


class _TwoWay(nn.Module):
    """Tokens look at each other and at the places, think, and the places look at the tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.among, self.outward, self.inward = (_Attention(width, heads) for _ in range(3))
        self.think = _mlp(width, 3 * width, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))

    def forward(self, tokens: Tensor, image: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        among, outward, think, inward = self.norms
        calm = among(tokens)
        tokens = tokens + self.among(calm, calm, calm)
        tokens = tokens + self.outward(outward(tokens), image + where, image)
        tokens = tokens + self.think(think(tokens))
        image = inward(image + self.inward(image + where, tokens, tokens))
        return tokens, image


def _weight(hints: Tensor) -> Tensor:
    """[B, 1, S/4, S/4]: what lies on the thing by the rough map, else by clicks and strokes, else by the box."""
    rough, has_rough, box, on = (hints[:, channel : channel + 1] for channel in (0, 1, 2, 4))
    clicked = on.amax(dim=(2, 3), keepdim=True)
    drawn = torch.where(clicked > 0, on, box)
    return torch.where(has_rough > 0, (rough + 1) / 2, drawn)


def _contrast(pixels: Tensor, on_it: Tensor) -> Tensor:
    """[B, 3, S/4, S/4]: how colours differ from those on the thing."""
    small = F.avg_pool2d(pixels, 4)
    return small - _mean(small, on_it)


def _likeness(features: Tensor, on_it: Tensor, parts: Sequence[int]) -> Tensor:
    """[B, n, h, w]: how much places look like those on the thing, by each of n parts of the channels."""
    weight = F.interpolate(on_it, features.shape[2:], mode="area")
    split = (torch.split(values, list(parts), dim=1) for values in (features, _mean(features, weight)))
    return torch.cat(
        [F.cosine_similarity(part, mean, dim=1)[:, None] for part, mean in zip(*split, strict=True)], dim=1
    )


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """[B, C, 1, 1]."""
    return (values * weight).sum(dim=(2, 3), keepdim=True) / (weight.sum(dim=(2, 3), keepdim=True) + 1e-6)


def _mlp(*widths: int) -> nn.Sequential:
    layers = [layer for before, after in pairwise(widths) for layer in (nn.Linear(before, after), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def grid_centres(rows: int, columns: int) -> Tensor:
    """[rows * columns, 2]: x and y of the middles of equal cells, as shares of the whole."""
    y, x = torch.meshgrid((torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns, indexing="ij")
    return torch.stack([x, y], dim=-1).flatten(0, 1)


def save_decoder(decoder: MaskDecoder, path: Path, facts: Mapping[str, str]) -> None:
    """Writes float16 safetensors without the adapter, which is trained on its own; ``facts`` says how it was made."""
    kept = {name: value for name, value in decoder.state_dict().items() if not name.startswith(_ADAPTER)}
    shape = {name: str(value) for name, value in asdict(decoder.shape).items()}
    _write(kept, path, {**facts, **shape})


def save_adapter(decoder: MaskDecoder, path: Path, facts: Mapping[str, str]) -> None:
    """Writes the adapter alone, as float16 safetensors; ``facts`` says how it was made."""
    _write({name: value for name, value in decoder.state_dict().items() if name.startswith(_ADAPTER)}, path, facts)


def load_decoder(path: Path = WEIGHTS, adapter: Path | None = None) -> MaskDecoder:
    """Reads :func:`save_decoder` back, as float32 and ready for use.

    Args:
        path: Of the decoder.
        adapter: Of :func:`save_adapter`; None = an untrained one, with which signals change nothing.

    Raises:
        WeightsError: One is missing or damaged.
    """
    tensors, facts = _read(path)
    more = {} if adapter is None else _read(adapter)[0]
    try:
        decoder = MaskDecoder(Shape(**{name: int(facts[name]) for name in asdict(Shape())}))
        fresh = {name: value for name, value in decoder.state_dict().items() if name.startswith(_ADAPTER)}
        decoder.load_state_dict(tensors | (more or fresh))
    except Exception as error:
        raise _damaged(adapter or path, error) from error
    return decoder.eval().requires_grad_(False)


def _write(tensors: Mapping[str, Tensor], path: Path, facts: Mapping[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.detach().half().contiguous() for name, value in tensors.items()}, path, dict(facts))


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors in float32, and facts."""
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name).float() for name in file.keys()}, file.metadata()  # noqa: SIM118
    except Exception as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> WeightsError:
    return WeightsError(f"{path} is missing or damaged ({error}); reinstall vitron-agent")
