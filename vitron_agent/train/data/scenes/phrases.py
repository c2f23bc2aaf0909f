"""Words that name things: by what they look like, where they are, and what they do.

A phrase is used only where it fits its things clearly and clearly fits no other body of the scene.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from itertools import combinations
from random import Random
from typing import Literal, TypeAlias

from vitron_agent.train.data.scenes.model import Body, Scene
from vitron_agent.train.data.scenes.seen import Judgement, Seen

ReferenceKind: TypeAlias = Literal["attribute", "place", "relation", "ordinal", "motion", "all"]
"""How a phrase picks out its things."""

_PLURALS = {"cross": "crosses"}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
RELATIONS: Mapping[str, tuple[str, ...]] = {
    "left": ("to the left of", "left of"),
    "right": ("to the right of", "right of"),
    "above": ("above",),
    "below": ("below",),
    "behind": ("behind",),
    "front": ("in front of",),
    "inside": ("inside",),
    "passes": ("passing in front of", "that passes in front of"),
}
_PLACES: Mapping[str, tuple[str, ...]] = {
    "left": ("on the left", "on the left side"),
    "right": ("on the right", "on the right side"),
    "top": ("at the top",),
    "bottom": ("at the bottom",),
}
_EXTREMES: Mapping[str, tuple[str, ...]] = {
    "left": ("leftmost",),
    "right": ("rightmost",),
    "top": ("topmost", "highest"),
    "bottom": ("lowest", "bottommost"),
}
_MOTIONS: Mapping[str, tuple[str, ...]] = {
    "left": ("moving left", "that moves to the left"),
    "right": ("moving right", "that moves to the right"),
    "up": ("moving up", "that moves up"),
    "down": ("moving down", "that moves down"),
    "grows": ("that grows", "that gets bigger"),
    "appears": ("that appears", "that shows up later"),
    "disappears": ("that disappears", "that vanishes"),
    "still": ("that stands still", "that doesn't move"),
}
_UNMOVED = {"still", "grows", "appears", "disappears"}
"""Events of bodies that stay where they are."""


@dataclass(frozen=True, slots=True)
class Noun:
    """Attributes that name things; the words of a noun stand in the order of the fields."""

    size: str | None = None
    color: str | None = None
    pattern: str | None = None
    shape: str | None = None

    def fits(self, body: Body) -> Judgement:
        """Whether the words are right for a body; None for the size of one that grows."""
        own = (body.size, body.color, body.pattern, body.shape)
        if any(word is not None and word != right for word, right in list(zip(astuple(self), own, strict=True))[1:]):
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
            return f"{_NUMBERS[number]} {self.words(number)}"
        words = self.words()
        if number == 0:
            return f"no {words}"
        return f"an {words}" if words[0] in "aeiou" else f"a {words}"


@dataclass(frozen=True, slots=True)
class Reference:
    """A phrase and the things that it names.

    Attributes:
        kind: How.
        words: With its article; fits into a sentence as it is.
        bodies: Positions in the scene.
    """

    kind: ReferenceKind
    words: str
    bodies: tuple[int, ...]


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
    found = [noun for noun in _own_nouns(scene, body) if not (without and getattr(noun, without))]
    short = [noun for noun in found if _length(noun) <= _length(found[0]) + 1]
    return f"the {rng.choice(short).words()}" if short else None


def _own_nouns(scene: Scene, body: int) -> list[Noun]:
    return [noun for noun in nouns(scene.bodies[body]) if noun != Noun() and fitting(noun, scene) == (body,)]


def _length(noun: Noun) -> int:
    return sum(getattr(noun, item.name) is not None for item in fields(noun))


def references(seen: Seen, body: int, rng: Random) -> list[Reference]:
    """Phrases that name this body alone, of as many kinds as the scene allows, one a kind."""
    found: list[Reference] = []
    if own := _own_nouns(seen.scene, body):
        found.append(Reference("attribute", f"the {rng.choice(own).words()}", (body,)))
    noun = _general_noun(seen.scene.bodies[body], rng)
    kindred = fitting(noun, seen.scene) or ()
    for kind, maker in _MAKERS.items():
        if fit := list(maker(seen, body, noun, kindred, rng)):
            found.append(Reference(kind, rng.choice(fit), (body,)))
    return found


def plural_references(seen: Seen, rng: Random) -> list[Reference]:
    """Phrases that name several bodies: all of a kind."""
    found = {}
    for body in seen.scene.bodies:
        noun = rng.choice([noun for noun in nouns(body) if _length(noun) <= 2])
        alike = fitting(noun, seen.scene)
        if alike and len(alike) > 1:
            number = rng.choice(("all the", "all", f"the {_NUMBERS[len(alike)]}"))
            found[alike] = Reference("all", f"{number} {noun.words(len(alike))}", alike)
    return list(found.values())


def _general_noun(body: Body, rng: Random) -> Noun:
    """A noun that alone need not tell which body is meant."""
    return rng.choice([noun for noun in nouns(body) if _length(noun) <= 1 and not (noun.pattern or noun.size)])


def _by_place(seen: Seen, body: int, noun: Noun, kindred: tuple[int, ...], rng: Random) -> Iterator[str]:
    for place, ways in _PLACES.items():
        if _only(body, kindred, {one: seen.placed(place, one) for one in kindred}):
            yield f"the {noun.words()} {rng.choice(ways)}"


def _by_relation(seen: Seen, body: int, noun: Noun, kindred: tuple[int, ...], rng: Random) -> Iterator[str]:
    for other in range(len(seen.scene.bodies)):
        anchor = name(seen.scene, other, rng) if other != body else None
        if not anchor:
            continue
        for relation, ways in RELATIONS.items():
            judged = {one: seen.related(relation, one, other) for one in kindred if one != other}
            if _only(body, kindred, judged):
                yield f"the {noun.words()} {rng.choice(ways)} {anchor}"


def _by_ordinal(seen: Seen, body: int, noun: Noun, kindred: tuple[int, ...], rng: Random) -> Iterator[str]:
    if len(kindred) < 2:
        return
    for axis, (start, end) in enumerate((("left", "right"), ("top", "bottom"))):
        row = seen.row(kindred, axis)
        if row is None:
            continue
        place = row.index(body)
        if place in (0, len(row) - 1):
            yield f"the {rng.choice(_EXTREMES[start if place == 0 else end])} {noun.words()}"
        else:
            yield f"the {_ORDINALS[place]} {noun.words()} from the {start}"
            yield f"the {_ORDINALS[len(row) - 1 - place]} {noun.words()} from the {end}"


def _by_motion(seen: Seen, body: int, noun: Noun, kindred: tuple[int, ...], rng: Random) -> Iterator[str]:
    event = seen.scene.event(body)
    alike = _UNMOVED if event == "still" else {event}
    if seen.scene.media == "video" and sum(seen.scene.event(one) in alike for one in kindred) == 1:
        yield f"the {noun.words()} {rng.choice(_MOTIONS[event])}"


_Maker: TypeAlias = Callable[[Seen, int, Noun, tuple[int, ...], Random], Iterator[str]]
_MAKERS: Mapping[ReferenceKind, _Maker] = {
    "place": _by_place,
    "relation": _by_relation,
    "ordinal": _by_ordinal,
    "motion": _by_motion,
}


def _only(body: int, kindred: tuple[int, ...], judged: Mapping[int, Judgement]) -> bool:
    """True where the body is the only one for which the judgement is True, and it is False for all others."""
    return all(judged.get(one, False) is (one == body) for one in kindred)
