"""Wishes that only make sense after an earlier turn."""

from dataclasses import replace
from random import Random

from vitron_agent.messages import (
    Handle,
    Module,
    Operation,
    Plan,
    Role,
)
from vitron_agent.planners.base import PlanRequest
from vitron_agent.train.data import wishes, wording
from vitron_agent.train.data.desk import ORDINALS, Desk, answer, draw_regions, say
from vitron_agent.train.data.openings import fresh, from_nothing, several, task, two_pictures
from vitron_agent.train.data.text import sections
from vitron_agent.train.data.things import Thing, thing
from vitron_agent.train.data.wording import Scene, Step

_NUMBER_WORDS = ("two", "three", "four")


def follow_up(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan]:
    """Something that only makes sense after an earlier turn."""
    open_with = rng.choices([fresh, from_nothing, several, two_pictures], [12, 2, 2, 2])[0]
    open_with(desk, rng)
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        if rng.random() < 0.25:
            answer(desk, rng, rng.choice(("question.look", "question.after_edit", "thanks")))
        else:
            _another(desk, rng)
    made = None
    while made is None:
        chosen = rng.choices([maker for maker, _ in _KINDS], [weight for _, weight in _KINDS])[0]
        made = chosen(desk, rng)
    return made


def _another(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan] | None:
    video = desk.kind(desk.current) == "video"
    drawn = rng.choice((1, 1, 2)) if rng.random() < 0.2 else 0
    scene = Scene(video=video, short=rng.random() < 0.5, drawn=drawn)
    wish = task(rng, scene)(rng, scene)
    lead = rng.choice(
        ("now ", "and now ", "also ", "next ", "then ", "and ", "ok now ", "great, now ", "", "", "", "nice, ")
    )
    return say(desk, rng, lead + wish.text, wish.steps, draw_regions(desk, rng, drawn))


def _last_steps(desk: Desk) -> tuple[Step, ...]:
    """The last turn's plan as steps that can be repeated on the newest result."""
    return tuple(
        Step(item.module, item.operation, item.target, item.value, source=item.input(Role.SOURCE))
        for item in desk.history[-1].plan.invocations
    )


def _same_for(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan] | None:
    steps = _last_steps(desk)
    repeatable = {
        Operation.REMOVE,
        Operation.REPLACE,
        Operation.RECOLOR,
        Operation.SEGMENT,
        Operation.DETECT,
        Operation.TRACK,
        Operation.MOVE,
        Operation.ADJUST,
        Operation.STYLE,
    }
    if not steps or len(steps) > 2 or (len(steps) == 2 and steps[0].operation is steps[1].operation):
        return None
    if any(step.operation not in repeatable or not step.target for step in steps):
        return None
    about = thing(rng)
    text = wording.phrase(rng, "same_for", Scene(), {"T": about.definite, "t": about.bare, "A": about.indefinite})
    masked = len(steps) == 2 and steps[0].operation in (Operation.SEGMENT, Operation.TRACK)
    new = [replace(step, target=about.bare) for step in steps]
    if masked:
        new[1] = replace(new[1], mask_of=0)
    return say(desk, rng, text, new)


def _same_here(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan] | None:
    """The last operation for what is drawn now: "this as well"."""
    steps = _last_steps(desk)
    drawable = {Operation.REMOVE, Operation.RECOLOR, Operation.SEGMENT, Operation.TRACK, Operation.REPLACE}
    if len(steps) != 1 or steps[0].operation not in drawable:
        return None
    text = rng.choice(sections("lexicon")["same_here"])
    return say(desk, rng, text, [replace(steps[0], target="", regions=(1,))], draw_regions(desk, rng, 1))


def _same_picture(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan] | None:
    """The last plan for a picture that comes now."""
    steps = _last_steps(desk)
    kind = desk.kind(desk.current)
    if len(steps) != 1 or kind not in ("image", "video") or steps[0].module is Module.CONVERSATION:
        return None
    takes_image = steps[0].module in (Module.IMAGE_EDITING, Module.IMAGE_SEGMENTATION, Module.IMAGE_GROUNDING)
    if steps[0].source or not (takes_image and kind == "image"):
        return None
    desk.attach("image")
    return say(desk, rng, rng.choice(sections("lexicon")["same_picture"]), steps)


def _it(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan] | None:
    steps = _last_steps(desk)
    keeps = {
        Operation.RECOLOR,
        Operation.SEGMENT,
        Operation.DETECT,
        Operation.TRACK,
        Operation.MOVE,
        Operation.ADD,
        Operation.REPLACE,
        Operation.ADJUST,
    }
    if len(steps) != 1 or steps[0].operation not in keeps:
        return None
    (step,) = steps
    name = step.value if step.operation is Operation.REPLACE else step.target
    if not name or name == "everything":
        return None
    about = Thing(name, f"the {name}", name)
    video = desk.kind(desk.current) == "video"
    wish = wishes.edit(rng, Scene(video=video, short=True, pronoun=about))
    made = desk.history[-1].plan.invocations[0].output
    mask = made if step.operation in (Operation.SEGMENT, Operation.TRACK) else None
    lead = rng.choice(("now ", "and ", "then ", "ok, ", "", "good. now ", "perfect, "))
    return say(desk, rng, lead + wish.text, tuple(replace(item, mask=mask) for item in wish.steps))


def _conversation(operation: Operation, **fields: object) -> Step:
    return Step(Module.CONVERSATION, operation, **fields)  # type: ignore[arg-type]


def _undo(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan] | None:
    if len(desk.history) > 1 and rng.random() < 0.25:
        count = rng.randint(2, 3)
        text = wording.phrase(rng, "undo.several", Scene(), {"K": rng.choice((str(count), _NUMBER_WORDS[count - 2]))})
        return say(desk, rng, text, [_conversation(Operation.UNDO, value=str(count))])
    return say(desk, rng, wording.phrase(rng, "undo", Scene(), {}), [_conversation(Operation.UNDO)])


def _pictures(desk: Desk) -> list[Handle]:
    return [handle for handle, kind in desk.media if kind in ("image", "video")]


def _older(desk: Desk, rng: Random) -> tuple[Handle, str] | None:
    """An earlier picture or clip and a name for it."""
    handles = _pictures(desk)
    others = [handle for handle in handles if handle != desk.current]
    if not others:
        return None
    handle = rng.choice(others)
    same = [other for other in handles if desk.kind(other) == desk.kind(handle)]
    place = same.index(handle)
    if desk.kind(handle) == "video":
        word = rng.choice(("clip", "video"))
        return handle, rng.choice((handle, f"the {ORDINALS[min(place, 3)]} {word}"))
    names = (
        [handle, handle, f"the {ORDINALS[place]} {rng.choice(('one', 'version', 'picture', 'photo', 'image'))}"]
        if place < 4
        else [handle]
    )
    if place == 0 and desk.media[0][0] == handle:
        names += ["the original", "my original photo", "the first photo", "the picture I started with"]
    if len(same) == 2:
        names.append("the other one")
    return handle, rng.choice(names)


def _select(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan] | None:
    if (older := _older(desk, rng)) is None:
        return None
    handle, name = older
    steps = [_conversation(Operation.SELECT, base=handle)]
    text = wording.phrase(rng, "select", Scene(), {"H": name})
    if rng.random() < 0.35:
        wish = wishes.edit(rng, Scene(video=desk.kind(handle) == "video", short=True))
        link = rng.choice((" and ", ", then ", " and then ", ". Now "))
        text = f"{text.rstrip('.!?')}{link}{wish.text}"
        steps += wish.steps
    return say(desk, rng, text, steps)


def _search(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan] | None:
    about = thing(rng, simple=rng.random() < 0.6)
    slots = {"T": about.definite, "A": about.indefinite, "t": about.bare}
    text = wording.phrase(rng, "search", Scene(), slots)
    return say(desk, rng, text, [_conversation(Operation.SEARCH, target=about.bare)])


def _animate_result(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan] | None:
    if desk.kind(desk.current) != "image":
        return None
    text = wording.phrase(rng, "animate_result", Scene(), {})
    return say(desk, rng, text, [Step(Module.IMAGE_TO_VIDEO, Operation.ANIMATE)])


def _correct(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan] | None:
    """Another colour or another thing than in the last turn."""
    steps = _last_steps(desk)
    if len(steps) != 1:
        return None
    (step,) = steps
    if step.operation is Operation.RECOLOR and step.target and rng.random() < 0.6:
        value = wording.color(rng)
        text = rng.choice(sections("lexicon")["other_color"]).format(value)
        return say(desk, rng, text, [replace(step, value=value)])
    if step.target and step.operation in (Operation.REMOVE, Operation.RECOLOR, Operation.SEGMENT, Operation.DETECT):
        about = thing(rng)
        text = rng.choice(sections("lexicon")["other_thing"]).format(about.definite)
        base = desk.back(1) if step.operation in (Operation.REMOVE, Operation.RECOLOR) else None
        return say(desk, rng, text, [replace(step, target=about.bare, base=base)])
    return None


def _more(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan] | None:
    """A little more, or less, of the last adjustment."""
    steps = _last_steps(desk)
    if len(steps) != 1 or steps[0].operation is not Operation.ADJUST:
        if desk.kind(desk.current) not in ("image", "video"):
            return None
        video = desk.kind(desk.current) == "video"
        wish = wishes.adjust(rng, Scene(video=video, short=True))
        if wish.steps[0].target:
            return None
        lead = rng.choice(("and ", "now ", "also ", "plus ", "ok and "))
        return say(desk, rng, lead + wish.text, wish.steps)
    name, direction = steps[0].value.split()[:2]
    if rng.random() < 0.6:
        text = rng.choice(sections("lexicon")["still_more"])
    else:
        text = rng.choice(sections("lexicon")["too_much"])
        direction = {"more": "less", "less": "more"}[direction]
    return say(desk, rng, text, [replace(steps[0], value=f"{name} {direction}")])


def _earlier(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan] | None:
    """A wish about an earlier picture, without going back to it."""
    if (older := _older(desk, rng)) is None:
        return None
    handle, name = older
    scene = Scene(video=desk.kind(handle) == "video", short=True)
    wish = task(rng, scene)(rng, scene)
    text = rng.choice(
        (
            f"in {name}, {wish.text}",
            f"{wish.text.rstrip('.!?')} in {name}",
            f"on {name} {wish.text}",
            f"{name}: {wish.text}",
        )
    )
    return say(desk, rng, text, tuple(replace(step, base=handle) for step in wish.steps))


def _undo_and(desk: Desk, rng: Random) -> tuple[PlanRequest, Plan] | None:
    """Undo, and something else instead, on what was there before."""
    if not desk.history[-1].plan.invocations:
        return None
    count = 2 if rng.random() < 0.3 else 1
    if (restored := desk.back(count)) is None:
        return None
    wish = wishes.edit(rng, Scene(video=desk.kind(restored) == "video", short=True))
    undo = rng.choice(
        (
            "undo that",
            "go back",
            "undo it",
            "revert that",
            "take that back",
            "scrap that",
            "undo the last one",
            "step back",
        )
    )
    link = rng.choice((" and ", " and instead ", ", then ", ". instead ", " and then ", ", rather "))
    return say(
        desk,
        rng,
        undo + link + wish.text,
        [_conversation(Operation.UNDO, value=str(count) if count > 1 else ""), *wish.steps],
    )


_KINDS = (
    (_another, 20), (_same_for, 14), (_same_here, 6), (_same_picture, 5), (_it, 16), (_undo, 11), (_select, 9),
    (_search, 5), (_animate_result, 6), (_correct, 10), (_more, 7), (_earlier, 9), (_undo_and, 6),
)  # fmt: skip
