"""What an answer in free words claims to be on a photo: which things, how many, where, and how surely.

Nouns are those of the shipped table, so "a tabby" is a cat. The reader is made for short answers in plain English; what
it knows no meaning of claims nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from vitron_agent.tools.phrases.colors import COLORS
from vitron_agent.tools.phrases.nouns import Relation, Thing, load_nouns

_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_ARTICLES = frozenset({"a", "an", "the", "any", "some", "this", "that", "these", "those", "another"})
_NO_NOUNS = frozenset({*_ARTICLES, *_COUNTS, *COLORS, "grey"})
_JOINS = frozenset({"and", "or", "of"})
_MANY = frozenset({"people", "children"})
_NEAR, _LONGEST = 3, 3
"""How far before a noun its article or number may stand (adjectives between); words of a noun at most."""
_CLAUSES = re.compile(r";|,? but ")
_REFUSES = re.compile(
    r"\b(?:can(?:no|')?t|can not|could(?:n't| not)) (?:really )?(?:tell|say|know|see (?:that|this|it) )|"
    r"\b(?:do(?:n't| not)|cannot|can't) know\b|\bnot a thing that i can|\bimpossible to (?:tell|say|know)|"
    r"\b(?:don't|do not) recogni[sz]e\b"
)
_HEDGES = re.compile(
    r"\b(?:may|might|maybe|perhaps|probably|possibly|likely|could be|i think|seems?|not sure|unsure)\b|"
    rf"\b(?:about|around|roughly) (?:\d|{'|'.join(_COUNTS[1:])}|an? )"
)
_DENIES = re.compile(r"\b(?:not|without|none|neither|cannot|\w+n't)\b")
_SIDES = "left|right|middle|cent(?:er|re)"
_PLACE = re.compile(
    rf"\b(?:on|at|in|to|towards?) the (?:(?:far|very) )?(?P<where>(?:(?:upper|lower|top|bottom)(?:[ -](?:{_SIDES}))?|"
    rf"{_SIDES}))\b(?P<beside> of (?!the (?:picture|photo|image)\b|it\b))?|\bover (?P<most>most) of\b"
)
"""What lies ``beside`` something else is said to be nowhere in the picture."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One noun of a text, and what is said of it.

    Attributes:
        things: What the noun may mean.
        number: How many there are said to be; 0 = none.
        exact: Whether that is all there are ("two dogs") or the least ("a dog", "dogs").
        places: Where they are said to be, in words such as ``upper left``, ``middle`` or ``most``.
        sure: Not where it may be so, or probably is.
    """

    things: tuple[Thing, ...]
    number: int
    exact: bool
    places: tuple[str, ...]
    sure: bool


@dataclass(frozen=True, slots=True)
class Read:
    """A text as it was read.

    Attributes:
        claims: In the order of the text; questions are not claims, nor is what stands in brackets.
        refuses: Some of it says that something can't be told.
        says: ``yes`` or ``no`` where the text begins with it, else empty.
    """

    claims: tuple[Claim, ...]
    refuses: bool
    says: str


def read_text(text: str) -> Read:
    """Reads an answer about a photo."""
    plain = re.sub(r"\([^)]*\)", " ", text.lower().replace("’", "'"))
    start = re.match(r"\W*(yes|no)(?=\W*(?:[,.!;]|$))", plain)
    claims: list[Claim] = []
    refuses = False
    for sentence in re.findall(r"[^.!?]+[.!?]*", plain[start.end() :] if start else plain):
        if _REFUSES.search(sentence):
            refuses = True
        elif not sentence.endswith("?"):
            sure = _HEDGES.search(sentence) is None
            claims += (replace(claim, sure=sure) for clause in _CLAUSES.split(sentence) for claim in _clause(clause))
    return Read(tuple(claims), refuses, start[1] if start else "")


def _clause(text: str) -> Iterator[Claim]:
    """The claims of a part of a sentence; a place is that of the noun before it, else of the first one."""
    found = list(_nouns(_PLACE.sub(lambda match: " " * len(match[0]), text)))
    denied = _DENIES.search(text)
    starts = [0, *(start for start, _ in found[1:]), len(text)]
    for position, (start, claim) in enumerate(found):
        if denied and denied.start() < start:
            yield replace(claim, number=0, exact=True)
        else:
            said = _PLACE.finditer(text, starts[position], starts[position + 1])
            where = tuple(match["where"] or match["most"] for match in said if not match["beside"])
            yield replace(claim, places=where)


def _nouns(text: str) -> Iterator[tuple[int, Claim]]:
    """The nouns of a text that are counted, have an article or are plurals, with their places in it."""
    spans = list(re.finditer(r"[a-z0-9][a-z0-9'-]*", text))
    words = [span[0] for span in spans]
    position = 0
    while position < len(words):
        length, claim = _noun_at(words, position)
        if claim is not None:
            yield spans[position].start(), claim
        position += length


def _noun_at(words: list[str], position: int) -> tuple[int, Claim | None]:
    """The longest noun that begins at a place, with the number of its words; (1, None) if none does."""
    for length in range(min(_LONGEST, len(words) - position), 0, -1):
        phrase = " ".join(words[position : position + length])
        meaning = load_nouns().find(phrase)
        if meaning is None or phrase in _NO_NOUNS:
            continue
        counted = _number(words[max(0, position - _NEAR) : position], plural=phrase != meaning.word or phrase in _MANY)
        if counted is not None:
            known = meaning.relation is not Relation.BESIDE
            return length, Claim(meaning.things, *counted, (), sure=True) if known else None
    return 1, None


def _number(before: list[str], *, plural: bool) -> tuple[int, bool] | None:
    """How many the words before a noun say, and whether exactly; None if they make it no noun."""
    for word in reversed(before):
        if word in _COUNTS:
            return _COUNTS.index(word), "least" not in before
        if word.isdigit():
            return int(word), "least" not in before
        if word in _ARTICLES:
            return 1 + plural, False
        if word in _JOINS:
            return 1 + plural, False
    return (2, False) if plural else None
