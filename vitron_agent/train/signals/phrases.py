"""Phrases with what they mean: from WordNet's words and glosses to the things that grounding can look for.

A tenth of all synsets is held out (:mod:`vitron_agent.train.data.photos.split`): neither their words and descriptions
nor anything that says one of them is learned from. Of the rest some words are held out too, by their spelling.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vitron_agent.tools.phrases.nouns import Meaning, Relation, Thing, load_nouns
from vitron_agent.train.data.photos.descriptions import describe, read_glosses
from vitron_agent.train.data.photos.kinds import ANIMAL, WORDNET
from vitron_agent.train.data.photos.split import held_out, mentions_held_out
from vitron_agent.train.data.wordnet import WordNet

_NEW_WORDS = 25
"""One word in so many, of things that are learned, is not."""
_GENERAL = 150
"""Things above more classes than this look like nothing in particular."""


class Group(StrEnum):
    """What a phrase is for."""

    TRAIN = "train"
    NEW_WORD = "new_word"
    """A word or description that was not learned, of a thing that was learned by others."""
    NEW_THING = "new_thing"
    """A word or description of a held-out synset."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Something to look for.

    Attributes:
        text: A noun without article, or a description with its own ("a large pot used for boiling").
        things: WordNet ids of what it means, as positions in :class:`Concepts` are found by.
        group: What it is for.
        described: Whether it is a description.
    """

    text: str
    things: tuple[str, ...]
    group: Group
    described: bool

    @property
    def definite(self) -> str:
        """As people would say it in a request."""
        if not self.described:
            return f"the {self.text}"
        article, _, rest = self.text.partition(" ")
        return f"the {rest}" if article in ("a", "an") else self.text


def read_phrases(wordnet: Path = WORDNET) -> list[Phrase]:
    """All phrases, in a fixed order.

    Args:
        wordnet: Folder of ``data.noun`` and ``index.noun`` of WordNet 3.0.
    """
    found: dict[str, Phrase] = {}
    for text, things, described in (*_words(), *_descriptions(wordnet)):
        group = _group(text, things)
        if group is not None:
            found.setdefault(text, Phrase(text, tuple(thing.wordnet_id for thing in things), group, described))
    return list(found.values())


def learnable(thing: Thing) -> tuple[int, ...]:
    """The ImageNet classes that a thing may be learned by: those that are not held out."""
    classes = load_nouns().classes
    return tuple(number for number in thing.classes if not held_out(classes[number].wordnet_id))


def _group(text: str, things: tuple[Thing, ...]) -> Group | None:
    if all(held_out(thing.wordnet_id) for thing in things):
        return Group.NEW_THING
    if any(held_out(thing.wordnet_id) for thing in things) or mentions_held_out(text):
        return None
    return Group.NEW_WORD if _number(text) % _NEW_WORDS == 0 else Group.TRAIN


def _words() -> Iterator[tuple[str, tuple[Thing, ...], bool]]:
    nouns = load_nouns()
    for word in nouns.findable:
        meaning = nouns.find(word)
        if meaning is not None and _is_particular(meaning):
            yield word, meaning.things, False


def _descriptions(folder: Path) -> Iterator[tuple[str, tuple[Thing, ...], bool]]:
    nouns = load_nouns()
    wordnet = WordNet(folder, [thing.wordnet_id[1:].join(("n", "")) for thing in nouns.classes])
    glosses = read_glosses(folder)
    for offset, synset in wordnet.synsets.items():
        relation, thing = wordnet.relate(offset, 0)
        if relation is Relation.BESIDE or synset.named or f"n{thing}" not in nouns.by_id:
            continue
        meaning = Meaning("", (nouns.by_id[f"n{thing}"],), relation)
        if not _is_particular(meaning):
            continue
        kind = "an animal" if ANIMAL in meaning.things[0].above else "something"
        for text in describe(glosses[f"n{offset}"], synset.words, kind=kind):
            yield text, meaning.things, True


def _is_particular(meaning: Meaning) -> bool:
    return meaning.relation is not Relation.BESIDE and len(meaning.classes) <= _GENERAL


def _number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)
