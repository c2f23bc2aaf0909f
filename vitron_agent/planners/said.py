"""The words that a plan's targets are made of: what somebody said, or what sounds or is spelt like it.

A target is the user's own noun phrase with its typos corrected (docs/invocations.md, rule 3). A word in it that has no
likeness to anything said was made up by the model: "trofy" read as "truck".
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise

from jellyfish import damerau_levenshtein_distance, metaphone

from vitron_agent.messages import Plan
from vitron_agent.planners.base import PlanRequest
from vitron_agent.planners.prompt import HISTORY_TURNS

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_FOREIGN = re.compile(r"[^\W\d_\u0000-\u024f]")
_FREE = frozenset({"a", "an", "the", "of", "on", "in", "at", "with", "by", "to", "from", "and", "or", "everything"})
"""Words that a phrase needs or rule 3 asks for, said or not."""


def invented(plan: Plan, request: PlanRequest) -> tuple[str, ...]:
    """The words of a plan's targets that nobody said; none where the talk is in another script, which is translated."""
    text = " ".join(_talk(request))
    if _FOREIGN.search(text):
        return ()
    heard = _forms(_words(text))
    joined = {first + second for first, second in pairwise(_words(request.text))}
    named = [word for item in plan.invocations for word in _words(item.target)]
    return tuple(
        word for word in named if not (word in heard | _FREE or any(_alike(word, other) for other in heard | joined))
    )


def said(request: PlanRequest) -> tuple[str, ...]:
    """The words that a target may be made of, in all their forms, as they were spelt."""
    return tuple(sorted(_forms(_words(" ".join(_talk(request))))))


def _talk(request: PlanRequest) -> Iterator[str]:
    """Everything that the planner reads words from."""
    yield request.text
    for turn in request.history[-HISTORY_TURNS:]:
        yield turn.text
        yield turn.plan.text
        for item in turn.plan.invocations:
            yield f"{item.target} {item.value}"
    for rejection in request.rejections:
        yield rejection.error


def _words(text: str) -> list[str]:
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def _forms(words: Iterable[str]) -> frozenset[str]:
    """Words, the parts of compound ones, their singular, plural and possessive."""
    stems = {part for word in words for part in (word, *word.split("-"), *re.split(r"[’']", word)[:1]) if part}
    stems |= {word[:-1] for word in stems if word.endswith("s") and len(word) > 3}
    return frozenset(stems | {word + end for word in stems for end in ("s", "es", "'s", "'")})


def _alike(word: str, other: str) -> bool:
    return _sound(word) == _sound(other) != "" or _near(word, other)


def _near(word: str, other: str) -> bool:
    """One slip apart, or two in a long word."""
    slips = 2 if min(len(word), len(other)) > 5 else 1
    return abs(len(word) - len(other)) <= slips and damerau_levenshtein_distance(word, other) <= slips


@cache
def _sound(word: str) -> str:
    return metaphone(word).replace("0", "F")  # "teef" is how many hear "teeth"
