"""What the embedded profile sees of a picture when it is asked about it in words."""

import cv2
import numpy as np
import torch

from vitron_agent.messages import Finding
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.instances import overlaps
from vitron_agent.tools.backends.embedded.naming import Naming
from vitron_agent.tools.backends.embedded.prompts import area_of, region_hints
from vitron_agent.tools.backends.embedded.vision import View
from vitron_agent.tools.image_grounding import Detections
from vitron_agent.tools.image_segmentation import Prompt
from vitron_agent.tools.phrases.colors import color_shares
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.tools.words import Picture, Survey

_LOOKED_FOR = 0.9
"""A survey looks for what a learned query is so sure of at its best place."""
_MOST_KINDS = 8
_SPOKEN_OF = 0.3
"""Findings below this score are left out of a survey."""
_SAME = 0.6
_MAIN_COLOR, _MOST_COLORS = 0.18, 3


class EmbeddedSight:
    """Implements :class:`vitron_agent.tools.words.Sight`.

    Args:
        grounding: Finds things; shares its features.
    """

    def __init__(self, grounding: EmbeddedGrounding) -> None:
        self._grounding = grounding
        self._vision = grounding.vision
        self._naming = Naming(grounding.vision)

    def find(self, picture: Picture, phrase: str) -> Detections:
        """As :meth:`vitron_agent.tools.words.Sight.find`."""
        return self._grounding.detect(picture.image, phrase, image_id=picture.image_id)

    def survey(self, picture: Picture) -> Survey:
        """As :meth:`vitron_agent.tools.words.Sight.survey`."""
        view = self._view(picture)
        names = self._naming.names(view)
        likely = sorted(self._vision.query_probabilities(view).items(), key=lambda item: -item[1])
        kinds = [query.name for query, share in likely[:_MOST_KINDS] if share >= _LOOKED_FOR]
        # A cat is told of as a cat; that it is an Egyptian cat is told by the picture's name.
        others = [name for name, share in names if share >= _SPOKEN_OF and name not in kinds]
        seen: list[Finding] = []
        for words in (kinds, others):
            found = [finding for word in words for finding in self._grounding.search(view, word).findings]
            seen = _distinct(seen + sorted(found, key=lambda finding: -finding.score))
        shares = color_shares(view.features.pixels[::4, ::4])
        colors = [color for color, share in sorted(shares.items(), key=lambda item: -item[1]) if share >= _MAIN_COLOR]
        return Survey(tuple(names), tuple(seen), tuple(colors[:_MOST_COLORS]))

    def name(self, picture: Picture, family: str) -> tuple[tuple[str, float], ...]:
        """As :meth:`vitron_agent.tools.words.Sight.name`."""
        view = self._view(picture)
        meaning = load_nouns().find(family) if family else None
        within = frozenset(meaning.classes) if meaning is not None and meaning.classes else None
        return tuple(self._naming.names(view, self._weight(view, picture), within=within))

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


def _distinct(findings: list[Finding]) -> list[Finding]:
    """The findings without those that say of the same place what an earlier one said."""
    kept: list[Finding] = []
    for finding in findings:
        boxes = np.array([other.box for other in kept]).reshape(-1, 4)
        if finding.score >= _SPOKEN_OF and not (overlaps(np.array(finding.box), boxes) > _SAME).any():
            kept.append(finding)
    return kept
