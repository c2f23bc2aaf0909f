"""Nouns: what things are called after how they look, and which bodies of a scene a noun fits."""

from collections.abc import Iterator
from itertools import combinations
from random import Random
from typing import NamedTuple

from vitron_agent.train.data.scenes.model import Body, Scene
from vitron_agent.train.data.scenes.seen import Judgement

_PLURALS = {"cross": "crosses"}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Noun(NamedTuple):
    """Attributes that name things; the words of a noun stand in the order of the fields."""

    size: str | None = None
    color: str | None = None
    pattern: str | None = None
    shape: str | None = None

    def fits(self, body: Body) -> Judgement:
        """Whether the words are right for a body; None for the size of one that grows."""
        own = (body.size, body.color, body.pattern, body.shape)
        if any(word is not None and word != right for word, right in list(zip(self, own, strict=True))[1:]):
            return False
        if self.size and body.growth > 1:
            return None
        return self.size in (None, body.size)

    def words(self, number: int = 1) -> str:
        """Without an article: ``large red striped balls``."""
        shape = self.shape or "thing"
        plural = _PLURALS.get(shape, f"{shape}s")
        return " ".join(
            word for word in (self.size, self.color, self.pattern, shape if number == 1 else plural) if word
        )

    def counted(self, number: int) -> str:
        """With an article or a number: ``a red ball``, ``two red balls``, ``no red ball``."""
        if number > 1:
            return f"{NUMBERS[number]} {self.words(number)}"
        words = self.words()
        if number == 0:
            return f"no {words}"
        return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def full_noun(body: Body) -> Noun:
    """All that can be said of how a body looks; being plain goes without saying, as does the size of one that grows."""
    return Noun(
        size=body.size if body.growth == 1 else None,
        color=body.color,
        pattern=body.pattern if body.pattern != "plain" else None,
        shape=body.shape,
    )


def fitting(noun: Noun, scene: Scene) -> tuple[int, ...] | None:
    """The bodies that a noun names; None where that is unclear of one."""
    judged = [noun.fits(body) for body in scene.bodies]
    return None if None in judged else tuple(body for body, fits in enumerate(judged) if fits)


def nouns(body: Body) -> Iterator[Noun]:
    """All that name a body, shorter ones first."""
    facts = {name: value for name in ("shape", "color", "pattern", "size") if (value := getattr(full_noun(body), name))}
    for number in range(len(facts) + 1):
        for names in combinations(facts, number):
            yield Noun(**{name: facts[name] for name in names})


def name(scene: Scene, body: int, rng: Random, *, without: str = "") -> str | None:
    """``the`` and a short noun that only this body has, or None.

    Args:
        scene: With the other bodies.
        body: Which.
        rng: Chooses among the short ones.
        without: An attribute that must not be told.
    """
    found = [noun for noun in own_nouns(scene, body) if not (without and getattr(noun, without))]
    short = [noun for noun in found if num_words(noun) <= num_words(found[0]) + 1]
    return f"the {rng.choice(short).words()}" if short else None


def own_nouns(scene: Scene, body: int) -> list[Noun]:
    """The nouns that only this body has, shorter ones first."""
    return [noun for noun in nouns(scene.bodies[body]) if noun != Noun() and fitting(noun, scene) == (body,)]


def num_words(noun: Noun) -> int:
    """How many attributes a noun tells."""
    return sum(word is not None for word in noun)
