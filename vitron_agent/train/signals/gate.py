"""How far the signals' say goes in grounding: the gate, and from where on a thing counts as being there.

Chosen last, on photos, by the loss of the task itself: the localiser stays as it is, and says where a blend of both
channels makes it see the thing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vitron_agent.tools.backends.embedded.query import Query, QueryAdapter
from vitron_agent.tools.backends.embedded.vision import View, Vision
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.train.signals.cases import Case

_SHARES = tuple(tenth / 10 for tenth in range(10))
_CAUTION = 0.1
"""This share of the things that are there may be missed rather than seen where they are not."""


@dataclass(frozen=True)
class Seen:
    """A case, as both channels see it.

    Attributes:
        view: Of the picture.
        words: Likeness by the words [3, rows, columns]; None if they mean nothing known.
        signals: Likeness by the signals.
        wanted: [rows, columns], 1 on the thing.
    """

    view: View
    words: Tensor | None
    signals: Tensor
    wanted: Tensor


def see(vision: Vision, view: View, case: Case, query: Query) -> Seen:
    """A case by both channels."""
    meaning = load_nouns().find(case.phrase.text)
    words = vision.likeness(view, meaning) if meaning is not None and meaning.classes else None
    return Seen(view, words, view.like_signal(query), wanted_places(case.mask, view.features.grid))


def wanted_places(mask: NDArray[np.bool_], grid: tuple[int, int]) -> Tensor:
    """[rows, columns]: how much of each place a mask (H, W) covers."""
    rows, columns = grid
    return torch.from_numpy(cv2.resize(mask.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA))


def choose_gate(adapter: QueryAdapter, vision: Vision, seen: Sequence[Seen]) -> dict[float, float]:
    """Sets the gate to the share with the least loss on cases that words mean something in, and ``present``.

    Returns:
        The mean loss by the share that signals have.
    """
    both = [one for one in seen if one.words is not None]
    losses = {share: float(np.mean([_loss(vision, one, share) for one in both])) for share in _SHARES}
    best = min(losses, key=losses.__getitem__)
    with torch.no_grad():
        adapter.gate.copy_(torch.tensor(best).atanh())
    found = torch.tensor([float(one.signals.mean(dim=0).max()) for one in seen])
    adapter.present.copy_(found.quantile(_CAUTION))
    return losses


def _loss(vision: Vision, seen: Seen, share: float) -> float:
    assert seen.words is not None
    places = vision.locate(seen.view, torch.lerp(seen.words, seen.signals, share))
    return float(F.binary_cross_entropy_with_logits(F.avg_pool2d(places.mask[None], 2)[0], seen.wanted))
