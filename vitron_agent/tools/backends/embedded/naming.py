"""What something is called: as narrowly as what is seen allows, and no more."""

from functools import lru_cache

import torch
from torch import Tensor

from vitron_agent.tools.backends.embedded.learned import LearnedQuery
from vitron_agent.tools.backends.embedded.vision import View, Vision
from vitron_agent.tools.phrases.nouns import Nouns, Relation, Thing, load_nouns

_SURE = 0.5
"""Classes together as likely as this give their family's name."""
_POSSIBLE = 0.1
"""Less likely classes are not spoken of."""
_LEARNED = 0.85
"""From here on a learned query may give its name; queries say yes more readily than classes."""
_CHOSEN, _BY_CLASSES, _FEW = 0.5, 0.6, 0.01
"""It does where it is likelier than all others together, weighed by its classes (to this power, at least so few)."""
_OTHERWISE = 0.6
"""Names of other things are at most as likely then."""
_SHARPER = 2.0
"""Power of a whole picture's probabilities, a mean over many places that is too doubtful: with it, of names of 0.65 and
more 100 of 100 were right on photos of one thing."""
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
        if weight is None:
            probabilities = probabilities**_SHARPER / (probabilities**_SHARPER).sum()
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
        # Queries judge places, not whole pictures.
        chosen = self._chosen(view, weight, probabilities) if weight is not None and within is None else None
        if chosen is not None:
            query, likely = chosen
            for thing, share in found:
                if not query.things & thing.above:
                    named[thing.name] = min(share, _OTHERWISE)
            named[query.name] = max(likely, named.get(query.name, 0.0))
        return sorted(named.items(), key=lambda item: -item[1])[:count]

    def _chosen(self, view: View, weight: Tensor, probabilities: Tensor) -> tuple[LearnedQuery, float] | None:
        """The learned query of what lies under a weight, and how likely it is among all of them; None if none is."""
        found = self._vision.query_probabilities(view, weight)
        shares = torch.tensor([float(probabilities[list(query.classes)].sum()) for query in found])
        logits = torch.logit(torch.tensor(list(found.values())), eps=1e-6) + _BY_CLASSES * (shares + _FEW).log()
        likely, position = logits.softmax(dim=0).max(dim=0)
        query = list(found)[int(position)]
        return (query, float(likely)) if likely >= _CHOSEN and found[query] >= _LEARNED else None


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
