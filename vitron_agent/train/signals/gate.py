"""How far the signals' say goes in grounding: the gate, and from where on a thing counts as being there.

Chosen last, on photos, by the loss of the task itself: the localiser stays as it is, and says where a blend of both
channels makes it see the thing.
"""

from collections.abc import Callable, Iterable, Sequence
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
from vitron_agent.tools.phrases.parse import parse_phrase
from vitron_agent.train.signals.cases import Case
from vitron_agent.train.signals.phrases import Phrase

_SHARES = tuple(tenth / 10 for tenth in range(10))
FALSE_ALARMS = 0.1
"""This share of what isn't there may pass as being there."""
_ABSENT = 8
"""Other things that are looked for on each picture, at most."""


@dataclass(frozen=True)
class Seen:
    """A case, as both channels see it.

    Attributes:
        view: Of the picture.
        words: Likeness by the words [3, rows, columns]; None if they mean nothing known.
        signals: Likeness by the signals.
        wanted: [rows, columns], 1 on the thing.
        absent: [n], the greatest likeness, averaged over the scales, by the signals of each of some other things.
    """

    view: View
    words: Tensor | None
    signals: Tensor
    wanted: Tensor
    absent: Tensor


def see_all(vision: Vision, pairs: Sequence[tuple[Case, View]], ask: Callable[[Phrase], Query]) -> list[Seen]:
    """Cases by both channels; what is absent is what the next cases with other phrases are about."""
    phrases = [case.phrase for case, _ in pairs]
    found = []
    for number, (case, view) in enumerate(pairs):
        turned = [*phrases[number + 1 :], *phrases[:number]]
        others = [phrase for phrase in turned if not _related(phrase, case.phrase)][:_ABSENT]
        meaning = parse_phrase(case.phrase.text, load_nouns()).sought
        words = None if meaning is None else vision.likeness(view, meaning)
        wanted = wanted_places(case.mask, view.features.grid)
        absent = strongest(view.like_signal(ask(other)) for other in others)
        found.append(Seen(view, words, view.like_signal(ask(case.phrase)), wanted, absent))
    return found


def _related(one: Phrase, other: Phrase) -> bool:
    above = [load_nouns().by_id[phrase.things[0]].above for phrase in (one, other)]
    return one.things[0] in above[1] or other.things[0] in above[0]


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
    adapter.present.copy_(torch.tensor(threshold_at(torch.cat([one.absent for one in seen]).tolist(), FALSE_ALARMS)))
    return losses


def threshold_at(absent: Sequence[float], rate: float) -> float:
    """The likeness that this share of what isn't there reaches."""
    return float(np.quantile(absent, 1 - rate))


def strongest(maps: Iterable[Tensor]) -> Tensor:
    """[n]: the best place's likeness of each map [3, rows, columns], averaged over the scales."""
    peaks = [one.mean(dim=0).max() for one in maps]
    return torch.stack(peaks) if peaks else torch.empty(0)


def _loss(vision: Vision, seen: Seen, share: float) -> float:
    assert seen.words is not None
    places = vision.locate(seen.view, torch.lerp(seen.words, seen.signals, share))
    return float(F.binary_cross_entropy_with_logits(F.avg_pool2d(places.mask[None], 2)[0], seen.wanted))
