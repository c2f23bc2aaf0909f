"""The words in an edit's target and value: where something goes, how much, and what stays.

The canonical spellings are in ``docs/invocations.md``; planners, users and other agents also write less canonical
ones, and these are read too.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Relation: TypeAlias = Literal["on", "in", "left", "right", "above", "below", "beside", "front", "behind"]

A_BIT = 0.07
"""``a bit``, as a fraction."""
A_LOT = 0.4
"""``a lot``, as a fraction."""


@dataclass(frozen=True)
class Amount:
    """How much: a number of pixels, or a fraction of whatever it is measured on."""

    number: float
    unit: Literal["px", "fraction"] = "fraction"

    def of(self, whole: float) -> float:
        """In the unit of ``whole``."""
        return self.number if self.unit == "px" else self.number * whole


@dataclass(frozen=True)
class Shift:
    """Away from where it is.

    Attributes:
        right: -1, 0 or 1.
        down: -1, 0 or 1.
        amount: How far; a fraction is of the picture's width or height. None = not said.
    """

    right: int
    down: int
    amount: Amount | None = None


@dataclass(frozen=True)
class Spot:
    """A part of the picture: 0 = left or top, 0.5 = middle, 1 = right or bottom; None = not said."""

    x: float | None = None
    y: float | None = None


@dataclass(frozen=True)
class Beside:
    """Somewhere by another thing in the picture, which ``anchor`` names."""

    relation: Relation
    anchor: str


Placement: TypeAlias = Shift | Spot | Beside

_TRANSPARENT = frozenset({
    "remove", "removed", "transparent", "transparency", "none", "nothing", "delete", "cut out", "cutout", "alpha",
    "erase", "no background", "transparent background",
})  # fmt: skip
_BEHIND = frozenset({"background", "backdrop", "rest", "surroundings", "everything else", "everything behind"})
_HORIZONTAL = {"left": -1, "leftward": -1, "leftwards": -1, "right": 1, "rightward": 1, "rightwards": 1}
_VERTICAL = {
    "up": -1, "upward": -1, "upwards": -1, "higher": -1, "down": 1, "downward": 1, "downwards": 1, "lower": 1,
}  # fmt: skip
_VERTICAL_SPOTS = {"top": 0.0, "upper": 0.0, "bottom": 1.0, "lower": 1.0}
_MIDDLE = frozenset({"center", "centre", "middle", "central", "centered", "centred", "dead-centre", "dead-center"})
_SPOT_FILLERS = frozenset({
    "in", "at", "to", "into", "on", "the", "of", "image", "picture", "photo", "frame", "scene", "corner", "side",
    "edge", "part", "half", "hand", "dead", "very", "far", "extreme", "towards", "toward", "near", "and", "position",
})  # fmt: skip
_SHIFT_FILLERS = frozenset({"to", "the", "by", "and", "further", "over", "of", "image", "picture", "frame", "side"})
_HERE = frozenset({"", "here", "there", "in here", "over here", "right here", "over there", "somewhere", "anywhere"})
_RELATIONS: tuple[tuple[str, Relation], ...] = (
    (r"(?:to |on |at )?the left(?:-hand)?(?: side)? of|left of", "left"),
    (r"(?:to |on |at )?the right(?:-hand)?(?: side)? of|right of", "right"),
    (r"in front of|before", "front"),
    (r"(?:on|onto|to|at) (?:the )?top of|(?:sitting|standing|lying|perched|resting) (?:on|upon)|onto|upon|on", "on"),
    (r"next to|beside|besides|by the side of|alongside|near to|close to|near|by|at|against|with", "beside"),
    (r"inside of|inside|within|into|in", "in"),
    (r"underneath|beneath|below|under", "below"),
    (r"above|over", "above"),
    (r"behind|in back of", "behind"),
)
_ARTICLE = re.compile(r"^(?:the|a|an|my|our|his|her|their|its|your|this|that|these|those)\s+", re.IGNORECASE)
_AMOUNTS = (
    (re.compile(r"(\d+(?:\.\d+)?)\s*(?:%|percent|per cent)"), 0.01, "fraction"),
    (re.compile(r"(\d+(?:\.\d+)?)\s*(?:px|pixels?|points?)\b"), 1.0, "px"),
    (re.compile(r"(\d*\.\d+|\b[01]\b)(?!\s*\w)"), 1.0, "fraction"),
)
_AMOUNT_WORDS = (
    (re.compile(r"\ba (?:little )?bit\b|\ba touch\b|\ba tad\b|\ba little\b|\bslightly\b|\bsomewhat\b"), A_BIT),
    (re.compile(r"\ba (?:whole )?lot\b|\bmuch\b|\bfar\b|\ba good deal\b|\ba great deal\b|\bway\b|\bstrongly\b"), A_LOT),
    (re.compile(r"\b(?:by )?half\b"), 0.5),
    (re.compile(r"\b(?:by )?(?:a|one) third\b"), 1 / 3),
    (re.compile(r"\b(?:by )?(?:a|one) quarter\b"), 0.25),
)


def means_transparent(value: str) -> bool:
    """Whether the value of ``background`` asks for none at all, that is, for a picture with an alpha."""
    return plain(value) in _TRANSPARENT


def means_behind(target: str) -> bool:
    """Whether a target names what lies behind and around the subject, and not a thing."""
    return plain(bare(target)) in _BEHIND


def plain(words: str) -> str:
    """Lower case, single spaces, no full stop at the end."""
    return " ".join(words.lower().split()).rstrip(".!")


def bare(phrase: str) -> str:
    """A noun phrase without article or possessive."""
    return _ARTICLE.sub("", phrase.strip())


def take_amount(words: str) -> tuple[Amount | None, str]:
    """Finds an amount in plain words; gives it (or None) and what is left of the words."""
    for pattern, factor, unit in _AMOUNTS:
        if match := pattern.search(words):
            found = Amount(float(match[1]) * factor, "px" if unit == "px" else "fraction")
            return found, _without(words, match)
    for pattern, number in _AMOUNT_WORDS:
        if match := pattern.search(words):
            return Amount(number), _without(words, match)
    return None, words


def is_here(value: str) -> bool:
    """Whether a place is left open, or left to the region that was drawn with it."""
    return plain(value) in _HERE


def read_placement(value: str, *, moving: bool) -> Placement | None:
    """Reads where something should go.

    Args:
        value: Such as ``left 20%``, ``top right``, ``next to the tree``.
        moving: Whether a bare ``left`` is a direction (of a move) rather than a part of the picture.

    Returns:
        None where the words name no place that is known.
    """
    words = plain(value)
    if moving and (shift := _shift(words)) is not None:
        return shift
    if (spot := _spot(words)) is not None:
        return spot
    for pattern, relation in _RELATIONS:
        if match := re.match(rf"(?:{pattern})\s+(?P<anchor>.+)", words):
            return Beside(relation, bare(match["anchor"]))
    return None


def _shift(words: str) -> Shift | None:
    amount, rest = take_amount(words)
    tokens = [word for word in re.findall(r"[a-z-]+|\d+", rest) if word not in _SHIFT_FILLERS]
    if "side" in rest.split() or not tokens:
        return None
    if any(word not in _HORIZONTAL and word not in _VERTICAL for word in tokens):
        return None
    right = next((_HORIZONTAL[word] for word in tokens if word in _HORIZONTAL), 0)
    down = next((_VERTICAL[word] for word in tokens if word in _VERTICAL), 0)
    return Shift(right, down, amount)


def _spot(words: str) -> Spot | None:
    tokens = [word for word in re.findall(r"[a-z]+|\d+", words) if word not in _SPOT_FILLERS]
    x = next((0.0 if word == "left" else 1.0 for word in tokens if word in ("left", "right")), None)
    y = next((_VERTICAL_SPOTS[word] for word in tokens if word in _VERTICAL_SPOTS), None)
    middle = any(word in _MIDDLE for word in tokens)
    known = {"left", "right"} | _VERTICAL_SPOTS.keys() | _MIDDLE
    if not tokens or any(word not in known for word in tokens):
        return None
    if middle:
        x, y = (0.5 if x is None else x), (0.5 if y is None else y)
    return Spot(x, y)


def _without(words: str, match: "re.Match[str]") -> str:
    return " ".join((words[: match.start()] + " " + words[match.end() :]).split())
