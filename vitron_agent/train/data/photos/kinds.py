"""What a thing in a photo can be called: names, the families that people speak of, descriptions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from vitron_agent.errors import UsageError
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.train.data.photos.descriptions import describe, read_glosses
from vitron_agent.train.data.photos.split import held_out, mentions_held_out
from vitron_agent.train.data.text import sections
from vitron_agent.train.data.wordnet import WordNet

WORDNET = Path("/usr/share/wordnet")
"""Where Debian's package ``wordnet-base`` puts WordNet 3.0."""
ANIMAL = "n00015388"
SCENERY = frozenset({"n09287968", "n04341686", "n04191595", "n08578706", "n09433442"})
"""Landscapes, buildings, shops, shores: nothing that can be cut out, but good to paste things on."""


class Sort(StrEnum):
    """How a word stands to the thing that it names."""

    NAME = "name"
    FAMILY = "family"
    DESCRIPTION = "description"


@dataclass(frozen=True, slots=True)
class Word:
    """Something that a thing can be called.

    Attributes:
        text: A noun without article ("dog"); a description has its indefinite article ("something that holds liquids").
        means: WordNet id of what it names: it fits all that are of that kind.
        sort: Which of the three.
    """

    text: str
    means: str
    sort: Sort

    @property
    def definite(self) -> str:
        """With "the"; a description of "something" stays as it is."""
        if self.sort is not Sort.DESCRIPTION:
            return f"the {self.text}"
        article, _, rest = self.text.partition(" ")
        return self.text if article == "something" else f"the {rest}"


@dataclass(frozen=True, slots=True)
class Kind:
    """A synset, as photos show it.

    Attributes:
        wordnet_id: Such as ``n02084071``.
        above: WordNet ids of itself and of all that it is a kind of.
        names: The usual one first; a synset without a word of its own has none.
        families: The nearest first.
        descriptions: None of them holds any of its names.
    """

    wordnet_id: str
    above: frozenset[str]
    names: tuple[Word, ...]
    families: tuple[Word, ...]
    descriptions: tuple[Word, ...]

    @property
    def words(self) -> tuple[Word, ...]:
        """All of them."""
        return (*self.names, *self.families, *self.descriptions)

    @property
    def is_scenery(self) -> bool:
        """Whether photos of it show a place rather than a thing."""
        return bool(self.above & SCENERY)

    def fits(self, word: Word) -> bool:
        """Whether things of this kind can be called so; also by a word that means something else too (crane)."""
        return word.means in self.above or any(own.text == word.text for own in self.words)


class Kinds:
    """All synsets of WordNet.

    Args:
        folder: Holds ``data.noun`` and ``index.noun`` of WordNet 3.0.

    Raises:
        UsageError: It does not.
    """

    def __init__(self, folder: Path = WORDNET) -> None:
        if not (folder / "data.noun").is_file():
            raise UsageError(f"{folder} holds no WordNet 3.0: install wordnet-base, or name the folder of data.noun")
        self._wordnet = WordNet(folder, ())
        self._glosses = read_glosses(folder)

    @cache  # noqa: B019 - lives as long as the run
    def kind(self, wordnet_id: str) -> Kind | None:
        """A synset; None if WordNet has none of that id."""
        offset = wordnet_id[1:]
        if offset not in self._wordnet.synsets:
            return None
        above = frozenset(f"n{one}" for one in self._wordnet.closure(offset))
        nearest = sorted(above & _families().keys(), key=lambda one: -len(self._wordnet.closure(one[1:])))
        families = tuple(
            Word(text, one, Sort.FAMILY) for one in nearest if one != wordnet_id for text in _families()[one]
        )
        called = self._wordnet.synsets[offset].words
        described = describe(self._glosses[wordnet_id], called, kind="an animal" if ANIMAL in above else "something")
        new = held_out(wordnet_id)

        def words(texts: Iterable[str], sort: Sort) -> tuple[Word, ...]:
            """Without those that say a held-out word (tiger shark) of what may be learned."""
            return tuple(Word(text, wordnet_id, sort) for text in texts if new or not mentions_held_out(text))

        return Kind(
            wordnet_id, above, words(self._names(offset), Sort.NAME), families, words(described, Sort.DESCRIPTION)
        )

    def named(self, name: str) -> Kind | None:
        """What a name of a class (``tennis ball``, ``tennis_ball``) means in the shipped table of nouns."""
        meaning = load_nouns().find(name.replace("_", " ").lower())
        return self.kind(meaning.things[0].wordnet_id) if meaning is not None and meaning.things else None

    def _names(self, offset: str) -> list[str]:
        """The words that mean nothing else more often, those of science left out.

        The first stands even so (a crane is a bird, and a machine), unless one of the two meanings is held out and the
        other isn't: then the word would be learned with the one and be new with the other.
        """
        if (known := _families().get(f"n{offset}")) is not None:
            return list(known)
        words = self._wordnet.synsets[offset].words
        usual = {word: self._wordnet.senses[word.lower()][0] for word in words}
        same = held_out(f"n{usual[words[0]]}") == held_out(f"n{offset}")
        return [
            word
            for number, word in enumerate(words)
            if (usual[word] == offset or (number == 0 and same)) and not self._is_latin(word)
        ]

    def _is_latin(self, word: str) -> bool:
        return f"genus {word.split()[0].lower()}" in self._wordnet.senses and len(word.split()) > 1


@cache
def _families() -> Mapping[str, tuple[str, ...]]:
    """What people call the families of ``families.txt``, by WordNet id."""
    pairs = (line.split(" ", 1) for line in sections("photos")["families"])
    return {wordnet_id: tuple(names.split(", ")) for wordnet_id, names in pairs}
