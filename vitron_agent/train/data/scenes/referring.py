"""Phrases that refer to things: by what they look like, where they are, and what they do.

A phrase is used only where it fits its things clearly and clearly fits no other body of the scene. Where it tells a
place, a relation, an order or a motion, this is needed: its noun alone fits other bodies too.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

from vitron_agent.train.data.scenes.phrases import NUMBERS, Noun, fitting, name, nouns, num_words, own_nouns
from vitron_agent.train.data.scenes.seen import Judgement, Seen

ReferenceKind: TypeAlias = Literal["attribute", "place", "relation", "ordinal", "motion", "all"]
"""How a phrase picks out its things."""

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
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


def reference(seen: Seen, bodies: Sequence[int], rng: Random) -> Reference | None:
    """A phrase that names one of some bodies alone: any kind that fits one of them is as likely as another."""
    for kind in rng.sample(list(_MAKERS), len(_MAKERS)):
        for body in rng.sample(bodies, len(bodies)):
            if fit := list(_MAKERS[kind](seen, body, rng)):
                return Reference(kind, rng.choice(fit), (body,))
    return None


def plural_references(seen: Seen, rng: Random) -> list[Reference]:
    """Phrases that name several bodies: all of a kind."""
    found = {}
    for body in seen.scene.bodies:
        noun = rng.choice([noun for noun in nouns(body) if num_words(noun) <= 2])
        alike = fitting(noun, seen.scene)
        if alike and len(alike) > 1:
            number = rng.choice(("all the", "all of the", f"the {NUMBERS[len(alike)]}"))
            found[alike] = Reference("all", f"{number} {noun.words(len(alike))}", alike)
    return list(found.values())


def _shared_noun(seen: Seen, body: int, rng: Random) -> tuple[Noun, tuple[int, ...]]:
    """A noun of one word that others of the scene's bodies have too, and all that have it."""
    general = [noun for noun in nouns(seen.scene.bodies[body]) if num_words(noun) <= 1 and not noun.size]
    noun = rng.choice([noun for noun in general if len(fitting(noun, seen.scene) or ()) > 1] or [Noun()])
    return noun, fitting(noun, seen.scene) or ()


def _by_attribute(seen: Seen, body: int, rng: Random) -> Iterator[str]:
    """Short nouns and long ones alike."""
    if own := own_nouns(seen.scene, body):
        yield f"the {rng.choice(own).words()}"


def _by_place(seen: Seen, body: int, rng: Random) -> Iterator[str]:
    noun, kindred = _shared_noun(seen, body, rng)
    for place, ways in _PLACES.items():
        if _only(body, kindred, {one: seen.placed(place, one) for one in kindred}):
            yield f"the {noun.words()} {rng.choice(ways)}"


def _by_relation(seen: Seen, body: int, rng: Random) -> Iterator[str]:
    noun, kindred = _shared_noun(seen, body, rng)
    for other in range(len(seen.scene.bodies)):
        anchor = name(seen.scene, other, rng) if other != body else None
        if not anchor:
            continue
        for relation, ways in RELATIONS.items():
            judged = {one: seen.related(relation, one, other) for one in kindred if one != other}
            if _only(body, kindred, judged):
                yield f"the {noun.words()} {rng.choice(ways)} {anchor}"


def _by_ordinal(seen: Seen, body: int, rng: Random) -> Iterator[str]:
    noun, kindred = _shared_noun(seen, body, rng)
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


def _by_motion(seen: Seen, body: int, rng: Random) -> Iterator[str]:
    noun, kindred = _shared_noun(seen, body, rng)
    event = seen.scene.event(body)
    alike = _UNMOVED if event == "still" else {event}
    if seen.scene.media == "video" and sum(seen.scene.event(one) in alike for one in kindred) == 1:
        yield f"the {noun.words()} {rng.choice(_MOTIONS[event])}"


_MAKERS: Mapping[ReferenceKind, Callable[[Seen, int, Random], Iterator[str]]] = {
    "attribute": _by_attribute,
    "place": _by_place,
    "relation": _by_relation,
    "ordinal": _by_ordinal,
    "motion": _by_motion,
}


def _only(body: int, kindred: tuple[int, ...], judged: Mapping[int, Judgement]) -> bool:
    """True where the body is the only one for which the judgement is True, and it is False for all others."""
    return all(judged.get(one, False) is (one == body) for one in kindred)
