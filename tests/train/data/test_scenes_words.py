"""What is said of scenes is right, and means what it says: phrases are read back by a reader of their own.

The reader knows English and pixels, not how the phrases were made.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from vitron_agent.train.data.samples import Sample, Task, Thing
from vitron_agent.train.data.scenes import HELD_OUT, SPLITS, TASKS, Media, Scene, Split, samples, see
from vitron_agent.train.data.scenes.model import COLORS, PATTERNS, SHAPES
from vitron_agent.train.data.scenes.questions import CANNOT_TELL

MEDIA: tuple[Media, ...] = ("image", "video")
NUMBERS = ("no", "one", "two", "three", "four", "five")
SHAPE = "|".join(SHAPES)
NOUN = re.compile(
    rf"(?:(small|large) )?(?:({'|'.join(COLORS)}) )?(?:({'|'.join(PATTERNS)}) )?(?:({SHAPE})(?:e?s)?|things?)\b"
)
ORDINALS = {"second": 1, "third": 2, "fourth": 3, "fifth": 4}
EXTREMES = {"leftmost": (0, 0), "rightmost": (0, -1), "topmost": (1, 0), "highest": (1, 0), "lowest": (1, -1),
            "bottommost": (1, -1)}  # fmt: skip
MOTIONS = {
    "left": r"moving left|that moves to the left",
    "right": r"moving right|that moves to the right",
    "up": r"moving up|that moves up",
    "down": r"moving down|that moves down",
    "grows": r"that grows|that gets bigger",
    "appears": r"that appears|that shows up later",
    "disappears": r"that disappears|that vanishes",
    "still": r"that stands still|that doesn't move",
}
VERBS = {
    "left": "moves? left",
    "right": "moves? right",
    "up": "moves? up",
    "down": "moves? down",
    "grows": "grows?",
    "appears": "appears?",
    "disappears": "disappears?",
    "still": "stands? still",
}


class Reader:
    """Finds the bodies that a phrase names in a scene, from what can be seen."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.seen = see(scene)
        self.bodies = range(len(scene.bodies))

    def read(self, phrase: str) -> set[int]:
        phrase = re.sub(r"^(all of the|all the|the|an?|another|no) ", "", phrase[:1].lower() + phrase[1:])
        phrase = re.sub(rf"^({'|'.join(NUMBERS)}) ", "", phrase)
        first, _, rest = phrase.partition(" ")
        if first in EXTREMES or first in ORDINALS:
            return self._in_order(first, rest)
        noun = NOUN.match(phrase)
        assert noun, phrase
        named = {body for body in self.bodies if self._fits(body, noun.groups())}
        how = phrase[noun.end() :].strip()
        return self._those(named, how) if how else named

    def _fits(self, body: int, words: Iterable[str | None]) -> bool:
        one = self.scene.bodies[body]
        return all(word in (None, right) for word, right in zip(words, self._facts(one), strict=True))

    @staticmethod
    def _facts(one: Any) -> tuple[str, ...]:
        return ("growing" if one.growth > 1 else one.size, one.color, one.pattern, one.shape)

    def _in_order(self, word: str, rest: str) -> set[int]:
        noun, _, side = rest.partition(" from the ")
        axis, place = EXTREMES.get(word, (int(side in ("top", "bottom")), ORDINALS.get(word, 0)))
        row = sorted(self.read(noun), key=lambda body: self.place(body)[axis])
        return {row[::-1][place] if side in ("right", "bottom") else row[place]}

    def _those(self, named: set[int], how: str) -> set[int]:
        """Of the named, the one whom the rest of the phrase fits best, where it fits none of the others at all."""
        if found := re.fullmatch(r"(?:on|at) the (left|right|top|bottom)(?: side)?", how):
            axis = int(found[1] in ("top", "bottom"))
            sign = 1 if found[1] in ("left", "top") else -1
            return {body for body in named if sign * (0.5 - self.place(body)[axis]) > 0.07}
        for event, words in MOTIONS.items():
            if re.fullmatch(words, how):
                return {body for body in named if self.does(body, event)}
        found = re.fullmatch(
            r"((?:to the )?(?:left|right) of|above|below|behind|inside|(?:passing |that passes )?in front of) (the .*)",
            how,
        )
        assert found, how
        (anchor,) = self.read(found[2])
        return {body for body in named if body != anchor and self.holds(found[1], body, anchor)}

    def holds(self, relation: str, one: int, other: int) -> bool:
        both = sorted(self.seen.boxes[one].keys() & self.seen.boxes[other].keys())
        if relation == "inside":
            return all(self._within(self.seen.boxes[one][frame], self.seen.boxes[other][frame]) for frame in both)
        if "front" in relation or relation == "behind":
            front, back = (one, other) if "front" in relation else (other, one)
            alone = see(replace(self.scene, bodies=(self.scene.bodies[back],)))
            covered = [(alone.mask(0, frame) & self.seen.mask(front, frame)).any() for frame in both]
            if "pass" in relation:
                return any(covered) and not all(covered) and any(self.scene.bodies[one].step)
            return len(both) > 0 and all(covered)
        side = re.search("left|right|above|below", relation)
        assert side
        axis, sign = {"left": (0, 1), "right": (0, -1), "above": (1, 1), "below": (1, -1)}[side[0]]
        ahead = [sign * (self._center(other, frame)[axis] - self._center(one, frame)[axis]) for frame in both]
        return len(ahead) > 0 and all(far > 0.03 for far in ahead)

    def does(self, body: int, event: str) -> bool:
        one, last = self.scene.bodies[body], self.scene.num_frames - 1
        dx, dy = np.subtract(one.pose(last)[:2], one.pose(0)[:2])
        done: dict[str, bool] = {
            "left": dx < 0, "right": dx > 0, "up": dy < 0, "down": dy > 0,
            "grows": one.growth > 1,
            "appears": min(self.seen.boxes[body]) > 0,
            "disappears": max(self.seen.boxes[body]) < last,
            "still": dx == dy == 0,
        }  # fmt: skip
        return done[event]

    def place(self, body: int) -> tuple[float, float]:
        """Mean over the frames."""
        centers = [self._center(body, frame) for frame in self.seen.boxes[body]]
        return fmean(x for x, _ in centers), fmean(y for _, y in centers)

    def _center(self, body: int, frame: int) -> tuple[float, float]:
        box = self.seen.boxes[body][frame]
        return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2

    @staticmethod
    def _within(inner: tuple[float, ...], outer: tuple[float, ...]) -> bool:
        return outer[0] < inner[0] and outer[1] < inner[1] and inner[2] < outer[2] and inner[3] < outer[3]


def scene_of(sample: Sample, medium: int = 0) -> Scene:
    loader: Any = sample.media[medium].load
    scene: Scene = loader.args[0]
    return scene


def bodies_of(sample: Sample, things: Iterable[Thing], medium: int = 0) -> set[int]:
    boxes = see(scene_of(sample, medium)).boxes
    return {boxes.index(thing.boxes) for thing in things}


def texts(sample: Sample) -> str:
    return " ".join(f"{turn.user} {turn.reply}" for turn in sample.turns)


@cache
def asked(task: Task, media: Media) -> tuple[Sample, ...]:
    count = 800 if task is Task.QUESTION else 200
    return tuple(samples("train", [task], count if media == "image" else count // 3, media=media))


def kind(sample: Sample) -> str:
    return sample.id.rsplit("-", 1)[1]


@pytest.mark.parametrize("media", MEDIA)
@pytest.mark.parametrize("task", [Task.REFERRING, Task.QUESTION, Task.EDIT])
def test_every_definite_phrase_names_exactly_its_things(task: Task, media: Media) -> None:
    kinds: Counter[str] = Counter()
    for sample in asked(task, media):
        reader = Reader(scene_of(sample))
        before = [thing for thing in sample.things if thing.medium == 0]
        for phrase in {thing.phrase for thing in before}:
            meant = bodies_of(sample, (thing for thing in before if thing.phrase == phrase))
            if "region" not in sample.id:
                assert reader.read(phrase) == meant, (sample.id, phrase)
            assert phrase in sample.turns[-1].reply
        kinds[kind(sample)] += 1
    if task is Task.REFERRING:
        assert kinds.keys() >= {"attribute", "place", "relation", "ordinal", "all"}
        assert min(kinds.values()) > 2
        assert ("motion" in kinds) == (media == "video")


@pytest.mark.parametrize("media", MEDIA)
@pytest.mark.parametrize("task", [Task.CAPTION, Task.GROUNDED_CAPTION, Task.GENERATION])
def test_captions_name_every_body_once_and_rightly(task: Task, media: Media) -> None:
    for sample in asked(task, media)[:60]:
        reader = Reader(scene_of(sample))
        named: Counter[int] = Counter()
        for phrase in dict.fromkeys(thing.phrase for thing in sample.things):
            meant = bodies_of(sample, (thing for thing in sample.things if thing.phrase == phrase))
            named.update(meant)
            words = phrase.removesuffix(" more")
            assert meant <= reader.read(words), (sample.id, phrase)
            number = words.split()[0].lower()
            assert len(meant) == (NUMBERS.index(number) if number in NUMBERS else 1)
            if media == "video":
                does = sample.turns[0].reply.partition(phrase)[2].strip()
                event = next(event for event, verb in VERBS.items() if re.match(verb, does))
                assert all(reader.does(body, event) for body in meant)
        assert named == Counter(reader.bodies)


@pytest.mark.parametrize("media", MEDIA)
def test_answers_are_right(media: Media) -> None:
    kinds = set()
    for sample in asked(Task.QUESTION, media):
        reader, reply = Reader(scene_of(sample)), sample.turns[0].reply
        bodies = bodies_of(sample, sample.things)
        one = reader.scene.bodies[next(iter(bodies), 0)]
        what, last = kind(sample).removeprefix("region_"), reply.rstrip(".").split()[-1]
        kinds.add(what)
        if what in ("color", "pattern", "shape"):
            assert last == getattr(one, what)
        elif what == "count":
            noun = re.sub(r"^there (is|are) ", "", reply.rstrip("."), flags=re.IGNORECASE)
            assert reader.read(noun) == bodies
            assert NUMBERS[len(bodies)] == noun.split()[0]
        elif what == "exists":
            noun = reply.rstrip(".").split("there is ")[-1].split("there are ")[-1]
            assert reader.read(noun) == bodies
            assert bool(bodies) == reply.startswith("Yes")
        elif what in ("relation", "related_thing"):
            first, relation, anchor = re.split(r" is (to the \w+ of|[a-z ]+?) (?=the )", reply.rstrip("."))
            (body,), (other,) = reader.read(re.sub("^(Yes|No), ", "", first)), reader.read(anchor)
            assert reader.holds(relation, body, other)
            assert {body, other} == bodies
        elif what in ("what_does", "which_does", "does_it"):
            event = next(event for event, verb in VERBS.items() if re.search(rf"\b{verb}\.$", reply))
            assert reader.does(next(iter(bodies)), event)
        elif what == "larger":
            sizes = [reader.scene.bodies[next(iter(bodies_of(sample, [thing])))].size for thing in sample.things]
            assert sizes == (["large"] if len(sizes) == 1 else sorted(sizes, reverse="smaller" in reply))
        elif what == "present":
            frame = 0 if last == "beginning" else reader.scene.num_frames - 1
            assert (frame in sample.things[0].boxes) == reply.startswith("Yes")
        elif what == "passes":
            assert reader.holds("passing in front of", *(next(iter(bodies_of(sample, [it]))) for it in sample.things))
        else:
            assert what == "unanswerable"
            assert reply == CANNOT_TELL
            assert not sample.things
    assert len(kinds) == (9 if media == "image" else 14)


@pytest.mark.parametrize("media", MEDIA)
def test_yes_is_as_often_right_as_no(media: Media) -> None:
    by_kind: dict[str, list[bool]] = {}
    for sample in asked(Task.QUESTION, media):
        if found := re.match("Yes|No,", sample.turns[0].reply):
            by_kind.setdefault(kind(sample), []).append(found[0] == "Yes")
    answers = [answer for some in by_kind.values() for answer in some]
    assert len(answers) > 60
    for some in (*by_kind.values(), answers):
        assert abs(np.mean(some) - 0.5) < 1.5 / len(some) ** 0.5  # three standard deviations


def test_a_thing_that_is_asked_for_is_as_often_there_whatever_its_words() -> None:
    """No single word of the question tells the answer."""
    found: dict[str, list[bool]] = {}
    for sample in asked(Task.QUESTION, "image"):
        if kind(sample) == "exists":
            for word in set(re.findall(r"\w+", sample.turns[0].user)) - {"Is", "Can", "you", "see", "there", "a", "an"}:
                found.setdefault(word, []).append(sample.turns[0].reply.startswith("Yes"))
    assert all(abs(np.mean(some) - 0.5) < 1.9 / len(some) ** 0.5 for some in found.values() if len(some) > 8)


@pytest.mark.parametrize("media", MEDIA)
@pytest.mark.parametrize("split", SPLITS)
def test_words_of_held_out_looks_stay_out_of_all_other_splits(split: Split, media: Media) -> None:
    new = 0
    for sample in samples(split, TASKS, 70, media=media):
        for _, color, _, shape in NOUN.findall(texts(sample).lower()):
            new += (shape, color) in HELD_OUT
    assert bool(new) == (split == "test_new")


def test_requests_are_varied_and_every_sentence_is_one() -> None:
    for media in MEDIA:
        for task in TASKS:
            some = asked(task, media)[:60]
            forms = {NOUN.sub("_", sample.turns[0].user) for sample in some}
            assert len(forms) >= 3
            for sample in some:
                for text in (sample.turns[0].user, sample.turns[0].reply):
                    assert re.match(r"[A-Z].*[.?]$", text), text
                    assert not re.search(r"  |\ba [aeiou]|\ban [^aeiou]|\.\.|\{|\bNone\b", text), text
