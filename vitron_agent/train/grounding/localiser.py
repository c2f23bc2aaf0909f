"""Trains the localiser: boxes from annotated boxes; masks from annotated ones, from boxes and from segments.

Shape letters as in :mod:`vitron_agent.tools.backends.embedded.localiser`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vitron_agent.tools.backends.embedded.localiser import GRID, Localiser, Located, Scene, query_channels
from vitron_agent.train.grounding.examples import Example, SegmentExample, Target, make_target


@dataclass(frozen=True, kw_only=True)
class Config:
    """How to train.

    Attributes:
        steps: Optimiser steps.
        batch: Questions about annotated pictures a step.
        segments: Questions about segments a step.
        rate: Highest learning rate.
        decay: Weight decay.
        absent: Share of questions for a kind that is not there.
        exemplars: Share of questions that show another thing of the kind instead of naming it.
        classes: Share that uses the kind's ImageNet classes instead of its learned query.
        seed: For everything random.
    """

    steps: int = 900
    batch: int = 12
    segments: int = 4
    rate: float = 2e-3
    decay: float = 0.03
    absent: float = 0.25
    exemplars: float = 0.2
    classes: float = 0.2
    seed: int = 0


@dataclass(frozen=True)
class Question:
    """One thing to look for in one picture, and what there is to say of it (None for segments: only the mask)."""

    scene: Scene
    likeness: Tensor
    target: Target


class Asker:
    """Draws questions.

    Args:
        examples: Annotated pictures.
        segments: Pictures with segments; may be empty.
        without_classes: Kinds that no ImageNet class is of.
        config: Shares.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        segments: Sequence[SegmentExample],
        without_classes: frozenset[int],
        config: Config,
    ) -> None:
        self._examples, self._segments = examples, segments
        self._without_classes, self._config = without_classes, config
        self._random = np.random.default_rng(config.seed)
        self._pairs = [(number, kind) for number, one in enumerate(examples) for kind in sorted(one.kinds)]
        counts = np.bincount([kind for _, kind in self._pairs])
        rarity = np.array([counts[kind] ** -0.5 for _, kind in self._pairs])  # rare kinds come more often
        self._odds = rarity / rarity.sum()
        self._of_kind: dict[int, list[int]] = {}
        for number, kind in self._pairs:
            self._of_kind.setdefault(kind, []).append(number)

    def ask(self) -> Question:
        """About an annotated picture."""
        kinds = len(self._examples[0].likeness["learned"])
        if self._random.random() < self._config.absent:
            number = int(self._random.integers(len(self._examples)))
            shown = {thing.kind for thing in self._examples[number].things}
            kind = int(self._random.choice([kind for kind in range(kinds) if kind not in shown]))
        else:
            number, kind = self._pairs[self._random.choice(len(self._pairs), p=self._odds)]
        example = self._examples[number]
        return Question(example.scene, self._likeness(example, kind), make_target(example, kind))

    def ask_segment(self) -> Question:
        """About a picture with segments."""
        example = self._segments[int(self._random.integers(len(self._segments)))]
        chosen = int(self._random.integers(len(example.masks)))
        everywhere, nothing = torch.ones(GRID, GRID), torch.zeros(GRID, GRID)
        mask = example.masks[chosen].float()
        target = Target(nothing, torch.ones(4, GRID, GRID), everywhere * 0, mask, torch.ones_like(mask), ())
        return Question(example.scene, example.likeness[chosen].float(), target)

    def mirror(self) -> bool:
        """Whether to mirror the next batch."""
        return bool(self._random.random() < 0.5)

    def _likeness(self, example: Example, kind: int) -> Tensor:
        draw = self._random.random()
        if draw < self._config.exemplars and kind in self._of_kind:
            return self._by_exemplar(example, kind)
        named = draw < self._config.exemplars + self._config.classes and kind not in self._without_classes
        return example.likeness["classes" if named else "learned"][kind].float()

    def _by_exemplar(self, example: Example, kind: int) -> Tensor:
        other = self._examples[int(self._random.choice(self._of_kind[kind]))]
        boxes = [thing.box for thing in other.things if thing.kind == kind and not thing.difficult]
        exemplar = other.exemplar(boxes[int(self._random.integers(len(boxes)))])
        return example.like_exemplar(exemplar)


def train(asker: Asker, localiser: Localiser, config: Config, log: Callable[[str], None]) -> Localiser:
    """Trains for ``config.steps`` steps and leaves the localiser ready for use."""
    torch.manual_seed(config.seed)
    localiser.train()
    optimiser = torch.optim.AdamW(localiser.parameters(), config.rate, weight_decay=config.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, total_steps=config.steps, pct_start=0.15)
    recent: list[list[float]] = []
    for step in range(1, config.steps + 1):
        questions = [asker.ask() for _ in range(config.batch)]
        questions += [asker.ask_segment() for _ in range(config.segments)]
        losses = _losses(localiser, questions, asker.mirror())
        optimiser.zero_grad()
        sum(losses[1:], losses[0]).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(localiser.parameters(), 5)
        optimiser.step()
        schedule.step()
        recent.append([loss.item() for loss in losses])
        if step % 100 == 0 or step == config.steps:
            mask, extents, center = np.mean(recent, axis=0)
            log(f"step {step}: mask {mask:.3f}, extents {extents:.3f}, center {center:.3f}")
            recent.clear()
    return localiser.eval()


def _losses(localiser: Localiser, questions: Sequence[Question], mirrored: bool) -> list[Tensor]:
    """Losses of the mask, of the boxes' extents and of their centers."""
    scenes = [question.scene for question in questions]
    scene = Scene(
        *(torch.cat([getattr(one, part) for one in scenes]).float() for part in ("features", "low", "lab", "valid"))
    )
    likeness = torch.stack([question.likeness for question in questions])
    query = query_channels(likeness, scene.valid)
    located = localiser(scene.flipped(), query.flip(-1)).flipped() if mirrored else localiser(scene, query)
    targets = [question.target for question in questions]
    return [_mask_loss(located, targets, scene), *_box_losses(located, targets, scene)]


def _mask_loss(located: Located, targets: Sequence[Target], scene: Scene) -> Tensor:
    """Cross entropy and overlap where the mask is known, and from side to side of boxes where only these are."""
    valid = F.interpolate(scene.valid, scale_factor=2)[:, 0]
    wanted = torch.stack([target.mask for target in targets])
    weight = torch.stack([target.weight for target in targets]) * valid
    said = located.mask.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(located.mask, wanted, reduction="none")
    entropy = (entropy * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2)).clamp(min=1)
    known = (wanted.sum(dim=(1, 2)) > 0).float()
    both = (said * wanted * weight).sum(dim=(1, 2))
    either = (said * weight).sum(dim=(1, 2)) + (wanted * weight).sum(dim=(1, 2))
    overlap = known * (1 - 2 * both / (either + 1))
    spans = torch.stack([_span_loss(one, target) for one, target in zip(said, targets, strict=True)])
    return (2 * entropy + overlap + spans).mean()


def _span_loss(said: Tensor, target: Target) -> Tensor:
    """Every column and row of a box meets the thing somewhere."""
    losses = []
    for left, top, right, bottom in target.boxes:
        inside = said[top:bottom, left:right]
        losses += [(1 - inside.amax(dim=side)).square().mean() for side in (0, 1)]
    return 2 * torch.stack(losses).mean() if losses else said.new_zeros(())


def _box_losses(located: Located, targets: Sequence[Target], scene: Scene) -> tuple[Tensor, Tensor]:
    """Generalised overlap of the proposed boxes, and how well each place knows the overlap of its own proposal."""
    center = torch.stack([target.center for target in targets])
    counted = torch.stack([target.counted for target in targets]) * scene.valid[:, 0]
    extents = torch.stack([target.extents for target in targets])
    proposing = center * counted
    overlap, generalised = _overlaps(located.extents, extents)
    number = proposing.sum().clamp(min=1)
    reach = ((1 - generalised) * proposing).sum() / number
    wanted = proposing * overlap.detach()
    entropy = F.binary_cross_entropy_with_logits(located.center, wanted, reduction="none")
    hard = (wanted - located.center.sigmoid()).square().detach()  # the many easy places must not drown the few
    sure = (entropy * torch.where(proposing > 0, torch.ones_like(hard), hard) * counted).sum() / number
    return reach, sure


def _overlaps(said: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection over union, and its generalised form, of boxes [B, 4, G, G] around the same places."""
    left, top, right, bottom = said.unbind(1)
    wanted_left, wanted_top, wanted_right, wanted_bottom = wanted.unbind(1)
    area = (left + right) * (top + bottom)
    wanted_area = (wanted_left + wanted_right).clamp(min=0.1) * (wanted_top + wanted_bottom).clamp(min=0.1)
    width = torch.minimum(left, wanted_left) + torch.minimum(right, wanted_right)
    height = torch.minimum(top, wanted_top) + torch.minimum(bottom, wanted_bottom)
    shared = width.clamp(min=0) * height.clamp(min=0)
    union = area + wanted_area - shared
    hull_width = torch.maximum(left, wanted_left) + torch.maximum(right, wanted_right)
    hull_height = torch.maximum(top, wanted_top) + torch.maximum(bottom, wanted_bottom)
    hull = hull_width * hull_height
    overlap = shared / union
    return overlap, overlap - (hull - union) / hull
