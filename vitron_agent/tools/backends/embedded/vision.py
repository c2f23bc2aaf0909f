"""What the embedded experts see of a picture: its features once, and then a map for everything that is looked for."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from vitron_agent.artifacts import ImageArray
from vitron_agent.model.encoders.dense import GRID as GRID_SCALE
from vitron_agent.model.encoders.dense import DenseEncoder, DenseFeatures, on_grid
from vitron_agent.tools.backends.embedded.learned import WEIGHTS, Learned, LearnedQuery, load_learned, padded
from vitron_agent.tools.backends.embedded.localiser import (
    GRID,
    HEAD_DIMS,
    SCALES,
    Scene,
    query_channels,
)
from vitron_agent.tools.backends.embedded.query import Query, as_likeness
from vitron_agent.tools.phrases.nouns import Meaning, Thing, load_nouns

_EXEMPLAR_SCALE = 1 / 6
_REMEMBER = 6
_LARGE = 0.15
"""Share of the picture from which on a part of it is named from the coarse scale."""


class View:
    """One picture, seen.

    Attributes:
        features: Of the encoder.
        scene: The same, for the localiser.
    """

    def __init__(self, features: DenseFeatures, scene: Scene, classify: Callable[[Tensor], Tensor]) -> None:
        self.features, self.scene = features, scene
        self._classify = classify
        self._liked: dict[str, Tensor] = {}

    @cached_property
    def logits(self) -> tuple[Tensor, ...]:
        """Logits [1000, h, w] of the ImageNet classes at each scale."""
        return tuple(self._classify(levels.head) for levels in self.features.scales)

    @cached_property
    def _evidence(self) -> tuple[Tensor, ...]:
        """The logarithm of all classes' summed odds [h, w] at each scale: what a logit has to be compared with."""
        return tuple(torch.logsumexp(logits, dim=0) for logits in self.logits)

    def class_probabilities(self, weight: Tensor | None = None) -> Tensor:
        """Probability [1000] of each ImageNet class for what lies under a weight [rows, columns]; None = everything."""
        return torch.softmax(self._classify(self._mean_head(weight)), dim=0)

    def _mean_head(self, weight: Tensor | None) -> Tensor:
        """The coarse scale's mean feature [1280]; of the middle scale where little lies under the weight."""
        coarse, middle = self.features.scales[0].head, self.features.scales[GRID_SCALE].head
        if weight is None:
            return coarse.mean(dim=(1, 2))
        head = coarse if float(weight.mean()) > _LARGE else middle
        fitted = on_grid(weight[None], *head.shape[1:])[0] + 1e-6
        return (head * fitted).sum(dim=(1, 2)) / fitted.sum()

    def like_classes(self, classes: Sequence[int]) -> Tensor:
        """[3, rows, columns]: how much each place looks like the likeliest of some ImageNet classes."""
        chosen = list(classes)
        pairs = zip(self.logits, self._evidence, strict=True)
        return self._on_grid(as_likeness(logits[chosen].amax(dim=0), total) for logits, total in pairs)

    def like_query(self, query: LearnedQuery) -> Tensor:
        """[3, rows, columns]: how much each place looks like what a learned query is about."""
        if query.name not in self._liked:
            pairs = zip(self.features.scales, self.logits, strict=True)
            self._liked[query.name] = self._on_grid(query.likeness(levels.head, logits) for levels, logits in pairs)
        return self._liked[query.name]

    def like_signal(self, query: Query) -> Tensor:
        """[3, rows, columns]: how much each place looks like what signals ask for."""
        pairs = zip(self.features.scales, self._evidence, strict=True)
        return self._on_grid(query.likeness(levels.head, total) for levels, total in pairs)

    def like_exemplar(self, exemplar: Tensor) -> Tensor:
        """[3, rows, columns]: how much each place looks like an exemplar [64]."""
        return exemplar_likeness(self._things, exemplar)

    def exemplar(self, weight: Tensor) -> Tensor:
        """The mean feature [64] under a weight [rows, columns] that is not 0 everywhere."""
        return (self._things[GRID_SCALE] * weight).sum(dim=(1, 2)) / weight.sum()

    @property
    def _things(self) -> Tensor:
        rows, columns = self.features.grid
        things = self.scene.features[0, : SCALES * HEAD_DIMS, :rows, :columns]
        return things.reshape(SCALES, HEAD_DIMS, rows, columns)

    def _on_grid(self, maps: Iterable[Tensor]) -> Tensor:
        return torch.cat([on_grid(one[None], *self.features.grid) for one in maps])


def exemplar_likeness(things: Tensor, exemplar: Tensor) -> Tensor:
    """[3, rows, columns]: how much whitened features [3, 64, rows, columns] look like an exemplar [64]."""
    scores = torch.einsum("sdhw,d->shw", things, exemplar)
    return (scores - exemplar @ exemplar / 2) * _EXEMPLAR_SCALE


@dataclass(frozen=True)
class Places:
    """Where the localiser sees something; r rows and c columns of places.

    Attributes:
        mask: [2r, 2c] logits.
        center: [r, c] probabilities.
        extents: [4, r, c], in places.
    """

    mask: Tensor
    center: Tensor
    extents: Tensor


class Vision:
    """Looks at pictures, and for things in them; safe for several threads. Weights load at first use.

    Args:
        encoder: Shared by everything that looks at pictures.
        weights: The learned part.
    """

    def __init__(self, encoder: DenseEncoder, weights: Path = WEIGHTS) -> None:
        self._encoder, self._weights = encoder, weights
        self._views: OrderedDict[str, View] = OrderedDict()
        self._lock = threading.Lock()

    def look(self, image: ImageArray, image_id: str, cancelled: Callable[[], bool] = lambda: False) -> View:
        """Sees a picture, or remembers having seen it; arguments and errors as :meth:`DenseEncoder.encode`."""
        with self._lock:
            view = self._views.get(image_id)
        if view is None:
            features = self._encoder.encode(image, image_id, cancelled)
            with torch.inference_mode():
                view = View(features, self._learned.projections.scene(features), self._encoder.classify)
        with self._lock:
            self._views[image_id] = view
            self._views.move_to_end(image_id)
            while len(self._views) > _REMEMBER:
                self._views.popitem(last=False)
        return view

    @torch.inference_mode()
    def likeness(self, view: View, meaning: Meaning) -> Tensor:
        """[3, rows, columns]: how much each place looks like what a word means.

        A learned query answers for its own things, together with the classes for those below them (poodle: dog), and
        as one of several for those above (animal).
        """
        wanted = {thing.wordnet_id for thing in meaning.things}
        own = [query for query in self._learned.queries if query.things <= wanted]
        answered = frozenset[str]().union(*(query.things for query in own))
        maps = [view.like_query(query) for query in own]
        for thing in meaning.things:
            if thing.wordnet_id not in answered:
                maps += self._alternatives(view, thing)
        return torch.stack(maps).amax(dim=0)

    def _alternatives(self, view: View, thing: Thing) -> list[Tensor]:
        queries = self._learned.queries
        classes = [view.like_classes(thing.classes)] if thing.classes else []
        wider = [view.like_query(query) for query in queries if query.things & thing.above]
        if wider:
            return [torch.stack([*wider, *classes]).mean(dim=0)]
        return classes + [view.like_query(query) for query in queries if thing.wordnet_id in query.above]

    @torch.inference_mode()
    def query_probabilities(self, view: View, weight: Tensor | None = None) -> dict[LearnedQuery, float]:
        """How likely each learned query is for what lies under a weight [rows, columns]; None = its best place."""
        found = {}
        for query in self._learned.queries:
            likeness = view.like_query(query).mean(dim=0)
            value = likeness.max() if weight is None else (likeness * weight).sum() / (weight.sum() + 1e-6)
            found[query] = float(value.sigmoid())
        return found

    @torch.inference_mode()
    def locate(self, view: View, likeness: Tensor) -> Places:
        """Where the things are that places look like: asks the localiser, also for the mirror image, and averages.

        Args:
            view: The picture.
            likeness: [3, rows, columns], of :meth:`likeness` or a view's.
        """
        localiser, scene = self._learned.localiser, view.scene
        rows, columns = view.features.grid
        query = query_channels(padded(likeness, GRID), scene.valid)
        seen = localiser(scene, query)
        mirrored = localiser(scene.flipped(), query.flip(-1)).flipped()
        mask = (seen.mask + mirrored.mask)[0, : 2 * rows, : 2 * columns] / 2
        center = (seen.center + mirrored.center)[0, :rows, :columns] / 2
        extents = (seen.extents * mirrored.extents).sqrt()[0, :, :rows, :columns]
        return Places(mask, center.sigmoid(), extents)

    @property
    def queries(self) -> tuple[LearnedQuery, ...]:
        """The queries that were learned."""
        return self._learned.queries

    @cached_property
    def _learned(self) -> Learned:
        return load_learned(self._weights, load_nouns())
