"""What an answer about a photo is worth, where it is known which things of some kinds the photo shows, and where.

An answer is right or wrong only if it is given; one that says that it can't tell, or that something may be so, is
modest. Beside that counts whether anything in it contradicts what is known, be it asked for or not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from vitron_agent.messages import Box
from vitron_agent.tools.phrases.nouns import Thing, load_nouns
from vitron_agent.train.data.photos.split import VOC_KINDS
from vitron_agent.train.data.voc import Photo
from vitron_agent.train.metrics.photo_claims import Claim, Read, read_text

Sort: TypeAlias = Literal["exists", "count", "describe", "name", "where", "unknowable"]
Verdict: TypeAlias = Literal["right", "wrong", "modest"]
_NEAR = 0.45
"""What is called left has its middle in this share of the picture; the same for the other sides."""
_MIDDLE, _MOST = 0.25, 0.4


@dataclass(frozen=True)
class Meant:
    """What a word means, as WordNet ids.

    Attributes:
        ids: Of it.
        above: Of it and of all that it is a kind of.
    """

    ids: frozenset[str]
    above: frozenset[str]

    @classmethod
    def kind(cls, name: str) -> "Meant":
        """A class of Pascal VOC."""
        things = [load_nouns().by_id[one] for one in VOC_KINDS[name] if one in load_nouns().by_id]
        return cls(frozenset(VOC_KINDS[name]), frozenset[str]().union(*(thing.above for thing in things)))

    def holds(self, thing: Thing) -> bool:
        """Whether a thing is it, or a kind of it."""
        return bool(self.ids & thing.above)

    def fits(self, thing: Thing) -> bool:
        """Whether it may be called so: by its name, that of a kind of it or of a family that it belongs to."""
        return self.holds(thing) or thing.wordnet_id in self.above


@dataclass(frozen=True)
class Known:
    """Which things of Pascal VOC's kinds a photo shows: all that there are.

    Attributes:
        boxes: By kind.
        hard: Those that the annotators found hard to recognise: nobody need see them, but they are there.
    """

    boxes: Mapping[str, tuple[Box, ...]]
    hard: Mapping[str, tuple[Box, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, photo: Photo) -> "Known":
        """What is annotated of a photo."""
        return cls(
            {name: photo.boxes(name) for name in photo.asked},
            {thing.name: tuple(one.box for one in photo.things if one.difficult and one.name == thing.name)
             for thing in photo.things if thing.difficult},
        )  # fmt: skip

    def least(self, kind: str) -> int:
        """How many there are at least."""
        return len(self.boxes.get(kind, ()))

    def most(self, kind: str) -> int:
        """How many there are at most."""
        return self.least(kind) + len(self.hard.get(kind, ()))

    def contradicts(self, claim: Claim) -> bool:
        """Whether a claim says what is not so."""
        kind = kind_of(claim.things)
        if kind is None or not claim.sure:
            return False
        is_whole = any(thing.wordnet_id in VOC_KINDS[kind] for thing in claim.things)  # no poodle: still a dog
        too_few = claim.exact and is_whole and claim.number < self.least(kind)
        return too_few or claim.number > self.most(kind) or not self.are_at(kind, claim.places)

    def are_at(self, kind: str, places: Iterable[str]) -> bool:
        """Whether each place is that of one of a kind; True of no place."""
        boxes = (*self.boxes.get(kind, ()), *self.hard.get(kind, ()))
        return all(any(is_at(box, place) for box in boxes) for place in places)


@dataclass(frozen=True)
class Question:
    """One question about a photo, and what there is to know.

    Attributes:
        sort: What it asks.
        text: Its words.
        meant: What it asks about; what is to be named. None for ``describe`` and ``unknowable``.
        kind: The same, where it is a kind of Pascal VOC; else empty.
        is_there: Of ``exists``: the right answer.
    """

    sort: Sort
    text: str
    meant: Meant | None = None
    kind: str = ""
    is_there: bool = True


@dataclass(frozen=True, slots=True)
class Judged:
    """What one answer is worth; each in [0, 1].

    Attributes:
        right: It is given, and right. Of a description: it names something that is there, and nothing that is not.
            Of what can't be seen: it says so.
        wrong: It is given, and wrong.
        modest: It says that it can't tell or that something may be so, or doesn't say what was asked.
        silent: There is none.
        contradicts: Anything in it is known not to be so.
        mentions: Share of what should be named that is named at all, with or without "perhaps"; 0 of other questions.
    """

    right: float
    wrong: float
    modest: float
    silent: float
    contradicts: float
    mentions: float


def judge(answer: str | None, question: Question, known: Known | None) -> Judged:
    """The worth of an answer.

    Args:
        answer: None or empty where there is none.
        question: What was asked.
        known: What the photo shows; None where that is not known, and nothing contradicts it.
    """
    if not answer:
        return Judged(0, 0, 0, 1, 0, 0)
    read = read_text(answer)
    contradicts = known is not None and any(known.contradicts(claim) for claim in read.claims)
    verdict = _verdict(read, question, known, contradicts)
    return Judged(
        float(verdict == "right"), float(verdict == "wrong"), float(verdict == "modest"), 0.0,
        float(contradicts), _mentioned(read, question, known),
    )  # fmt: skip


def kind_of(things: Iterable[Thing]) -> str | None:
    """The kind of Pascal VOC that a noun surely means; None if it means another thing or may do so."""
    kinds = {next((kind for kind, ids in VOC_KINDS.items() if thing.above.intersection(ids)), None) for thing in things}
    return kinds.pop() if len(kinds) == 1 else None


def is_at(box: Box, place: str) -> bool:
    """Whether a place in words (``upper left``, ``middle``, ``most``) is a box's; people's bounds are wide."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    words = place.replace("-", " ").split()
    if "most" in words:
        return (box[2] - box[0]) * (box[3] - box[1]) >= _MOST
    if words[0] in ("middle", "center", "centre"):
        return max(abs(x - 0.5), abs(y - 0.5)) <= _MIDDLE
    off = {"left": x, "right": 1 - x, "upper": y, "top": y, "lower": 1 - y, "bottom": 1 - y}
    return all(off[word] <= _NEAR for word in words if word in off)


def _verdict(read: Read, question: Question, known: Known | None, contradicts: bool) -> Verdict:
    if question.sort == "unknowable":
        return "right" if read.refuses else "wrong"
    if question.sort == "describe":
        if contradicts:
            return "wrong"
        there = known.boxes if known else {}
        return "right" if any(claim.sure and kind_of(claim.things) in there for claim in read.claims) else "modest"
    sure = [claim for claim in read.claims if claim.sure]
    if question.sort == "name":
        said = [claim for claim in sure if claim.number]
        return _settled([any(_about(claim, question) for claim in said)] if said else [])
    about = [claim for claim in read.claims if _about(claim, question)]
    sure = [claim for claim in about if claim.sure]
    if question.sort == "exists":
        if not about and read.says:
            return _settled([(read.says == "yes") == question.is_there])
        return _settled([bool(claim.number) == question.is_there for claim in sure])
    assert known is not None
    if question.sort == "count":
        return _settled([known.least(question.kind) <= claim.number <= known.most(question.kind) for claim in sure])
    said = [claim for claim in sure if claim.places or not claim.number]
    return _settled([bool(claim.number) and known.are_at(question.kind, claim.places) for claim in said])


def _settled(right: list[bool]) -> Verdict:
    if not right:
        return "modest"
    return "right" if all(right) else "wrong"


def _about(claim: Claim, question: Question) -> bool:
    assert question.meant is not None
    return any(question.meant.fits(thing) for thing in claim.things)


def _mentioned(read: Read, question: Question, known: Known | None) -> float:
    if question.sort == "name":
        return float(any(claim.number and _about(claim, question) for claim in read.claims))
    if question.sort != "describe" or known is None or not known.boxes:
        return 0.0
    said = {kind_of(claim.things) for claim in read.claims if claim.number}
    return len(said & known.boxes.keys()) / len(known.boxes)
