"""Sentences that name things, and whole scenes in a sentence.

What is answered follows from the scene and the request alone, in one form, so that answers can be compared word by
word; what is asked comes in many forms.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from string import Formatter

from vitron_agent.train.data.samples import Thing
from vitron_agent.train.data.scenes.model import Event, Scene
from vitron_agent.train.data.scenes.phrases import full_noun, name
from vitron_agent.train.data.scenes.seen import OPPOSITE, Seen

VERBS: dict[Event, tuple[str, str]] = {
    "left": ("moves left", "move left"),
    "right": ("moves right", "move right"),
    "up": ("moves up", "move up"),
    "down": ("moves down", "move down"),
    "grows": ("grows", "grow"),
    "appears": ("appears", "appear"),
    "disappears": ("disappears", "disappear"),
    "still": ("stands still", "stand still"),
}
"""Of one thing and of several."""
RELATED = {
    "left": "to the left of",
    "right": "to the right of",
    "above": "above",
    "below": "below",
    "behind": "behind",
    "front": "in front of",
    "inside": "inside",
}


@dataclass(frozen=True, slots=True)
class Named:
    """Words of a sentence that name things.

    Attributes:
        words: As within a sentence.
        seen: Where the things are seen.
        bodies: Which they are.
        medium: Position of the medium among the sample's.
    """

    words: str
    seen: Seen
    bodies: tuple[int, ...]
    medium: int = 0


def tell(template: str, **named: Named) -> tuple[str, tuple[Thing, ...]]:
    """A sentence and its things, in the order of its words.

    Args:
        template: With a field for each of the named.
        named: What fills the fields.
    """
    text = capital(template.format(**{field: one.words for field, one in named.items()}))
    things: list[Thing] = []
    for place, (before, field, _, _) in enumerate(Formatter().parse(template)):
        if field:
            one = named[field]
            words = capital(one.words) if place == 0 and not before else one.words
            things += one.seen.things(words, one.bodies, one.medium)
    return text, tuple(things)


def capital(text: str) -> str:
    """With a capital at the beginning."""
    return text[:1].upper() + text[1:]


def caption(seen: Seen, ending: str = ".") -> tuple[str, tuple[Thing, ...]]:
    """All things from left to right, equal ones together; of a clip, what each does; and the background."""
    groups = grouped(seen)
    scene = seen.scene
    named: dict[str, Named] = {}
    parts: list[str] = []
    told = set[str]()
    for place, (noun, event, bodies) in enumerate(groups):
        words = noun_words = full_noun(scene.bodies[bodies[0]]).counted(len(bodies))
        if noun in told:
            words = f"another {noun}" if len(bodies) == 1 else f"{noun_words} more"
        told.add(noun)
        field = f"group_{place}"
        named[field] = Named(words, seen, bodies)
        verb = f" {VERBS[event][len(bodies) > 1]}" if scene.media == "video" else ""
        parts.append(f"{{{field}}}{verb}")
    where = " " if scene.media == "image" else ", "
    return tell(f"{listed(parts)}{where}{background(scene)}{ending}", **named)


def grouped(seen: Seen) -> list[tuple[str, Event, tuple[int, ...]]]:
    """Bodies that look and do the same, with their noun and event; from left to right in their first frame."""
    scene = seen.scene
    groups: dict[tuple[str, Event], list[int]] = {}
    for body in sorted(range(len(scene.bodies)), key=lambda body: seen.center(body, min(seen.boxes[body]))):
        key = (full_noun(scene.bodies[body]).words(), scene.event(body))
        groups.setdefault(key, []).append(body)
    return [(noun, event, tuple(bodies)) for (noun, event), bodies in groups.items()]


def listed(parts: Iterable[str]) -> str:
    """``one, another and a third``."""
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def background(scene: Scene) -> str:
    """``on a smooth light blue background``."""
    ground = scene.background
    return "on a photo" if ground.ground == "photo" else f"on a {ground.ground} {ground.tint} background"


def region_caption(seen: Seen, body: int) -> tuple[str, tuple[Thing, ...]]:
    """What a body is; of a clip, what it does."""
    words = full_noun(seen.scene.bodies[body]).counted(1)
    does = f" {VERBS[seen.scene.event(body)][0]}" if seen.scene.media == "video" else ""
    return tell(f"{{thing}}{does}.", thing=Named(words, seen, (body,)))


def relation(seen: Seen, body: int, rng: Random) -> str | None:
    """``The red ball is above the large star.``, if anything like it can be said of a body."""
    if found := related_pair(seen, body, rng):
        way, _, one, anchor = found
        return f"{capital(one)} is {RELATED[way]} {anchor}."
    return None


def related_pair(seen: Seen, body: int, rng: Random) -> tuple[str, int, str, str] | None:
    """A relation that has an opposite and in which a body stands: its name, the other body, the words for both."""
    held = [
        (relation, other)
        for other in range(len(seen.scene.bodies))
        for relation in OPPOSITE
        if other != body and seen.related(relation, body, other)
    ]
    if not held:
        return None
    way, other = rng.choice(held)
    one, anchor = name(seen.scene, body, rng), name(seen.scene, other, rng)
    return (way, other, one, anchor) if one and anchor else None
