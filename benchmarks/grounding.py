"""How well do the embedded experts find, box and segment things in real photos?

    python benchmarks/grounding.py FOLDER [--json] [--limit N] [--part PART --weights FILE]

FOLDER has the layout of Pascal VOC 2007: JPEGImages, Annotations and, for some of the photos, SegmentationClass. Every
class that a photo shows is asked for by its plain name ("potted plant") through the grounding and the segmentation
expert, each as the agent calls it. Classes that a photo shows only as "difficult" objects are not asked for.

- pointing: the point that the best finding names lies in a box of the class.
- box_iou: the best overlap (intersection over union) of a returned box with a box of the class.
- mask_iou: overlap of the mask with the class's pixels, void left out; only photos that have SegmentationClass.

Each is the mean over all pairs of photo and class; what is not found counts as 0. Beside them: top_box_iou (the best
scoring box alone), box_recall (each annotated box with the best returned one), found (the share that was found at all),
and `baseline`: the plain class-activation map of the same encoder, its strongest place, the box around the region above
half its maximum, and that region as the mask.

Photos that the weights were learned from say nothing (docs/grounding.md names those of the shipped ones). For numbers
on photos that were not learned from, train without a part of them (``python -m vitron_agent.train.queries --holdout
PART --output FILE``) and measure on that part alone (``--part PART --weights FILE``): ``K/N`` is every N-th photo from
the K-th on, ``masks`` the photos that have masks, which are few.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from vitron_agent.artifacts import ArtifactStore
from vitron_agent.config import Settings
from vitron_agent.messages import Box, Finding, Module, Operation, Role, make_invocation
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.instances import overlaps
from vitron_agent.tools.backends.embedded.learned import WEIGHTS
from vitron_agent.tools.backends.embedded.segmentation import EmbeddedSegmentation
from vitron_agent.tools.backends.embedded.vision import Vision
from vitron_agent.tools.base import Job, Outcome
from vitron_agent.tools.image_grounding import ImageGroundingExpert
from vitron_agent.tools.image_segmentation import ImageSegmentationExpert
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.train.data.voc import PLAIN_NAMES, Photo, held_out, read_voc

METRICS = ("pointing", "box_iou", "mask_iou", "top_box_iou", "box_recall", "found")


@dataclass
class Scores:
    """What was measured, by metric and class; one number a pair."""

    values: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def add(self, name: str, measured: Mapping[str, float]) -> None:
        """Takes what one pair of photo and class ``name`` gave."""
        for metric, value in measured.items():
            self.values[metric][name].append(float(value))

    def mean(self, metric: str, name: str | None = None) -> float | None:
        """Over all pairs, or those of a class; None where nothing was measured."""
        by_class = self.values[metric]
        values = by_class[name] if name else [value for values in by_class.values() for value in values]
        return round(float(np.mean(values)), 4) if values else None

    def means(self, name: str | None = None) -> dict[str, float | None]:
        """Every metric's mean."""
        return {metric: self.mean(metric, name) for metric in METRICS if metric in self.values}


class Bench:
    """The experts, and the map that they are compared with."""

    def __init__(self, cache: Path, weights: Path) -> None:
        self.vision = Vision(DenseEncoder(cache), weights)
        grounding = EmbeddedGrounding(self.vision)
        self.store = ArtifactStore("memory://grounding-benchmark")
        self.grounding = ImageGroundingExpert(grounding)
        self.segmentation = ImageSegmentationExpert(EmbeddedSegmentation(grounding))
        self.ours, self.baseline = Scores(), Scores()

    def measure(self, photo: Photo) -> None:
        """Asks for every class of a photo."""
        image = photo.image()
        ref = self.store.put_image(image)
        for name in photo.asked:
            phrase = PLAIN_NAMES.get(name, name)
            job = {"inputs": {Role.BASE: ref}, "store": self.store}
            detect = make_invocation(Module.IMAGE_GROUNDING, Operation.DETECT, target=phrase)
            segment = make_invocation(Module.IMAGE_SEGMENTATION, Operation.SEGMENT, target=phrase)
            found = self.grounding.run(Job(detect, **job))
            masked = self.segmentation.run(Job(segment, **job))
            mask = _mask_of(masked, image.shape[:2])
            boxes = [finding.box for finding in found.findings if finding.box is not None]
            measured = _compare(photo, name, _point_of(found.findings), boxes, mask)
            self.ours.add(name, measured | {"found": found.status == "done"})
            point, box, region = self._activation(image, ref.id, phrase)
            self.baseline.add(name, _compare(photo, name, point, [box], region))
        self.store.delete(ref)

    def _activation(
        self, image: NDArray[np.uint8], image_id: str, phrase: str
    ) -> tuple[tuple[float, float], Box, NDArray[np.bool_]]:
        """Strongest place, box and mask of the plain class-activation map: the mean logit of the phrase's classes."""
        meaning = load_nouns().find(phrase)
        assert meaning is not None
        height, width = image.shape[:2]
        logits = self.vision.look(image, image_id).logits[0][list(meaning.classes)].mean(dim=0)
        heat = cv2.resize((logits - logits.min()).numpy(), (width, height), interpolation=cv2.INTER_LINEAR)
        row, column = np.unravel_index(int(heat.argmax()), heat.shape)
        mask = heat > heat.max() / 2
        _, parts = cv2.connectedComponents(mask.astype(np.uint8))
        rows, columns = np.nonzero(parts == parts[row, column])
        box = (columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height)
        return ((float(column) + 0.5) / width, (float(row) + 0.5) / height), box, mask


def _mask_of(outcome: Outcome, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    return np.asarray(outcome.outputs[0].value) if outcome.status == "done" else np.zeros(shape, np.bool_)


def _point_of(findings: Iterable[Finding]) -> tuple[float, float] | None:
    for finding in findings:
        x, y = dict(finding.facts)["point"].split()
        return float(x), float(y)
    return None


def _compare(
    photo: Photo, name: str, point: tuple[float, float] | None, boxes: list[Box], mask: NDArray[np.bool_]
) -> dict[str, float]:
    """What one answer is worth."""
    wanted = np.array(photo.boxes(name))
    everywhere = np.array(photo.boxes(name, difficult=True))
    table = np.array([overlaps(np.array(box), wanted) for box in boxes]).reshape(len(boxes), len(wanted))
    measured = {
        "pointing": float(
            point is not None and bool(((everywhere[:, :2] <= point) & (point <= everywhere[:, 2:])).all(axis=1).any())
        ),
        "box_iou": table.max(initial=0.0),
        "top_box_iou": table[:1].max(initial=0.0),
        "box_recall": table.max(axis=0, initial=0.0).mean(),
    }
    annotated = photo.mask(name)
    if annotated is not None:
        pixels, counted = annotated
        measured["mask_iou"] = (mask & pixels & counted).sum() / max(1, ((mask | pixels) & counted).sum())
    return measured


def main() -> None:
    """Runs the benchmark and prints it."""
    parser = argparse.ArgumentParser(description="Grounding and segmentation on photos in Pascal VOC 2007's layout.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--limit", type=int, help="only so many photos, evenly spread")
    parser.add_argument("--part", help="K/N: only every N-th photo from the K-th on; masks: only those with masks")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="other weights than the shipped ones")
    arguments = parser.parse_args()
    photos = list(read_voc(arguments.folder))
    if arguments.part:
        _, photos = held_out(photos, arguments.part)
    if arguments.limit and arguments.limit < len(photos):
        photos = [photos[round(position)] for position in np.linspace(0, len(photos) - 1, arguments.limit)]
    bench = Bench(Settings.load().cache, arguments.weights)
    begin = time.perf_counter()
    for photo in track(photos, "photos", console=Console(stderr=True)):
        bench.measure(photo)
    seconds = (time.perf_counter() - begin) / max(1, len(photos))
    report = _report(bench, len(photos), seconds)
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        _print(report)


def _report(bench: Bench, photos: int, seconds: float) -> dict[str, object]:
    names = sorted(bench.ours.values["pointing"])
    return {
        **bench.ours.means(),
        "baseline": {key: value for key, value in bench.baseline.means().items() if key != "found"},
        "photos": photos,
        "pairs": sum(map(len, bench.ours.values["pointing"].values())),
        "masks": sum(map(len, bench.ours.values["mask_iou"].values())),
        "seconds_per_photo": round(seconds, 2),
        "per_class": {name: bench.ours.means(name) for name in names},
    }


def _print(report: dict[str, object]) -> None:
    table = Table("", *METRICS, title=f"{report['pairs']} pairs in {report['photos']} photos, {report['masks']} masks")
    baseline, per_class = report["baseline"], report["per_class"]
    assert isinstance(baseline, dict)
    assert isinstance(per_class, dict)
    for name, row in {"all": report, "baseline": baseline, **per_class}.items():
        cells = ("" if row.get(metric) is None else f"{row[metric]:.3f}" for metric in METRICS)
        table.add_row(name, *cells, end_section=name == "baseline")
    console = Console()
    console.print(table)
    console.print(
        f"{report['seconds_per_photo']} s a photo. What the columns mean: python {__file__} --help, and its head."
    )


if __name__ == "__main__":
    main()
