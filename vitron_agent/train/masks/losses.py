"""What a mask that the decoder says is worth, against what is known of the thing."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vitron_agent.tools.backends.embedded.mask_decoder import AMBIGUOUS, CLEAR, Decoded
from vitron_agent.train.masks.examples import Question

_OTHERS = 0.1
"""Of several masks the best one learns, and the others so much, that none is lost."""
_OVERLAP, _REACH, _QUALITY = 1.0, 1.0, 0.5


def mask_losses(decoded: Decoded, questions: Sequence[Question]) -> tuple[Tensor, Tensor]:
    """Losses of the masks, and of how well the decoder knows what they are worth."""
    target = torch.stack([question.target for question in questions])[:, None]
    weight = torch.stack([question.weight for question in questions])[:, None]
    known = torch.tensor([question.reach is None for question in questions])
    said = decoded.masks.sigmoid()
    loss = _entropy(decoded.masks, target, weight) + _OVERLAP * known[:, None] * _dice(said, target, weight)
    worth = _overlap(said.detach(), target, weight)
    masks, qualities = [], []
    for number, question in enumerate(questions):
        if question.reach is not None:
            masks.append(loss[number, 0] + _REACH * _reach_loss(said[number, 0], question.reach))
            continue
        asked = AMBIGUOUS if question.ambiguous else CLEAR
        several = loss[number, asked]
        masks.append(several.min() + _OTHERS * several.mean() if question.ambiguous else several[0])
        qualities.append((decoded.quality[number, asked] - worth[number, asked]).square().mean())
    quality = torch.stack(qualities).mean() if qualities else loss.new_zeros(())
    return torch.stack(masks).mean(), _QUALITY * quality


def _entropy(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """[B, K]: half the usual mean over the window, half over the outline, where masks differ in quality."""
    entropy = F.binary_cross_entropy_with_logits(logits, target.expand_as(logits), reduction="none")
    outline = F.max_pool2d(target, 5, 1, 2) - (-F.max_pool2d(-target, 5, 1, 2))
    return _mean(entropy, weight) + _mean(entropy, weight * outline)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3)).clamp(min=1)


def _dice(said: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    both = (said * target * weight).sum(dim=(2, 3))
    either = ((said + target) * weight).sum(dim=(2, 3))
    return 1 - (2 * both + 1) / (either + 1)


def _overlap(said: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """[B, K]: intersection over union of the masks as they will be cut."""
    cut, wanted = (said > 0.5) & (weight > 0), (target > 0.5) & (weight > 0)
    both = (cut & wanted).sum(dim=(2, 3))
    either = (cut | wanted).sum(dim=(2, 3))
    return both / either.clamp(min=1)


def _reach_loss(said: Tensor, reach: tuple[int, int, int, int]) -> Tensor:
    """Every column and row of the box meets the thing somewhere."""
    left, top, right, bottom = reach
    inside = said[top:bottom, left:right]
    return torch.stack([(1 - inside.amax(dim=side)).square().mean() for side in (0, 1)]).mean()
