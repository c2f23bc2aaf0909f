"""The table of nouns: which ImageNet classes a word means, derived from WordNet 3.0."""

import difflib
import lzma
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path

TABLE = Path(__file__).parent / "nouns.txt.xz"
"""Made by ``vitron_agent/train/data/wordnet.py``, which describes its form."""
ALIASES = Path(__file__).parent / "aliases.txt"
"""Reviewed by hand; wins over the table. A line is ``<word> <relation> <word of the table>, ...``."""


class Relation(StrEnum):
    """How a word stands to the thing that is looked for in its place."""

    IS = "="
    """It is the thing's name (or that of a whole family: animal, vehicle)."""
    KIND = "<"
    """It is a kind of the thing: a goalkeeper is a person."""
    NEAR = "~"
    """It is a sister of the thing: cow and ox. (The table names their family.)"""
    BESIDE = "?"
    """The thing is only the nearest family that is known; not good enough to look for."""


@dataclass(frozen=True)
class Thing:
    """One meaning that can be looked for.

    Attributes:
        wordnet_id: Such as ``n02084071``.
        name: Its plain name: ``dog``.
        classes: ImageNet classes (0 to 999) that are of this kind, in order.
        above: WordNet ids of itself and of all that it is a kind of.
        is_class: Whether it is itself one of the ImageNet classes.
    """

    wordnet_id: str
    name: str
    classes: tuple[int, ...]
    above: frozenset[str]
    is_class: bool


@dataclass(frozen=True)
class Meaning:
    """What a word is looked for as.

    Attributes:
        word: The word in the singular, as it was understood.
        things: Usually one; an alias may name several.
        relation: How the word stands to them.
    """

    word: str
    things: tuple[Thing, ...]
    relation: Relation

    @property
    def classes(self) -> tuple[int, ...]:
        """All classes of all things, in order."""
        return tuple(sorted({number for thing in self.things for number in thing.classes}))

    @property
    def note(self) -> str | None:
        """Says what the word is searched as, unless that is its own name."""
        if self.relation is Relation.IS:
            return None
        return f"{self.word}: searched as {' or '.join(thing.name for thing in self.things)}"


class Nouns:
    """The table in memory; use :func:`load_nouns`.

    Args:
        text: The table's text.
        aliases: The aliases' text; each target is a word of the table.
    """

    def __init__(self, text: str, aliases: str = "") -> None:
        things, words = text.split("\n\n")
        self.things = _read_things(things)
        self._words = dict(line.split("|") for line in words.splitlines())
        self._aliases = {}
        for line in aliases.splitlines():
            if line and not line.startswith("#"):
                name, relation, targets = re.split(r" ([=<~]) ", line)
                self._aliases[name] = (Relation(relation), tuple(targets.split(", ")))

    def find(self, phrase: str) -> Meaning | None:
        """What a noun of one to three words means, in singular or plural; None if the table doesn't hold it."""
        for word in singulars(phrase):
            if word in self._aliases:
                relation, targets = self._aliases[word]
                return Meaning(word, tuple(thing for target in targets for thing in self._entry(target)[1]), relation)
            if word in self._words:
                relation, things = self._entry(word)
                if relation is Relation.NEAR:
                    things = tuple(self.classes[number] for thing in things for number in thing.classes)
                return Meaning(word, things, relation)
        return None

    def nearest(self, word: str, count: int = 3) -> tuple[str, ...]:
        """Words that can be looked for, near to one that can't: in meaning where it is known, else in spelling."""
        meaning = self.find(word)
        if meaning is not None:
            family = {thing.wordnet_id for thing in meaning.things}
            return tuple(thing.name for thing in self.classes if thing.above & family)[:count]
        return tuple(difflib.get_close_matches(word, self.findable, n=count, cutoff=0.75))

    @cached_property
    def classes(self) -> tuple[Thing, ...]:
        """The thing of each ImageNet class, in the order of the classes."""
        return tuple(sorted((thing for thing in self.things if thing.is_class), key=lambda thing: thing.classes))

    @cached_property
    def by_id(self) -> dict[str, Thing]:
        """Every thing by its WordNet id."""
        return {thing.wordnet_id: thing for thing in self.things}

    @cached_property
    def findable(self) -> tuple[str, ...]:
        """Every word that can be looked for."""
        return (*self._aliases, *(word for word, code in self._words.items() if code[0] != Relation.BESIDE))

    def _entry(self, word: str) -> tuple[Relation, tuple[Thing, ...]]:
        code = self._words[word]
        return Relation(code[0]), tuple(self.things[int(number)] for number in code[1:].split(",") if number)


def singulars(phrase: str) -> tuple[str, ...]:
    """The phrase, and what it may be the regular plural of; most likely first."""
    head, _, last = phrase.rpartition(" ")
    prefix = f"{head} " if head else ""
    endings = (("ies", "y"), ("ves", "f"), ("ves", "fe"), ("men", "man"), ("es", ""), ("s", ""))
    stems = [last[: -len(ending)] + singular for ending, singular in endings if last.endswith(ending)]
    return (phrase, *(prefix + stem for stem in reversed(stems) if len(stem) > 1 and not last.endswith("ss")))


def _read_things(lines: str) -> tuple[Thing, ...]:
    rows = [line.split("|") for line in lines.splitlines()]
    above: list[frozenset[str]] = []
    for wordnet_id, _, _, parents in rows:  # what is above comes first
        above.append(frozenset({wordnet_id}).union(*(above[int(parent)] for parent in parents.split(",") if parent)))
    below: dict[str, list[int]] = {row[0]: [] for row in rows}
    for row, ancestors in zip(rows, above, strict=True):
        if row[2]:
            for ancestor in ancestors:
                below[ancestor].append(int(row[2]))
    return tuple(
        Thing(wordnet_id, name, tuple(sorted(below[wordnet_id])), ancestors, bool(own))
        for (wordnet_id, name, own, _), ancestors in zip(rows, above, strict=True)
    )


@lru_cache(maxsize=1)
def load_nouns() -> Nouns:
    """The shipped table."""
    return Nouns(lzma.decompress(TABLE.read_bytes()).decode(), ALIASES.read_text(encoding="utf-8"))
