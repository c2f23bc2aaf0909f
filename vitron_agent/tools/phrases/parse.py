"""Noun phrases: the thing, and the words that say which one of several is meant."""

import re
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from vitron_agent.tools.phrases.nouns import Meaning, Nouns, Relation

Side: TypeAlias = Literal["left", "right", "top", "bottom", "middle", "front", "back"]
Size: TypeAlias = Literal["largest", "smallest"]
Link: TypeAlias = Literal["on", "under", "near", "left of", "right of", "behind", "before", "with", "except"]

_COLORS = {
    "red": "red", "scarlet": "red", "crimson": "red", "orange": "orange", "ginger": "orange", "yellow": "yellow",
    "golden": "yellow", "blond": "yellow", "blonde": "yellow", "green": "green", "blue": "blue", "navy": "blue",
    "purple": "purple", "violet": "purple", "pink": "pink", "brown": "brown", "tan": "brown", "beige": "brown",
    "black": "black", "dark": "black", "white": "white", "gray": "gray", "grey": "gray", "silver": "gray",
}  # fmt: skip
_SIZES: dict[str, Size] = {
    "largest": "largest", "biggest": "largest", "big": "largest", "large": "largest", "huge": "largest",
    "tallest": "largest", "tall": "largest", "bigger": "largest", "larger": "largest", "taller": "largest",
    "smallest": "smallest", "small": "smallest", "little": "smallest", "tiny": "smallest", "smaller": "smallest",
    "shortest": "smallest", "tiniest": "smallest",
}  # fmt: skip
_ORDINALS = {
    "first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "fourth": 3, "4th": 3, "fifth": 4, "5th": 4,
    "sixth": 5, "6th": 5, "last": -1,
}  # fmt: skip
_NUMBERS = {"one": 1, "both": 2, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "2": 2, "3": 3, "4": 4, "5": 5}
_SIDES: dict[str, Side] = {
    "left": "left", "leftmost": "left", "left-hand": "left", "lefthand": "left", "right": "right",
    "rightmost": "right", "right-hand": "right", "righthand": "right", "top": "top", "upper": "top",
    "topmost": "top", "highest": "top", "bottom": "bottom", "lower": "bottom", "lowest": "bottom",
    "middle": "middle", "center": "middle", "centre": "middle", "central": "middle", "front": "front",
    "nearest": "front", "closest": "front", "foreground": "front", "nearer": "front", "closer": "front",
    "back": "back", "farthest": "back", "furthest": "back", "background": "back", "distance": "back", "rear": "back",
}  # fmt: skip
_FILLERS = frozenset(
    {"the", "a", "an", "my", "your", "his", "her", "our", "their", "its", "this", "that", "these", "those", "some"}
    | {"of", "all", "every", "each", "any", "other", "most", "very", "one", "and", "by", "far"}
)
_GROUPS = "group|bunch|pair|couple|crowd|pack|herd|flock|pile|row|piece|slice|lot|set|number|picture|photo|image"
PICTURE = r"(?:picture|photo|photograph|image|pic|scene|shot|snap|snapshot)"
"""What the whole picture is called in a phrase or a question about it."""
_ALL = frozenset({"all", "every", "each", "both"})
_QUANTITY = "|".join([*_ALL, "any", "some", "most", *_NUMBERS])
_OUR = r"(?:the|this|that|these|those|my|your|his|her|our|their|its)"
_DETERMINER = re.compile(rf"(?:a|an|{_OUR})\b")
_PARTITIVE = re.compile(rf"^(?:the )?({_QUANTITY}) of {_OUR}\b")
_MANY = frozenset(
    {"people", "men", "women", "children", "geese", "mice", "lice", "oxen", "wolves", "feet", "teeth", "cattle"}
    | {"crowd", "family"}
)
"""More than one thing, in words that the table or the aliases hold as they are."""
_UNCHANGED = frozenset({"sheep", "fish", "deer", "moose", "aircraft"})
"""The same for one and for many."""
_AFTER = frozenset(
    {"asleep", "awake", "alone", "together", "away", "up", "down", "out", "off", "here", "there", "inside", "outside"}
    | {"sat", "stood", "hung", "stuck", "lit", "nearby", "anywhere", "somewhere"}
)
"""What may follow a noun and is no part of it, beside participles."""
_NO_VERBS = frozenset(
    {"guttering", "decking", "coving", "skirting", "stitching", "lettering", "glazing", "clipping", "writing"}
    | {"keyring", "edging", "parking", "training"}
)
"""Nouns in -ing that the table doesn't hold."""
_ALIVE = frozenset({"n00007846", "n00015388"})
"""Persons and animals: an -ing word between one of these and another noun is a verb (a girl eating ice cream); between
other nouns it may be part of a name (a plastic watering can)."""
_USED = _COLORS.keys() | _SIZES.keys() | _ORDINALS.keys() | _NUMBERS.keys() | _SIDES.keys() | _FILLERS
_PLACE = re.compile(
    r"\b(?:(?:on|at|in|to|from|near|towards?) )(?:the |its )?(?:very |far |extreme )?"
    rf"(?P<sides>(?:(?:{'|'.join(_SIDES)})[ -]?){{1,2}})"
    rf"(?: ?(?:side|corner|edge|end|part|half|hand side|row|of {_OUR} (?:{PICTURE}|frame)))*(?= |$)"
)
_IN_PICTURE = re.compile(
    rf" (?:(?:in|of|on|from|within) (?:{_OUR} )?{PICTURE}|in frame)"
    r"(?=$| (?:with|wearing|holding|behind|beside|next|near|under)\b)"
)
_US = r"(?:(?:the )?(?:camera|lens|viewer|photographer)|me|us)\b"
_SPLIT_NEAREST = re.compile(
    r"\b(nearest|closest|furthest|farthest) ((?:(?!next|close|adjacent|\w+ed )\w+ ){1,3})(to|from) "
    rf"(?=(?:{_OUR}|us|me)\b)"
)
"""The nearest dog to the fence: as the dog nearest to the fence."""
_SIDE_OF = r"(?:(?:on|to|at|in) (?:the |its )?)?(?:far |very |immediate )?{}(?:[ -]?hand)?(?: side)? of"
_LINKS: tuple[tuple[str, Link | None], ...] = (
    (_SIDE_OF.format("left"), "left of"),
    (_SIDE_OF.format("right"), "right of"),
    (r"in front of|ahead of|before", "before"),
    (r"behind", "behind"),
    (r"underneath|under|beneath|below", "under"),
    (r"on top of|riding|above|over|onto|on|upon|atop", "on"),
    (r"(?:next|close|closer|closest|nearest|adjacent) to|(?:\w+ed|stuck|hung) (?:to|onto|against)", "near"),
    (r"beside|alongside|nearest|closest|near|by|at|against|around|round|along", "near"),
    (rf"with|holding|wearing|carrying|in|inside|within|of(?= {_OUR} )", "with"),
    (r"except(?: for)?|apart from|other than|excluding|but(?: not)?", "except"),
    (r"without|between|among|amongst|amid|outside|opposite|across|through|past|beyond|facing|towards?|into|to", None),
    (r"(?:(?:furthest|farthest|away) )?from|for|off|out of|out|up|down|than|like|unlike|as|about|of|during|not", None),
    (rf"a|an|{_OUR}|which|who|whose|whom|where|he|she|they|we|nobody|is|are|was|were|has|have|had", None),
)
"""What may follow a noun and say which one is meant; None = it cannot be seen from boxes, or is a clause."""
_LINK = re.compile(
    r"(?:(?:just|right|directly|immediately|standing|sitting|seated|lying|leaning|hanging|dangling|resting|perched|"
    r"parked|sticking|poking|floating|sat|stood)(?: (?:down|up|back))? )*"
    rf"(?P<link>{'|'.join(words for words, _ in _LINKS)})(?= )"
)
_ADJECTIVES = frozenset({"near", "nearest", "closest", "round", "inside", "outside", "opposite"})
"""Links that may also stand before a noun: the outside light."""
_PARTICLES = frozenset({"up", "down", "off", "out", "through", "past"})
"""Links that may also be the middle of a noun: pop up tent."""


@dataclass(frozen=True)
class Phrase:
    """A noun phrase, understood.

    Attributes:
        text: As it was said.
        meaning: What its noun means; None if the table doesn't hold the word.
        noun: The noun's words, also where they mean nothing known.
        colors: Basic colour names, American spelling.
        size: The largest or the smallest one.
        ordinal: Its place in the row, from 0; -1 = the last.
        sides: Where it is; with an ordinal: from which side the row is counted.
        number: How many; None = not said.
        plural: Whether more than one may be meant.
        link: How it lies to ``anchor``.
        anchor: The other thing.
        unused: Words that choose nothing here: adjectives (old), participles, and what can't be seen from boxes
            (between the two trees).
    """

    text: str
    meaning: Meaning | None
    noun: str
    colors: tuple[str, ...] = ()
    size: Size | None = None
    ordinal: int | None = None
    sides: tuple[Side, ...] = ()
    number: int | None = None
    plural: bool = False
    link: Link | None = None
    anchor: "Phrase | None" = None
    unused: tuple[str, ...] = ()

    @property
    def sought(self) -> Meaning | None:
        """What its noun is looked for as; None also where the nearest family is not good enough for that."""
        meaning = self.meaning
        return meaning if meaning is not None and meaning.relation is not Relation.BESIDE else None

    @property
    def chooses(self) -> bool:
        """Whether it says which of several instances is meant."""
        return bool(self.colors or self.sides or self.size or self.link or self.number) or self.ordinal is not None


def parse_phrase(text: str, nouns: Nouns) -> Phrase:
    """Understands ``second dog from the left``, ``red cup on the table``, ``both cats`` and the like.

    The noun is always one of the words before the first link; where those hold no noun that is known, the phrase
    means nothing known, whatever else it speaks of.
    """
    said = _plain(text)
    rest, sides = _without_places(said, nouns)
    rest = re.sub(rf"(?<![\w-])(?:{_GROUPS})s? of ", "", _IN_PICTURE.sub("", rest))
    words = _PARTITIVE.sub(r"\1", rest).split()
    end = _head_end(words, nouns)
    if words[end : end + 1] == ["and"]:
        return _both(text, said, sides, words[:end], words[end + 1 :], nouns)
    head, owner = _without_owner(words[:end])
    link, anchor_text, unused = _read_link(" ".join(words[end:]))
    if owner and link is None:
        link, anchor_text = "with", re.sub("'s?$", "", owner)
    elif owner:
        unused = (owner, *unused)
    first, last, meaning = _find_noun(head, nouns)
    around, noun = [*head[:first], *head[last:]], " ".join(head[first:last])
    colored = re.match(r"^(?:the )?(\w+)$", anchor_text) if link == "with" else None
    if colored and colored[1] in _COLORS:  # "the man in red"
        around, anchor_text, link = [*around, colored[1]], "", None
    if meaning is not None:  # "cups except the red one"
        anchor_text = re.sub(r"\bones?$", noun, anchor_text)
    anchor = parse_phrase(anchor_text, nouns) if anchor_text else None
    if anchor is not None and " and " in anchor.noun and (anchor.link or link not in ("with", "except")):
        return Phrase(text, None, said)  # "dog on the sofa and cat": the cat may be a second thing to find
    number = next((_NUMBERS[word] for word in head[:first] if word in _NUMBERS), None)  # "bus 3" is one bus
    return Phrase(
        text=text,
        meaning=meaning,
        noun=noun,
        colors=tuple(dict.fromkeys(_COLORS[word] for word in around if word in _COLORS)),
        size=next((_SIZES[word] for word in around if word in _SIZES), None),
        ordinal=next((_ORDINALS[word] for word in around if word in _ORDINALS), None),
        sides=(*(_SIDES[word] for word in around if word in _SIDES), *sides),
        number=number,
        plural=(number or 1) > 1 or (meaning is not None and _is_plural(noun, meaning, around)),
        link=link,
        anchor=anchor,
        unused=(
            *(word for word in around if word not in _USED),
            *(word for word in head[last:] if word in _NUMBERS),
            *unused,
        ),
    )


def _plain(text: str) -> str:
    text = re.sub(r"\s*[,;&+/]\s*|\s(?:or|plus)\s", " and ", text.lower().replace("’", "'"))
    text = " ".join(re.sub(r"[^\w\s'-]", " ", text).split())
    text = re.sub(r"\b(that|which|who|what|where|it|he|she)'s\b", r"\1 is", text)
    text = re.sub(r"\b(?:that|which|who) (?:is|are) |\bin (?:the|a) (?:row|line)\b|\bby far\b", "", text)
    text = re.sub(r" ((?:top|bottom|upper|lower) (?:left|right))$", r" at the \1", text)
    text = _SPLIT_NEAREST.sub(r"\2\1 \3 ", text)
    text = re.sub(rf"\b(?:nearest|closest)(?: to)? {_US}", "in the foreground", text)
    text = re.sub(rf"\b(?:furthest|farthest) from {_US}", "in the background", text)
    return " ".join(text.split())


def _without_places(text: str, nouns: Nouns) -> tuple[str, tuple[Side, ...]]:
    sides: list[Side] = []

    def note(found: re.Match[str]) -> str:
        if not _ends_place(text[: found.start()].split(), text[found.end() :].split(), nouns):
            return found[0]  # "on the left of the bus", "on the left wing"
        sides.extend(_SIDES[word] for word in re.split(r"[ -]", found["sides"].strip(" -")) if word in _SIDES)
        return ""

    return " ".join(_PLACE.sub(note, text).split()), tuple(sides)


def _ends_place(before: list[str], after: list[str], nouns: Nouns) -> bool:
    """Whether words that name a place are not the beginning of another thing's name."""
    if not after or after[0] == "and" or _is_verb([*before, *after], len(before), nouns):
        return True
    if after[0] not in _USED and _may_follow(after[0], nouns):
        after = after[1:]
    return not after or (after[0] != "of" and _LINK.match(" ".join(after)) is not None)


def _may_follow(word: str, nouns: Nouns) -> bool:
    """Whether a word can stand after a noun without being a noun itself."""
    if word.endswith("ing") or re.search("[^be]ed$", word):  # not knotweed, flowerbed
        return word not in _NO_VERBS and nouns.find(word) is None
    return word in _USED or word in _AFTER


def _head_end(words: list[str], nouns: Nouns) -> int:
    """Where the words end that hold the noun: at the first link, at a verb, or at an "and" between two nouns."""
    return next((place for place in range(len(words)) if _is_end(words, place, nouns)), len(words))


def _is_end(words: list[str], place: int, nouns: Nouns) -> bool:
    if place + 1 >= len(words) or _is_inside_name(words, place, nouns):
        return False
    return _is_link(words, place, nouns) or _is_verb(words, place, nouns) or _is_and(words, place, nouns)


def _is_inside_name(words: list[str], place: int, nouns: Nouns) -> bool:
    """Whether a word belongs to a name of two or three words: chest of drawers, folding chair."""
    starts = (place - 1, place) if place else (place,)
    spans = [words[start:end] for start in starts for end in (place + 1, place + 2, place + 3)[: len(words) - place]]
    return any(1 < len(span) < 4 and nouns.find(" ".join(span)) is not None for span in spans)


def _is_link(words: list[str], place: int, nouns: Nouns) -> bool:
    found = _LINK.match(" ".join(words[place:]))
    if found is None:
        return False
    if _DETERMINER.match(found.string[found.end() :].strip()):
        return True
    if words[place] in _PARTICLES:
        return False
    if words[place] in _ADJECTIVES:
        return place > 0 and words[place - 1] not in _USED and nouns.find(words[place - 1]) is not None
    return _is_named(words[:place]) or (words[place] == "of" and place > 0)


def _is_verb(words: list[str], place: int, nouns: Nouns) -> bool:
    if not words[place].endswith("ing") or not _is_named(words[:place]):
        return False
    after = " ".join(words[place + 1 :])
    if _DETERMINER.match(after):
        return True
    if words[place] in _NO_VERBS or nouns.find(words[place]) is not None or _LINK.match(after):
        return False
    meaning = _find_noun(words[:place], nouns)[2]
    return meaning is not None and any(thing.above & _ALIVE for thing in meaning.things)


def _is_and(words: list[str], place: int, nouns: Nouns) -> bool:
    """Whether an "and" stands between two nouns rather than between two adjectives."""
    if words[place] != "and" or not _is_named(words[:place]):
        return False
    right = words[place + 1 :]
    known = words[place - 1] not in _USED and nouns.find(words[place - 1]) is not None
    return known or bool(_DETERMINER.match(right[0])) or len(right) == 1 or _is_end(right, 1, nouns)


def _is_named(words: list[str]) -> bool:
    return any(word not in _USED for word in words)


def _both(text: str, said: str, sides: tuple[Side, ...], left: list[str], right: list[str], nouns: Nouns) -> Phrase:
    """Two kinds as one phrase; it means nothing known where some of its words choose among one kind only."""
    one, other = parse_phrase(" ".join(left), nouns), parse_phrase(" ".join(right), nouns)
    noun = f"{one.noun} and {other.noun}"
    placed = _without_places(said.partition(" and ")[0], nouns)[1]
    bare = " ".join(word for word in right if word not in _FILLERS)
    meanings = [meaning for part in (one, other) if (meaning := part.sought) is not None]
    if len(meanings) < 2 or one.chooses or one.unused or placed or not bare.startswith(other.noun):
        return Phrase(text, None, noun if len(meanings) < 2 else said)
    things = tuple(dict.fromkeys(thing for meaning in meanings for thing in meaning.things))
    word = " and ".join(meaning.word for meaning in meanings)
    meaning = Meaning(word, things, Relation.KIND)  # not IS: the user should know that either kind was searched
    return replace(other, text=text, meaning=meaning, noun=noun, sides=(*other.sides, *sides), plural=True)


def _without_owner(words: list[str]) -> tuple[list[str], str]:
    """The words after the last possessive, and those up to it."""
    places = [place for place, word in enumerate(words[:-1]) if word.endswith(("'s", "s'"))]
    if not places:
        return words, ""
    return words[places[-1] + 1 :], " ".join(words[: places[-1] + 1])


def _read_link(text: str) -> tuple[Link | None, str, tuple[str, ...]]:
    """The link that a text begins with and the words of its anchor, or the text as words that choose nothing."""
    found = _LINK.match(text)
    said = text[found.start("link") :] if found else ""
    link = next((link for words, link in _LINKS if re.match(rf"(?:{words})(?= )", said)), None)
    if found is None or link is None:
        return None, "", (text,) if text else ()
    return link, text[found.end() :].strip(), ()


def _find_noun(words: list[str], nouns: Nouns) -> tuple[int, int, Meaning | None]:
    """Where the noun begins and ends: the longest ending that is something to look for, else the longest known one.

    What may follow a noun (participles, "second") is left out where nothing is known with it.
    """
    for end in range(len(words), 0, -1):
        known = [(start, meaning) for start in range(end) if (meaning := _meaning(words[start:end], nouns))]
        usable = [entry for entry in known if entry[1].relation is not Relation.BESIDE]
        if usable or known:
            start, meaning = (usable or known)[0]
            return start, end, meaning
        if not _may_follow(words[end - 1], nouns):
            break
    plain = [start for start, word in enumerate(words) if word not in _FILLERS | _COLORS.keys() | _SIZES.keys()]
    return (plain[0] if plain else len(words)), len(words), None


def _meaning(words: list[str], nouns: Nouns) -> Meaning | None:
    """What a noun means; a word that chooses (white, bottom) is one only where it is the very name of something."""
    meaning = nouns.find(" ".join(words))
    chooses = len(words) == 1 and words[0] in _USED
    return meaning if meaning is None or not chooses or meaning.relation is Relation.IS else None


def _is_plural(noun: str, meaning: Meaning, around: list[str]) -> bool:
    last = noun.split()[-1]
    if noun != meaning.word or last in _MANY or not _ALL.isdisjoint(around):
        return True
    return last in _UNCHANGED and not (_SIDES.keys() | _SIZES.keys() | {"a", "an", "this", "that", "one"}) & set(around)
