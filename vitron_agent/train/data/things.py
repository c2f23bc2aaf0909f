"""Noun phrases as people say them, with the target that a plan writes for them (docs/invocations.md, rule 3)."""

import re
from dataclasses import dataclass
from random import Random

from vitron_agent.train.data.text import sections

_DETERMINERS = ("the",) * 12 + ("that",) * 3 + ("this", "my", "my", "our", "his", "her", "their", "your")
_CATEGORIES = ("person", "animal", "vehicle", "furniture", "object", "clothes", "food", "nature")
_MASS = frozenset({"hair", "grass", "snow", "water", "rain", "smoke", "text", "people", "skin", "sand", "fog", "rice"})


@dataclass(frozen=True, slots=True)
class Thing:
    """A noun phrase.

    Attributes:
        bare: Without article or possessive: the target of a plan.
        definite: As named in a sentence: "the second dog from the left", "my old car".
        noun: The noun alone.
    """

    bare: str
    definite: str
    noun: str

    @property
    def indefinite(self) -> str:
        """With an indefinite article where one fits: "an old car", "some flowers"."""
        return indefinite(self.bare)


def is_plural(words: str) -> bool:
    """A guess that is good enough for articles."""
    head = words.split()[0] if " of " in words else words.split()[-1]
    return words in _MASS or head in _MASS or (head.endswith("s") and not head.endswith(("ss", "us", "is")))


def indefinite(bare: str) -> str:
    """With "a", "an" or "some"."""
    if is_plural(bare):
        return f"some {bare}"
    return f"{'an' if bare[0] in 'aeiou' else 'a'} {bare}"


def noun(rng: Random) -> str:
    """A plain noun of any kind."""
    return rng.choice(sections("lexicon")[rng.choice(_CATEGORIES)])


def fill_nouns(pattern: str, rng: Random) -> str:
    """Puts a noun of its own into each ``{n}``."""
    return re.sub(r"\{n\}", lambda _: noun(rng), pattern)


def thing(rng: Random, *, simple: bool = False) -> Thing:
    """Something in a picture: plain, or with adjectives, an ordinal or a relation; ``simple`` = the noun alone."""
    words = sections("lexicon")
    category = rng.choice(_CATEGORIES)
    kind = rng.choice(words[category])
    bare = kind
    roll = 1.0 if simple else rng.random()
    if roll < 0.13:
        bare = f"{rng.choice(words['adjective'])} {kind}"
    elif roll < 0.23:
        bare = f"{rng.choice([c for c in words['color'] if not c.startswith('#')])} {kind}"
    elif roll < 0.26:
        bare = f"{rng.choice(words['adjective'])} {rng.choice(words['color'][:20])} {kind}"
    elif roll < 0.36:
        relations = words["person_relation"] if category == "person" and rng.random() < 0.6 else words["relation"]
        bare = f"{kind} {fill_nouns(rng.choice(relations), rng)}"
    elif roll < 0.42:
        bare = rng.choice(words["ordinal"]).replace("{n}", kind)
    return Thing(bare=bare, definite=f"{rng.choice(_DETERMINERS)} {bare}", noun=kind)
