"""COCO instances, and RefCOCO, RefCOCO+ and RefCOCOg, which describe COCO's things in words.

Layouts (cocodataset.org, "Data format"; github.com/lichengunc/refer; MDETR's ``instances_refcoco_train.json``)::

    annotations/instances_train2017.json   {"images": [{"id", "file_name", "width", "height"}],
                                            "annotations": [{"image_id", "category_id", "bbox": [x, y, w, h],
                                                             "segmentation", "iscrowd"}],
                                            "categories": [{"id", "name"}]}
    instances_refcoco_train.json           the same, with an image for every expression, its "caption"
    refcoco/instances.json, refs(unc).json the original release, its pickled list of references written as JSON:
                                           [{"ann_id", "image_id", "split", "sentences": [{"sent"}]}]
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, FiniteFloat

from vitron_agent.errors import UsageError
from vitron_agent.messages import Region
from vitron_agent.train.data.readers.common import (
    Found,
    Unusable,
    ask,
    bounds,
    corners,
    each,
    inside,
    load_json,
    need,
    numbered,
    parse,
    plain,
    rows,
    to_box,
)
from vitron_agent.train.data.readers.media import picture, picture_size
from vitron_agent.train.data.readers.segmentation import Segmentation, to_mask
from vitron_agent.train.data.samples import Bad, Medium, Sample, Task, Thing, Turn

_HOW_TO_CONVERT = (
    "a pickle runs code when it is opened, so none is read here. Take the JSON form instances_refcoco_train.json (of "
    "MDETR and others); or, if you trust the file, write it as JSON once: "
    "json.dump(pickle.load(open('refs(unc).p', 'rb')), open('refs(unc).json', 'w'))"
)


class _Image(BaseModel):
    id: int
    file_name: str
    width: int
    height: int
    caption: str = ""


class _Annotation(BaseModel):
    bbox: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]
    category_id: int = 0
    segmentation: Segmentation = []
    iscrowd: int = 0


class _Category(BaseModel):
    id: int
    name: str


class _Sentence(BaseModel):
    sent: str


class _Reference(BaseModel):
    ann_id: int
    image_id: int
    split: str
    sentences: list[_Sentence]


class _Expression(NamedTuple):
    """What is said of some things (None: the image's caption), and the records of image and things, unchecked."""

    phrase: str | None
    image: object
    things: list[object]


def read_coco(path: Path, media: Path | None = None) -> Found:
    """For every kind of thing on every picture: find all of that kind, with masks.

    Kinds that a picture shows as a crowd are reported, not used: nobody knows how many there are.

    Args:
        path: ``instances_*.json``, or any file in its layout.
        media: Folder of the pictures; by default ``train2017`` beside ``annotations`` for ``instances_train2017.json``.

    Raises:
        UsageError: The file is not in that layout.
    """
    data = _load(path)
    folder = need(media or path.parent.parent / path.stem.rpartition("_")[2], "pictures (another folder: media)")
    names = _names(path, data)
    annotated = _by_image(data)

    def build(name: str, raw: object) -> Found:
        image = parse(_Image, raw)
        kinds = defaultdict(list)
        for one in annotated.pop(image.id, []):
            annotation = parse(_Annotation, one)
            kinds[annotation.category_id].append(annotation)
        medium = _picture(image, folder)
        found = ((str(kind), some) for kind, some in sorted(kinds.items()))
        return each(f"{path.name} image {name}, category", found, partial(_instances, image, medium, names))

    yield from each(f"{path.name} image", numbered(data["images"]), build)
    yield from (Bad(f"{path.name} image id {key}", "annotation of an image that isn't there") for key in annotated)


def read_refcoco(path: Path, media: Path | None = None, *, split: str = "train", task: Task = Task.REFERRING) -> Found:
    """For every expression: find what it describes; or, the other way round, describe what is in the box.

    Args:
        path: ``instances_refcoco_train.json``; or ``refs(unc).json`` with ``instances.json`` beside it.
        media: Folder of the pictures of COCO 2014; by default ``train2014`` beside the set's folder.
        split: Of ``refs(unc).json``: ``train``, ``val``, ``testA``, ``testB`` or ``test``; the other form has one.
        task: ``REFERRING`` or ``REGION_CAPTION``.

    Raises:
        UsageError: It is the pickle of the original release, or something else.
    """
    if path.suffix == ".p":
        raise UsageError(f"{path}: {_HOW_TO_CONVERT}")
    data = _load(path.parent / "instances.json" if path.name.startswith("refs(") else path)
    folder = need(media or path.parent.parent / "train2014", "pictures (another folder: media)")
    source = (re.findall(r"refcoco[+g]?", f"{path.parent.name}/{path.name}".lower()) or ["refcoco"])[-1]
    build = partial(_described, source, folder, task)
    if not path.name.startswith("refs("):
        annotated = _by_image(data)
        expressions = (_Expression(None, image, annotated.get(_key(image, "id"), [])) for image in data["images"])
        return each(f"{path.name} image", numbered(expressions), build)
    images = {_key(image, "id"): image for image in data["images"]}
    things = {_key(annotation, "id"): annotation for annotation in data["annotations"]}

    def of_reference(name: str, raw: object) -> Found:
        reference = parse(_Reference, raw)
        thing = [things[reference.ann_id]] if reference.ann_id in things else []
        said = reference.sentences if reference.split == split else []
        found = (_Expression(sentence.sent, images.get(reference.image_id), thing) for sentence in said)
        return each(path.name, ((f"{name}-{number}", one) for number, one in numbered(found)), build)

    return each(path.name, rows(path), of_reference)


def _described(source: str, folder: Path, task: Task, name: str, expression: _Expression) -> Iterator[Sample]:
    image = parse(_Image, expression.image)
    phrase = plain(image.caption if expression.phrase is None else expression.phrase)
    medium, size = _picture(image, folder), (image.width, image.height)
    if not expression.things:
        raise Unusable("nothing is annotated for the expression")
    things = tuple(_thing(parse(_Annotation, raw), phrase, size) for raw in expression.things)
    turn = Turn(ask(task, "image", name, phrase), phrase)
    if task is Task.REGION_CAPTION:
        region = Region.box(*things[0].boxes[0], source="image-1").model_copy(update={"name": "region-1"})
        yield Sample(task, name, source, (medium,), (turn,), regions=(region,))
    else:
        yield Sample(task, name, source, (medium,), (turn,), things=things)


def _load(path: Path) -> dict[str, list[Any]]:
    data = load_json(path)
    parts = ("images", "annotations", "categories")
    if not isinstance(data, dict) or not all(isinstance(data.get(part), list) for part in parts):
        raise UsageError(f"{path} is not in COCO's layout: a JSON object with the lists {', '.join(parts)}")
    return data


def _names(path: Path, data: dict[str, list[Any]]) -> dict[int, str]:
    try:
        return {one.id: plain(one.name) for one in (parse(_Category, raw) for raw in data["categories"])}
    except ValueError as error:
        raise UsageError(f"{path}: its categories need id and name: {error}") from error


def _by_image(data: dict[str, list[Any]]) -> dict[object, list[object]]:
    """Annotations, unchecked, by the id of their image."""
    found = defaultdict(list)
    for annotation in data["annotations"]:
        found[_key(annotation, "image_id")].append(annotation)
    return found


def _key(record: object, name: str) -> object:
    """An id out of an unchecked record; None where there is none."""
    found = record.get(name) if isinstance(record, dict) else None
    return found if isinstance(found, int | str) else None


def _picture(image: _Image, folder: Path) -> Medium:
    path = inside(folder, image.file_name)
    medium = picture(path)
    if (size := picture_size(path)) != (image.width, image.height):  # masks would not fit
        raise Unusable(f"picture of another size: {size} instead of {(image.width, image.height)}")
    return medium


def _instances(
    image: _Image, medium: Medium, names: dict[int, str], kind: str, annotations: list[_Annotation]
) -> Iterator[Sample]:
    phrase = names.get(int(kind))
    if phrase is None:
        raise Unusable(f"unknown category: {kind}")
    if any(annotation.iscrowd for annotation in annotations):
        raise Unusable(f"crowd, not single things: {phrase}")
    things = tuple(_thing(annotation, phrase, (image.width, image.height)) for annotation in annotations)
    name = f"{image.id}-{kind}"
    turn = Turn(ask(Task.REFERRING, "image", name, phrase), phrase)
    yield Sample(Task.REFERRING, name, "coco", (medium,), (turn,), things=things)


def _thing(annotation: _Annotation, phrase: str, size: tuple[int, int]) -> Thing:
    box = to_box(corners(*annotation.bbox), size)
    if not annotation.segmentation:
        return Thing(phrase, {0: box})
    mask = to_mask(annotation.segmentation, size)
    bounds(mask)  # refuses an empty one
    return Thing(phrase, {0: box}, {0: mask})
