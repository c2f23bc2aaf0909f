"""Does a drawing mean the thing under it? Every kind of drawing, for masks, names and a trained model's captions.

    python benchmarks/regions.py --voc FOLDER [--part PART --weights FILE] [--model FOLDER] [--count N] [--json]

Drawings are made from a thing's mask as people make them: a click well within it, three clicks, its box, a loose box
(each side a seventh further out), a rough outline, a scribble of two strokes, the mask itself.

- segmentation: the drawing alone is segmented by the embedded expert. iou: with the thing's mask; half: share of those
  above 0.5. Things of drawn scenes (what can be seen of them), and of the photos with masks that the mask decoder did
  not learn from, as in ``benchmarks/masks.py``. A drawn mask is taken as it is, so its row checks no more than that.
- naming: "What is this?" with the drawing, to the embedded answers. right, wrong, modest and mentions as in
  ``benchmarks/answers.py``. Photos of ``--part``, the three largest things of each. Most have no mask, so drawings are
  made from the oval in the box, and may miss the thing.
- captions: what the model of ``--model`` says of the drawing, on scenes. noun and color right; exact: word for word.
  Its control is the box of another thing of the scene, which is judged as if it were the thing's. A caption takes
  seconds on a CPU, so there are ``--captions`` scenes of it.

Each is a mean with its bootstrap 95 % interval, drawings of one kind taken for independent.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from vitron_agent.config import Settings
from vitron_agent.messages import Point, Region
from vitron_agent.model.encoders.backbone import load_backbone
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.model.media import prepare_image, prepare_region
from vitron_agent.model.vitron import VitronModel
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.learned import WEIGHTS
from vitron_agent.tools.backends.embedded.segmentation import EmbeddedSegmentation
from vitron_agent.tools.backends.embedded.sight import EmbeddedSight
from vitron_agent.tools.backends.embedded.vision import Vision
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.image_segmentation import NotFound, Prompt
from vitron_agent.tools.regions import pixel_box, rasterise, tight_box
from vitron_agent.tools.words import Picture, Words
from vitron_agent.train.data.samples import Sample, Task, Turn
from vitron_agent.train.data.scenes import SPLITS, Body, Scene, draw, medium, samples, see
from vitron_agent.train.data.scenes.model import COLORS, SHAPES
from vitron_agent.train.data.scenes.telling import region_caption
from vitron_agent.train.data.voc import Photo, held_out, read_voc
from vitron_agent.train.masks.prompts import point_on
from vitron_agent.train.masks.things import annotated, with_masks
from vitron_agent.train.metrics.claims import scene_of
from vitron_agent.train.metrics.generate import write_answer
from vitron_agent.train.metrics.intervals import Estimate, estimates
from vitron_agent.train.metrics.photo_answers import Known, Meant, Question, judge

KINDS = ("click", "three clicks", "box", "loose box", "polygon", "scribble", "mask")
CONTROL = "another's box"
_THINGS = 3
_LOOSER = 1 / 7
_MASK = "drawn"
Row: TypeAlias = dict[str, float]
Rows: TypeAlias = dict[str, dict[str, list[Row]]]


@dataclass(frozen=True)
class Thing:
    """One thing of a picture.

    Attributes:
        picture: Its name; the same name means the same pixels.
        image: (H, W, 3).
        mask: (H, W), of what can be seen of it.
    """

    picture: str
    image: NDArray[np.uint8]
    mask: MaskArray


def drawings(mask: MaskArray, rng: np.random.Generator) -> dict[str, Region]:
    """A drawing of every kind on a thing (H, W) with some pixels."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    deep = [point_on(depth >= share * depth.max(), rng) for share in (0.6, 0.3, 0.3)]
    box = tight_box(mask)
    width, height = ((box[2] - box[0]) * _LOOSER, (box[3] - box[1]) * _LOOSER)
    loose = (max(0, box[0] - width), max(0, box[1] - height), min(1, box[2] + width), min(1, box[3] + height))
    return {
        "click": Region.points(deep[:1]),
        "three clicks": Region.points(deep),
        "box": Region.box(*box),
        "loose box": Region.box(*loose),
        "polygon": Region.polygon(_outline(mask)),
        "scribble": Region.scribble([deep[1], deep[0], deep[2]]),
        "mask": Region.mask(_MASK),
    }


def _outline(mask: MaskArray) -> list[Point]:
    """Around the largest piece, a hundredth of its length off at most."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=len)
    rough = cv2.approxPolyDP(contour, 0.01 * len(contour), closed=True)
    corners = (rough if len(rough) >= 3 else contour)[:, 0] + 0.5
    return [(float(x) / mask.shape[1], float(y) / mask.shape[0]) for x, y in corners]


def scene_things(count: int, split: str) -> Iterator[tuple[Thing, Scene, int]]:
    """Bodies of scenes, one of each, in turn the first, second and so on."""
    for number, sample in enumerate(samples(split, [Task.CAPTION], count)):
        scene = scene_of(sample)
        body = number % len(scene.bodies)
        yield Thing(sample.media[0].name, draw(scene), see(scene).mask(body, 0)), scene, body


def masked_things(photos: Sequence[Photo]) -> Iterator[Thing]:
    """Things of the photos with masks that no mask decoder learned from."""
    for photo in with_masks(photos)[1]:
        image = photo.image()
        height, width = image.shape[:2]
        for thing in annotated(photo):
            yield Thing(photo.name, image, thing.mask(width, height))


class Experts:
    """The embedded ones, on the same features."""

    def __init__(self, weights: Path) -> None:
        grounding = EmbeddedGrounding(Vision(DenseEncoder(Settings.load().cache, remember=1), weights))
        self._segmentation = EmbeddedSegmentation(grounding)
        self._words = Words(EmbeddedSight(grounding))

    def segment(self, thing: Thing, region: Region) -> Row:
        """How well what is segmented is the thing."""
        prompt = Prompt(regions=(region,), region_masks={_MASK: thing.mask})
        found = self._segmentation.segment(thing.image, prompt, image_id=thing.picture)
        made = np.zeros_like(thing.mask) if isinstance(found, NotFound) else found.mask
        iou = float((made & thing.mask).sum() / (made | thing.mask).sum())
        return {"iou": iou, "half": float(iou > 0.5)}

    def name(self, thing: Thing, region: Region, kind: str, known: Known) -> Row:
        """What the answer to "what is this?" is worth."""
        picture = Picture(thing.image, thing.picture, (region,), {_MASK: thing.mask})
        question = Question("name", "What is this?", Meant.kind(kind), kind)
        judged = asdict(judge(self._words.answer(question.text, picture), question, known))
        return {metric: judged[metric] for metric in ("right", "wrong", "modest", "mentions")}


def named_things(photos: Iterable[Photo]) -> Iterator[tuple[Thing, str, Known]]:
    """The largest things of photos, with their kinds."""
    for photo in photos:
        image, known = photo.image(), Known.of(photo)
        height, width = image.shape[:2]
        usable = [thing for thing in photo.things if not thing.difficult]
        usable.sort(key=lambda thing: (thing.box[0] - thing.box[2]) * (thing.box[3] - thing.box[1]))
        for thing in usable[:_THINGS]:
            box = pixel_box(thing.box, width, height)
            mask = np.zeros((height, width), np.uint8)
            middle = ((box[0] + box[2] - 1) // 2, (box[1] + box[3] - 1) // 2)
            half = (max(1, (box[2] - box[0]) // 2), max(1, (box[3] - box[1]) // 2))
            cv2.ellipse(mask, middle, half, 0, 0, 360, 1, -1)
            yield Thing(photo.name, image, mask.astype(np.bool_)), thing.name, known


class Model:
    """Asks a trained model what a drawing is on."""

    def __init__(self, folder: Path, base: Path | None) -> None:
        self._model = VitronModel.from_pretrained(folder, base=base)
        self._model.to("cuda" if torch.cuda.is_available() else "cpu")
        self._backbone = load_backbone(self._model.sight.backbone, Settings.load().cache)

    def describe(self, thing: Thing, scene: Scene, body: int, drawn: Mapping[str, Region]) -> Iterator[tuple[str, Row]]:
        """What the model's caption of each drawing is worth."""
        features = self._backbone.features(thing.image)
        picture = prepare_image(features, self._model.sight)
        height, width = thing.mask.shape
        told = region_caption(see(scene), body)[0]
        for kind, region in drawn.items():
            named = region.model_copy(update={"source": "image-1", "name": "region-1"})
            sample = Sample(
                Task.REGION_CAPTION, thing.picture, "scenes", (medium(scene),), (Turn("What is this?", told),), (named,)
            )
            mask = rasterise(region, width, height, lambda _: thing.mask)
            text = write_answer(self._model, sample, [picture, prepare_region(features, mask)], max_tokens=40).text
            yield kind, caption_worth(text, told, scene.bodies[body])


def caption_worth(text: str, wanted: str, body: Body) -> Row:
    """Whether a caption of a body has its noun, its color and all its words."""
    words = text.lower().strip(" .").split()
    shapes, colors = ([word for word in words if word in known] for known in (SHAPES, COLORS))
    return {
        "noun": float(shapes == [body.shape]),
        "color": float(colors == [body.color]),
        "exact": float(" ".join(words) == " ".join(wanted.lower().strip(" .").split())),
    }


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voc", type=Path, help="photos in the layout of Pascal VOC 2007")
    parser.add_argument("--part", help="K/N: names are asked on every N-th photo from the K-th on")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="of grounding, instead of the shipped ones")
    parser.add_argument("--model", type=Path, help="folder of a model of any stage")
    parser.add_argument("--base", type=Path, help="folder of its base (default: what the model names)")
    parser.add_argument("--count", type=int, default=40, help="scenes, and photos to name on (default: %(default)s)")
    parser.add_argument("--captions", type=int, default=8, help="scenes that the model tells of (default: %(default)s)")
    parser.add_argument("--split", choices=SPLITS, default="test", help="of the scenes (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    experts = Experts(options.weights)
    model = Model(options.model, options.base) if options.model else None
    rows: Rows = defaultdict(lambda: defaultdict(list))
    for number, (thing, scene, body) in enumerate(_shown(scene_things(options.count, options.split), "scenes")):
        drawn = drawings(thing.mask, np.random.default_rng(number))
        _note(rows["segmentation, scenes"], drawn, lambda region, thing=thing: experts.segment(thing, region))
        if model and number < options.captions:
            other = see(scene).mask((body + 1) % len(scene.bodies), 0)
            control = {CONTROL: Region.box(*tight_box(other))} if len(scene.bodies) > 1 else {}
            for kind, row in model.describe(thing, scene, body, drawn | control):
                rows["captions, scenes"][kind].append(row)
    if options.voc:
        photos = read_voc(options.voc)
        for number, thing in enumerate(_shown(masked_things(photos), "masks")):
            drawn = drawings(thing.mask, np.random.default_rng(number))
            _note(rows["segmentation, photos"], drawn, lambda region, thing=thing: experts.segment(thing, region))
        _, part = held_out(photos, options.part or "0/1")
        chosen = part[:: max(1, len(part) // options.count)][: options.count]
        for number, (thing, name, known) in enumerate(_shown(named_things(chosen), "names")):
            drawn = drawings(thing.mask, np.random.default_rng(number))
            asked = (thing, name, known)
            _note(rows["naming, photos"], drawn, lambda region, asked=asked: experts.name(asked[0], region, *asked[1:]))
    found = {of: {kind: estimates(values) for kind, values in kinds.items()} for of, kinds in rows.items()}
    if options.json:
        numbers = {of: {kind: _plain(row) for kind, row in kinds.items()} for of, kinds in found.items()}
        print(json.dumps(numbers, indent=2))
    else:
        _print(found)


def _shown(things: Iterable, label: str) -> Iterable:
    return track(list(things), label, console=Console(stderr=True))


def _note(rows: dict[str, list[Row]], drawn: Mapping[str, Region], measure: Callable[[Region], Row]) -> None:
    for kind, region in drawn.items():
        rows[kind].append(measure(region))


def _plain(row: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    return {metric: asdict(value) for metric, value in row.items()}


def _print(found: Mapping[str, Mapping[str, Mapping[str, Estimate]]]) -> None:
    for of, kinds in found.items():
        first = next(iter(kinds.values()))
        table = Table("", *first, title=f"{of}: {next(iter(first.values())).count} things")
        for kind, row in kinds.items():
            table.add_row(kind, *(f"{value.mean:.2f} ({value.low:.2f}-{value.high:.2f})" for value in row.values()))
        Console(width=120).print(table)


if __name__ == "__main__":
    main()
