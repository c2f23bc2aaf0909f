"""Samples for every task from procedural scenes, each made when it is asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from random import Random

from vitron_agent.errors import ConfigError, UsageError
from vitron_agent.messages import Region
from vitron_agent.train.data.samples import Medium, Sample, Task, Thing, Turn
from vitron_agent.train.data.scenes.composing import scene as compose
from vitron_agent.train.data.scenes.drawing import draw
from vitron_agent.train.data.scenes.edits import edit
from vitron_agent.train.data.scenes.model import Media, Scene
from vitron_agent.train.data.scenes.questions import question, region_question
from vitron_agent.train.data.scenes.recipe import DEFAULT, Recipe
from vitron_agent.train.data.scenes.referring import plural_references, reference
from vitron_agent.train.data.scenes.regions import drawn
from vitron_agent.train.data.scenes.seen import Seen, see
from vitron_agent.train.data.scenes.splits import HELD_OUT, SEEDS, Split
from vitron_agent.train.data.scenes.telling import Named, caption, region_caption, relation, tell

TASKS = tuple(task for task in Task if task is not Task.INVOCATION)
"""What scenes can teach."""
_SEEDS_PER_SCENE = 16
"""Seeds kept for one index: where a scene doesn't suit a task, the next of them is taken."""

_DESCRIBE = {
    "image": ("Describe the picture.", "What can you see here?", "What is in the image?", "Tell me what this shows."),
    "video": ("Describe the clip.", "What happens in the video?", "What happens here?", "Tell me what goes on."),
}
_DESCRIBE_REGION = (
    "What is in region-1?", "What did I mark?", "Describe region-1.", "What is this?", "Tell me what region-1 shows.",
)  # fmt: skip
_GROUND = {
    "image": (
        "Describe the picture and say where everything is.",
        "What is in the image, and where?",
        "Name everything you see, with boxes.",
    ),
    "video": (
        "Describe the clip and say where and when everything is.",
        "What happens in the video, where and when?",
        "Name everything in the clip, with boxes and times.",
    ),
}
_FIND = {
    "image": ("Where is {it}?", "Find {it}.", "Show me {it}.", "Point out {it}.", "Locate {it}, please."),
    "video": ("Where is {it}?", "Follow {it}.", "Track {it}.", "Where and when is {it}?", "Find {it} in the clip."),
}
_FIND_ALL = ("Where are {it}?", "Find {it}.", "Show me {it}.", "Locate {it}, please.")
_GENERATE = {
    "image": ("Draw {it}", "Make a picture of {it}", "Create an image: {it}", "I'd like a picture of {it}"),
    "video": ("Make a clip: {it}", "Create a video: {it}", "Animate this: {it}", "I'd like a short clip: {it}"),
}


def samples(
    split: Split, tasks: Sequence[Task], count: int, recipe: Recipe = DEFAULT, media: Media = "image", *, start: int = 0
) -> Iterator[Sample]:
    """The samples ``start`` to ``start + count`` of a split; consecutive ones of all tasks share a scene.

    Args:
        split: ``test_new`` asks about looks that the other splits never show.
        tasks: In turn; a task named twice gets two samples of each scene.
        count: How many.
        recipe: What scenes are like.
        media: Pictures or clips.
        start: Of the first; any can be had at the price of one.

    Raises:
        UsageError: A task isn't one of :data:`TASKS`, there is none, or the split has too few scenes.
        ConfigError: The recipe leaves nothing to ask.
    """
    for index in range(start, start + count):
        yield sample(split, tasks, index, recipe, media)


def sample(split: Split, tasks: Sequence[Task], index: int, recipe: Recipe = DEFAULT, media: Media = "image") -> Sample:
    """One of :func:`samples`, by its index."""
    if not tasks or not set(tasks) <= set(TASKS):
        raise UsageError(f"scenes teach one or more of {', '.join(TASKS)}; got {', '.join(tasks) or 'none'}")
    number, place = divmod(index, len(tasks))
    if not 0 <= number * _SEEDS_PER_SCENE < len(SEEDS[split]):
        raise UsageError(f"{split} has {len(SEEDS[split]) // _SEEDS_PER_SCENE} scenes, got sample {index}")
    task = tasks[place]
    repeat = tasks[:place].count(task)
    first = number * _SEEDS_PER_SCENE
    for seed in SEEDS[split][first : first + _SEEDS_PER_SCENE]:
        rng = Random(f"{seed}/{media}/{task}/{repeat}")  # noqa: S311
        seen = see(compose(seed, recipe, media))
        name = f"{split}-{media}-{number}-{task}" + (f"-{repeat}" if repeat else "")
        if made := _MAKERS[task](seen, rng, name):
            return made
    raise ConfigError(f"{task} finds nothing to ask in scenes of this recipe; allow more and smaller bodies")


def subjects(scene: Scene) -> list[int]:
    """The bodies that are asked about: those of held-out looks where there are any, else all."""
    new = [place for place, body in enumerate(scene.bodies) if (body.shape, body.color) in HELD_OUT]
    return new or list(range(len(scene.bodies)))


def medium(scene: Scene, name: str = "") -> Medium:
    """The scene as pixels that are drawn when they are loaded.

    Args:
        scene: What is drawn.
        name: Tells an edited scene from the one that its seed gives.
    """
    recipe = scene.recipe
    return Medium(
        scene.media,
        f"scenes/{recipe.hash[:12]}/{scene.media}/{scene.seed}" + (f"/{name}" if name else ""),
        partial(draw, scene),
        recipe.fps if scene.media == "video" else None,
        scene.num_frames if scene.media == "video" else None,
    )


def _caption(seen: Seen, rng: Random, name: str) -> Sample:
    return _sample(Task.CAPTION, name, seen, rng.choice(_DESCRIBE[seen.scene.media]), caption(seen))


def _grounded_caption(seen: Seen, rng: Random, name: str) -> Sample:
    return _sample(Task.GROUNDED_CAPTION, name, seen, rng.choice(_GROUND[seen.scene.media]), caption(seen))


def _region_caption(seen: Seen, rng: Random, name: str) -> Sample:
    body = rng.choice(subjects(seen.scene))
    region = drawn(seen, body, rng)
    told = region_caption(seen, body)
    return _sample(Task.REGION_CAPTION, f"{name}-{region.kind}", seen, rng.choice(_DESCRIBE_REGION), told, (region,))


def _referring(seen: Seen, rng: Random, name: str) -> Sample | None:
    several = plural_references(seen, rng) if rng.random() < 0.1 else []
    found = rng.choice(several) if several else reference(seen, subjects(seen.scene), rng)
    if not found:
        return None
    asked = rng.choice(_FIND_ALL if several else _FIND[seen.scene.media]).format(it=found.words)
    told = tell(f"here {'are' if several else 'is'} {{it}}.", it=Named(found.words, seen, found.bodies))
    return _sample(Task.REFERRING, f"{name}-{found.kind}", seen, asked, told)


def _question(seen: Seen, rng: Random, name: str) -> Sample:
    if rng.random() < 0.1:
        body = rng.choice(subjects(seen.scene))
        asked, region = region_question(seen, body, rng), drawn(seen, body, rng)
        told = (asked.reply, asked.things)
        return _sample(Task.QUESTION, f"{name}-{asked.kind}", seen, asked.user, told, (region,))
    one = question(seen, subjects(seen.scene), rng)
    return _sample(Task.QUESTION, f"{name}-{one.kind}", seen, one.user, (one.reply, one.things))


def _edit(seen: Seen, rng: Random, name: str) -> Sample | None:
    done = edit(seen, subjects(seen.scene), rng)
    if not done:
        return None
    name = f"{name}-{done.operation}"
    # The other scene of the two is the seed's own.
    names = (name, "") if done.operation == "add" else ("", name)
    media = tuple(medium(one, label) for one, label in zip((done.before, done.after), names, strict=True))
    return Sample(Task.EDIT, name, "scenes", media, (Turn(done.user, done.reply),), things=done.things)


def _generation(seen: Seen, rng: Random, name: str) -> Sample:
    """The prompt says what is there; where names allow, also how two things lie to each other."""
    told = caption(seen)
    prompt = rng.choice(_GENERATE[seen.scene.media]).format(it=told[0][0].lower() + told[0][1:])
    if place := relation(seen, rng.choice(subjects(seen.scene)), rng):
        prompt = f"{prompt} {place}"
    return _sample(Task.GENERATION, name, seen, prompt, told)


def _sample(
    task: Task, name: str, seen: Seen, user: str, told: tuple[str, tuple[Thing, ...]], regions: tuple[Region, ...] = ()
) -> Sample:
    reply, things = told
    return Sample(task, name, "scenes", (medium(seen.scene),), (Turn(user, reply),), regions, things)


_MAKERS: Mapping[Task, Callable[[Seen, Random, str], Sample | None]] = {
    Task.CAPTION: _caption,
    Task.REGION_CAPTION: _region_caption,
    Task.GROUNDED_CAPTION: _grounded_caption,
    Task.REFERRING: _referring,
    Task.QUESTION: _question,
    Task.EDIT: _edit,
    Task.GENERATION: _generation,
}
