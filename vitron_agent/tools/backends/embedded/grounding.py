"""Grounding in the embedded profile: dense EfficientNet features, asked with a query made from the phrase."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vitron_agent.artifacts import ImageArray
from vitron_agent.messages import Box, Finding, Invocation, Operation
from vitron_agent.tools.backends.embedded.instances import Instance, find_instances
from vitron_agent.tools.backends.embedded.query import WEIGHTS, Query, QueryAdapter, load_adapter
from vitron_agent.tools.backends.embedded.vision import Places, View, Vision
from vitron_agent.tools.base import Progress
from vitron_agent.tools.image_grounding import Detections, ignore_progress, never_cancelled
from vitron_agent.tools.phrases.choose import Candidate, choose
from vitron_agent.tools.phrases.colors import color_shares
from vitron_agent.tools.phrases.nouns import Meaning, load_nouns
from vitron_agent.tools.phrases.parse import Phrase, parse_phrase

_NAMED_COLOR = 0.4
"""A thing is said to have a colour that covers this share of it."""
PRESENT = 1.2
"""A thing is there if its likeness, averaged over the scales, reaches this somewhere. On photos that were not learned
from, about 94 of 100 things that were there did, and a quarter of the kinds that were not."""
_CORE = 0.6
"""Where no mask helps, a thing's colours are those of this middle part of its box."""


@dataclass(frozen=True)
class Search:
    """What a phrase led to in one picture.

    Attributes:
        label: What the thing is called.
        places: What the localiser saw; None if the word means nothing known.
        findings: The instances that are meant, best first.
        notes: For the user.
    """

    label: str
    places: Places | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


class EmbeddedGrounding:
    """Implements :class:`vitron_agent.tools.image_grounding.GroundingBackend`.

    Args:
        vision: Shared with the other embedded experts, so that a picture is encoded once.
        adapter: Weights of what makes queries of signals; None = words alone.
    """

    name = "embedded"
    version = "1"
    operations = frozenset({Operation.DETECT})

    def __init__(self, vision: Vision, adapter: Path | None = WEIGHTS) -> None:
        self.vision = vision
        self.consumes_signals = adapter is not None
        self._weights = adapter

    @cached_property
    def adapter(self) -> QueryAdapter:
        """Makes queries of signals; only where they are consumed."""
        assert self._weights is not None
        return load_adapter(self._weights)

    def refuse(self, invocation: Invocation) -> str | None:
        """Refuses a search for nothing."""
        if invocation.target or any(item.role == "reference" for item in invocation.inputs):
            return None
        return "detect needs a target (what to look for) or a reference picture"

    def detect(
        self,
        image: ImageArray,
        phrase: str,
        *,
        image_id: str,
        reference: ImageArray | None = None,
        reference_id: str = "",
        signals: NDArray[np.float32] | None = None,
        report: Callable[[Progress], None] = ignore_progress,
        cancelled: Callable[[], bool] = never_cancelled,
    ) -> Detections:
        """As :meth:`vitron_agent.tools.image_grounding.GroundingBackend.detect`."""
        report(Progress("looking at the picture", 0, 2))
        view = self.vision.look(image, image_id, cancelled)
        exemplar = None
        if reference is not None:
            exemplar = self.exemplar(self.vision.look(reference, reference_id, cancelled), phrase)
        report(Progress(f"searching {phrase or 'what is meant'}", 1, 2))
        found = self.search(view, phrase, exemplar, signals)
        return Detections(found.findings, found.notes)

    @torch.inference_mode()
    def search(
        self,
        view: View,
        text: str,
        exemplar: torch.Tensor | None = None,
        signals: NDArray[np.float32] | None = None,
    ) -> Search:
        """Looks for what answers to all that is given: a phrase, what an exemplar [64] shows, signals [n, d]."""
        phrase = parse_phrase(text, load_nouns())
        query = None if signals is None else self.adapter(torch.from_numpy(signals))
        return self.search_phrase(view, phrase, exemplar, query)

    def search_phrase(
        self, view: View, phrase: Phrase, exemplar: torch.Tensor | None = None, query: Query | None = None
    ) -> Search:
        """As :meth:`search`, for a phrase that is already understood, and signals that are a query."""
        usable = phrase.sought
        if usable is None and exemplar is None and query is None:
            return Search(phrase.noun, None, (), (unknown_note(phrase),))
        maps, present = [], True
        if usable is not None or query is not None:
            likeness, threshold = self._likeness(view, usable, query)
            maps, present = [likeness], float(likeness.mean(dim=0).max()) >= threshold
        if exemplar is not None:
            maps.append(view.like_exemplar(exemplar))
        places = self.vision.locate(view, torch.stack(maps).mean(dim=0))
        label = usable.word if usable else phrase.noun or ("thing" if exemplar is None else "thing like the reference")
        seen = [self._candidate(view, places, instance) for instance in find_instances(places) if present]
        choice = choose(phrase, [candidate for candidate, _ in seen], lambda other: self._anchors(view, other))
        points = {candidate.box: point for candidate, point in seen}
        notes = [usable.note] if usable and usable.note else []
        if usable is None and phrase.noun and query is not None:
            notes.append(_searched_note(phrase) if seen else unknown_note(phrase))
        elif not seen:
            notes.append(f"no {label} found in the picture")
        findings = tuple(_finding(label, one, points[one.box]) for one in choice.candidates)
        return Search(label, places, findings, (*notes, *choice.notes))

    def _likeness(self, view: View, meaning: Meaning | None, query: Query | None) -> tuple[torch.Tensor, float]:
        """How much each place looks like what is meant [3, rows, columns], and from where on it counts as there."""
        words = None if meaning is None else self.vision.likeness(view, meaning)
        if query is None:
            assert words is not None
            return words, PRESENT
        if words is None:
            return view.like_signal(query), float(self.adapter.present)
        if not bool(self.adapter.gate):
            return words, PRESENT  # what a shut gate drops need not be looked for
        threshold = self.adapter.blend(torch.tensor(PRESENT), self.adapter.present)
        return self.adapter.blend(words, view.like_signal(query)), float(threshold)

    def exemplar(self, view: View, text: str) -> torch.Tensor:
        """What a thing looks like [64]: the one that the phrase names, else the most prominent one."""
        found = self.search(view, text) if text else None
        if found is not None and found.places is not None and found.findings:
            rows, columns = view.features.grid
            weight = torch.nn.functional.avg_pool2d(found.places.mask.sigmoid()[None], 2)[0]
            box = found.findings[0].box
            assert box is not None
            return view.exemplar(weight * _inside(box, rows, columns) + 1e-6)
        return view.exemplar(prominence(view))

    def _anchors(self, view: View, phrase: Phrase) -> Sequence[Box]:
        return [finding.box for finding in self.search_phrase(view, phrase).findings if finding.box is not None]

    def _candidate(self, view: View, places: Places, instance: Instance) -> tuple[Candidate, tuple[float, float]]:
        shares = color_shares(_pixels_of(view, places, instance.box))
        return Candidate(instance.box, min(instance.score, 1.0), shares), instance.point


def _searched_note(phrase: Phrase) -> str:
    return f"{phrase.noun}: no list has this word; searched by what the planner takes it for"


def unknown_note(phrase: Phrase) -> str:
    """Says that a word cannot be looked for, and which near ones can."""
    noun = phrase.meaning.word if phrase.meaning is not None else phrase.noun
    nearest = load_nouns().nearest(noun)
    known = f"; the nearest words that I know are {', '.join(nearest)}" if nearest else ""
    return f"{noun or phrase.text}: not a thing that I can look for{known}"


def prominence(view: View) -> torch.Tensor:
    """How much each place [rows, columns] shows what the picture is mainly of; not 0 everywhere."""
    rows, columns = view.features.grid
    classes = view.class_probabilities().topk(5)
    likeness = view.like_classes(classes.indices.tolist()).mean(dim=0)
    y = torch.linspace(-1, 1, rows)[:, None]
    x = torch.linspace(-1, 1, columns)[None]
    return (likeness - likeness.max()).exp() * torch.exp(-(x**2 + y**2))


def _finding(label: str, candidate: Candidate, point: tuple[float, float]) -> Finding:
    facts = [("point", f"{point[0]:.3f} {point[1]:.3f}")]
    color, share = max(candidate.colors.items(), key=lambda item: item[1])
    if share >= _NAMED_COLOR:
        facts.append(("color", color))
    return Finding(label=label, score=round(candidate.score, 3), box=candidate.box, facts=tuple(facts))


def _inside(box: Box, rows: int, columns: int) -> torch.Tensor:
    """1 in the places [rows, columns] whose middle is in a box, else 0."""
    x = (torch.arange(columns) + 0.5) / columns
    y = (torch.arange(rows) + 0.5) / rows
    return ((x >= box[0]) & (x <= box[2]))[None] * ((y >= box[1]) & (y <= box[3]))[:, None] * 1.0


def _pixels_of(view: View, places: Places, box: Box) -> NDArray[np.uint8]:
    """(n, 3) pixels of a thing: those of its mask in its box, or of the box's core where the mask is nearly empty."""
    rows, columns = places.mask.shape
    pixels = cv2.resize(view.features.pixels, (columns, rows), interpolation=cv2.INTER_AREA)
    inside = _inside(box, rows, columns).numpy() > 0
    on_thing = inside & (places.mask.numpy() > 0)
    if on_thing.sum() >= max(4, 0.1 * inside.sum()):
        return np.asarray(pixels[on_thing], np.uint8)
    margin_x, margin_y = ((box[2] - box[0]) * (1 - _CORE) / 2, (box[3] - box[1]) * (1 - _CORE) / 2)
    x0, x1 = int((box[0] + margin_x) * columns), int((box[2] - margin_x) * columns)
    y0, y1 = int((box[1] + margin_y) * rows), int((box[3] - margin_y) * rows)
    return np.asarray(pixels[y0 : y1 + 1, x0 : x1 + 1].reshape(-1, 3), np.uint8)
