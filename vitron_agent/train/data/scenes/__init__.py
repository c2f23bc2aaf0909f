"""Procedural scenes: seeded pictures and clips of textured things, of which everything is known.

::

    from vitron_agent.train.data.scenes import samples
    for sample in samples("train", [Task.CAPTION, Task.REFERRING], 1000, media="video"): ...

A seed and a :class:`Recipe` give a :class:`Scene` (``composing``). It is painted (``drawing``), looked at (``seen``:
masks, boxes, relations) and spoken about (``phrases``, ``referring``, ``telling``, ``questions``, ``edits``,
``regions``); ``making`` gives samples for every task but invocations.
``python -m vitron_agent.train.data.scenes --sheet out.png`` shows them.
"""

from vitron_agent.train.data.scenes.composing import scene
from vitron_agent.train.data.scenes.drawing import draw
from vitron_agent.train.data.scenes.making import TASKS, medium, sample, samples
from vitron_agent.train.data.scenes.model import Background, Body, Media, Scene
from vitron_agent.train.data.scenes.recipe import DEFAULT, Recipe
from vitron_agent.train.data.scenes.seen import Seen, see
from vitron_agent.train.data.scenes.splits import HELD_OUT, SPLITS, Split, split_of

__all__ = [
    "DEFAULT",
    "HELD_OUT",
    "SPLITS",
    "TASKS",
    "Background",
    "Body",
    "Media",
    "Recipe",
    "Scene",
    "Seen",
    "Split",
    "draw",
    "medium",
    "sample",
    "samples",
    "scene",
    "see",
    "split_of",
]
