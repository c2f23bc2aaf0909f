"""Draws a contact sheet of samples: pixels, boxes, masks, drawings and words.

::

    python -m vitron_agent.train.data.scenes --sheet scenes.png --split test --count 12 --media video
"""

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from vitron_agent.messages import Region
from vitron_agent.train.data.samples import Pixels, Sample, Task
from vitron_agent.train.data.scenes.making import TASKS, samples
from vitron_agent.train.data.scenes.recipe import DEFAULT
from vitron_agent.train.data.scenes.splits import SPLITS

_INKS = ((255, 60, 60), (60, 220, 60), (80, 140, 255), (255, 210, 0), (255, 80, 255), (0, 230, 230), (255, 150, 60))
_SIDE = 160
"""Of a shown frame, in pixels."""
_FRAMES = 4
"""Shown of a clip, evenly spread."""
_LINE = 17
"""Height of a line of words, in pixels."""
_LETTER = 7.2
"""Width of a letter, about, in pixels."""


def sheet(shown: Sequence[Sample], columns: int) -> Pixels:
    """All samples as one picture (H, W, 3), so many beside each other."""
    tiles = [tile(sample) for sample in shown]
    width = max(one.shape[1] for one in tiles)
    rows = []
    for start in range(0, len(tiles), columns):
        row = tiles[start : start + columns]
        canvas = np.full((max(len(one) for one in row) + 8, columns * (width + 8), 3), 255, np.uint8)
        for place, one in enumerate(row):
            canvas[: len(one), place * (width + 8) :][:, : one.shape[1]] = one
        rows.append(canvas)
    return np.vstack(rows)


def tile(sample: Sample) -> Pixels:
    """One sample: its media, plain and with what is known of them, above the words."""
    shown = [_views(sample, medium) for medium in range(len(sample.media))]
    pictures = np.vstack(shown)
    said = [f"{sample.id}", *(f"> {turn.user} / {turn.reply}" for turn in sample.turns)]
    lines = [line for text in said for line in textwrap.wrap(text, int(pictures.shape[1] / _LETTER))]
    words = np.full((_LINE * len(lines) + 6, pictures.shape[1], 3), 255, np.uint8)
    for place, line in enumerate(lines):
        cv2.putText(words, line, (2, _LINE * place + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([pictures, words])


def _views(sample: Sample, medium: int) -> Pixels:
    """A picture beside itself with its marks; frames of a clip above themselves with theirs."""
    pixels = sample.media[medium].load()
    if sample.media[medium].kind == "image":
        return np.hstack([_large(pixels), _marked(pixels, sample, medium, 0)])
    spread = [int(frame) for frame in np.linspace(0, len(pixels) - 1, _FRAMES).round()]
    plain = np.hstack([_large(pixels[frame]) for frame in spread])
    return np.vstack([plain, np.hstack([_marked(pixels[frame], sample, medium, frame) for frame in spread])])


def _large(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST), np.uint8)


def _marked(pixels: Pixels, sample: Sample, medium: int, frame: int) -> Pixels:
    """With masks tinted, boxes, and what the user drew, if it holds in the frame."""
    marked = pixels.copy()
    inks = {phrase: ink for ink, phrase in enumerate(dict.fromkeys(thing.phrase for thing in sample.things))}
    there = [thing for thing in sample.things if thing.medium == medium and frame in thing.boxes]
    for thing in there:
        ink = np.array(_INKS[inks[thing.phrase] % len(_INKS)])
        marked[thing.masks[frame]] = 0.45 * marked[thing.masks[frame]] + 0.55 * ink
    marked = _large(marked)
    for thing in there:
        x_left, y_top, x_right, y_bottom = (round(_SIDE * value) for value in thing.boxes[frame])
        cv2.rectangle(marked, (x_left, y_top), (x_right - 1, y_bottom - 1), _INKS[inks[thing.phrase] % len(_INKS)], 1)
    for region in sample.regions:
        if region.frames is None or region.frames[0] <= frame <= region.frames[1]:
            _draw_region(marked, region)
    return marked


def _draw_region(pixels: Pixels, region: Region) -> None:
    points = np.round(np.array(region.coordinates) * _SIDE).astype(np.int32)
    white = (255, 255, 255)
    if region.kind == "points":
        for (x, y), label in zip(points.tolist(), region.labels, strict=True):
            kind = cv2.MARKER_TILTED_CROSS if label else cv2.MARKER_SQUARE
            cv2.drawMarker(pixels, (x, y), white, kind, 9, 2)
    elif region.kind == "box":
        cv2.rectangle(pixels, points[0].tolist(), points[1].tolist(), white, 2)
    else:
        cv2.polylines(pixels, [points], region.kind == "polygon", white, 2)


def main() -> None:
    """Reads the command line and writes the sheet."""
    parser = argparse.ArgumentParser(description="A contact sheet of procedural scenes and what is said about them.")
    parser.add_argument("--sheet", type=Path, required=True, help="where to write it (.png)")
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--task", choices=[str(task) for task in TASKS], help="this task only")
    parser.add_argument("--media", choices=("image", "video"), default="image")
    parser.add_argument("--count", type=int, default=14)
    parser.add_argument("--start", type=int, default=0, help="index of the first sample")
    parser.add_argument("--columns", type=int, default=3)
    options = parser.parse_args()
    tasks = [Task(options.task)] if options.task else TASKS
    shown = list(samples(options.split, tasks, options.count, media=options.media, start=options.start))
    Image.fromarray(sheet(shown, options.columns)).save(options.sheet)
    print(f"{options.sheet}: {len(shown)} samples, recipe {DEFAULT.hash[:12]}")  # noqa: T201


if __name__ == "__main__":
    main()
