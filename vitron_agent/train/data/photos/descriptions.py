"""Short descriptions from WordNet's glosses: "a large pot used for boiling", "something that holds liquids".

Glosses are read from ``data.noun`` of WordNet 3.0, in the folder that :mod:`vitron_agent.train.data.wordnet` reads
(Debian: package ``wordnet-base``).
"""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from vitron_agent.tools.phrases.nouns import singulars

_WORDS = range(3, 11)
"""A description has so many words; a shorter one says too little, nobody says a longer one."""
_ENDS = re.compile(r"; |, (?=especially|usually|often|sometimes|as |which|but|or )|: | -- ")
"""What stands behind these only adds to what was said."""
_ASIDE = re.compile(r"\([^)]*\)|\"[^\"]*\"?|\b(?:usually|often|typically|generally|commonly|chiefly|especially) ")
_OPENING = re.compile(
    r"^(?:(?:any|either|one|some|a kind|a type|a form|a variety|a member|type|kind|form) of |any |"
    r"(?:the )?(?:various|several|numerous|many|two|three|four) (?:of )?|"
    r"(?:a )?(?:family|families|breed|breeds|race|order|orders|group|class) of )+"
)
_VAGUE = re.compile(
    r"\b(?:it|its|they|their|this|these|those|genus|family|families|resembl\w+|related|similar|formerly|former|"
    r"times|ancient|century|etc|smaller of|larger of|used as|people|someone|person who|you|your|edible|species|"
    r"native|found|variety|varieties|distinguished|considered|named|called|known|originally|intermediate|injurious|"
    r"anything|everything|only|first|\w+est|(?<!that )(?<!which )(?:is|are|was))\b"
)
"""What needs more context than a picture, is not seen in one, or is no noun phrase."""
_PURPOSE = re.compile(
    r"\b(?:(?:that (?:is|are) )?(?P<use>(?:used|designed|intended|worn) (?:for|to|in|on|by|over|around|under) .+)"
    r"|(?P<does>that (?!is |are |has been )\w+s .+)"
    r"|for (?P<act>\w{3,}ing .+)"
    r"|(?<!ed )(?<!struck )(?:with|having) (?P<has>(?:(?! and (?:\w+ed|use)\b).)+))$"
)
_HEAD_END = r"(?= (?:with|that|which|having|of|for|in|on|from|to|at|used|worn|whose|\w+ing|\w+ed)\b|$)"
_DANGLING = re.compile(r"(?: (?:and|or|of|with|in|on|at|to|for|from|the|a|an|by|as|that|which|having))+$")
_LETTERS = 4
"""Words that begin with the same letters, so many or all but one of the shorter one's, are taken for one word."""
_ENDING = 3
"""Letters of endings such as -ing, -es: a dishwasher is for washing dishes."""


def read_glosses(folder: Path) -> Mapping[str, str]:
    """The gloss of each noun synset, by WordNet id (``n02084071``)."""
    lines = (folder / "data.noun").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(" | ", 1) for line in lines if not line.startswith(" "))
    return {f"n{facts[:8]}": gloss.strip() for facts, gloss in pairs}


def describe(gloss: str, words: Collection[str], *, kind: str = "something") -> tuple[str, ...]:
    """What can be said of a thing in place of its names: noun phrases with their article; none if nothing is clean.

    Args:
        gloss: WordNet's, with remarks and examples.
        words: All names of the thing; no description holds one of them, or a part of one.
        kind: What it is called where only what it is for or has is told: "something", "an animal".
    """
    text = _ENDS.split(_ASIDE.sub("", gloss))[0]
    text = re.sub(r"\s+", " ", _OPENING.sub("", text.strip(" ,;."))).strip()
    candidates = dict.fromkeys((*_whole(text), *_purposes(text, kind)))
    return tuple(
        said
        for said in candidates
        if len(said.split()) in _WORDS and _is_clean(said) and not says_one_of(said, words)
    )  # fmt: skip


def says_one_of(text: str, words: Collection[str]) -> bool:
    """Whether a text holds one of some names, a part of one, or a relative of a part (barber: barbershop)."""
    parts = {part for word in words for part in re.findall(r"[a-z]+", word.lower()) if len(part) > 2}
    return any(_akin(part, said) for said in re.findall(r"[a-z]+", text.lower()) for part in parts)


def _akin(part: str, said: str) -> bool:
    shorter, longer = sorted((part, said), key=len)
    if len(shorter) < _LETTERS:
        return part in singulars(said)
    same_start = longer.startswith(shorter[: max(_LETTERS, len(shorter) - 1)])
    return shorter in longer or same_start or said[: max(_LETTERS, len(said) - _ENDING)] in part


def _whole(text: str) -> Iterator[str]:
    """The gloss as one thing: what it lists as several is put in the singular."""
    if re.match(r"(?:a|an) ", text):
        yield text
    elif head := re.match(rf"(?!the )(?P<before>(?:[\w-]+ )*?)(?P<noun>[\w-]+){_HEAD_END}", text):
        noun = _singular(head["noun"])
        one = f"{head['before']}{noun}{text[head.end() :].replace(' that are ', ' that is ', 1)}"
        yield f"{'an' if one[0] in 'aeiou' else 'a'} {one}"


def _singular(noun: str) -> str:
    forms = singulars(noun)
    if len(forms) == 1 or noun.endswith(("us", "is")):
        return noun
    return forms[-1] if noun.endswith("ies") else forms[1]


def _purposes(text: str, kind: str) -> Iterator[str]:
    """What the gloss says that it is for, does or has."""
    if found := _PURPOSE.search(text):
        act, has = found["act"], found["has"]
        yield f"{kind} " + (f"for {act}" if act else f"with {has}" if has else found["use"] or found["does"])


def _is_clean(text: str) -> bool:
    return (
        not _VAGUE.search(text)
        and not re.search(r"[A-Z0-9\"`/()]|^an? (?:\w+s|with|on|in|that|of) (?!\w+$)", text)
        and not _DANGLING.search(text)
        and text.count(",") < 2
    )
