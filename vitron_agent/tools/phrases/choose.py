"""Which of several instances a phrase means."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vitron_agent.messages import Box
from vitron_agent.tools.phrases.parse import Phrase, Side

MIN_COLOR = 0.12
"""Share of a thing's pixels that must have a colour for the thing to be called so."""


@dataclass(frozen=True)
class Candidate:
    """One instance that was found.

    Attributes:
        box: Where.
        score: How surely it is the thing, in [0, 1].
        colors: Share of each basic colour on it.
    """

    box: Box
    score: float
    colors: Mapping[str, float]

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of the middle of its box."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def area(self) -> float:
        """Of its box, as a share of the picture."""
        return (self.box[2] - self.box[0]) * (self.box[3] - self.box[1])


@dataclass(frozen=True)
class Choice:
    """What is left, best first, and what the user should know of it."""

    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...] = ()


def choose(phrase: Phrase, candidates: Sequence[Candidate], find: Callable[[Phrase], Sequence[Box]]) -> Choice:
    """Narrows instances down to those that a phrase means.

    Args:
        phrase: What was said.
        candidates: All instances of its noun, best first.
        find: The boxes of another phrase in the same picture.
    """
    left, notes = list(candidates), list[str]()
    if left and phrase.colors:
        left, note = _by_color(phrase, left)
        notes += note
    if left and phrase.link is not None and phrase.anchor is not None:
        left, note = _by_anchor(phrase, left, find(phrase.anchor))
        notes += note
    if phrase.ordinal is not None:
        left, note = _by_ordinal(phrase, left)
        notes += note
    else:
        left = _by_side(phrase, left)
    if len(left) > 1 and phrase.size is not None:
        biggest = phrase.size == "largest"
        ordered = sorted(left, key=lambda one: one.area, reverse=biggest)
        left = ordered[: max(1, len(ordered) // 2) if phrase.plural else 1]
    if phrase.number is not None:
        if phrase.number > len(left) > 0:
            notes.append(f"{phrase.text}: found only {len(left)}")
        left = left[: phrase.number]
    if phrase.unused and len(candidates) > 1:
        notes.append(f"{', '.join(phrase.unused)}: not used to choose")
    return Choice(tuple(sorted(left, key=lambda one: -one.score)), tuple(notes))


def _by_color(phrase: Phrase, candidates: list[Candidate]) -> tuple[list[Candidate], list[str]]:
    def share(one: Candidate) -> float:
        return min(one.colors[color] for color in phrase.colors) if len(phrase.colors) < 3 else 1.0

    best = max(map(share, candidates))
    wanted = " and ".join(phrase.colors)
    if best < MIN_COLOR:
        seen = max(candidates[0].colors.items(), key=lambda item: item[1])[0]
        if len(candidates) > 1:
            return [], [f"no {phrase.noun} looks {wanted}; the clearest one looks {seen}"]
        return candidates, [f"the only {phrase.noun} found looks {seen} rather than {wanted}"]
    return [one for one in candidates if share(one) >= max(MIN_COLOR, best / 2)], []


def _by_ordinal(phrase: Phrase, candidates: list[Candidate]) -> tuple[list[Candidate], list[str]]:
    side: Side = phrase.sides[0] if phrase.sides else "left"
    ordered = sorted(candidates, key=lambda one: _along(side, one))
    rank = phrase.ordinal if phrase.ordinal is not None else 0
    if rank >= len(ordered):
        return [], [f"{phrase.text}: found only {len(ordered)}"]
    return [ordered[rank]], []


def _by_side(phrase: Phrase, candidates: list[Candidate]) -> list[Candidate]:
    if len(candidates) < 2 or not phrase.sides:
        return candidates
    if phrase.plural or (phrase.number or 1) > 1:
        ordered = sorted(candidates, key=lambda one: sum(_along(side, one) for side in phrase.sides))
        kept = [one for one in ordered if all(_along(side, one) < 0.5 for side in phrase.sides)]
        return kept or ordered[: phrase.number or 1]
    return [min(candidates, key=lambda one: sum(_along(side, one) for side in phrase.sides))]


def _along(side: Side, one: Candidate) -> float:
    """How far a candidate is from a side of the picture, in [0, 1]."""
    x, y = one.center
    distances = {"left": x, "right": 1 - x, "top": y, "bottom": 1 - y, "middle": abs(x - 0.5) + abs(y - 0.5) / 2}
    return distances.get(side, (1 - one.box[3]) if side == "front" else one.box[3])


def _by_anchor(
    phrase: Phrase, candidates: list[Candidate], anchors: Sequence[Box]
) -> tuple[list[Candidate], list[str]]:
    assert phrase.anchor is not None
    if phrase.link == "except":
        return _except(phrase.anchor, candidates, anchors)
    if not anchors:
        return candidates, [f"{phrase.anchor.noun}: not found, so it was not used to choose"]
    ranked = sorted(candidates, key=lambda one: min(_misfit(phrase, one.box, anchor) for anchor in anchors))
    if not phrase.plural:
        return ranked[:1], []
    return [one for one in ranked if min(_misfit(phrase, one.box, anchor) for anchor in anchors) < 0.15] or ranked[
        :1
    ], []


def _except(anchor: Phrase, candidates: list[Candidate], anchors: Sequence[Box]) -> tuple[list[Candidate], list[str]]:
    """All but the anchor; nothing where it isn't known which one that is, for it is the one to be spared."""
    left = [one for one in candidates if all(_overlap(one.box, box) < 0.5 for box in anchors)]
    if anchors and left:
        return left, []
    return [], [f"{anchor.text}: can't be told from the rest, so nothing was chosen"]


def _overlap(one: Box, other: Box) -> float:
    """What two boxes share, as a part of what they cover together."""
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / max(sum(areas) - width * height, 1e-9)


def _misfit(phrase: Phrase, box: Box, anchor: Box) -> float:
    """How badly a box lies as it should to the anchor's; 0 = just so, in widths of the picture."""
    gap_x = max(0.0, anchor[0] - box[2], box[0] - anchor[2])
    gap_y = max(0.0, anchor[1] - box[3], box[1] - anchor[3])
    gap = gap_x + gap_y
    x, anchor_x = (box[0] + box[2]) / 2, (anchor[0] + anchor[2]) / 2
    match phrase.link:
        case "on":
            return gap_x + abs(box[3] - anchor[1]) / 2 + max(0.0, box[3] - anchor[3])
        case "under":
            return gap_x + abs(box[1] - anchor[3]) / 2 + max(0.0, anchor[1] - box[1])
        case "left of":
            return max(0.0, x - anchor_x) * 4 + gap / 2
        case "right of":
            return max(0.0, anchor_x - x) * 4 + gap / 2
        case "behind":
            return gap + max(0.0, box[3] - anchor[3]) * 2
        case "before":
            return gap + max(0.0, anchor[3] - box[3]) * 2
        case _:
            return gap + abs(x - anchor_x) / 4
