"""MagicBrush: photos that people had edited step by step, by instruction and inside a mask.

Layout of the folders ``train``, ``dev`` and ``test`` (github.com/OSU-NLP-Group/MagicBrush; its issue 10 on masks)::

    edit_sessions.json   {"100547": [{"input": "100547-input.png", "mask": "100547-mask1.png",
                                      "output": "100547-output1.png", "instruction": "..."}]}
    images/100547/100547-input.png     masks are RGBA, transparent where the edit may be, and of any size
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel

from vitron_agent.errors import UsageError
from vitron_agent.train.data.readers.common import Found, Unusable, bounds, each, inside, load_object, parse, plain
from vitron_agent.train.data.readers.media import DAMAGED, picture, picture_size
from vitron_agent.train.data.samples import Sample, Task, Thing, Turn


class _Edit(BaseModel):
    input: str
    mask: str
    output: str
    instruction: str


def read_magicbrush(path: Path) -> Found:
    """The steps of every session, each from a picture to the next one.

    The only thing of a sample is the area that may change: on the first picture, with a mask and no words. Nothing is
    replied.

    Args:
        path: The folder of a split.

    Raises:
        UsageError: The folder is not in that layout.
    """
    sessions = load_object(path / "edit_sessions.json", "a list of edits for every photo")
    if not all(isinstance(edits, list) for edits in sessions.values()):
        raise UsageError(f"{path}/edit_sessions.json should hold a list of edits for every photo")
    steps = (
        (f"{photo}-{number}", (photo, raw))
        for photo, edits in sessions.items()
        for number, raw in enumerate(edits, start=1)
    )

    def build(name: str, step: tuple[str, object]) -> Iterator[Sample]:
        photo, edit = step[0], parse(_Edit, step[1])
        folder = inside(path / "images", photo)
        before = inside(folder, edit.input)
        media = (picture(before), picture(inside(folder, edit.output)))
        mask = _read_mask(inside(folder, edit.mask), picture_size(before))
        things = (Thing("", {0: bounds(mask)}, {0: mask}),)
        yield Sample(Task.EDIT, name, "magicbrush", media, (Turn(plain(edit.instruction), ""),), things=things)

    return each("edit_sessions.json", steps, build)


def _read_mask(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W), true where the edit may be, for a picture of (width, height)."""
    try:
        with Image.open(path) as opened:
            rgba, bands = opened.convert("RGBA"), opened.getbands()
    except DAMAGED as error:
        raise Unusable(f"unreadable mask: {path}") from error
    if "A" not in bands:
        raise Unusable(f"mask without transparency: {path}")
    alpha = rgba.getchannel("A").resize(size, Image.Resampling.NEAREST)
    transparent: NDArray[np.bool_] = np.asarray(alpha) == 0
    return transparent
