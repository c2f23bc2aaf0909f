"""Pairs of scenes before and after an edit: the same bodies but one, drawn again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from vitron_agent.train.data.samples import Thing
from vitron_agent.train.data.scenes.composing import lies_within, look, shows
from vitron_agent.train.data.scenes.model import COLORS, Body, Scene
from vitron_agent.train.data.scenes.phrases import full_noun
from vitron_agent.train.data.scenes.referring import reference
from vitron_agent.train.data.scenes.seen import Seen, see
from vitron_agent.train.data.scenes.splits import HELD_OUT, split_of
from vitron_agent.train.data.scenes.telling import Named, tell

_ASKED: dict[str, tuple[str, ...]] = {
    "remove": ("Remove {it}.", "Take {it} out.", "Get rid of {it}.", "Delete {it}, please.", "Erase {it}."),
    "recolor": (
        "Make {it} {value}.",
        "Paint {it} {value}.",
        "Turn {it} {value}.",
        "Change the color of {it} to {value}.",
    ),
    "replace": ("Replace {it} with {value}.", "Swap {it} for {value}.", "Put {value} in place of {it}."),
    "add": ("Add {it} {value}.", "Put {it} {value}.", "I'd like {it} {value}.", "Place {it} {value}, please."),
    "move": ("Move {it} {value}.", "Shift {it} {value}.", "Push {it} {value}, please."),
}
_REPLIES = {"remove": "{it} is gone.", "recolor": "{it} is now {value}.", "move": "{it} is now further {value}."}
_WAYS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
_WAYS_SAID = {
    "left": ("to the left", "left", "further left"),
    "right": ("to the right", "right", "further right"),
    "up": ("up", "higher up", "upwards"),
    "down": ("down", "lower down", "downwards"),
}
_PLACES = {"left": "on the left", "right": "on the right", "top": "at the top", "bottom": "at the bottom"}
_BESIDE = {"left": "to the left of", "right": "to the right of", "above": "above", "below": "below"}


@dataclass(frozen=True, slots=True)
class Edit:
    """What was asked, and both scenes.

    Attributes:
        operation: remove, recolor, replace, add or move.
        before: The scene that is edited.
        after: The scene that was asked for.
        user: The request.
        reply: What is said when it is done.
        things: That the reply names: medium 0 as they were, medium 1 as they are.
    """

    operation: str
    before: Scene
    after: Scene
    user: str
    reply: str
    things: tuple[Thing, ...]


def edit(seen: Seen, subjects: Sequence[int], rng: Random) -> Edit | None:
    """An edit of one of some bodies: any kind that fits one of them, as likely as any other; None where none does."""
    made = (
        maker(seen, body, rng)
        for maker in rng.sample(_MAKERS, len(_MAKERS))
        for body in rng.sample(subjects, len(subjects))
    )
    return next(filter(None, made), None)


def _remove(seen: Seen, body: int, rng: Random) -> Edit | None:
    after = replace(seen.scene, bodies=_without(seen.scene, body))
    return _finished("remove", seen, body, after, "", rng) if after.bodies else None


def _recolor(seen: Seen, body: int, rng: Random) -> Edit | None:
    one = seen.scene.bodies[body]
    new = (one.shape, one.color) in HELD_OUT
    color = rng.choice([item for item in COLORS if item != one.color and ((one.shape, item) in HELD_OUT) == new])
    return _finished("recolor", seen, body, _with(seen.scene, body, replace(one, color=color)), color, rng)


def _replace(seen: Seen, body: int, rng: Random) -> Edit | None:
    one = seen.scene.bodies[body]
    looks = look(rng, new=split_of(seen.scene.seed) == "test_new")
    other = replace(one, **looks | {"size": one.size})
    if other.shape == one.shape:
        return None
    return _finished("replace", seen, body, _with(seen.scene, body, other), full_noun(other).counted(1), rng)


def _move(seen: Seen, body: int, rng: Random) -> Edit | None:
    way, (x, y) = rng.choice(list(_WAYS.items()))
    length = rng.uniform(0.2, 0.35)
    one = seen.scene.bodies[body]
    moved = replace(one, x=one.x + length * x, y=one.y + length * y)
    if not lies_within(moved, seen.scene.num_frames):
        return None
    return _finished("move", seen, body, _with(seen.scene, body, moved), way, rng)


def _add(seen: Seen, body: int, rng: Random) -> Edit | None:
    """The scene as it is, from the scene without the body."""
    before = replace(seen.scene, bodies=_without(seen.scene, body))
    places = [words for place, words in _PLACES.items() if seen.placed(place, body)]
    without = see(before)
    for other in range(len(before.bodies)):
        anchor = reference(without, [other], rng)
        position = other + (other >= body)  # in the scene with the body
        if anchor:
            places += [f"{way} {anchor.words}" for name, way in _BESIDE.items() if seen.related(name, body, position)]
    if not (before.bodies and places and shows(seen.scene)):
        return None
    words = full_noun(seen.scene.bodies[body]).counted(1)
    reply, things = tell("there is now {it}.", it=Named(words, seen, (body,), medium=1))
    user = rng.choice(_ASKED["add"]).format(it=words, value=rng.choice(places))
    return Edit("add", before, seen.scene, user, reply, things)


_MAKERS: tuple[Callable[[Seen, int, Random], Edit | None], ...] = (_remove, _recolor, _replace, _add, _move)


def _finished(operation: str, seen: Seen, body: int, after: Scene, value: str, rng: Random) -> Edit | None:
    """The edit in words; None where the body has no name, or where something would be hidden after it."""
    found = reference(seen, [body], rng)
    if not (found and shows(after)):
        return None
    words = found.words
    named = {"it": Named(words, seen, (body,))}
    if operation == "replace":
        named["value"] = Named(value, see(after), (body,), medium=1)
        reply, things = tell("{it} is now {value}.", **named)
    else:
        reply, things = tell(_REPLIES[operation].format(it="{it}", value=value), **named)
        if operation != "remove":
            things += see(after).things(things[0].phrase, (body,), medium=1)
    asked = rng.choice(_WAYS_SAID[value]) if operation == "move" else value
    return Edit(
        operation, seen.scene, after, rng.choice(_ASKED[operation]).format(it=words, value=asked), reply, things
    )


def _without(scene: Scene, body: int) -> tuple[Body, ...]:
    return scene.bodies[:body] + scene.bodies[body + 1 :]


def _with(scene: Scene, body: int, other: Body) -> Scene:
    return replace(scene, bodies=(*scene.bodies[:body], other, *scene.bodies[body + 1 :]))
