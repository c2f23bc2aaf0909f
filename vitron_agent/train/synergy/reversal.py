"""Gradient reversal (Ganin et al. 2016): what helps the discriminator is unlearned by what it looks at.

The paper's min-max (App. B.3, Eq. 4) says neither how both sides take turns nor how strong the adversary is. With a
reversed gradient they learn in the same step, and the strength grows from 0, so that the adversary pushes only when it
knows something.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse(values: Tensor, strength: float) -> Tensor:
    """The values as they are; their gradient is ``-strength`` times what arrives."""
    reversed_: Tensor = _Reverse.apply(values, strength)  # type: ignore[no-untyped-call]
    return reversed_


def ramp(progress: float) -> float:
    """From 0 at the beginning of a run to almost 1 at its end, as Ganin et al.: 2 / (1 + exp(-10 p)) - 1."""
    return 2 / (1 + math.exp(-10 * progress)) - 1


class GradientReversal(nn.Module):
    """Reverses gradients more and more strongly.

    Args:
        steps: Passes of the whole run.
        peak: Strength at its end.

    Attributes:
        passed: [], training passes so far. A parameter, though nothing is learned of it, because checkpoints hold
            parameters: a run that goes on continues on the ramp where it stopped.
    """

    def __init__(self, steps: int, peak: float = 1.0) -> None:
        super().__init__()
        self._steps, self._peak = steps, peak
        self.passed = nn.Parameter(torch.zeros(()))

    @property
    def strength(self) -> float:
        """Of the next pass."""
        return self._peak * ramp(min(float(self.passed.detach()) / self._steps, 1))

    def forward(self, values: Tensor) -> Tensor:
        """The values; a pass in training moves on the ramp."""
        reversed_ = reverse(values, self.strength)
        if self.training:
            with torch.no_grad():
                self.passed.add_(1)
        return reversed_
