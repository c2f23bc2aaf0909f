"""What scenes' own texts claim is so; what is changed in them, or said of another scene, mostly is not."""

import re
from itertools import pairwise
from random import Random

import pytest

from tests.train.data.test_examples import sample
from vitron_agent.errors import UsageError
from vitron_agent.train.data.grounded import GROUNDED, ground
from vitron_agent.train.data.samples import Task
from vitron_agent.train.data.scenes import Media, samples
from vitron_agent.train.data.scenes.model import COLORS, SHAPES
from vitron_agent.train.data.scenes.questions import CANNOT_TELL
from vitron_agent.train.data.scenes.seen import OPPOSITE, see
from vitron_agent.train.data.scenes.telling import RELATED
from vitron_agent.train.metrics.claims import read_claims, scene_of

TOLD = (Task.CAPTION, Task.REGION_CAPTION, Task.GROUNDED_CAPTION, Task.QUESTION)
CHANGED = {
    "left": "right", "right": "left", "up": "down", "down": "up", "above": "below", "below": "above",
    "larger": "smaller", "smaller": "larger", "beginning": "end", "end": "beginning", "appears": "disappears",
    "disappears": "appears", "is behind": "is in front of", "is in front of": "is behind",
}  # fmt: skip


@pytest.mark.parametrize("media", ["image", "video"])
@pytest.mark.parametrize("task", TOLD)
def test_nothing_that_is_right_contradicts_and_all_of_it_is_understood(task: Task, media: Media):
    for one in samples("test", [task], 80, media=media):
        stated = ground(one) if task in GROUNDED else one
        read = read_claims(stated.turns[-1].reply, scene_of(one))
        assert not read.unread, (stated.turns[-1].reply, read)
        assert all(claim.holds for claim in read.claims), (stated.turns[-1].reply, read)
        assert read.claims or stated.turns[-1].reply == CANNOT_TELL
        assert not read_claims(one.turns[-1].reply.upper().lower(), scene_of(one)).contradicts


@pytest.mark.parametrize("media", ["image", "video"])
@pytest.mark.parametrize("task", [Task.CAPTION, Task.REGION_CAPTION])
def test_captions_of_other_scenes_contradict(task: Task, media: Media):
    some = list(samples("test", [task], 60, media=media))
    wrong = [read_claims(other.turns[-1].reply, scene_of(one)).contradicts for one, other in pairwise(some)]
    assert sum(wrong) > 0.9 * len(wrong)


@pytest.mark.parametrize("media", ["image", "video"])
def test_one_wrong_word_contradicts(media: Media):
    """Colors and shapes that no thing of the scene has; opposite sides, motions and times; one more than there are."""
    rng, changed = Random(0), 0
    for one in samples("test", [Task.CAPTION, Task.QUESTION], 240, media=media):
        scene, reply = scene_of(one), one.turns[-1].reply
        for words, own in ((SHAPES, {body.shape for body in scene.bodies}), (COLORS, {b.color for b in scene.bodies})):
            other = rng.choice([word for word in words if word not in own])
            if (found := re.search(rf"\b({'|'.join(own)})\b", reply)) and "no " not in reply:
                wrong = f"{reply[: found.start()]}{other}{reply[found.end() :]}"
                assert read_claims(wrong, scene).contradicts, wrong
                changed += 1
        if one.task is Task.QUESTION and (found := re.search(rf"\b({'|'.join(CHANGED)})\b(?! thing)", reply)):
            wrong = f"{reply[: found.start()]}{CHANGED[found[0]]}{reply[found.end() :]}"
            read = read_claims(wrong, scene)
            assert read.contradicts or any(claim.holds is None for claim in read.claims), wrong
            changed += read.contradicts
        if found := re.match(r"There are (two|three) ", reply):
            assert read_claims(reply.replace(found[1], {"two": "three", "three": "two"}[found[1]]), scene).contradicts
    assert changed > 150


def test_a_phrase_may_mean_any_thing_that_it_fits():
    """``the ball is red`` of a red and a blue ball: somebody may have asked about the red one."""
    for one in samples("test", [Task.CAPTION], 200):
        scene = scene_of(one)
        shapes = [body.shape for body in scene.bodies]
        if twice := [shape for shape in set(shapes) if shapes.count(shape) > 1]:
            colors = {body.color for body in scene.bodies if body.shape == twice[0]}
            assert not any(read_claims(f"The {twice[0]} is {color}.", scene).contradicts for color in colors)
            assert all(read_claims(f"The {twice[0]} is {color}.", scene).contradicts for color in set(COLORS) - colors)
            assert not read_claims(f"A {twice[0]} and another {twice[0]}.", scene).contradicts
            assert read_claims(f"There are no {twice[0]}s.", scene).contradicts


def test_what_viewers_may_disagree_on_contradicts_nothing():
    unclear = 0
    for one in samples("test", [Task.CAPTION], 100):
        scene = scene_of(one)
        seen, names = see(scene), [f"the {body.color} {body.pattern} {body.shape}" for body in scene.bodies]
        for way in OPPOSITE:
            if len(set(names)) == len(names) and seen.related(way, 0, 1) is None:
                [claim] = read_claims(f"{names[0]} is {RELATED[way]} {names[1]}.", scene).claims
                assert claim.holds is None
                unclear += 1
    assert unclear > 20


def test_words_without_a_known_meaning_are_told():
    one = next(samples("test", [Task.CAPTION], 1))
    caption = one.turns[-1].reply
    read = read_claims(f"{caption[:-1]} and a purple elephant flies. It is sunny.", scene_of(one))
    assert not read.contradicts
    assert "purple elephant flies" in " ".join(read.unread)
    assert "it is sunny" in " ".join(read.unread)
    assert read_claims("", scene_of(one)).claims == ()


def test_only_drawn_scenes_are_known():
    with pytest.raises(UsageError, match="no drawn scene"):
        scene_of(sample())
