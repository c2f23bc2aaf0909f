"""What is said of a scene: captions, questions, what can't be told. Answers come in one form, requests in many."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from random import Random

from vitron_agent.train.data.photos.kinds import Kind, Sort, Word
from vitron_agent.train.data.photos.phrases import Phrases
from vitron_agent.train.data.photos.wording import NUMBERS, countable, indefinite, plural

CANNOT_TELL = "I can't tell."
_UNKNOWABLE = (
    "How old is {it}?", "Who does {it} belong to?", "What is the name of {it}?", "How much does {it} weigh?",
    "Where was {it} bought?", "What is hidden behind {it}?", "What does {it} smell of?",
)  # fmt: skip
_BY_FAMILY = 0.3
"""This share of captions names families: two dogs."""
_OPPOSITE = {"to the left of": "to the right of", "above": "below", "in front of": "behind"}
_OPPOSITE |= {there: here for here, there in _OPPOSITE.items()}


@dataclass(frozen=True, slots=True)
class Named:
    """Words of a reply, as they stand there, and the things that they mean."""

    words: str
    things: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A question with its answer.

    Attributes:
        sort: Its form, such as ``count``.
        user: What is asked.
        reply: One sentence; begins with Yes or No where that was asked.
        named: What the reply names, in the order of its words.
    """

    sort: str
    user: str
    reply: str
    named: tuple[Named, ...] = ()


class Teller:
    """Tells of one scene.

    Args:
        phrases: Of the scene.
        background: Of the photo.
        others: Kinds that might have been in the scene.
    """

    def __init__(self, phrases: Phrases, background: Kind, others: Sequence[Kind]) -> None:
        self._phrases, self._background = phrases, background
        self._others = others
        self._things = range(len(phrases.kinds))

    def caption(self, rng: Random) -> tuple[str, tuple[Named, ...]]:
        """Everything from left to right, equal things together: by name, or all by family where that tells them apart.

        Empty where no free word is left for some thing.
        """
        order = sorted(self._things, key=lambda one: self._phrases.middle(one)[0])
        groups = self._grouped(order, {Sort.FAMILY}) if rng.random() < _BY_FAMILY else None
        if groups is None or any(sorted(things) != self._phrases.meant(word) for word, things in groups.items()):
            groups = self._grouped(order, {Sort.NAME, Sort.FAMILY})
        if groups is None:
            return "", ()
        named = [Named(_counted(word.text, len(things)), tuple(things)) for word, things in groups.items()]
        text = _listed([one.words for one in named])
        return capital(text), (replace(named[0], words=capital(named[0].words)), *named[1:])

    def behind(self) -> str:
        """What the photo under the things shows, as the end of a sentence; empty if that has no name."""
        names = self._background.names
        return f", and behind {'them' if len(self._things) > 1 else 'it'} {indefinite(names[0].text)}" if names else ""

    def _grouped(self, order: Sequence[int], sorts: Collection[Sort]) -> dict[Word, list[int]] | None:
        """Things by the first word of some sorts; None if one has no such word."""
        groups: dict[Word, list[int]] = {}
        for thing in order:
            word = next((one for one in self._phrases.nouns(thing) if one.sort in sorts), None)
            if word is None:
                return None
            groups.setdefault(word, []).append(thing)
        return groups

    def question(self, rng: Random) -> Told | None:
        """Of any form; None where that form doesn't fit the scene."""
        form = rng.choice(list(_FORMS))
        made = list(_FORMS[form](self, rng))
        return rng.choice(made) if made else None

    def absent(self, rng: Random) -> Word | None:
        """A word for what surely was not pasted and is not what the photo shows."""
        kind = rng.choice(self._others)
        words = [word for word in (*kind.names, *kind.families) if not self._is_there(word) and countable(word.text)]
        return rng.choice(words) if words else None

    def _is_there(self, word: Word) -> bool:
        return any(kind.fits(word) for kind in (*self._phrases.kinds, self._background))

    def _single(self) -> Iterator[tuple[int, Word]]:
        """Every thing with each word that means it alone."""
        for thing in self._things:
            yield from ((thing, word) for word in self._phrases.alone(thing))

    def _count(self, rng: Random) -> Iterator[Told]:
        """Each number that the scene offers is as likely as the others, none among them."""
        words = [word for word in self._phrases.words if word.sort is not Sort.DESCRIPTION and countable(word.text)]
        absent = self.absent(rng)
        by_number: dict[int, list[Word]] = {}
        for word in [*words, *([absent] if absent else [])]:
            by_number.setdefault(len(self._phrases.meant(word)), []).append(word)
        for word in by_number[rng.choice(sorted(by_number))] if by_number else ():
            things = tuple(self._phrases.meant(word))
            many = plural(word.text)
            user = rng.choice((f"How many {many} are there?", f"How many {many} can you see?", f"Count the {many}."))
            said = f"{NUMBERS[len(things)]} {word.text if len(things) == 1 else many}"
            reply = f"There {'is' if len(things) == 1 else 'are'} {said}."
            yield Told("count", user, reply, (Named(said, things),) if things else ())

    def _exists(self, rng: Random) -> Iterator[Told]:
        """As often of what is there as of what is not."""
        yes = rng.random() < 0.5
        words = [word for _, word in self._single() if countable(word.text)] if yes else [self.absent(rng)]
        for word in words:
            if word is None:
                continue
            one = indefinite(word.text)
            user = rng.choice((f"Is there {one}?", f"Is there {one} in the picture?", f"Can you see {one}?"))
            if yes:
                yield Told("exists", user, f"Yes, there is {one}.", (Named(one, tuple(self._phrases.meant(word))),))
            else:
                yield Told("exists", user, f"No, there is no {word.text}.")

    def _relation(self, rng: Random) -> Iterator[Told]:
        """Whether things lie as they do, and as often whether they lie the other way round."""
        yes = rng.random() < 0.5
        for (one, word), (other, anchor) in self._pairs():
            for how in self._phrases.relation(one, other):
                it, where = word.definite, anchor.definite
                named = (Named(it, (one,)), Named(where, (other,)))
                asked = how if yes else _OPPOSITE[how]
                yield Told(
                    "relation",
                    f"Is {it} {asked} {where}?",
                    f"{'Yes' if yes else 'No'}, {it} is {how} {where}.",
                    named,
                )

    def _side(self, rng: Random) -> Iterator[Told]:
        """Which of two is further to one side; the order in which they are named says nothing."""
        for (one, word), (other, anchor) in self._pairs():
            how = self._phrases.relation(one, other)
            if "to the left of" not in how and "to the right of" not in how:
                continue
            left = "to the left of" in how
            side = "left" if left else "right"
            first, second = rng.sample((word.definite, anchor.definite), 2)
            yield Told(
                "side",
                f"Which is further to the {side}, {first} or {second}?",
                f"{capital(word.definite)} is.",
                (Named(capital(word.definite), (one,)),),
            )
            yield Told(
                "side",
                f"Is {word.definite} to the left or to the right of {anchor.definite}?",
                f"{capital(word.definite)} is to the {side} of {anchor.definite}.",
                (Named(capital(word.definite), (one,)), Named(anchor.definite, (other,))),
            )

    def _what(self, rng: Random) -> Iterator[Told]:
        """What the thing is that a family and a side single out."""
        for thing in self._things:
            names = [word for word in self._phrases.nouns(thing) if word.sort is Sort.NAME]
            for family in self._phrases.nouns(thing):
                side = self._phrases.side(thing, self._phrases.meant(family))
                if family.sort is Sort.FAMILY and names and side:
                    user = rng.choice(("What {it} is on the {side}?", "Which {it} is on the {side}?"))
                    said = indefinite(names[0].text)
                    yield Told(
                        "what",
                        user.format(it=f"kind of {family.text}", side=side),
                        f"It is {said}.",
                        (Named(said, (thing,)),),
                    )

    def _unanswerable(self, rng: Random) -> Iterator[Told]:
        """What no picture tells, and what is asked about things that aren't there."""
        if rng.random() < 0.5:
            for _, word in self._single():
                yield Told("unknowable", rng.choice(_UNKNOWABLE).format(it=word.definite), CANNOT_TELL)
        elif absent := self.absent(rng):
            about = (f"What color is the {absent.text}?", f"Where is the {absent.text}?", *_UNKNOWABLE)
            user = rng.choice(about).format(it=absent.definite)
            yield Told("absent", user, f"There is no {absent.text}.")

    def _pairs(self) -> Iterator[tuple[tuple[int, Word], tuple[int, Word]]]:
        for one, other in combinations(self._single(), 2):
            if one[0] != other[0]:
                yield one, other
                yield other, one


_FORMS: Mapping[str, Callable[[Teller, Random], Iterator[Told]]] = {
    "count": Teller._count,
    "exists": Teller._exists,
    "relation": Teller._relation,
    "side": Teller._side,
    "what": Teller._what,
    "unanswerable": Teller._unanswerable,
}


def capital(text: str) -> str:
    """With a capital at the beginning."""
    return text[:1].upper() + text[1:]


def _counted(noun: str, number: int) -> str:
    return indefinite(noun) if number == 1 or not countable(noun) else f"{NUMBERS[number]} {plural(noun)}"


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
