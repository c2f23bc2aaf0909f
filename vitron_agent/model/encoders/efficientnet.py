"""EfficientNet-Lite for dense features: the published classifier, evaluated at every place of a picture.

Batch norms are folded into the convolutions when the weights are converted (:mod:`.weights`). Two things differ from
the classifier, and neither changes a weight:

- The last reduction (stride 16 to 32) is replaced by dilation, so the 1,280 features of the head come at stride 16.
- The published network pads strided convolutions on the right and bottom only, which shifts stride-16 features by
  7.5 pixels; alternating the side leaves less than 4.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

_MEAN, _SCALE = 127.0, 128.0
_DILATED_STAGE = 5
_LEANS = (True, True, False, True)
"""For each strided convolution that is left: whether the odd pixel of padding goes to the left and top."""


@dataclass(frozen=True)
class Stage:
    """Equal blocks in a row; the first has the stride."""

    repeats: int
    kernel: int
    stride: int


_STAGES = (
    Stage(1, 3, 1), Stage(2, 3, 2), Stage(2, 5, 2), Stage(3, 3, 2), Stage(3, 5, 1), Stage(4, 5, 2), Stage(1, 3, 1),
)  # fmt: skip
_LOW_STAGE, _MID_STAGE = 2, 4


def block_shapes(depth: float) -> Iterator[tuple[int, int, int]]:
    """(stage, kernel, stride) of every block; first and last stage are never deepened (that is the "lite")."""
    for number, stage in enumerate(_STAGES):
        repeats = stage.repeats if number in (0, len(_STAGES) - 1) else math.ceil(stage.repeats * depth)
        for repeat in range(repeats):
            yield number, stage.kernel, stage.stride if repeat == 0 else 1


@dataclass(frozen=True)
class Levels:
    """Features of one picture at one size of height h and width w (multiples of 32 pixels).

    Attributes:
        low: [c_low, h/8, w/8], edges and textures.
        mid: [c_mid, h/16, w/16], parts.
        head: [1280, h/16, w/16], things; what the classifier reads.
    """

    low: Tensor
    mid: Tensor
    head: Tensor


class EfficientNetLite:
    """The network, for inference on the CPU.

    Args:
        weights: As :func:`vitron_agent.model.encoders.weights.fold` makes them.
        depth: 1.0 for Lite0, 1.2 for Lite2.
    """

    def __init__(self, weights: Mapping[str, Tensor], depth: float) -> None:
        self._weights = weights
        self._blocks = list(block_shapes(depth))

    @torch.inference_mode()
    def levels(self, pixels: Tensor) -> Levels:
        """Encodes one picture.

        Args:
            pixels: [3, h, w], RGB in [0, 255]; h and w are multiples of 32.
        """
        x = (pixels[None].float() - _MEAN) / _SCALE
        leans = iter(_LEANS)
        x = F.relu6(self._strided(x, "stem", 3, next(leans)))
        dilation, kept = 1, {}
        for number, (stage, kernel, stride) in enumerate(self._blocks):
            name = f"blocks.{number}"
            y = x if stage == 0 else F.relu6(self._convolved(x, f"{name}.expand"))
            if stride == 2 and stage != _DILATED_STAGE:
                y = self._strided(y, f"{name}.depthwise", kernel, next(leans))
            else:
                y = self._convolved(y, f"{name}.depthwise", padding=dilation * (kernel // 2), dilation=dilation)
                dilation = 2 if stage == _DILATED_STAGE else dilation
            y = self._convolved(F.relu6(y), f"{name}.project")
            x = x + y if stride == 1 and y.shape[1] == x.shape[1] and stage > 0 else y
            kept[stage] = x
        head = F.relu6(self._convolved(x, "head"))
        return Levels(kept[_LOW_STAGE][0], kept[_MID_STAGE][0], head[0])

    @torch.inference_mode()
    def classify(self, head: Tensor) -> Tensor:
        """Logits [1000, ...] of the ImageNet classes at every place of ``head`` [1280, ...]."""
        logits: Tensor = torch.tensordot(self._weights["classes.weight"], head, dims=1)
        bias = self._weights["classes.bias"]
        return logits + bias.reshape(-1, *[1] * (head.ndim - 1))

    def _convolved(self, x: Tensor, name: str, padding: int = 0, dilation: int = 1, stride: int = 1) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        groups = x.shape[1] // weight.shape[1]
        return F.conv2d(x, weight, bias, padding=padding, dilation=dilation, stride=stride, groups=groups)

    def _strided(self, x: Tensor, name: str, kernel: int, lean: bool) -> Tensor:
        few, many = (kernel - 2) // 2, (kernel - 1) // 2
        before, after = (many, few) if lean else (few, many)
        return self._convolved(F.pad(x, (before, after, before, after)), name, stride=2)
