"""One form for everything that the stages learn from: media, what is said about them, and where things are.

Procedural scenes, pasted photos and the readers of public sets all give :class:`Sample`. Texts name media and drawings
by their handles (``image-1``, ``video-1``, ``region-1``, in the order of :attr:`Sample.media` and
:attr:`Sample.regions`); the only medium need not be named. Coordinates never stand in texts: a stage writes those of
:attr:`Sample.things` as its format asks (paper App. B.2).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitron_agent.messages import Box, Region

Pixels: TypeAlias = NDArray[np.uint8]
"""RGB: (H, W, 3) of a picture, (N, H, W, 3) of a clip."""


class Task(StrEnum):
    """What a sample teaches; pictures and clips share the names."""

    CAPTION = "caption"
    """Say what is there (stage 1)."""
    REGION_CAPTION = "region_caption"
    """Say what is in ``region-1`` (stage 1)."""
    INVOCATION = "invocation"
    """Write a plan (stage 2); replies are in the wire form."""
    GROUNDED_CAPTION = "grounded_caption"
    """Say what is there and where each thing is (stage 4)."""
    REFERRING = "referring"
    """Find the thing that the user describes (stages 3 to 5); in a clip, follow it."""
    QUESTION = "question"
    """Answer a question, with the things that tell the answer (stage 4)."""
    EDIT = "edit"
    """From the first picture to the second one."""
    GENERATION = "generation"
    """From the user's words to the only medium."""


@dataclass(frozen=True, slots=True)
class Medium:
    """A picture or a clip, read when it is needed.

    Attributes:
        kind: Which of the two.
        name: Its path, or what it was made from; the same name means the same pixels.
        load: Gives the pixels.
        fps: Of a clip.
        frames: How many a clip has, where that is known without reading it.
    """

    kind: Literal["image", "video"]
    name: str
    load: Callable[[], Pixels] = field(repr=False, compare=False)
    fps: float | None = None
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class Thing:
    """One object that a text names.

    Attributes:
        phrase: Its words, as they stand in the text.
        boxes: Where it is, by frame of its medium; a still has frame 0 alone.
        masks: Its pixels (H, W), by frame, where they are known; annotators may mask fewer frames than they box.
        medium: Position of its medium in the sample.
    """

    phrase: str
    boxes: dict[int, Box]
    masks: dict[int, NDArray[np.bool_]] = field(default_factory=dict, repr=False, compare=False)
    medium: int = 0

    @property
    def frames(self) -> tuple[int, int]:
        """First and last frame (0-based, inclusive) that shows it."""
        return min(self.boxes), max(self.boxes)


@dataclass(frozen=True, slots=True)
class Turn:
    """What is said and what should be answered."""

    user: str
    reply: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One example.

    Attributes:
        task: What it teaches.
        id: Unique within its source; ``source/id`` is what reports name.
        source: The set that it comes from, such as ``refcoco``.
        media: In the order of their handles.
        turns: One or more.
        regions: What the user drew with the first turn.
        things: What the last reply names, in the order of its words; several of one phrase are several instances.
    """

    task: Task
    id: str
    source: str
    media: tuple[Medium, ...]
    turns: tuple[Turn, ...]
    regions: tuple[Region, ...] = ()
    things: tuple[Thing, ...] = ()


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that cannot be used: where it stands, and why."""

    where: str
    why: str


def usable(records: Iterable[Sample | Bad], report: Callable[[Bad], None]) -> Iterator[Sample]:
    """The samples among what a reader gives; ``report`` is told of every other record, so that none goes silently."""
    for record in records:
        if isinstance(record, Bad):
            report(record)
        else:
            yield record
