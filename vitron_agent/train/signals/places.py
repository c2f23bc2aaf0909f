"""The loss of the task itself: a query's best places lie on its thing, and a picture without the thing has none.

Alignment (:mod:`vitron_agent.train.signals.aligning`) says what a query should be; this says what it should do. It is
asked on a few pictures at a time; each query's thing is on one of them, where there is a picture of it at all.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vitron_agent.tools.backends.embedded.grounding import PRESENT
from vitron_agent.tools.backends.embedded.query import Basis, as_likeness
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.train.signals.aligning import AlignmentLoss
from vitron_agent.train.signals.gallery import NO_PLACE, Gallery

_ON, _OFF = 0.5, 0.1
"""A place is on a thing that covers so much of it, and off one that covers less than that."""
_NOT_SAID = frozenset({"n00007846"})
"""People are in many photos that were taken of something else."""
_NOWHERE = -1e4


class PlaceLoss:
    """Cross-entropy of the best place lying on the thing, and of the thing being there.

    Args:
        ids: WordNet ids of the things, in the order of the rows of :class:`Targets`.
        basis: Of the queries.
        gallery: What they are asked about.
        pictures: So many are asked about at a time.
    """

    def __init__(self, ids: tuple[str, ...], basis: Basis, gallery: Gallery, pictures: int = 6) -> None:
        self._basis, self._gallery, self._count = basis, gallery, pictures
        above = {one: load_nouns().by_id[one].above for one in {*ids, *gallery.kinds}}
        # [rows, t]: the thing is one of these; nobody can say whether it is.
        self._is = torch.tensor([[one in above[kind] for kind in gallery.kinds] for one in ids])
        self._may_be = torch.tensor([[kind in above[one] for kind in gallery.kinds] for one in ids]) & ~self._is
        everything = load_nouns().by_id
        behind = [everything[one].above if one in everything else frozenset() for one in gallery.behind]
        self._behind = torch.tensor([[one in kinds or bool(_NOT_SAID & above[one]) for kinds in behind] for one in ids])
        self._on = gallery.covered >= _ON
        best = gallery.covered == gallery.covered.amax(dim=1, keepdim=True)
        self._on |= best & (gallery.covered > 0)
        self._near = gallery.covered >= _OFF
        self._shows = [row.nonzero().flatten().tolist() for row in self._is]
        self._things = [(gallery.pictures == number).nonzero().flatten() for number in range(len(gallery.heads))]

    def __call__(self, weights: Tensor, biases: Tensor, rows: Tensor) -> Tensor:
        """Of queries [b, dims] and [b] of the things of rows [b]."""
        chosen = self._choose(rows)
        on, off = self._places(rows, chosen)
        likeness = self.likeness(weights, biases, chosen)
        there = on.any(dim=2)
        asked = there.any(dim=1)
        # Which of all places of all pictures is the best?
        best = _at(likeness, on | off).logsumexp(dim=(1, 2)) - _at(likeness, on).logsumexp(dim=(1, 2))
        strongest = _at(likeness, on | off).amax(dim=2) - PRESENT
        absent = ~there & off.any(dim=2)
        return _mean(best, asked) + _mean(F.softplus(-strongest), there) + _mean(F.softplus(strongest), absent)

    def likeness(self, weights: Tensor, biases: Tensor, pictures: Tensor) -> Tensor:
        """[b, n, p]: how much each place of pictures [n] looks like each query."""
        across = weights @ self._basis.matrix.T
        offsets = biases - across @ self._basis.mean
        logits = torch.einsum("bd,npd->bnp", across, self._gallery.heads[pictures].float()) + offsets[:, None, None]
        return as_likeness(logits, self._gallery.evidence[pictures])

    def _choose(self, rows: Tensor) -> Tensor:
        """Pictures for a batch: of things that its queries are about, as far as there are any."""
        shown = [self._shows[row] for row in rows.tolist() if self._shows[row]]
        some = [shown[number] for number in torch.randperm(len(shown))[: self._count].tolist()]
        theirs = [int(self._gallery.pictures[things[int(torch.randint(len(things), ()))]]) for things in some]
        more = torch.randperm(len(self._things)).tolist()
        return torch.tensor(sorted([*dict.fromkeys([*theirs, *more])][: self._count]))

    def _places(self, rows: Tensor, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """[b, n, p] each: places that lie on the queries' things, and places that surely don't."""
        on, off = [], []
        for picture in pictures.tolist():
            things = self._things[picture]
            its, perhaps = self._is[rows][:, things].float(), self._may_be[rows][:, things].float()
            lies = its @ self._on[things].float() > 0
            near = (its + perhaps) @ self._near[things].float() > 0
            known = ~self._behind[rows, picture] & (bool(self._gallery.complete[picture]) | lies.any(dim=1))
            on.append(lies)
            off.append(~near & known[:, None] & (self._gallery.evidence[picture] < NO_PLACE))
        return torch.stack(on, dim=1), torch.stack(off, dim=1)


def _at(likeness: Tensor, places: Tensor) -> Tensor:
    return likeness.masked_fill(~places, _NOWHERE)


def _mean(values: Tensor, counted: Tensor) -> Tensor:
    return (values * counted).sum() / counted.sum().clamp(min=1)


class TaskLoss:
    """Alignment of what is aimed at, and the loss of places of the query that comes of it.

    Args:
        alignment: Of aims.
        places: Of queries.
        mixed: Makes queries of aims.
    """

    def __init__(
        self,
        alignment: AlignmentLoss,
        places: PlaceLoss,
        mixed: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    ) -> None:
        self._alignment, self._places, self._mixed = alignment, places, mixed

    def __call__(self, model: Any, inputs: dict[str, Any], num_labels: Tensor | int | None = None) -> Tensor:  # noqa: ARG002
        """The mean over a batch, as :func:`vitron_agent.train.fit.fit` wants it."""
        aims = model(inputs["given"])
        weights, biases = self._mixed(*(one.float() for one in aims))
        aligned = self._alignment(lambda _: aims, inputs)
        return aligned + self._places(weights.float(), biases.float(), inputs["labels"])
