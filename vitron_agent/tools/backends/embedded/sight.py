"""What the embedded profile sees of a picture when it is asked about it in words."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import exp

import cv2
import numpy as np
import torch

from vitron_agent.messages import Finding
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.instances import overlaps
from vitron_agent.tools.backends.embedded.naming import Naming
from vitron_agent.tools.backends.embedded.prompts import area_of, region_hints
from vitron_agent.tools.backends.embedded.vision import View
from vitron_agent.tools.image_segmentation import Prompt
from vitron_agent.tools.phrases.colors import color_shares
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.tools.phrases.parse import parse_phrase
from vitron_agent.tools.words import Picture, Sighting, Survey

_LOOKED_FOR = 0.9
"""A survey looks for what a learned query is so sure of at its best place."""
_MOST_KINDS = 8
_SPOKEN_OF = 0.3
"""Findings below this score are left out of a survey."""
_NAMED = 0.5
"""A survey looks for names that are as likely."""
_SAME = 0.6
_MAIN_COLOR, _MOST_COLORS = 0.18, 3
_BY_LIKENESS, _BY_BOX, _BY_LEAD, _TRUST = 0.27, 2.06, 0.17, -1.64
"""Whether a thing of a learned kind is there, by the likeness of the best place, the score of the best box, and the
lead of that likeness over those of all other kinds. A logistic regression, balanced between there and not there, on
photos that the queries were not learned from."""


class EmbeddedSight:
    """Implements :class:`vitron_agent.tools.words.Sight`.

    Args:
        grounding: Finds things; shares its features.
    """

    def __init__(self, grounding: EmbeddedGrounding) -> None:
        self._grounding = grounding
        self._vision = grounding.vision
        self._naming = Naming(grounding.vision)

    @torch.inference_mode()
    def find(self, picture: Picture, phrase: str) -> Sighting:
        """As :meth:`vitron_agent.tools.words.Sight.find`."""
        view = self._view(picture)
        found = self._grounding.search(view, phrase)
        return Sighting(found.findings, found.notes, self._trust(view, phrase, found.findings))

    def survey(self, picture: Picture) -> Survey:
        """As :meth:`vitron_agent.tools.words.Sight.survey`."""
        view = self._view(picture)
        names = self._naming.names(view)
        likely = sorted(self._vision.query_probabilities(view).items(), key=lambda item: -item[1])
        kinds = [query.name for query, share in likely[:_MOST_KINDS] if share >= _LOOKED_FOR]
        seen = sorted((self.find(picture, kind) for kind in kinds), key=lambda one: -one.trust)
        # A cat is told of as a cat; that it is an Egyptian cat is told by the picture's name.
        for name, share in names:
            if share >= _NAMED and name not in kinds:
                seen.append(replace(self.find(picture, name), trust=share))
        shares = color_shares(view.features.pixels[::4, ::4])
        colors = [color for color, share in sorted(shares.items(), key=lambda item: -item[1]) if share >= _MAIN_COLOR]
        return Survey(tuple(names), _distinct(seen), tuple(colors[:_MOST_COLORS]))

    def name(self, picture: Picture, family: str) -> tuple[tuple[str, float], ...]:
        """As :meth:`vitron_agent.tools.words.Sight.name`."""
        view = self._view(picture)
        meaning = load_nouns().find(family) if family else None
        within = frozenset(meaning.classes) if meaning is not None and meaning.classes else None
        return tuple(self._naming.names(view, self._weight(view, picture), within=within))

    def _trust(self, view: View, phrase: str, findings: Sequence[Finding]) -> float:
        """How likely it is that a thing which was found is there."""
        best = max((finding.score for finding in findings), default=0.0)
        meaning = parse_phrase(phrase, load_nouns()).sought
        above = frozenset[str]().union(*(thing.above for thing in meaning.things)) if meaning else frozenset()
        others = [query for query in self._vision.queries if not query.things & above]
        if not best or meaning is None or len(others) == len(self._vision.queries):
            return best  # classes alone say yes less readily than queries
        likeness = _best_place(self._vision.likeness(view, meaning))
        lead = likeness - max(_best_place(view.like_query(query)) for query in others)
        return 1 / (1 + exp(-(_BY_LIKENESS * likeness + _BY_BOX * best + _BY_LEAD * lead + _TRUST)))

    def _view(self, picture: Picture) -> View:
        return self._vision.look(picture.image, picture.image_id)

    def _weight(self, view: View, picture: Picture) -> torch.Tensor | None:
        """Where the drawn thing is, on the grid; None if nothing was drawn."""
        if not picture.regions:
            return None
        rows, columns = view.features.grid
        prompt = Prompt(regions=picture.regions, region_masks=picture.region_masks)
        if all(region.kind == "mask" for region in picture.regions):
            drawn = area_of(picture.regions, prompt, (columns, rows)).astype(np.float32)
        else:
            prior = region_hints(view, self._vision, prompt).prior
            drawn = np.asarray(cv2.resize(prior, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
        return torch.from_numpy(drawn) + 1e-6


def _best_place(likeness: torch.Tensor) -> float:
    return float(likeness.mean(dim=0).max())


def _distinct(seen: Iterable[Sighting]) -> tuple[Sighting, ...]:
    """Without findings that say of the same place what an earlier one said, nor what nothing is left of."""
    kept: list[Sighting] = []
    for sighting in seen:
        boxes = np.array([finding.box for other in kept for finding in other.findings]).reshape(-1, 4)
        new = tuple(
            finding
            for finding in sighting.findings
            if finding.score >= _SPOKEN_OF and not (overlaps(np.array(finding.box), boxes) > _SAME).any()
        )
        if new:
            kept.append(replace(sighting, findings=new))
    return tuple(kept)
