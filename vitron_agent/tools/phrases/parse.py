"""Noun phrases: the thing, and the words that say which one of several is meant."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vitron_agent.tools.phrases.nouns import Meaning, Nouns, Relation

Side: TypeAlias = Literal["left", "right", "top", "bottom", "middle", "front", "back"]
Size: TypeAlias = Literal["largest", "smallest"]
Link: TypeAlias = Literal["on", "under", "near", "left of", "right of", "behind", "before", "with"]

_COLORS = {
    "red": "red", "scarlet": "red", "crimson": "red", "orange": "orange", "ginger": "orange", "yellow": "yellow",
    "golden": "yellow", "blond": "yellow", "blonde": "yellow", "green": "green", "blue": "blue", "navy": "blue",
    "purple": "purple", "violet": "purple", "pink": "pink", "brown": "brown", "tan": "brown", "beige": "brown",
    "black": "black", "dark": "black", "white": "white", "gray": "gray", "grey": "gray", "silver": "gray",
}  # fmt: skip
_SIZES: dict[str, Size] = {
    "largest": "largest", "biggest": "largest", "big": "largest", "large": "largest", "huge": "largest",
    "tallest": "largest", "tall": "largest", "bigger": "largest", "larger": "largest", "taller": "largest",
    "smallest": "smallest", "small": "smallest", "little": "smallest", "tiny": "smallest", "smaller": "smallest",
    "shortest": "smallest", "tiniest": "smallest",
}  # fmt: skip
_ORDINALS = {
    "first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "fourth": 3, "4th": 3, "fifth": 4, "5th": 4,
    "sixth": 5, "6th": 5, "last": -1,
}  # fmt: skip
_NUMBERS = {"one": 1, "both": 2, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "2": 2, "3": 3, "4": 4, "5": 5}
_SIDES: dict[str, Side] = {
    "left": "left", "leftmost": "left", "left-hand": "left", "lefthand": "left", "right": "right",
    "rightmost": "right", "right-hand": "right", "righthand": "right", "top": "top", "upper": "top",
    "topmost": "top", "highest": "top", "bottom": "bottom", "lower": "bottom", "lowest": "bottom",
    "middle": "middle", "center": "middle", "centre": "middle", "central": "middle", "front": "front",
    "nearest": "front", "closest": "front", "foreground": "front", "nearer": "front", "closer": "front",
    "back": "back", "farthest": "back", "furthest": "back", "background": "back", "distance": "back", "rear": "back",
}  # fmt: skip
_FILLERS = frozenset(
    {"the", "a", "an", "my", "your", "his", "her", "our", "their", "its", "this", "that", "these", "those", "some"}
    | {"of", "all", "every", "each", "any", "other", "most", "very", "one", "and", "by", "far"}
)
_GROUPS = "group|bunch|pair|couple|crowd|pack|herd|flock|pile|row|piece|slice|lot|set|number|picture|photo|image"
_PLACE = re.compile(
    r"\b(?:(?:on|at|in|to|from|near|towards?) )(?:the |its )?(?:very |far |extreme )?"
    rf"(?P<sides>(?:(?:{'|'.join(_SIDES)})[ -]?){{1,2}})"
    r"(?: ?(?:side|corner|edge|end|part|half|hand side|row|of the (?:picture|photo|image|frame|scene)))*(?= |$)(?! of )"
)
_LINKS: tuple[tuple[str, Link], ...] = (
    (r"to the left of|left of", "left of"),
    (r"to the right of|right of", "right of"),
    (r"in front of|before", "before"),
    (r"behind", "behind"),
    (r"underneath|under|beneath|below", "under"),
    (r"on top of|standing on|sitting on|lying on|sat on|riding|above|over|on", "on"),
    (r"next to|close to|beside|alongside|near|by|at|against", "near"),
    (r"with|holding|wearing|carrying|in|inside", "with"),
)
_LINK = re.compile(r" (" + "|".join(words for words, _ in _LINKS) + r") ")


@dataclass(frozen=True)
class Phrase:
    """A noun phrase, understood.

    Attributes:
        text: As it was said.
        meaning: What its noun means; None if the table doesn't hold the word.
        noun: The noun's words, also where they mean nothing known.
        colors: Basic colour names, American spelling.
        size: The largest or the smallest one.
        ordinal: Its place in the row, from 0; -1 = the last.
        sides: Where it is; with an ordinal: from which side the row is counted.
        number: How many; None = not said.
        plural: Whether more than one may be meant.
        link: How it lies to ``anchor``.
        anchor: The other thing.
        unused: Adjectives that choose nothing here (old, nice).
    """

    text: str
    meaning: Meaning | None
    noun: str
    colors: tuple[str, ...] = ()
    size: Size | None = None
    ordinal: int | None = None
    sides: tuple[Side, ...] = ()
    number: int | None = None
    plural: bool = False
    link: Link | None = None
    anchor: "Phrase | None" = None
    unused: tuple[str, ...] = ()

    @property
    def chooses(self) -> bool:
        """Whether it says which of several instances is meant."""
        return bool(self.colors or self.sides or self.size or self.link or self.number) or self.ordinal is not None


def parse_phrase(text: str, nouns: Nouns) -> Phrase:
    """Understands ``second dog from the left``, ``red cup on the table``, ``both cats`` and the like."""
    rest, sides = _without_places(_plain(text))
    rest, link, anchor_text = _split_link(rest, nouns)
    words = re.sub(rf"\b(?:{_GROUPS})s? of ", "", rest).split(" of ")[0].split()
    start, meaning = _find_noun(words, nouns)
    before, noun = words[:start], " ".join(words[start:])
    colored = re.match(r"^(?:the )?(\w+)$", anchor_text) if link == "with" else None
    if colored and colored[1] in _COLORS:  # "the man in red"
        before, anchor_text, link = [*before, colored[1]], "", None
    used = _COLORS.keys() | _SIZES.keys() | _ORDINALS.keys() | _NUMBERS.keys() | _SIDES.keys() | _FILLERS
    return Phrase(
        text=text,
        meaning=meaning,
        noun=noun,
        colors=tuple(dict.fromkeys(_COLORS[word] for word in before if word in _COLORS)),
        size=next((_SIZES[word] for word in before if word in _SIZES), None),
        ordinal=next((_ORDINALS[word] for word in before if word in _ORDINALS), None),
        sides=(*(_SIDES[word] for word in before if word in _SIDES), *sides),
        number=next((_NUMBERS[word] for word in before if word in _NUMBERS), None),
        plural=meaning is not None and meaning.word != noun,
        link=link,
        anchor=parse_phrase(anchor_text, nouns) if anchor_text else None,
        unused=tuple(word for word in before if word not in used),
    )


def _plain(text: str) -> str:
    text = re.sub(r"[^\w\s'-]", " ", text.lower().replace("’", "'"))
    text = re.sub(r"\b(?:that|which|who) (?:is|are) |\bin (?:the|a) (?:row|line)\b", "", text)
    return " ".join(text.split())


def _without_places(text: str) -> tuple[str, tuple[Side, ...]]:
    sides: list[Side] = []

    def note(found: re.Match[str]) -> str:
        sides.extend(_SIDES[word] for word in re.split(r"[ -]", found["sides"].strip(" -")) if word in _SIDES)
        return ""

    return " ".join(_PLACE.sub(note, text).split()), tuple(sides)


def _split_link(text: str, nouns: Nouns) -> tuple[str, Link | None, str]:
    owner = re.match(r"^(?P<owner>.+)'s? (?P<thing>.+)$", text)
    if owner:
        return owner["thing"], "with", owner["owner"]
    found = _LINK.search(text)
    if found is None or nouns.find(text) is not None:
        return text, None, ""
    link = next(link for words, link in _LINKS if re.fullmatch(words, found[1]))
    return text[: found.start()], link, text[found.end() :]


def _find_noun(words: list[str], nouns: Nouns) -> tuple[int, Meaning | None]:
    """Where the noun begins: the longest ending that is something to look for, else the longest known one."""
    known = [(start, meaning) for start in range(len(words)) if (meaning := nouns.find(" ".join(words[start:])))]
    usable = [entry for entry in known if entry[1].relation is not Relation.BESIDE]
    if usable or known:
        return (usable or known)[0]
    plain = [start for start, word in enumerate(words) if word not in _FILLERS | _COLORS.keys() | _SIZES.keys()]
    return (plain[0] if plain else len(words)), None
