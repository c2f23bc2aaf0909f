"""Answers in words to questions about a picture, from what was really seen in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from vitron_agent.artifacts import ImageArray
from vitron_agent.messages import Box, Finding, Region
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.image_grounding import Detections
from vitron_agent.tools.phrases.nouns import load_nouns, singulars
from vitron_agent.tools.phrases.questions import Kind, Question, read_question

_CERTAIN, _LIKELY = 0.8, 0.4
"""Trust from which on a thing is spoken of unasked, and when asked, without "perhaps"."""
_CLEAR = 0.45
"""Score of a box from which on it counts as one more thing: weaker ones are mostly parts, or seen twice."""
_SURE = 0.5
_UNKNOWN = "not a thing that I can look for"
"""In the note of a search for a word that means nothing known; it says nothing about the picture."""
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PLURALS = {
    "person": "people", "man": "men", "woman": "women", "child": "children", "sheep": "sheep", "fish": "fish",
    "mouse": "mice", "goose": "geese", "ox": "oxen", "foot": "feet", "cattle": "cattle", "aircraft": "aircraft",
    "lens": "lenses",
}  # fmt: skip
_SINGULARS = {many: one for one, many in _PLURALS.items()}


@dataclass(frozen=True)
class Sighting(Detections):
    """What was found of one kind of thing.

    Attributes:
        trust: How likely it is that there is any such thing, in [0, 1]; scores say how sure boxes are.
    """

    trust: float = 1.0

    @property
    def label(self) -> str:
        """What one of them is called; only where something was found."""
        return singular(self.findings[0].label)

    @property
    def clear(self) -> tuple[Finding, ...]:
        """The findings that surely are things of their own, best first; one at least where something was found."""
        return tuple(one for place, one in enumerate(self.findings) if place == 0 or one.score >= _CLEAR)


@dataclass(frozen=True)
class Survey:
    """What there is to see in a picture.

    Attributes:
        names: What it looks like as a whole, with probabilities, likeliest first; empty if like nothing known.
        sightings: What was recognised, of each kind of thing; the surest first.
        colors: The main colours, the commonest first.
    """

    names: tuple[tuple[str, float], ...]
    sightings: tuple[Sighting, ...]
    colors: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """A picture that is spoken of.

    Attributes:
        image: (H, W, 3|4).
        image_id: Its artifact id.
        regions: What was drawn on it with the question.
        region_masks: The pixels of each mask region, by artifact id, at the picture's size.
    """

    image: ImageArray
    image_id: str
    regions: tuple[Region, ...] = ()
    region_masks: Mapping[str, MaskArray] = field(default_factory=dict)


@runtime_checkable
class Sight(Protocol):
    """Sees what questions are about."""

    def find(self, picture: Picture, phrase: str) -> Sighting:
        """All instances of a phrase."""

    def survey(self, picture: Picture) -> Survey:
        """What there is to see."""

    def name(self, picture: Picture, family: str) -> tuple[tuple[str, float], ...]:
        """What is drawn on the picture (without regions: the picture) may be called, likeliest first.

        Args:
            picture: With its regions.
            family: Only names of kinds of this; empty = any.
        """


class Words:
    """Answers questions.

    Args:
        sight: Sees the pictures.
    """

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._answers: dict[Kind, Callable[[Question, Picture], str | None]] = {
            "describe": lambda _, picture: self._describe(picture),
            "name": self._name,
            "count": self._count,
            "color": self._color,
            "is_color": self._is_color,
            "exists": self._exists,
            "where": self._where,
            "size": self._size,
            "who": lambda _, picture: f"I can't tell who somebody is. {self._describe(picture)}",
            "unknowable": lambda *_: "I can't tell that from the picture.",
            "other": self._other,
        }

    def answer(self, text: str, picture: Picture) -> str | None:
        """Answers a question about a picture in a sentence or two.

        Args:
            text: The user's words.
            picture: What they are about.

        Returns:
            None if the words ask nothing about a picture (a greeting, thanks, general knowledge, a wish).

        Raises:
            WeightsError: The weights are missing or damaged.
        """
        question = read_question(text, load_nouns())
        return None if question is None else self._answers[question.kind](question, picture)

    def _describe(self, picture: Picture) -> str:
        survey = self._sight.survey(picture)
        sure = [one for one in survey.sightings if one.trust >= _CERTAIN]
        maybe = [one for one in survey.sightings if _SURE <= one.trust < _CERTAIN]
        sentences = []
        if sure:
            sentences.append(f"I see {_listed([_at_least(one) for one in sure])}.")
        if maybe:
            start = "There may also be" if sure else "I think I see"
            sentences.append(f"{start} {_listed([_some(1, one.label) for one in maybe])}.")
        if sure and len(sure[0].findings) == 1:
            sentences.append(f"The {sure[0].label} is {_place_of(sure[0].findings[0])}.")
        spoken_of = frozenset[str]().union(*(_meant(one.label) for one in (*sure, *maybe)))
        names = [(name, share) for name, share in survey.names if not _meant(name) <= spoken_of]
        if names:
            sentences.append(_looks_like("As a whole the picture", names))
        if not sentences:
            sentences.append("I don't recognise anything in the picture with any certainty.")
        if survey.colors:
            sentences.append(
                f"Its main colours are {_listed(survey.colors)}."
                if len(survey.colors) > 1
                else f"It is mainly {survey.colors[0]}."
            )
        return " ".join(sentences)

    def _name(self, question: Question, picture: Picture) -> str:
        family = question.thing
        names = self._sight.name(picture, family)
        subject = "What you drew" if picture.regions else "It"
        if not names:
            kind = f" kind of {family}" if family else ""
            return f"I can't say what{kind} that is; it looks like nothing that I know well."
        return _looks_like(subject, names)

    def _count(self, question: Question, picture: Picture) -> str:
        found = self._sight.find(picture, question.thing)
        if not found.findings:
            return self._nothing(question.thing, found)
        counted = _some(len(found.clear), found.label)
        if found.trust < _LIKELY:
            return _with_notes(f"Perhaps {counted}: I am not sure that I see any.", found)
        unsure = "; I am not sure of the number" if len(found.clear) > 1 else ""
        return _with_notes(f"I count {counted}{unsure}.", found)

    def _color(self, question: Question, picture: Picture) -> str:
        found = self._sight.find(picture, question.thing)
        if not found.findings:
            return self._nothing(question.thing, found)
        colors = [dict(finding.facts).get("color") for finding in found.clear[:4]]
        known = list(dict.fromkeys(color for color in colors if color))
        if not known:
            return _with_notes(f"The {found.label} has several colours; none prevails.", found)
        if len(found.clear) == 1:
            return _with_notes(f"The {found.label} looks {known[0]}.", found)
        return _with_notes(f"What I take for {plural(found.label)} looks {_listed(known)}.", found)

    def _is_color(self, question: Question, picture: Picture) -> str:
        found = self._sight.find(picture, question.thing)
        if not found.findings:
            return self._nothing(question.thing, found)
        color = dict(found.findings[0].facts).get("color")
        if color == question.color:
            return _with_notes(f"Yes, the {found.label} looks {color}.", found)
        seen = f"it looks {color}" if color else "no colour prevails on it"
        return _with_notes(f"The {found.label} doesn't look {question.color} to me; {seen}.", found)

    def _exists(self, question: Question, picture: Picture) -> str:
        found = self._sight.find(picture, question.thing)
        if not found.findings:
            return self._nothing(question.thing, found)
        where = f" {_place_of(found.findings[0])}" if len(found.findings) == 1 else ""
        start = "Yes, I see" if found.trust >= _LIKELY else "Perhaps: I think I see"
        return _with_notes(f"{start} {_at_least(found)}{where}.", found)

    def _where(self, question: Question, picture: Picture) -> str:
        found = self._sight.find(picture, question.thing)
        if not found.findings:
            return self._nothing(question.thing, found)
        first, *others = dict.fromkeys(_place_of(finding) for finding in found.clear)
        sentences = [f"The {found.label} is {first}."]
        if found.trust < _LIKELY:
            sentences = [f"I think I see {_some(1, found.label)} {first}."]
        if len(found.clear) > 1:
            sentences.append(f"There may be more{f' {_listed(others)}' if others else ' there'}.")
        return _with_notes(" ".join(sentences), found)

    def _size(self, question: Question, picture: Picture) -> str:
        height, width = picture.image.shape[:2]
        if not question.thing or question.thing in ("picture", "photo", "image", "pic"):
            return f"The picture is {width} x {height} pixels."
        found = self._sight.find(picture, question.thing)
        if not found.findings or found.findings[0].box is None:
            return self._nothing(question.thing, found)
        x_left, y_top, x_right, y_bottom = found.findings[0].box
        across, down = round((x_right - x_left) * width), round((y_bottom - y_top) * height)
        share = (x_right - x_left) * (y_bottom - y_top)
        words = f"In the picture the {found.label} takes up a box of about {across} x {down} pixels, {share:.0%} of it."
        return _with_notes(f"{words} I can't tell its real size.", found)

    def _other(self, question: Question, picture: Picture) -> str | None:
        """Something about a thing: answered only where the thing is there, and then modestly."""
        found = self._sight.find(picture, question.thing)
        if not found.findings:
            return None
        return f"I can't tell that from what I see. {self._exists(question, picture).removeprefix('Yes, ')}"

    def _nothing(self, thing: str, found: Detections) -> str:
        unknown = next((note for note in found.notes if _UNKNOWN in note), None)
        if unknown is not None:
            return f"{unknown[:1].upper()}{unknown[1:]}."
        notes = [note for note in found.notes if not note.startswith("no ")]
        return " ".join([f"I don't see any {thing} in the picture.", *map(_sentence, notes)])


def place(box: Box) -> str:
    """Where in the picture a box is, in words."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    if (box[2] - box[0]) * (box[3] - box[1]) > 0.6:
        return "over most of the picture"
    across = "left" if x < 0.36 else "right" if x > 0.64 else ""
    down = "upper" if y < 0.36 else "lower" if y > 0.64 else ""
    match down, across:
        case "", "":
            return "in the middle"
        case "", side:
            return f"on the {side}"
        case "upper", "":
            return "at the top"
        case "lower", "":
            return "at the bottom"
    return f"at the {down} {across}"


def singular(noun: str) -> str:
    """The singular of a noun, which may be one already."""
    head, _, last = noun.rpartition(" ")
    if last in _SINGULARS:
        return f"{head} {_SINGULARS[last]}" if head else _SINGULARS[last]
    meaning = load_nouns().find(noun)
    same = (load_nouns().find(form) for form in singulars(noun)[1:] if meaning is not None)
    return next((found.word for found in same if found and meaning and found.things == meaning.things), noun)


def plural(noun: str) -> str:
    """The plural of a noun; of its last word where it has several."""
    head, _, last = noun.rpartition(" ")
    if last in _PLURALS:
        many = _PLURALS[last]
    elif last in _PLURALS.values() or (last.endswith("s") and last[-2:-1] not in "aiosu"):
        many = last  # it is one: sunglasses, trunks
    elif last.endswith(("s", "x", "z", "ch", "sh")):
        many = f"{last}es"
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        many = f"{last[:-1]}ies"
    else:
        many = f"{last}s"
    return f"{head} {many}" if head else many


def _some(count: int, label: str) -> str:
    if count == 1:
        return f"{'an' if label[:1].lower() in 'aeiou' else 'a'} {label}"
    return f"{_NUMBERS[count] if count < len(_NUMBERS) else count} {plural(label)}"


def _meant(name: str) -> frozenset[str]:
    """What a name is of, so that an airplane is an aeroplane."""
    meaning = load_nouns().find(name.lower())
    return frozenset({name}) if meaning is None else frozenset(thing.wordnet_id for thing in meaning.things)


def _at_least(found: Sighting) -> str:
    """No more than is sure of a number of things."""
    return _some(1, found.label) if len(found.clear) == 1 else f"at least one {found.label}"


def _place_of(finding: Finding) -> str:
    assert finding.box is not None
    return place(finding.box)


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _looks_like(subject: str, names: Sequence[tuple[str, float]]) -> str:
    """A sentence no surer than its probabilities."""
    name, share = names[0]
    if share >= 0.8:
        return f"{subject} looks like {_some(1, name)}."
    others = [_some(1, other) for other, _ in names[1:3]]
    if share >= _SURE and not others:
        return f"{subject} looks most like {_some(1, name)}, but I am not sure."
    return f"{subject} might be {' or '.join([_some(1, name), *others])}; I am not sure."


def _with_notes(words: str, found: Detections) -> str:
    return " ".join([words, *map(_sentence, found.notes)])


def _sentence(note: str) -> str:
    return f"({note})"
