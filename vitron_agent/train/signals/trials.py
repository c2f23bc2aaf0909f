"""What is asked about pictures whose things are known, and how an arm answers: how channels are compared.

An arm says of each place how much it looks like what a phrase means. From where on a thing counts as there is chosen
for each arm on pictures of the validation part, so that the same share of what isn't there passes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitron_agent.tools.backends.embedded.instances import find_instances, overlaps
from vitron_agent.tools.backends.embedded.vision import View, Vision
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.tools.regions import tight_box
from vitron_agent.train.signals.gallery import Known
from vitron_agent.train.signals.phrases import Phrase

Say = Callable[[View, Phrase], Tensor | None]
"""Likeness [3, rows, columns] of what a phrase means; None if it means nothing to the arm."""
NOTHING = -1e4
"""Likeness of a place where nothing is looked for."""


@dataclass(frozen=True)
class Question:
    """A phrase, and a picture.

    Attributes:
        phrase: What is looked for.
        group: Of phrases; what is reported together.
        masks: (H, W) of each thing that is meant; empty where there is none.
    """

    phrase: Phrase
    group: str
    masks: tuple[NDArray[np.bool_], ...]


@dataclass(frozen=True)
class Answer:
    """What came of a question.

    Attributes:
        group: Of the question.
        there: Whether the thing is.
        peak: The best place's likeness, averaged over the scales.
        best: Whether the best place lies in a box of the thing.
        pointing: Whether the best finding's point does; nothing was found below the threshold.
        box_iou: The best overlap of a found box with a box of the thing.
        ran: Whether anything was found.
    """

    group: str
    there: bool
    peak: float
    best: float
    pointing: float
    box_iou: float
    ran: float


def questions(known: Known, groups: dict[str, Sequence[Phrase]], absent: int, rng: Random) -> Iterator[Question]:
    """Each thing of a picture by one phrase of each group, and so many phrases of each group about other things."""
    above = load_nouns().by_id
    _, masks = known.load()
    shown = frozenset[str]().union(*(above[kind].above for kind in known.kinds))
    for group, phrases in groups.items():
        for kind in dict.fromkeys(known.kinds):
            fitting = [phrase for phrase in phrases if phrase.things[0] == kind]
            if fitting:
                its = tuple(mask for one, mask in zip(known.kinds, masks, strict=True) if one == kind)
                yield Question(rng.choice(fitting), group, its)
        others = [
            phrase
            for phrase in phrases
            if phrase.things[0] not in shown and not above[phrase.things[0]].above & set(known.kinds)
        ]
        yield from (Question(one, group, ()) for one in rng.sample(others, min(absent, len(others))))


@torch.inference_mode()
def answer(question: Question, view: View, vision: Vision, say: Say, threshold: float) -> Answer:
    """How an arm answers."""
    likeness = say(view, question.phrase)
    there = bool(question.masks)
    if likeness is None:
        return Answer(question.group, there, NOTHING, 0.0, 0.0, 0.0, 0.0)
    mean = likeness.mean(dim=0)
    peak, (row, column) = float(mean.max()), divmod(int(mean.argmax()), mean.shape[1])
    boxes = [tight_box(mask) for mask in question.masks]
    point = (column + 0.5) / mean.shape[1], (row + 0.5) / mean.shape[0]
    best = float(any(_within(point, box) for box in boxes))
    found = find_instances(vision.locate(view, likeness)) if there and peak >= threshold else []
    if not found:
        return Answer(question.group, there, peak, best, 0.0, 0.0, 0.0)
    given = np.array([one.box for one in found])
    pointing = float(any(_within(found[0].point, box) for box in boxes))
    overlap = max(float(max(overlaps(np.array(box), given))) for box in boxes)
    return Answer(question.group, there, peak, best, pointing, overlap, 1.0)


def _within(point: tuple[float, float], box: tuple[float, float, float, float]) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def summary(answers: Sequence[Answer]) -> dict[str, float]:
    """Means over what is there; ``auc``: how often that is more likely than what isn't."""
    there = [one for one in answers if one.there]
    peaks, others = (np.array([one.peak for one in answers if one.there is flag]) for flag in (True, False))
    means = {
        name: float(np.mean([getattr(one, name) for one in there])) for name in ("best", "pointing", "box_iou", "ran")
    }
    above = (peaks[:, None] > others[None]).mean() + (peaks[:, None] == others[None]).mean() / 2
    return {**means, "auc": float(above)}
