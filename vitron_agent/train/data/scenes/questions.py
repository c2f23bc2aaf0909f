"""Questions about scenes, with the things that tell the answer.

No answer can be guessed from the words: whenever "yes" is right, the same words with another thing or the opposite
relation would have been asked as often where "no" is right. What a scene doesn't tell is answered "I can't
tell", in words that say no more than that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from vitron_agent.train.data.samples import Thing
from vitron_agent.train.data.scenes.composing import look, unplaced
from vitron_agent.train.data.scenes.model import PATTERNS, Body, Event, Scene
from vitron_agent.train.data.scenes.phrases import Noun, fitting, name, nouns
from vitron_agent.train.data.scenes.seen import OPPOSITE, Seen
from vitron_agent.train.data.scenes.splits import split_of
from vitron_agent.train.data.scenes.telling import RELATED, VERBS, Named, related_pair, tell

CANNOT_TELL = "I can't tell."

_UNKNOWABLE = (
    "How heavy is {it}?",
    "Who made {it}?",
    "What is {it} made of?",
    "How much does {it} cost?",
    "What does {it} smell like?",
    "How old is {it}?",
    "What is hidden under {it}?",
    "Who does {it} belong to?",
    "Is {it} warm?",
)
_UNKNOWABLE_OF_STILLS = ("Which way is {it} moving?", "Was {it} there before?", "Where will {it} be next?")


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its answer.

    Attributes:
        kind: Its form, such as ``color`` or ``relation``.
        user: What is asked.
        reply: A sentence; begins with "Yes, " or "No, " where that was asked.
        things: That the reply names.
    """

    kind: str
    user: str
    reply: str
    things: tuple[Thing, ...] = ()


def question(seen: Seen, subjects: Sequence[int], rng: Random) -> Question:
    """A question about one of some bodies, and perhaps others: any kind that fits is as likely as another."""
    makers = _OF_BOTH if seen.scene.media == "image" else {**_OF_BOTH, **_OF_CLIPS}
    return next(
        Question(kind, *made)
        for kind in rng.sample(list(makers), len(makers))
        for body in rng.sample(subjects, len(subjects))
        for made in makers[kind](seen, body, rng)
    )


def region_question(seen: Seen, body: int, rng: Random) -> Question:
    """A question about what the user drew on."""
    one = seen.scene.bodies[body]
    kind, answer = rng.choice((("color", one.color), ("shape", f"a {one.shape}"), ("pattern", one.pattern)))
    asked = {
        "color": ("What color is region-1?", "What is the color of the thing in region-1?", "What colour is this?"),
        "shape": ("What shape is in region-1?", "What shape is this?", "What kind of shape did I mark?"),
        "pattern": (f"Is region-1 {_choices(PATTERNS)}?", "What pattern does the thing in region-1 have?"),
    }
    noun = Noun(shape=one.shape) if kind != "shape" else Noun()
    reply, things = tell(f"{{it}} is {answer}.", it=Named(f"the {noun.words()}", seen, (body,)))
    return Question(f"region_{kind}", rng.choice(asked[kind]), reply, things)


_Made = Iterator[tuple[str, str, tuple[Thing, ...]]]
"""None or one of: what is asked, the answer, its things."""
_Maker = Callable[[Seen, int, Random], _Made]


def _asked(rng: Random, *forms: str) -> str:
    return rng.choice(forms)


def _choices(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _color(seen: Seen, body: int, rng: Random) -> _Made:
    if words := name(seen.scene, body, rng, without="color"):
        user = _asked(rng, f"What color is {words}?", f"What colour does {words} have?", f"Which color is {words}?")
        yield user, *tell(f"{{it}} is {seen.scene.bodies[body].color}.", it=Named(words, seen, (body,)))


def _shape(seen: Seen, body: int, rng: Random) -> _Made:
    if words := name(seen.scene, body, rng, without="shape"):
        user = _asked(rng, f"What shape is {words}?", f"What is {words}?", f"Which shape does {words} have?")
        yield user, *tell(f"{{it}} is {_a(seen.scene.bodies[body].shape)}.", it=Named(words, seen, (body,)))


def _pattern(seen: Seen, body: int, rng: Random) -> _Made:
    if words := name(seen.scene, body, rng, without="pattern"):
        options = rng.sample(PATTERNS, len(PATTERNS))
        user = _asked(rng, f"Is {words} {_choices(tuple(options))}?", f"What pattern does {words} have?")
        yield user, *tell(f"{{it}} is {seen.scene.bodies[body].pattern}.", it=Named(words, seen, (body,)))


def _count(seen: Seen, body: int, rng: Random) -> _Made:
    """How many of a kind: each number that the scene offers, none among them, as likely as the others."""
    by_number: dict[int, list[tuple[Noun, tuple[int, ...]]]] = {}
    for noun in {noun for one in (seen.scene.bodies[body], _foil(seen.scene, rng)) for noun in nouns(one)}:
        alike = fitting(noun, seen.scene)
        if alike is not None and sum(word is not None for word in (noun.size, noun.color, noun.pattern)) < 2:
            by_number.setdefault(len(alike), []).append((noun, alike))
    number = rng.choice(sorted(by_number))
    noun, alike = rng.choice(sorted(by_number[number], key=lambda found: found[0].words()))
    many = noun.words(2)
    user = _asked(rng, f"How many {many} are there?", f"How many {many} can you see?", f"Count the {many}.")
    words = noun.counted(number) if number != 1 else f"one {noun.words()}"
    yield user, *tell(f"there {'are' if number > 1 else 'is'} {{them}}.", them=Named(words, seen, alike))


def _exists(seen: Seen, body: int, rng: Random) -> _Made:
    """Of a thing that is there, or of one that might as well be: both are named in the same ways."""
    yes = rng.random() < 0.5
    alike = None
    while alike is None or bool(alike) != yes:
        one = seen.scene.bodies[body] if yes else _foil(seen.scene, rng)
        noun = rng.choice([noun for noun in nouns(one) if noun.shape and noun.color])
        alike = fitting(noun, seen.scene)
    where = "clip" if seen.scene.media == "video" else "picture"
    words = noun.counted(1)
    user = _asked(rng, f"Is there {words}?", f"Is there {words} in the {where}?", f"Can you see {words}?")
    if yes:
        there = Named(noun.counted(len(alike)), seen, alike)
        yield user, *tell(f"Yes, there {'are' if len(alike) > 1 else 'is'} {{it}}.", it=there)
    else:
        yield user, f"No, there is {noun.counted(0)}.", ()


def _relation(seen: Seen, body: int, rng: Random) -> _Made:
    """A relation that holds, or its opposite."""
    found = related_pair(seen, body, rng)
    if not found:
        return
    relation, other, one, anchor = found
    yes = rng.random() < 0.5
    asked = relation if yes else OPPOSITE[relation]
    user = f"Is {one} {RELATED[asked]} {anchor}?"
    answer = f"{'Yes' if yes else 'No'}, {{one}} is {RELATED[relation]} {{anchor}}."
    yield user, *tell(answer, one=Named(one, seen, (body,)), anchor=Named(anchor, seen, (other,)))


def _related_thing(seen: Seen, body: int, rng: Random) -> _Made:
    """Which thing stands in a relation to this one: only one does, clearly."""
    anchor = name(seen.scene, body, rng)
    for relation in rng.sample(list(RELATED), len(RELATED)):
        others = [other for other in range(len(seen.scene.bodies)) if other != body]
        judged = [seen.related(relation, other, body) for other in others]
        if not anchor or judged.count(True) != 1 or None in judged:
            continue
        other = others[judged.index(True)]
        if one := name(seen.scene, other, rng):
            user = _asked(
                rng, f"What is {RELATED[relation]} {anchor}?", f"Which thing is {RELATED[relation]} {anchor}?"
            )
            named = {"one": Named(one, seen, (other,)), "anchor": Named(anchor, seen, (body,))}
            yield user, *tell(f"{{one}} is {RELATED[relation]} {{anchor}}.", **named)
            return


def _larger(seen: Seen, body: int, rng: Random) -> _Made:
    """A comparison of a small thing with a large one, either way round."""
    bodies = seen.scene.bodies
    unlike = [
        other
        for other, one in enumerate(bodies)
        if one.size != bodies[body].size and one.growth == bodies[body].growth == 1
    ]
    if not unlike:
        return
    pair = [body, rng.choice(unlike)]
    rng.shuffle(pair)
    words = [name(seen.scene, one, rng, without="size") for one in pair]
    if not (words[0] and words[1]):
        return
    larger = bodies[pair[0]].size == "large"
    named = {key: Named(words[place] or "", seen, (pair[place],)) for place, key in enumerate(("one", "other"))}
    if rng.random() < 0.4:
        user = _asked(rng, f"Which is larger, {words[0]} or {words[1]}?", f"What is bigger: {words[0]} or {words[1]}?")
        larger_one = named["one" if larger else "other"]
        yield user, *tell("{it} is larger.", it=larger_one)
        return
    asked = rng.random() < 0.5
    user = f"Is {words[0]} {'larger' if asked else 'smaller'} than {words[1]}?"
    answer = f"{'Yes' if asked == larger else 'No'}, {{one}} is {'larger' if larger else 'smaller'} than {{other}}."
    yield user, *tell(answer, **named)


def _unanswerable(seen: Seen, body: int, rng: Random) -> _Made:
    """What no picture shows; or a thing that isn't there; or one of several."""
    scene = seen.scene
    words = name(scene, body, rng)
    reason = rng.choice(("unknowable", "absent", "several"))
    if reason == "unknowable" and words:
        forms = _UNKNOWABLE + (_UNKNOWABLE_OF_STILLS if scene.media == "image" else ())
        yield rng.choice(forms).format(it=words), CANNOT_TELL, ()
        return
    noun = Noun(shape=scene.bodies[body].shape if reason == "several" else _foil(scene, rng).shape)
    alike = len(fitting(noun, scene) or ())
    asked = _asked(rng, f"What color is the {noun.words()}?", f"What pattern does the {noun.words()} have?")
    if (reason == "several" and alike > 1) or (reason == "absent" and not alike):
        yield asked, CANNOT_TELL, ()


_OF_BOTH: Mapping[str, _Maker] = {
    "color": _color,
    "shape": _shape,
    "pattern": _pattern,
    "count": _count,
    "exists": _exists,
    "relation": _relation,
    "related_thing": _related_thing,
    "larger": _larger,
    "unanswerable": _unanswerable,
}


def _what_does(seen: Seen, body: int, rng: Random) -> _Made:
    if words := name(seen.scene, body, rng):
        user = _asked(rng, f"What does {words} do?", f"What happens to {words}?", f"How does {words} move, if it does?")
        yield user, *tell(f"{{it}} {VERBS[seen.scene.event(body)][0]}.", it=Named(words, seen, (body,)))


def _which_does(seen: Seen, body: int, rng: Random) -> _Made:
    """Which thing does what only one does."""
    event, words = seen.scene.event(body), name(seen.scene, body, rng)
    events = [seen.scene.event(other) for other in range(len(seen.scene.bodies))]
    if words and event != "still" and events.count(event) == 1:
        verb = VERBS[event][0]
        yield (
            _asked(rng, f"What {verb}?", f"Which thing {verb}?"),
            *tell(f"{{it}} {verb}.", it=Named(words, seen, (body,))),
        )


def _does_it(seen: Seen, body: int, rng: Random) -> _Made:
    """Whether a thing does what it does, or the opposite of it."""
    event, words = seen.scene.event(body), name(seen.scene, body, rng)
    if not (words and event in _OPPOSITE_EVENT):
        return
    yes = rng.random() < 0.5
    asked = event if yes else _OPPOSITE_EVENT[event]
    answer = f"{'Yes' if yes else 'No'}, {{it}} {VERBS[event][0]}."
    yield f"Does {words} {VERBS[asked][1]}?", *tell(answer, it=Named(words, seen, (body,)))


_OPPOSITE_EVENT: Mapping[Event, Event] = {
    "left": "right", "right": "left", "up": "down", "down": "up", "appears": "disappears", "disappears": "appears",
}  # fmt: skip


def _present(seen: Seen, body: int, rng: Random) -> _Made:
    """Whether a thing that comes or goes is there at the beginning, or at the end."""
    event, words = seen.scene.event(body), name(seen.scene, body, rng)
    if not (words and event in ("appears", "disappears")):
        return
    time = rng.choice(("beginning", "end"))
    yes = (time == "end") == (event == "appears")
    answer = f"{'Yes, {it} is' if yes else 'No, {it} is not'} there at the {time}."
    yield f"Is {words} there at the {time}?", *tell(answer, it=Named(words, seen, (body,)))


def _passes(seen: Seen, body: int, rng: Random) -> _Made:
    """Which of two things passes in front of the other one, either way round."""
    others = [other for other in range(len(seen.scene.bodies)) if other != body]
    pairs = [pair for other in others for pair in ((body, other), (other, body)) if seen.related("passes", *pair)]
    if not pairs:
        return
    front, behind = rng.choice(pairs)
    one, anchor = name(seen.scene, front, rng), name(seen.scene, behind, rng)
    if one and anchor:
        named = {"one": Named(one, seen, (front,)), "other": Named(anchor, seen, (behind,))}
        yes = rng.random() < 0.5
        user = f"Does {one if yes else anchor} pass in front of {anchor if yes else one}?"
        yield user, *tell(f"{'Yes' if yes else 'No'}, {{one}} passes in front of {{other}}.", **named)


_OF_CLIPS: Mapping[str, _Maker] = {
    "what_does": _what_does,
    "which_does": _which_does,
    "does_it": _does_it,
    "present": _present,
    "passes": _passes,
}


def _a(noun: str) -> str:
    return Noun(shape=noun).counted(1)


def _foil(scene: Scene, rng: Random) -> Body:
    """A body that might be here: drawn like those of the scene."""
    looks = look(rng, new=split_of(scene.seed) == "test_new")
    return unplaced(rng, scene.recipe, scene.media, looks)
