"""Mends the spelling of targets (docs/invocations.md, rule 3), as a small model copies a misspelt word now and then.

Only targets, and only words that no dictionary holds: to mend the request before the model reads it would make known
words of rare ones as often as it helped.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from jellyfish import damerau_levenshtein_distance, metaphone
from spellchecker import SpellChecker

from vitron_agent.messages import Plan

MIN_COUNT = 50
"""What a misspelt word is taken for is so common, by the dictionary's count."""
_SHORTEST = 4
_BRITISH = [
    ("our", "or"),
    ("re", "er"),
    ("is", "iz"),
    ("ys", "yz"),
    ("ll", "l"),
    ("ae", "e"),
    ("oe", "e"),
    ("ce", "se"),
]
"""What the dictionary spells in the American way; such spellings are kept as they are said."""


def mended(plan: Plan) -> Plan:
    """The plan with the misspelt words of its targets replaced by what they sound or look like."""
    steps = (item.model_copy(update={"target": _mend_phrase(item.target)}) for item in plan.invocations)
    return plan.model_copy(update={"invocations": tuple(steps)})


def _mend_phrase(phrase: str) -> str:
    return " ".join("-".join(map(_mend_form, word.split("-"))) for word in phrase.split(" "))


def _mend_form(word: str) -> str:
    stem, mark, end = word.partition("'")
    return mend(stem) + mark + end


@cache
def mend(word: str) -> str:
    """A word of lower case, or the known one that it was meant to be.

    Of those one slip away, or two and of the same sound, the likeliest; the word itself where there is none.
    """
    if len(word) < _SHORTEST or not (word.isascii() and word.isalpha()) or _is_known(word):
        return word
    sound, found = metaphone(word), {}
    for length in range(len(word) - 2, len(word) + 3):
        for other in _common()[length]:
            slips = damerau_levenshtein_distance(word, other)
            if slips > 2:
                continue
            alike = metaphone(other) == sound
            if (slips == 1 and (alike or other[0] == word[0])) or (alike and len(word) > _SHORTEST):
                found[other] = _counts()[other] * (8 if alike else 1) * (8 if slips == 1 else 1)
    return max(found, key=found.__getitem__, default=word)


def _is_known(word: str) -> bool:
    """Whether it is a word, or two of them put together."""
    spellings = (word, word.removesuffix("s"), *(word.replace(*pair) for pair in _BRITISH))
    if any(spelling in _counts() for spelling in spellings):
        return True
    return any({word[:cut], word[cut:]} <= _counts().keys() for cut in range(_SHORTEST, len(word) - _SHORTEST + 1))


@cache
def _counts() -> Mapping[str, int]:
    """The known words and how often they are used; those that only people's requests hold count as rare."""
    own = (files("vitron_agent.planners") / "words.txt").read_text(encoding="utf-8").split()
    return dict.fromkeys(own, 1) | SpellChecker().word_frequency.dictionary


@cache
def _common() -> Mapping[int, list[str]]:
    """Words that misspelt ones are taken for, by their length."""
    by_length: dict[int, list[str]] = defaultdict(list)
    for word, count in _counts().items():
        if count >= MIN_COUNT and word.isalpha():
            by_length[len(word)].append(word)
    return by_length
