"""What does a trained model see? Captions, answers and boxes, on drawn scenes that it did not learn from.

    python benchmarks/seeing.py --model runs_output/stage4/model --count 100
    python benchmarks/seeing.py --model runs_output/stage4/model --split test_new    # looks that it never saw
    python benchmarks/seeing.py --model runs_output/stage4/model --rows boxes masks
    python benchmarks/seeing.py --model runs_output/stage2/model --rows captions answers

Every row is a mean over ``--count`` samples with its bootstrap 95 % interval:

- exact: the caption or answer is right, word for word. short: what it answers is ("red"), however worded; beside it the
  answer that is most often right to questions of that kind (what a model that sees nothing can reach).
- contradicts: the text says something of the scene that is not so: a thing, number, color, relation or motion that
  it does not hold. unread: some words mean nothing to the reader of such claims.
- accuracy: share of the boxes that overlap the thing asked for by half or more. overlap: IoU; of clips VidSTG's vIoU.
  time: overlap of the frames. Beside them what a box in the middle, the whole picture and the middle half of the frames
  reach, and the ceiling: the truth, written as one box for all frames of a clip.
- masks: what the box that is written becomes when the mask decoder cuts it out. gIoU: mean IoU of the masks; cIoU: all
  their pixels together. Of clips DAVIS's J and F and their mean, in eight frames. Beside them a box in the middle as it
  is, in clips the true mask of the first frame in all of them, and the ceiling: the true boxes, cut out.
- sure: the planner would say it to a user: its least probable word is probable enough. Where it is sure: the same
  metrics of those texts alone.
- recall: share of the things of a grounded text that are named, with a box that overlaps by half. named: share of its
  phrases that stand there with a box. unreadable: the text holds what begins like a box and is none.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial
from itertools import product
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from vitron_agent.config import Settings
from vitron_agent.grounded import read_grounded
from vitron_agent.messages import Box, Region
from vitron_agent.model.encoders.backbone import load_backbone
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.model.encoders.video import spread
from vitron_agent.model.vitron import VitronModel
from vitron_agent.planners.seeing import SURE_ENOUGH
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.segmentation import EmbeddedSegmentation
from vitron_agent.tools.backends.embedded.vision import Vision
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.image_segmentation import NotFound, Prompt
from vitron_agent.tools.regions import rasterise
from vitron_agent.train.data.examples import Eyes
from vitron_agent.train.data.grounded import ground
from vitron_agent.train.data.samples import Pixels, Sample, Task
from vitron_agent.train.data.scenes import DEFAULT, SPLITS, Media, samples
from vitron_agent.train.metrics.answers import Majority, judge
from vitron_agent.train.metrics.generate import write_answer
from vitron_agent.train.metrics.grounding import baselines, ceiling, places, said
from vitron_agent.train.metrics.intervals import Estimate, Weighted, estimates
from vitron_agent.train.metrics.masks import edge_f, overlap

_FRAMES = 8
_CENTER = Region.box(0.25, 0.25, 0.75, 0.75)
MAJORITY_OF = 600
"""Questions that the majority answer is learned from."""
Row = dict[str, float | Weighted]
Masks = list[MaskArray]
"""Of a thing, frame by frame."""


def caption(text: str, sample: Sample) -> Row:
    judged = judge(text, sample)
    return {"exact": judged.exact, "contradicts": judged.contradicts, "unread": judged.unread}


def answer(text: str, sample: Sample) -> Row:
    majority = _majority(sample.media[0].kind)
    return {**asdict(judge(text, sample)), "short, by the majority answer": float(majority.is_right(sample))}


def boxes(text: str, sample: Sample) -> Row:
    reached = {"": places(text, sample), **{f", {name}": worth for name, worth in baselines(sample).items()}}
    metrics = ["accuracy", "overlap"]
    if sample.media[0].kind == "video":
        reached[", ceiling"] = ceiling(sample)
        metrics.append("time")
    row = {f"{metric}{who}": float(getattr(worth, metric)) for metric in metrics for who, worth in reached.items()}
    return {**row, "unreadable": said(text, sample).unread}


def masks(text: str, sample: Sample) -> Row:
    kind = sample.media[0].kind
    pixels = sample.media[0].load()
    frames = {0: pixels} if kind == "image" else {at: pixels[at] for at in spread(len(pixels), _FRAMES)}
    cut = partial(_cut, sample.media[0].name, frames)
    wanted = [_union([thing.masks[at] for thing in sample.things if at in thing.masks], frames[at]) for at in frames]
    written = [region for mention in read_grounded(text).mentions for region in mention.regions]
    made = {
        "": [cut(at, [one.bounds for one in written if _holds(one, at)]) for at in frames],
        ", center box": [rasterise(_CENTER, shown.shape[1], shown.shape[0]) for shown in frames.values()],
        ", ceiling": [cut(at, [thing.boxes[at] for thing in sample.things if at in thing.boxes]) for at in frames],
    }
    if kind == "video":
        first = next(mask for mask in wanted if mask.any())
        made[", first mask copied"] = [first] * len(frames)
    worth = _tracked if kind == "video" else _still
    return {f"{metric}{who}": value for who, masks in made.items() for metric, value in worth(masks, wanted).items()}


def _still(made: Masks, wanted: Masks) -> Row:
    [mask], [true] = made, wanted
    return {"gIoU": overlap(mask, true), "cIoU": Weighted(overlap(mask, true), float((mask | true).sum()))}


def _tracked(made: Masks, wanted: Masks) -> Row:
    j = fmean(map(overlap, made, wanted))
    f = fmean(map(edge_f, made, wanted))
    return {"J&F": (j + f) / 2, "J": j, "F": f}


def _cut(name: str, frames: Mapping[int, Pixels], at: int, boxes: Sequence[Box]) -> MaskArray:
    prompts = [Prompt(regions=(Region.box(*box),)) for box in boxes]
    found = [_decoder().segment(frames[at], prompt, image_id=f"{name}/{at}") for prompt in prompts]
    return _union([one.mask for one in found if not isinstance(one, NotFound)], frames[at])


def _union(masks: Masks, shown: Pixels) -> MaskArray:
    return np.any([np.zeros(shown.shape[:2], np.bool_), *masks], axis=0)


def _holds(region: Region, frame: int) -> bool:
    first, last = region.frames or (frame, frame)
    return region.kind == "box" and first <= frame <= last


@cache
def _decoder() -> EmbeddedSegmentation:
    return EmbeddedSegmentation(EmbeddedGrounding(Vision(DenseEncoder(Settings.load().cache, remember=1))))


def grounded_caption(text: str, sample: Sample) -> Row:
    worth = said(text, sample)
    return {"recall": worth.recall, "named": worth.named, "unreadable": worth.unread, **caption(text, sample)}


def grounded_answer(text: str, sample: Sample) -> Row:
    return {"short": judge(text, sample).short, **grounded_caption(text, sample)}


ROWS: Mapping[str, tuple[Task, Callable[[Sample], Sample], Callable[[str, Sample], Row]]] = {
    "captions": (Task.CAPTION, lambda sample: sample, caption),
    "answers": (Task.QUESTION, lambda sample: sample, answer),
    "boxes": (Task.REFERRING, ground, boxes),
    "masks": (Task.REFERRING, ground, masks),
    "grounded captions": (Task.GROUNDED_CAPTION, ground, grounded_caption),
    "grounded answers": (Task.QUESTION, ground, grounded_answer),
}
"""What is asked, with or without boxes, and what the text is worth."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of a model of any stage")
    parser.add_argument("--base", type=Path, help="folder of its base (default: what the model names)")
    parser.add_argument("--count", type=int, default=50, help="samples of each row (default: %(default)s)")
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="which (default: all)")
    parser.add_argument("--tokens", type=int, default=320, help="longest text (default: %(default)s)")
    parser.add_argument("--features", type=Path, help="folder where what the backbone saw is kept")
    parser.add_argument("--json", action="store_true", help="print JSON, with the texts and how sure they are")
    options = parser.parse_args(arguments)
    model = VitronModel.from_pretrained(options.model, base=options.base)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    media = model.sight
    eyes = Eyes(load_backbone(media.backbone, Settings.load().cache), media, options.features, model.proposer)
    report: dict[str, dict[str, Estimate]] = {}
    texts: dict[str, list[str]] = {}
    sure: dict[str, list[float]] = {}
    for kind, name in product(("image", "video"), options.rows):
        task, ask, worth = ROWS[name]
        of = f"{name}, {'pictures' if kind == 'image' else 'clips'}"
        asked = [ask(sample) for sample in samples(options.split, [task], options.count, media=kind)]
        shown = track(asked, of, console=Console(stderr=True))
        told = [write_answer(model, one, eyes.look(one), max_tokens=options.tokens) for one in shown]
        texts[of], sure[of] = [answer.text for answer in told], [answer.sure for answer in told]
        rows = [
            {"sure": float(answer.sure >= SURE_ENOUGH), **worth(answer.text, one)}
            for answer, one in zip(told, asked, strict=True)
        ]
        report[of] = estimates(rows)
        report[f"{of}, where sure"] = estimates([row for row in rows if row["sure"]])
    if options.json:
        numbers = {of: {metric: asdict(value) for metric, value in row.items()} for of, row in report.items()}
        print(json.dumps({"scores": numbers, "texts": texts, "sure": sure}, indent=2))
    else:
        _print(report, f"{options.model}: {options.count} samples a row of {options.split}, recipe {DEFAULT.hash[:12]}")


def _print(report: Mapping[str, Mapping[str, Estimate]], title: str) -> None:
    table = Table("", "metric", "mean", "95 %", title=title)
    for of, row in report.items():
        table.add_section()
        for position, (metric, value) in enumerate(row.items()):
            interval = f"{value.low:.3f} to {value.high:.3f}"
            table.add_row("" if position else of, metric, f"{value.mean:.3f}", interval)
    Console().print(table)


@cache
def _majority(kind: Media) -> Majority:
    return Majority(samples("train", [Task.QUESTION], MAJORITY_OF, media=kind))


if __name__ == "__main__":
    main()
