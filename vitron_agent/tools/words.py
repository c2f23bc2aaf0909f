"""Answers in words to questions about a picture, from what was really seen in it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from vitron_agent.artifacts import ImageArray
from vitron_agent.messages import Box, Finding, Region
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.image_grounding import Detections
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.tools.phrases.questions import Kind, Question, read_question

_SURE, _LIKELY = 0.5, 0.35
"""Scores from which a finding is spoken of without and with a "probably"."""
_UNKNOWN = "not a thing that I can look for"
"""In the note of a search for a word that means nothing known; it says nothing about the picture."""
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PLURALS = {
    "person": "people", "man": "men", "woman": "women", "child": "children", "sheep": "sheep", "fish": "fish",
    "mouse": "mice", "goose": "geese", "ox": "oxen", "foot": "feet", "cattle": "cattle", "aircraft": "aircraft",
    "lens": "lenses",
}  # fmt: skip


@dataclass(frozen=True)
class Survey:
    """What there is to see in a picture.

    Attributes:
        names: What it looks like as a whole, with probabilities, likeliest first; empty if like nothing known.
        findings: The things that were recognised, best first.
        colors: The main colours, the commonest first.
    """

    names: tuple[tuple[str, float], ...]
    findings: tuple[Finding, ...]
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

    def find(self, picture: Picture, phrase: str) -> Detections:
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
            "unknowable": lambda _, picture: f"I can't tell that from the picture. {self._describe(picture)}",
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
        sentences = []
        if survey.findings:
            counts = Counter(finding.label for finding in survey.findings)
            best = {label: max(one.score for one in survey.findings if one.label == label) for label in counts}
            things = [_some(count, label) for label, count in counts.items() if best[label] >= _SURE]
            maybe = [_some(count, label) for label, count in counts.items() if best[label] < _SURE]
            sentences += [f"I see {_listed(things)}."] if things else []
            sentences += (
                [f"There may also be {_listed(maybe)}." if things else f"I think I see {_listed(maybe)}."]
                if maybe
                else []
            )
            first = survey.findings[0]
            if first.box is not None and len(survey.findings) <= 3:
                sentences.append(f"The {first.label} is {place(first.box)}.")
        seen = {finding.label for finding in survey.findings}
        names = [(name, share) for name, share in survey.names if name not in seen]
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
        number = len(found.findings)
        label = found.findings[0].label
        unsure = number > 3 or found.findings[-1].score < _LIKELY
        return _with_notes(f"I count {'about ' if unsure else ''}{_some(number, label)}.", found)

    def _color(self, question: Question, picture: Picture) -> str:
        found = self._sight.find(picture, question.thing)
        if not found.findings:
            return self._nothing(question.thing, found)
        label = found.findings[0].label
        colors = [dict(finding.facts).get("color") for finding in found.findings[:4]]
        known = list(dict.fromkeys(color for color in colors if color))
        if not known:
            return _with_notes(f"The {label} has several colours; none prevails.", found)
        if len(found.findings) == 1:
            return _with_notes(f"The {label} looks {known[0]}.", found)
        return _with_notes(f"I see {_some(len(found.findings), label)}; they look {_listed(known)}.", found)

    def _is_color(self, question: Question, picture: Picture) -> str:
        found = self._sight.find(picture, question.thing)
        if not found.findings:
            return self._nothing(question.thing, found)
        label, color = found.findings[0].label, dict(found.findings[0].facts).get("color")
        if color == question.color:
            return _with_notes(f"Yes, the {label} looks {color}.", found)
        seen = f"it looks {color}" if color else "no colour prevails on it"
        return _with_notes(f"The {label} doesn't look {question.color} to me; {seen}.", found)

    def _exists(self, question: Question, picture: Picture) -> str:
        found = self._sight.find(picture, question.thing)
        if not found.findings:
            return self._nothing(question.thing, found)
        best = found.findings[0]
        where = f" {place(best.box)}" if best.box is not None and len(found.findings) == 1 else ""
        start = "Yes, I see" if best.score >= _LIKELY else "Perhaps: I think I see"
        return _with_notes(f"{start} {_some(len(found.findings), best.label)}{where}.", found)

    def _where(self, question: Question, picture: Picture) -> str:
        found = self._sight.find(picture, question.thing)
        if not found.findings:
            return self._nothing(question.thing, found)
        places = [place(finding.box) for finding in found.findings if finding.box is not None]
        label = found.findings[0].label
        if len(places) == 1:
            return _with_notes(f"The {label} is {places[0]}.", found)
        return _with_notes(f"I see {_some(len(places), label)}: {_listed(places)}.", found)

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
        label = found.findings[0].label
        words = f"In the picture the {label} takes up a box of about {across} x {down} pixels, {share:.0%} of it."
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
