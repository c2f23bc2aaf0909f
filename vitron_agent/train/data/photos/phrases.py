"""Phrases that mean exactly one thing of a scene (or all of a kind), with everything that makes them true known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from vitron_agent.train.data.photos.kinds import Kind, Sort, Word
from vitron_agent.train.data.photos.paste import Seen
from vitron_agent.train.data.photos.wording import NUMBERS, countable, plural

_GAP = 0.1
"""Middles that are nearer to one another, in shares of the picture, are neither left nor right of one another."""
_SIDE = 0.36
"""A single thing is on the left if its middle is so near to the left border."""
_LARGER = 1.6
"""The largest thing covers so many times more than the next one."""
_COLORED, _UNCOLORED = 0.5, 0.12
"""A thing has a colour that covers this share of it, and hasn't one that covers less than that."""
_ORDINALS = ("first", "second", "third", "fourth")


class Way(StrEnum):
    """How a phrase picks its thing."""

    NAME = "name"
    FAMILY = "family"
    DESCRIPTION = "description"
    POSITION = "position"
    ORDINAL = "ordinal"
    SIZE = "size"
    COLOR = "color"
    RELATION = "relation"
    SEVERAL = "several"


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words and the things that they mean.

    Attributes:
        text: With its article: "the dog on the left".
        things: Positions in the scene; one, except for ``SEVERAL``.
        way: How it picks them.
    """

    text: str
    things: tuple[int, ...]
    way: Way


class Phrases:
    """What can be said of a scene.

    Args:
        kinds: Of the things.
        seen: Of the things.
        background: Of what the photo under them shows; a phrase never fits that too.
    """

    def __init__(self, kinds: Sequence[Kind], seen: Sequence[Seen], background: Kind) -> None:
        self.kinds, self.seen = kinds, seen
        words = dict.fromkeys(word for kind in kinds for word in kind.words)
        self.words = [word for word in words if not background.fits(word)]

    def meant(self, word: Word) -> list[int]:
        """The things that a word fits."""
        return [number for number, kind in enumerate(self.kinds) if kind.fits(word)]

    def nouns(self, thing: int) -> list[Word]:
        """What a thing can be called, its usual name first; descriptions are left out."""
        words = (word for word in self.kinds[thing].words if word.sort is not Sort.DESCRIPTION)
        return [word for word in words if word in self.words]

    def alone(self, thing: int) -> list[Word]:
        """Those that fit no other thing."""
        return [word for word in self.nouns(thing) if self.meant(word) == [thing]]

    def all(self) -> dict[Way, list[Phrase]]:
        """Every phrase by its way, in a fixed order; ways without one are left out."""
        found: dict[Way, list[Phrase]] = {}
        for phrase in self._all():
            found.setdefault(phrase.way, []).append(phrase)
        return found

    def relation(self, one: int, other: int) -> list[str]:
        """How a thing surely lies to another: "to the left of"."""
        found = []
        x, y = (self.middle(one)[axis] - self.middle(other)[axis] for axis in (0, 1))
        if abs(x) > max(_GAP, abs(y) / 2):
            found.append("to the left of" if x < 0 else "to the right of")
        if abs(y) > max(_GAP, abs(x) / 2):
            found.append("above" if y < 0 else "below")
        if other in self.seen[one].covers:
            found.append("in front of")
        if one in self.seen[other].covers:
            found.append("behind")
        return found

    def middle(self, thing: int) -> tuple[float, float]:
        """(x, y) of the middle of its box."""
        left, top, right, bottom = self.seen[thing].box
        return (left + right) / 2, (top + bottom) / 2

    def area(self, thing: int) -> float:
        """Share of the picture that it covers."""
        return float(self.seen[thing].mask.mean())

    def side(self, thing: int, among: Sequence[int]) -> str | None:
        """Left or right if it surely is the one on that side among some; alone, if it is near that border."""
        return next((name for name in ("left", "right") if self._is_first(thing, among, name)), None)

    def _all(self) -> Iterator[Phrase]:
        for word in self.words:
            things = self.meant(word)
            if len(things) == 1:
                yield Phrase(word.definite, (things[0],), Way(word.sort.value))
            if word.sort is Sort.DESCRIPTION:
                continue
            if len(things) > 1 and countable(word.text):
                yield Phrase(f"the {NUMBERS[len(things)]} {plural(word.text)}", tuple(things), Way.SEVERAL)
                yield Phrase(f"all {plural(word.text)}", tuple(things), Way.SEVERAL)
            yield from self._positions(word, things)
            yield from self._relations(word, things)
            if len(things) > 1:
                yield from self._ordinals(word, things)
                yield from self._sizes(word, things)
            yield from self._colors(word, things)

    def _positions(self, word: Word, things: list[int]) -> Iterator[Phrase]:
        for thing in things:
            if (side := self.side(thing, things)) is not None:
                yield Phrase(f"the {word.text} on the {side}", (thing,), Way.POSITION)
                if len(things) > 1:
                    yield Phrase(f"the {side}most {word.text}", (thing,), Way.POSITION)
            for name in ("top", "bottom"):
                if self._is_first(thing, things, name):
                    yield Phrase(f"the {word.text} at the {name}", (thing,), Way.POSITION)

    def _is_first(self, thing: int, among: Sequence[int], side: str) -> bool:
        away = [self._distance(one, side) for one in among if one != thing]
        return self._distance(thing, side) < (min(away) - _GAP if away else _SIDE)

    def _distance(self, thing: int, side: str) -> float:
        """Of its middle from a side of the picture, in [0, 1]."""
        x, y = self.middle(thing)
        return {"left": x, "right": 1 - x, "top": y, "bottom": 1 - y}[side]

    def _ordinals(self, word: Word, things: list[int]) -> Iterator[Phrase]:
        ordered = sorted(things, key=lambda one: self.middle(one)[0])
        if all(self.middle(right)[0] - self.middle(left)[0] > _GAP for left, right in pairwise(ordered)):
            for name, sequence in (("left", ordered), ("right", ordered[::-1])):
                for ordinal, thing in zip(_ORDINALS, sequence, strict=False):
                    yield Phrase(f"the {ordinal} {word.text} from the {name}", (thing,), Way.ORDINAL)
            if len(ordered) == 3:
                yield Phrase(f"the {word.text} in the middle", (ordered[1],), Way.ORDINAL)

    def _sizes(self, word: Word, things: list[int]) -> Iterator[Phrase]:
        ordered = sorted(things, key=self.area)
        names = ("smaller", "bigger") if len(things) == 2 else ("smallest", "biggest")
        if self.area(ordered[1]) > _LARGER * self.area(ordered[0]):
            yield Phrase(f"the {names[0]} {word.text}", (ordered[0],), Way.SIZE)
        if self.area(ordered[-1]) > _LARGER * self.area(ordered[-2]):
            yield Phrase(f"the {names[1]} {word.text}", (ordered[-1],), Way.SIZE)

    def _colors(self, word: Word, things: list[int]) -> Iterator[Phrase]:
        for thing in things:
            color, share = max(self.seen[thing].colors.items(), key=lambda item: item[1])
            others = (self.seen[one].colors[color] for one in things if one != thing)
            if share > _COLORED and color not in word.text and all(other < _UNCOLORED for other in others):
                yield Phrase(f"the {color} {word.text}", (thing,), Way.COLOR)

    def _relations(self, word: Word, things: list[int]) -> Iterator[Phrase]:
        for anchor in range(len(self.kinds)):
            if anchor in things or not self.alone(anchor):
                continue
            where = self.alone(anchor)[0].definite
            related = {thing: self.relation(thing, anchor) for thing in things}
            for name in dict.fromkeys(name for names in related.values() for name in names):
                fitting = [thing for thing in things if name in related[thing]]
                if len(fitting) == 1 and all(
                    self._surely_not(name, one, anchor) for one in things if one != fitting[0]
                ):
                    yield Phrase(f"the {word.text} {name} {where}", (fitting[0],), Way.RELATION)

    def _surely_not(self, name: str, one: int, anchor: int) -> bool:
        """Whether nobody would say that a thing lies so to another, not even roughly."""
        x, y = (self.middle(one)[axis] - self.middle(anchor)[axis] for axis in (0, 1))
        rough = {"to the left of": -x, "to the right of": x, "above": -y, "below": y}
        return rough[name] < 0 if name in rough else name not in self.relation(one, anchor)
