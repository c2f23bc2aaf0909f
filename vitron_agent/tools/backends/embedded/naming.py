"""What something is called: as narrowly as what is seen allows, and no more."""

from functools import lru_cache

import torch
from torch import Tensor

from vitron_agent.tools.backends.embedded.vision import View, Vision
from vitron_agent.tools.phrases.nouns import Nouns, Relation, Thing, load_nouns

_SURE = 0.5
"""Classes together as likely as this give their family's name."""
_POSSIBLE = 0.1
"""Less likely classes are not spoken of."""
_LEARNED = 0.85
"""From here on a learned query gives its name; queries say yes more readily than classes."""
_MAX_CLASSES = 130
"""Wider families (animal, vehicle) say too little to be a name."""


class Naming:
    """Names things from ImageNet classes and learned queries.

    Args:
        vision: Sees the pictures.
    """

    def __init__(self, vision: Vision) -> None:
        self._vision = vision

    @torch.inference_mode()
    def names(
        self, view: View, weight: Tensor | None = None, count: int = 3, within: frozenset[int] | None = None
    ) -> list[tuple[str, float]]:
        """What something may be called, with probabilities, likeliest first; empty if nothing is likely.

        Args:
            view: The picture.
            weight: [rows, columns] of the grid: where it is; None = the picture as a whole.
            count: How many names at most.
            within: It is known to be of one of these ImageNet classes; None = nothing is known.
        """
        probabilities = view.class_probabilities(weight)
        if within is not None:
            excluded = torch.tensor([number not in within for number in range(len(probabilities))])
            probabilities = probabilities.masked_fill(excluded, 0)
            probabilities = probabilities / probabilities.sum()
        things, members = _families()
        sums = members @ probabilities
        sure = [(len(things[row].classes), -float(sums[row]), row) for row in _rows(sums >= _SURE)]
        family = things[min(sure)[2]] if sure else None
        found = [] if family is None else [(family, -min(sure)[1])]
        others = (number for number in _rows(probabilities >= _POSSIBLE) if not family or number not in family.classes)
        found += [(load_nouns().classes[number], float(probabilities[number])) for number in others]
        named = {thing.name: share for thing, share in found}
        asks_queries = weight is not None and within is None  # they judge places, not whole pictures
        queries = self._vision.query_probabilities(view, weight) if asks_queries else {}
        for query, share in queries.items():
            if share >= _LEARNED and not any(query.things & thing.above for thing, _ in found):
                named[query.name] = share
        return sorted(named.items(), key=lambda item: -item[1])[:count]


def _rows(chosen: Tensor) -> list[int]:
    return [int(row) for row in torch.nonzero(chosen).flatten()]


@lru_cache(maxsize=1)
def _families() -> tuple[tuple[Thing, ...], Tensor]:
    """Every thing whose name people would say, and which classes it has as [things, 1000] zeros and ones."""
    nouns = load_nouns()
    things = tuple(thing for thing in nouns.things if 0 < len(thing.classes) <= _MAX_CLASSES and _is_said(thing, nouns))
    members = torch.zeros(len(things), len(nouns.classes))
    for row, thing in enumerate(things):
        members[row, list(thing.classes)] = 1
    return things, members


def _is_said(thing: Thing, nouns: Nouns) -> bool:
    meaning = nouns.find(thing.name.lower())
    return thing.is_class or (meaning is not None and meaning.relation is Relation.IS and thing in meaning.things)
