"""The words of a wish: phrasings, the thing that it is about, and what it may refer to."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from vitron_agent.messages import Handle, Module, Operation
from vitron_agent.train.data.text import sections
from vitron_agent.train.data.things import Thing, is_plural, thing


@dataclass(frozen=True, slots=True)
class Step:
    """An invocation before its inputs and outputs are worked out.

    Attributes:
        module: As in the plan.
        operation: As in the plan.
        target: As in the plan.
        value: As in the plan.
        base: Handle that the user points at; None = whatever is newest.
        source: Handle of another picture.
        reference: Handle of another picture.
        mask: Handle of an earlier mask.
        mask_of: Position of the step in this plan whose mask is used.
        regions: Numbers of the drawings used, 1 = the first.
    """

    module: Module
    operation: Operation
    target: str = ""
    value: str = ""
    base: Handle | None = None
    source: Handle | None = None
    reference: Handle | None = None
    mask: Handle | None = None
    mask_of: int | None = None
    regions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """A sentence and its steps; ``about`` is the thing that a later "it" would mean."""

    text: str
    steps: tuple[Step, ...]
    about: Thing | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What a wish may refer to.

    Attributes:
        video: The wish is about a clip.
        other: Another picture: its handle and how it is named ("the second photo").
        drawn: Number of drawings that came with the message.
        short: Only short, plain phrasings (they become parts of longer sentences).
        pronoun: What "it" stands for; then the target is said as a pronoun.
        marked: The target is the user's first drawing: "the dog I circled".
        empty: There is no picture yet.
    """

    video: bool = False
    other: tuple[Handle, str] | None = None
    drawn: int = 0
    short: bool = False
    pronoun: Thing | None = None
    marked: bool = False
    empty: bool = False


Maker = Callable[[Random, Scene], Wish]
_PICTURE_WORD = re.compile(r"\b(photo|photograph|picture|pic|image|shot|snap|snapshot)\b", re.IGNORECASE)
_AMOUNTS = (("{}%", "{}%"), ("{} percent", "{}%"), ("{} per cent", "{}%"), ("about {}%", "{}%"))


def phrase(rng: Random, name: str, scene: Scene, slots: Mapping[str, str]) -> str:
    """A phrasing of a section with its slots filled; for clips, words for pictures become words for clips.

    Raises:
        KeyError: There is no such section, or a slot that nothing fills.
    """
    lines: Sequence[str] = sections("phrasings")[name]
    if scene.short:
        plain = [line for line in lines if len(line.split()) <= 8 and not re.search(r"[?.!;]", line)]
        lines = plain or lines
    text = rng.choice(lines)
    if scene.video:
        text = _PICTURE_WORD.sub(lambda _: rng.choice(("video", "clip", "footage", "video")), text)
    words = sections("lexicon")
    common = {"V": rng.choice(words["clip"]), "medium": rng.choice(words["medium"])}
    return re.sub(r"\{(\w+)\}", lambda match: ({**common, **slots})[match[1]], text)


def subject(rng: Random, scene: Scene) -> tuple[Thing, dict[str, str]]:
    """What a wish is about, and its slots; a pronoun where the scene has one."""
    if scene.pronoun:
        pronoun = "them" if is_plural(scene.pronoun.noun) else "it"
        return scene.pronoun, {"T": pronoun, "t": pronoun, "ts": pronoun}
    if scene.marked:
        picked = thing(rng, simple=True)
        if rng.random() < 0.3:
            said = rng.choice(sections("lexicon")["deictic"])
            return Thing("", said, ""), {"T": said, "t": said, "ts": said}
        said = rng.choice(sections("lexicon")["deictic_named"]).format(picked.bare)
        return Thing(picked.bare, said, picked.noun), {"T": said, "t": f"{picked.bare} I circled", "ts": said}
    picked = _quantified(rng) if rng.random() < 0.05 else thing(rng)
    plural = picked.bare if is_plural(picked.noun) or picked.bare != picked.noun else f"{picked.noun}s"
    return picked, {"T": picked.definite, "t": picked.bare, "ts": plural}


def _quantified(rng: Random) -> Thing:
    one = thing(rng, simple=True)
    if is_plural(one.noun):
        return Thing(one.bare, f"all the {one.bare}", one.noun)
    many = f"{one.noun}s"
    return rng.choice(
        (
            Thing(many, f"all the {many}", many),
            Thing(many, f"both {many}", many),
            Thing(many, f"all {many}", many),
            Thing(one.bare, f"every {one.bare}", one.noun),
            Thing(one.bare, f"each {one.bare}", one.noun),
        )
    )


def drawn(rng: Random, scene: Scene) -> tuple[tuple[int, ...], dict[str, str]]:
    """The drawings that a wish uses, and the words for them."""
    if scene.drawn > 1:
        if rng.random() < 0.4:
            number = rng.randint(1, scene.drawn)
            name = rng.choice(sections("lexicon")["deictic_one_of"])
            return (number,), {"R": name.format(("first", "second", "third")[number - 1])}
        return tuple(range(1, scene.drawn + 1)), {"R": rng.choice(sections("lexicon")["deictic_many"])}
    return (1,), {"R": rng.choice(sections("lexicon")["deictic"])}


def color(rng: Random) -> str:
    """A colour word or hex value."""
    return rng.choice(sections("lexicon")["color"])


def amount(rng: Random) -> tuple[str, str]:
    """An amount (as said, as written)."""
    number = rng.choice([5, 10, 15, 20, 25, 30, 40, 50, 60, 75])
    said, written = rng.choice(_AMOUNTS)
    return said.format(number), written.format(number)


def in_clip(rng: Random, scene: Scene, text: str) -> str:
    """Says more often than not that a clip is meant."""
    if not scene.video or rng.random() < 0.35 or re.search(r"\b(video|clip|footage|frame)", text):
        return text
    if rng.random() < 0.75:
        suffix = phrase(rng, "edit.suffix", scene, {})
        return f"{text.rstrip('.!')} {suffix}"
    return f"{phrase(rng, 'edit.prefix', scene, {}).rstrip(',')}, {text}"
