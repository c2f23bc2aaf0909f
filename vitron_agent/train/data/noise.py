"""How people really write: politeness, chatter, haste, slips of the keyboard and spelling by ear."""

import re
from collections.abc import Mapping
from random import Random

from vitron_agent.train.data.text import sections

_NEAR = {
    "a": "sqz",
    "b": "vn",
    "c": "xv",
    "d": "sf",
    "e": "wr",
    "f": "dg",
    "g": "fh",
    "h": "gj",
    "i": "uo",
    "j": "hk",
    "k": "jl",
    "l": "k",
    "m": "n",
    "n": "bm",
    "o": "ip",
    "p": "o",
    "q": "w",
    "r": "et",
    "s": "ad",
    "t": "ry",
    "u": "yi",
    "v": "cb",
    "w": "qe",
    "x": "zc",
    "y": "tu",
    "z": "x",
}
_SHORTHAND = {
    "please": "pls",
    "you": "u",
    "your": "ur",
    "are": "r",
    "to": "2",
    "for": "4",
    "and": "n",
    "because": "cuz",
    "with": "w/",
    "background": "bg",
    "picture": "pic",
    "don't": "dont",
    "can't": "cant",
    "it's": "its",
    "the": "da",
}
_WORD = re.compile(r"(?<![-#\w])[A-Za-z']{3,}(?![-\w])")
_BY_EAR = [
    (re.compile(pattern), sounds.split("|"))
    for pattern, sounds in (
        (r"ph", "f"),
        (r"ck", "k|c"),
        (r"c(?=[eiy])", "s"),
        (r"c(?![ehiky])", "k"),
        (r"qu", "kw"),
        (r"x", "ks|cks"),
        (r"dge?", "j|d"),
        (r"tch", "ch"),
        (r"wh", "w"),
        (r"th", "f|d|t"),
        (r"\bkn", "n"),
        (r"\bwr", "r"),
        (r"mb\b", "m"),
        (r"gh", ""),
        (r"igh", "y|ie|i"),
        (r"[ts]ion\b", "shun|shon"),
        (r"ee", "ea|e|ie"),
        (r"ea", "ee|e"),
        (r"ie", "ei|ee"),
        (r"a[iy]", "ay|a|ei"),
        (r"oo", "u|o"),
        (r"o[uw]", "ow|ou|o"),
        (r"oa", "o|oe"),
        (r"(?<=\w\w)e\b", ""),
        (r"le\b", "el|al"),
        (r"[eo]r\b", "a|er|or|ur"),
        (r"ing\b", "in|ng"),
        (r"y\b", "ie|i|ee"),
        (r"ed\b", "d|t"),
        (r"(?<=\w)s\b", "z|"),
        (r"([bdfglmnprst])\1", r"\1"),
        (r"(?<=[aeiou])([bdfglmnprst])(?=[aeiou])", r"\1\1"),
        (r"(?<=\w)[aeiou](?=\w)", "a|e|i|o|u|"),
    )
]


def dress(text: str, rng: Random) -> str:
    """Puts manners and chatter around a request; its meaning stays."""
    words = sections("lexicon")
    first = text.split()[0].lower().strip(",")
    if first in words["verb"] and rng.random() < 0.42:
        text = f"{rng.choice(words['opener'])} {text[0].lower()}{text[1:]}"
        if re.match(r"(?i)(can|could|would|will|may|might|is it|do you)\b", text) and not text.endswith("?"):
            text = text.rstrip(".!") + ("?" if rng.random() < 0.6 else "")
    roll = rng.random()
    if roll < 0.13:
        text = f"{rng.choice(words['preamble'])} {text}"
    elif roll < 0.22:
        text = f"{rng.choice(words['greeting'])} {text}"
    if rng.random() < 0.15:
        joint = "" if text[-1] in ".!?" else rng.choice((",", ".", ""))
        text = f"{text}{joint} {rng.choice(words['closer'])}"
    return text


def scuff(text: str, rng: Random) -> str:
    """Case, punctuation and typing slips; handles, numbers and hex colours stay readable."""
    roll = rng.random()
    if roll < 0.34:
        text = text.lower()
    elif roll < 0.375:
        text = text.upper()
    elif roll < 0.72:
        text = text[0].upper() + text[1:]
    roll = rng.random()
    if roll < 0.22:
        text = re.sub(r"(?<!\d)[.,!?;:](?=\s|$)", "", text)
    elif roll < 0.45 and text[-1] not in ".!?":
        text += rng.choice((".", ".", "!", "!!", "...", "?") if rng.random() < 0.3 else (".",))
    if rng.random() < 0.05:
        text = re.sub(r"(?i)\b(the|a|an) ", "", text)
    if rng.random() < 0.06:
        text = " ".join(_SHORTHAND.get(word, word) for word in text.split(" "))
    roll = rng.random()
    if roll < 0.17:
        for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
            text = _slip(text, rng)
    elif roll < 0.34:
        text = _spell_by_ear(text, rng)
    return " ".join(text.split())


def _spell_by_ear(text: str, rng: Random) -> str:
    """Words as a child or a stranger to the language hears them: "paynt the fens gren"."""
    share = rng.choice((0.15, 0.3, 0.6))
    twins = dict(pair.split(" = ") for pair in sections("lexicon")["sounds like"])
    text = _WORD.sub(lambda word: _as_heard(word[0], twins, rng) if rng.random() < share else word[0], text)
    return re.sub(r"(?<=[a-z]) (?=[a-z])", "", text, count=1) if rng.random() < 0.08 else text


def _as_heard(word: str, twins: Mapping[str, str], rng: Random) -> str:
    if word in twins and rng.random() < 0.5:
        return twins[word]
    for _ in range(rng.choice((1, 1, 2)) if len(word) > 4 else 1):
        fitting = [rule for rule in _BY_EAR if rule[0].search(word)]
        if fitting:
            pattern, sounds = rng.choice(fitting)
            word = pattern.sub(rng.choice(sounds), word, count=1)
    return word


def _slip(text: str, rng: Random) -> str:
    places = [word for word in _WORD.finditer(text) if len(word[0]) > 3]
    if not places:
        return text
    place = rng.choice(places)
    word = place[0]
    at = rng.randrange(1, len(word) - 1)
    kind = rng.random()
    if kind < 0.35:
        word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    elif kind < 0.6:
        word = word[:at] + word[at + 1 :]
    elif kind < 0.8:
        word = word[:at] + word[at] + word[at:]
    else:
        word = word[:at] + rng.choice(_NEAR.get(word[at].lower(), word[at])) + word[at + 1 :]
    return text[: place.start()] + word + text[place.end() :]
