"""Questions about a picture, recognised by their form; everything else is somebody else's to answer."""

import difflib
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vitron_agent.tools.phrases.colors import COLORS
from vitron_agent.tools.phrases.nouns import Nouns, Relation
from vitron_agent.tools.phrases.parse import PICTURE

Kind: TypeAlias = Literal[
    "describe", "name", "count", "color", "is_color", "exists", "where", "size", "who", "unknowable", "other"
]


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        kind: What is asked; ``other`` = something about a thing that is spoken of as present.
        thing: The noun phrase that it is about; empty = the picture, or what was drawn.
        color: For ``is_color``: the one that is asked about.
    """

    kind: Kind
    thing: str = ""
    color: str = ""


_HERE = rf"(?: (?:in|on|at|from|of) (?:(?:the|this|that|my) )?(?:\w+ )?(?:{PICTURE}|it)| here| there| visible| shown)"
_END = rf"(?:{_HERE})*(?: please| pls| exactly| do you think| now)*$"
_THE = r"(?:(?:the|this|that|these|those|my|your|any|a|an|some) )?"
_COLOR = "|".join([*COLORS, "grey"])
_IS = r" (?:is|are|was|were)"
_ANY = r"(?:[\w-]+ )*?"
_KIND = r"(?:kind|sort|type|breed|species|make|model)"

_FORMS: tuple[tuple[Kind, str], ...] = (
    (
        "unknowable",
        rf"(?:where|when|who|how|why|which|what)\b.*\b(?:{PICTURE}|this|it) (?:was )?(?:taken|shot|made)\b",
    ),
    (
        "unknowable",
        rf"who (?:owns|bought|built|drew|painted|sold)\b|who{_IS} {_THE}owner\b|where{_IS} .+ (?:bought|born|made)\b"
        rf"|what (?:does|do) .+ (?:weigh|cost|smell|taste|feel|sound)\b|what{_IS} (?:hidden|hiding)\b",
    ),
    ("unknowable", r"(?:how old|what time|what day|what year|which year|how much|what is the name of)\b"),
    ("describe", rf"{_ANY}(?:describe|caption|summari[sz]e)\b.*"),
    (
        "describe",
        rf"{_ANY}what (?:(?:can|do|could) )?(?:you|u|we|one) (?:can )?(?:see|spot|make out|recogni[sz]e){_END}",
    ),
    (
        "describe",
        rf"{_ANY}what{_IS}(?: all)?(?: happening| going on| shown| visible| there| to see)?"
        rf" (?:in|on) {_THE}(?:\w+ )?(?:{PICTURE}|it|this|here)\b",
    ),
    ("describe", rf"{_ANY}what{_IS} {_THE}{PICTURE} (?:about|of|showing)\b"),
    ("describe", rf"{_ANY}what (?:does|do) {_THE}{PICTURE} (?:show|contain|depict)"),
    ("describe", rf"{_ANY}what am i looking at{_END}"),
    ("who", rf"who{_IS}? (?:the|this|that|these|those|he|she|they|in)\b"),
    ("count", rf"{_ANY}(?:how many|number of|count) {_THE}(?P<thing>.+?)(?:(?:{_IS}| do| can| does| did)\b.*)?{_END}"),
    (
        "color",
        rf"{_ANY}(?:what|which) colou?rs?(?:{_IS}| does| do| has| have) {_THE}(?P<thing>.+?)(?: have| look)?{_END}",
    ),
    ("color", rf"{_ANY}colou?rs? (?:of|does|do) {_THE}(?P<thing>.+?)(?: have)?{_END}"),
    ("is_color", rf"(?:is|are) {_THE}(?P<thing>.+?) (?:really )?(?P<color>{_COLOR}){_END}"),
    ("exists", rf"{_ANY}(?:is|are) there {_THE}(?P<thing>.+?){_END}"),
    ("exists", rf"{_ANY}(?:can|do|did|could) (?:you|u) (?:see|spot|find) {_THE}(?P<thing>.+?){_END}"),
    ("exists", rf"(?:does|do|has) {_THE}{PICTURE} (?:show|contain|have|include|got) {_THE}(?P<thing>.+?){_END}"),
    ("exists", rf"any (?P<thing>.+?){_END}"),
    ("where", rf"{_ANY}where{_IS} {_THE}(?P<thing>.+?)(?: located| standing| sitting)?{_END}"),
    ("size", rf"how (?:big|large|tall|wide|small|high|long){_IS} {_THE}(?P<thing>.+?){_END}"),
    (
        "name",
        rf"{_ANY}(?:what|which)(?: {_KIND})?(?: of)?(?: (?!is|are|was|were)(?P<thing>\w+))?"
        rf"{_IS} (?:this|that|it|these|those|they)\b(?: (?P<shown>\w+))?.*",
    ),
    ("name", rf"{_ANY}what did i (?:draw|circle|mark|box|outline|click)\b.*"),
    ("name", rf"{_ANY}(?:what|which) {_KIND} (?:of )?{_THE}(?P<thing>.+?)(?:{_IS}\b.*)?{_END}"),
)
_ASKS = re.compile(
    r"^(?:so |and |but |ok |now )*(?:what|which|why|how|is|are|does|do|did|has|have|can|could|would|who|whose)\b"
)
_TELLS = re.compile(r"^(?:please |can you |could you )*(?:tell|name|describe|list|say|caption)\b")
_NOT_ASKED = re.compile(
    r"\b(?:what (?:can|do|could|else can|is it that) you (?:do|can|know|like|think)|what have you|"
    r"how (?:do|can) (?:i|you|we)|your name|are you|who are you|who made you|you able|joke|weather|"
    r"what does \w+ mean|(?:can|could|would|will) you (?!see|spot|find))\b"
)
_KEYWORDS = ("what", "where", "which", "many", "colour", "color", "describe", "there", "picture", "photo", "image")
_SHORT = {
    "whats": "what is", "wheres": "where is", "whos": "who is", "hows": "how is", "theres": "there is", "im": "i am",
    "what's": "what is", "where's": "where is", "who's": "who is", "how's": "how is", "there's": "there is",
}  # fmt: skip


def read_question(text: str, nouns: Nouns) -> Question | None:
    """What a text asks about a picture; None if it doesn't."""
    for sentence in reversed(_sentences(text, nouns)):
        if _NOT_ASKED.search(sentence):
            return None
        for kind, form in _FORMS:
            found = re.match(form, sentence)
            if found is not None:
                return _question(kind, found.groupdict())
        if _ASKS.match(sentence):
            thing = _first_thing(sentence, nouns)
            if thing:
                return Question("other", thing)
    return None


def may_ask(text: str, nouns: Nouns) -> bool:
    """Whether a text may ask something of what is shown, in whatever form; for who can tell by looking."""
    sentences = _sentences(text, nouns)
    if any(_NOT_ASKED.search(sentence) for sentence in sentences):
        return False
    return any(_ASKS.match(sentence) or _TELLS.match(sentence) for sentence in sentences) or bool(
        read_question(text, nouns)
    )


def _question(kind: Kind, groups: dict[str, str | None]) -> Question:
    thing = re.split(r" or | and (?:who|what|where|how|is|are) ", groups.get("thing") or groups.get("shown") or "")[
        0
    ].strip()
    color = groups.get("color") or ""
    nameless = thing in ("thing", "object", "one", "it", "this", "that", _KIND) or re.fullmatch(_KIND, thing)
    return Question(kind, "" if nameless else thing, "gray" if color == "grey" else color)


def _first_thing(sentence: str, nouns: Nouns) -> str:
    """The first thing that a sentence speaks of as present: "the man"."""
    for found in re.finditer(r"\b(?:the|this|that|these|those|my|his|her) (\w+)(?: (\w+))?", sentence):
        for words in (f"{found[1]} {found[2]}", found[1]):
            meaning = nouns.find(words)
            if meaning is not None and meaning.relation is not Relation.BESIDE:
                return words
    return ""


def _sentences(text: str, nouns: Nouns) -> list[str]:
    """The sentences in lower case without punctuation; the question's own words in their right spelling."""
    found = []
    for part in re.split(r"[.!?;:]+\s*|,\s+(?=and |but |just |so )", text.lower().replace("’", "'")):
        words = [_SHORT.get(word, word) for word in re.sub(r"[^\w\s'-]", " ", part).split()]
        if words:
            found.append(" ".join(_corrected(word.replace("'", ""), nouns) for word in words))
    return found


def _corrected(word: str, nouns: Nouns) -> str:
    """A keyword for its misspelling: two letters swapped, or one wrong in a longer word."""
    if word in _KEYWORDS or len(word) < 4 or " " in word or nouns.find(word) is not None:
        return word
    near = difflib.get_close_matches(word, _KEYWORDS, n=1, cutoff=0.75)
    if near and (sorted(near[0]) == sorted(word) or (len(word) > 4 and abs(len(near[0]) - len(word)) <= 1)):
        return near[0]
    return word
