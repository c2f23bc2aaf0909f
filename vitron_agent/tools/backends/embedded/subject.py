"""What a picture is mainly of, where nobody says it: the subject of "blur the background"."""

from dataclasses import replace

import numpy as np

from vitron_agent.messages import Box, Finding
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding, Search
from vitron_agent.tools.backends.embedded.naming import Naming
from vitron_agent.tools.backends.embedded.vision import View

_SURE = 0.7
"""Score from which a thing that has a name is taken for the subject."""
_KINDS = 4
"""How many of the learned kinds of things, the likeliest, are looked for."""


def find_subject(grounding: EmbeddedGrounding, view: View) -> Search:
    """Looks for the subject: a large, central thing that is surely recognised, else the most prominent whatever.

    Args:
        grounding: Finds things.
        view: The picture.

    Returns:
        A search whose findings are the subject, which may be several of a kind.
    """
    named = [grounding.search(view, name) for name in _candidates(grounding, view)]
    sure = [search for search in named if search.places is not None and _best_score(search) >= _SURE]
    if sure:
        return max(sure, key=lambda search: max(map(_weight, search.findings)))
    prominent = grounding.search(view, "", grounding.exemplar(view, ""))
    best = sorted(prominent.findings, key=_weight)[-1:]
    return replace(prominent, findings=tuple(one.model_copy(update={"label": "main subject"}) for one in best))


def _candidates(grounding: EmbeddedGrounding, view: View) -> list[str]:
    probable = grounding.vision.query_probabilities(view)
    learned = sorted(probable, key=lambda query: -probable[query])[:_KINDS]
    names = [query.name for query in learned] + [name for name, _ in Naming(grounding.vision).names(view)]
    return list(dict.fromkeys(names))


def _best_score(search: Search) -> float:
    return max((finding.score for finding in search.findings), default=0.0)


def _weight(finding: Finding) -> float:
    """How surely a thing fills the picture's middle."""
    return 0.0 if finding.box is None else finding.score * _prominence(finding.box)


def _prominence(box: Box) -> float:
    """The side of a square as large as the box, less the further from the middle of the picture it lies."""
    side = ((box[2] - box[0]) * (box[3] - box[1])) ** 0.5
    off = ((box[0] + box[2] - 1) / 2) ** 2 + ((box[1] + box[3] - 1) / 2) ** 2
    return float(side * np.exp(-2 * off))
