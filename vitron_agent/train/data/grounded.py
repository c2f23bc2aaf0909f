"""Samples whose replies say where things are: grounded captions and answers, and boxes of what is asked for.

"Where is the ball?" is the grounding expert's (docs/invocations.md), and "What color is it?" is answered in plain
words: so whoever wants boxes in an answer says so, and is told apart by it. A model looks at a few frames of a clip,
which do not tell how many the clip has: the request says that, too.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from vitron_agent.errors import UsageError
from vitron_agent.grounded import Mention, write_grounded
from vitron_agent.messages import Region
from vitron_agent.train.data.examples import handles
from vitron_agent.train.data.samples import Bad, Medium, Sample, Task, Thing, Turn

GROUNDED = (Task.GROUNDED_CAPTION, Task.REFERRING, Task.QUESTION)
"""What can be answered with boxes."""

_ASKED = {
    "image": ("Answer with coordinates.", "Give the coordinates.", "Say it with coordinates.", "Tell me coordinates."),
    "video": (
        "Answer with coordinates and frames.", "Give the coordinates and the frames.",
        "Say it with coordinates and frames.", "Tell me coordinates and frames.",
    ),
}  # fmt: skip


def grounded(samples: Iterable[Sample], report: Callable[[Bad], None]) -> Iterator[Sample]:
    """Each sample as :func:`ground` makes it; ``report`` is told of those of which it makes none."""
    for sample in samples:
        try:
            yield ground(sample)
        except UsageError as error:
            report(Bad(f"{sample.source}/{sample.id}", f"cannot be grounded: {error}"))


def ground(sample: Sample) -> Sample:
    """The sample with coordinates asked for and answered.

    Raises:
        UsageError: It is none of :data:`GROUNDED`, its reply doesn't name its things, or its clip's length is unknown.
    """
    if sample.task not in GROUNDED:
        raise UsageError(f"boxes are learned from {', '.join(GROUNDED)}; got {sample.task}")
    turn = sample.turns[-1]
    asked = Turn(f"{turn.user}{_request(sample)}", write_grounded(turn.reply, mentions(sample)))
    return replace(sample, turns=(*sample.turns[:-1], asked))


def mentions(sample: Sample) -> tuple[Mention, ...]:
    """The phrases of the last reply, each with what should be written of its things."""
    names = handles(sample) if len(sample.media) > 1 else [None]
    return tuple(
        Mention(
            phrase, tuple(sorted((_region(thing, sample.media[medium], names[medium]) for thing in things), key=_left))
        )
        for (phrase, medium), things in groupby(sample.things, key=lambda thing: (thing.phrase, thing.medium))
    )


def _region(thing: Thing, medium: Medium, source: str | None) -> Region:
    first, last = thing.frames
    middle = min(thing.boxes, key=lambda frame: (abs(frame - (first + last) // 2), frame))
    return Region.box(*thing.boxes[middle], source=source, frames=(first, last) if medium.kind == "video" else None)


def _left(region: Region) -> float:
    return region.bounds[0]


def _request(sample: Sample) -> str:
    wanted = ""
    if sample.task is not Task.GROUNDED_CAPTION:  # those ask for it in their own words
        forms = _ASKED[sample.media[-1].kind]
        wanted = f" {forms[zlib.crc32(sample.id.encode()) % len(forms)]}"
    for medium in sample.media:
        if medium.kind == "video":
            if medium.frames is None:
                raise UsageError(
                    f"the length of {medium.name} is unknown; its source should say how many frames it has"
                )
            wanted += f" The clip has {medium.frames} frames."
    return wanted
