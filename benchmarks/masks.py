"""How exactly do masks follow things, by kind of prompt: the mask decoder beside GrabCut.

    python benchmarks/masks.py FOLDER... [--json] [--limit N] [--weights FILE]

A FOLDER holds photos with human segmentations (BSDS500: take the part that was not learned from) or has the layout of
Pascal VOC 2007, of which every second photo with masks is measured on, the half that
``vitron_agent.train.mask_decoder`` leaves out. Of a photo the segments that may be things are asked for, at most eight.

Prompts are made from the true mask, the same for both: a box whose sides are off by 3 % as people draw them, a click at
the deepest place, three clicks, a scribble of three strokes, and a coarse map of 24 cells a side, blurred.

- iou: intersection over union with the true mask.
- edge_f: precision and recall (their harmonic mean) of the outline, 0.75 % of the picture's diagonal off at most.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from vitron_agent.config import Settings
from vitron_agent.messages import Point, Region
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.mask_decoder import WEIGHTS
from vitron_agent.tools.backends.embedded.masks import Hints, Probability, cut_mask
from vitron_agent.tools.backends.embedded.outliner import Outliner
from vitron_agent.tools.backends.embedded.segmentation import EmbeddedSegmentation
from vitron_agent.tools.backends.embedded.vision import Vision
from vitron_agent.tools.backends.embedded.windows import Cue
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.image_segmentation import NotFound, Prompt
from vitron_agent.tools.regions import mask_box, normalised
from vitron_agent.train.data.segments import read_segments
from vitron_agent.train.data.voc import read_voc
from vitron_agent.train.masks.things import annotated, with_masks
from vitron_agent.train.metrics.masks import edge_f, overlap

KINDS = ("box", "click", "three clicks", "scribble", "coarse map")
MAKERS = ("decoder", "grabcut")
_MOST = 8
_OFF = 0.03
_CELLS, _BLUR = 24, 1.0


@dataclass(frozen=True)
class Case:
    """A photo with the masks (H, W) that are asked for."""

    name: str
    image: NDArray[np.uint8]
    masks: Sequence[MaskArray]


def read_cases(folder: Path) -> Iterator[Case]:
    """The photos of a folder in either layout."""
    if (folder / "JPEGImages").is_dir():
        for photo in with_masks(read_voc(folder))[1]:
            image = photo.image()
            size = (image.shape[1], image.shape[0])
            yield Case(photo.name, image, [thing.mask(*size) for thing in annotated(photo)][:_MOST])
        return
    for divided in read_segments(folder):
        masks = list(divided.segments())
        yield Case(divided.path.stem, divided.image(), masks[:: max(1, len(masks) // _MOST)][:_MOST])


class Bench:
    """Both makers of masks, on the same features."""

    def __init__(self, cache: Path, weights: Path) -> None:
        self.vision = Vision(DenseEncoder(cache, remember=1))
        grounding = EmbeddedGrounding(self.vision)
        self._experts = {
            "decoder": EmbeddedSegmentation(grounding, weights),
            "grabcut": EmbeddedSegmentation(grounding, None),
        }
        self._outliner = Outliner(weights)
        self.scores: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def measure(self, case: Case) -> None:
        """Asks for every mask of a photo with every kind of prompt."""
        for number, mask in enumerate(case.masks):
            coarse, drawings = _coarse(mask), _drawings(mask, np.random.default_rng(number))
            for maker in MAKERS:
                for kind, region in drawings.items():
                    self._note(kind, maker, mask, partial(self._drawn, maker, case, region))
                self._note("coarse map", maker, mask, partial(self._mapped, maker, case, coarse))

    def _note(self, kind: str, maker: str, wanted: MaskArray, make: Callable[[], MaskArray]) -> None:
        begin = time.perf_counter()
        made = make()
        self.seconds[maker].append(time.perf_counter() - begin)
        self.scores[kind, maker].append((overlap(made, wanted), edge_f(made, wanted)))

    def _drawn(self, maker: str, case: Case, region: Region) -> MaskArray:
        found = self._experts[maker].segment(case.image, Prompt(regions=(region,)), image_id=case.name)
        return np.zeros(case.image.shape[:2], np.bool_) if isinstance(found, NotFound) else found.mask

    def _mapped(self, maker: str, case: Case, coarse: Probability) -> MaskArray:
        if maker == "grabcut":
            return cut_mask(case.image, Hints(coarse), lambda: False)
        return self._outliner.cut(case.image, self.vision.look(case.image, case.name), Cue(rough=coarse))


def _drawings(mask: MaskArray, random: np.random.Generator) -> dict[str, Region]:
    pixels = mask_box(mask)
    assert pixels is not None
    box = np.array(normalised(pixels, mask.shape[1], mask.shape[0]))
    sides = np.tile(box[2:] - box[:2], 2)
    x0, y0, x1, y1 = (box + random.normal(0, _OFF, 4) * sides).clip(0, 1).tolist()
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    deepest = _place(depth >= depth.max(), random)
    others = [_place(depth > 0.3 * depth.max(), random) for _ in range(2)]
    return {
        "box": Region.box(x0, y0, x1, y1),
        "click": Region.points([deepest]),
        "three clicks": Region.points([deepest, *others]),
        "scribble": Region.scribble([others[0], deepest, others[1]]),
    }


def _place(mask: MaskArray, random: np.random.Generator) -> Point:
    rows, columns = np.nonzero(mask)
    chosen = int(random.integers(len(rows)))
    return (float(columns[chosen]) + 0.5) / mask.shape[1], (float(rows[chosen]) + 0.5) / mask.shape[0]


def _coarse(mask: MaskArray) -> Probability:
    factor = _CELLS / max(mask.shape)
    size = (max(2, round(mask.shape[1] * factor)), max(2, round(mask.shape[0] * factor)))
    small = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), _BLUR, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred / max(float(blurred.max()), 0.6) * 0.9, np.float32)


def report(bench: Bench) -> dict[str, dict[str, dict[str, float]]]:
    """Means by kind of prompt, maker and metric."""
    return {
        kind: {
            maker: dict(
                zip(("iou", "edge_f"), np.mean(bench.scores[kind, maker], axis=0).round(4).tolist(), strict=True)
            )
            for maker in MAKERS
        }
        for kind in KINDS
    }


def main() -> None:
    """Runs the benchmark and prints it."""
    parser = argparse.ArgumentParser(description="Masks by kind of prompt: the mask decoder beside GrabCut.")
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--limit", type=int, help="only so many photos of each folder, evenly spread")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="other weights than the shipped ones")
    arguments = parser.parse_args()
    found: dict[str, object] = {}
    for folder in arguments.folders:
        cases = list(read_cases(folder))
        if arguments.limit and arguments.limit < len(cases):
            cases = [cases[round(position)] for position in np.linspace(0, len(cases) - 1, arguments.limit)]
        bench = Bench(Settings.load().cache, arguments.weights)
        for case in track(cases, folder.name, console=Console(stderr=True)):
            bench.vision.look(case.image, case.name)  # seconds are of masks alone
            bench.measure(case)
        seconds = {maker: round(float(np.median(bench.seconds[maker])), 3) for maker in MAKERS}
        found[str(folder)] = {
            "prompts": report(bench),
            "masks": sum(len(case.masks) for case in cases),
            "seconds": seconds,
        }
    print(json.dumps(found, indent=2)) if arguments.json else _print(found)


def _print(found: dict[str, object]) -> None:
    console = Console()
    for folder, entry in found.items():
        assert isinstance(entry, dict)
        table = Table("prompt", "IoU", "GrabCut's", "edge F", "GrabCut's", title=f"{folder}: {entry['masks']} masks")
        for kind, scores in entry["prompts"].items():
            ours, theirs = scores["decoder"], scores["grabcut"]
            numbers = (ours["iou"], theirs["iou"], ours["edge_f"], theirs["edge_f"])
            table.add_row(kind, *(f"{number:.3f}" for number in numbers))
        console.print(table)
        console.print(f"median seconds a mask: {entry['seconds']}")


if __name__ == "__main__":
    main()
