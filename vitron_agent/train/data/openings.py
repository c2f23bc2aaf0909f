"""Wishes that need no earlier turn: one step, several, two pictures, or something from nothing."""

import re
from dataclasses import replace
from random import Random

from vitron_agent.messages import (
    Handle,
    Module,
    Operation,
    Plan,
)
from vitron_agent.planners.base import PastTurn, PlanRequest
from vitron_agent.train.data import wishes, wording
from vitron_agent.train.data.desk import Desk, draw_regions, join, picture_name, say
from vitron_agent.train.data.text import sections
from vitron_agent.train.data.things import Thing, thing
from vitron_agent.train.data.wording import Scene, Step


def fresh(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan]:
    """A first wish about something that was just attached: one step."""
    video = rng.random() < 0.22
    desk.attach("video" if video else "image")
    drawn = rng.choice((1, 1, 1, 1, 2)) if rng.random() < 0.2 else 0
    scene = Scene(video=video, drawn=drawn)
    maker = task(rng, scene)
    wish = maker(rng, scene)
    return say(desk, rng, wish.text, wish.steps, draw_regions(desk, rng, drawn))


def task(rng: Random, scene: Scene) -> wording.Maker:
    """Some one-step wish that fits the scene."""
    if scene.video:
        return rng.choices([wishes.edit, wishes.track], [6, 4])[0]
    if scene.drawn:
        return rng.choices([wishes.edit, wishes.segment], [6, 3])[0]
    return rng.choices([wishes.edit, wishes.segment, wishes.detect, wishes.animate], [11, 3, 3, 2])[0]


def from_nothing(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan]:
    """Something new, perhaps with an edit of it in the same breath."""
    if rng.random() < 0.25:
        desk.attach("image")
    maker = wishes.draw if rng.random() < 0.6 else wishes.film
    wish = maker(rng, Scene(short=rng.random() < 0.5, empty=not desk.media))
    if rng.random() < 0.7:
        return say(desk, rng, wish.text, wish.steps)
    second = wishes.animate if maker is wishes.draw and rng.random() < 0.5 else wishes.edit
    after = second(rng, Scene(short=True, video=maker is wishes.film))
    return say(desk, rng, join(rng, [wish.text, after.text]), (*wish.steps, *after.steps))


def two_pictures(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan]:
    """A wish that needs two pictures, or says which of two it means."""
    handles = [desk.attach("image"), desk.attach("image")]
    if rng.random() < 0.25:
        desk.attached.pop(0)
        desk.history.append(PastTurn(text="here is a photo", plan=Plan(text="Thanks. What shall I do with it?")))
    place = rng.choice((0, 0, 1))
    base, other = handles[place], handles[1 - place]
    roll = rng.random()
    if roll < 0.12:
        return _drawn_reference(desk, rng, base, other, picture_name(rng, other, 1 - place, 2))
    if roll < 0.62:
        drawn = 1 if place == 1 and rng.random() < 0.3 else 0
        scene = Scene(other=(other, picture_name(rng, other, 1 - place, 2)), drawn=drawn)
        maker = wishes.add if drawn else rng.choices([wishes.edit, wishes.segment], [5, 3])[0]
        wish = maker(rng, scene)
        steps = tuple(replace(step, base=base) for step in wish.steps)
        if drawn or (place == 1 and rng.random() < 0.5):
            return say(desk, rng, wish.text, steps, draw_regions(desk, rng, drawn))
        name = picture_name(rng, base, place, 2)
        text = rng.choice(
            (f"in {name}, {wish.text}", f"{wish.text.rstrip('.!?')} in {name}", f"for {name}: {wish.text}")
        )
        return say(desk, rng, text if place == 0 else wish.text, steps)
    if roll < 0.87:
        wish = task(rng, Scene())(rng, Scene(short=rng.random() < 0.6))
        name = picture_name(rng, base, place, 2)
        text = rng.choice(
            (
                f"in {name} {wish.text}",
                f"{wish.text.rstrip('.!?')} in {name}",
                f"{name}: {wish.text}",
                f"on {name}, {wish.text}",
            )
        )
        return say(desk, rng, text, tuple(replace(step, base=base) for step in wish.steps))
    wish = wishes.edit(rng, Scene(short=True))
    both = rng.choice(
        ("in both photos", "for both pictures", "on both images", "in both of them", "in image-1 and image-2")
    )
    return say(
        desk,
        rng,
        f"{wish.text.rstrip('.!?')} {both}",
        tuple(replace(step, base=handle) for handle in handles for step in wish.steps),
    )


def _drawn_reference(desk: Desk, rng: Random, base: Handle, other: Handle, name: str) -> tuple[PlanRequest, Plan]:
    """What was circled in one picture is looked for in the other one."""
    named = rng.random() < 0.5
    about = thing(rng, simple=True).bare if named else ""
    said = rng.choice(sections("lexicon")["deictic_named"]).format(about or "thing")
    slots = {"T": said, "t": f"{about or 'thing'} I circled", "O": name}
    text = wording.phrase(rng, "segment.reference", Scene(), slots)
    if said not in text and slots["t"] not in text:
        text = f"{text} - {said}"
    regions = tuple(region.model_copy(update={"source": other}) for region in draw_regions(desk, rng, 1))
    step = Step(Module.IMAGE_SEGMENTATION, Operation.SEGMENT, about, base=base, reference=other, regions=(1,))
    return say(desk, rng, text, [step], regions)


def several(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan]:
    """Two to four steps in one message."""
    video = rng.random() < 0.2
    if not desk.media or rng.random() < 0.5:
        desk.attach("video" if video else "image")
    video = desk.kind(desk.current) == "video"
    scene = Scene(video=video, short=True)
    roll = rng.random()
    if roll < 0.06:
        return _two_drawings(desk, rng, scene)
    if roll < 0.43:
        text, steps = _with_one_target(rng, scene)
    elif roll < 0.52:
        text, steps = _things_in_a_row(rng, scene)
    else:
        count = rng.choices((2, 3, 4), (60, 28, 12))[0]
        made = [wishes.edit(rng, replace(scene, short=rng.random() < 0.75)) for _ in range(count)]
        if not video and rng.random() < 0.3:
            made[-1] = wishes.animate(rng, Scene(short=True))
        if rng.random() < 0.2:
            made[0] = wishes.track(rng, scene) if video else wishes.detect(rng, scene)
        text, steps = join(rng, [wish.text for wish in made]), tuple(step for wish in made for step in wish.steps)
    return say(desk, rng, text, steps)


def _two_drawings(desk: Desk, rng: Random, scene: Scene) -> tuple[PlanRequest, Plan]:
    """One thing for the first drawing, another for the second."""
    texts: list[str] = []
    steps: list[Step] = []
    for number, name in enumerate(("first_one", "second_one"), start=1):
        said = rng.choice(sections("lexicon")[name])
        wish = rng.choice((wishes.remove, wishes.recolor))(rng, replace(scene, pronoun=Thing("", said, said)))
        texts.append(re.sub(r"\b(it|them)\b", said, wish.text, count=1))
        steps += (replace(step, target="", regions=(number,)) for step in wish.steps)
    return say(desk, rng, join(rng, texts), steps, draw_regions(desk, rng, 2))


def _things_in_a_row(rng: Random, scene: Scene) -> tuple[str, tuple[Step, ...]]:
    """One verb for two or three things: a step for each."""
    maker = rng.choice((wishes.remove, wishes.remove, wishes.recolor, wishes.segment, wishes.detect))
    if scene.video and maker is wishes.detect:
        maker = wishes.track
    wish = maker(rng, scene)
    while wish.about is not None and wish.about.definite not in wish.text:
        wish = maker(rng, scene)
    if wish.about is None:
        about = Thing(wish.steps[0].target, wish.text, "")
    about = wish.about or about
    more = [thing(rng, simple=rng.random() < 0.6) for _ in range(rng.choice((1, 1, 1, 2)))]
    *some, last = [about.definite, *(item.definite for item in more)]
    text = wish.text.replace(about.definite, f"{', '.join(some)} and {last}")
    (step,) = wish.steps
    return text, (step, *(replace(step, target=item.bare) for item in more))


def _with_one_target(rng: Random, scene: Scene) -> tuple[str, tuple[Step, ...]]:
    """Find or mask a thing, then do something with "it"; the rest of the steps may spare it."""
    masked = scene.video or rng.random() < 0.75
    if masked:
        first = wishes.segment(rng, scene)
        while first.about is None or first.steps[0].target == "everything":
            first = wishes.segment(rng, scene)
    else:
        first = wishes.detect(rng, scene)
    about = first.about or thing(rng)
    link = 0 if masked else None
    texts, steps = [first.text], list(first.steps)
    if rng.random() < 0.78:
        second = wishes.edit(rng, replace(scene, pronoun=about))
        texts.append(second.text)
        target = first.steps[0].target
        steps += (replace(step, mask_of=link, target=target) for step in second.steps)
        gone = second.steps[0].operation in (Operation.REMOVE, Operation.REPLACE)
    else:
        gone = False
    if not gone and (len(steps) == 1 or rng.random() < 0.4):
        said = rng.choice(sections("lexicon")["blur_rest"])
        module = Module.VIDEO_EDITING if scene.video else Module.IMAGE_EDITING
        texts.append(said)
        steps.append(Step(module, Operation.BACKGROUND, steps[0].target, "blur", mask_of=link))
    if rng.random() < 0.2:
        more = wishes.adjust(rng, replace(scene, pronoun=None))
        texts.append(more.text)
        steps += more.steps
    return join(rng, texts), tuple(steps)
