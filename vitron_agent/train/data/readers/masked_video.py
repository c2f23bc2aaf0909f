"""DAVIS 2017 and YouTube-VOS: clips with a mask of every object on every annotated frame; words from their Ref- sets.

Layouts (davischallenge.org; youtube-vos.org; Ref-DAVIS by Khoreva et al.; Ref-YouTube-VOS)::

    DAVIS/ImageSets/2017/train.txt                    names of clips
    DAVIS/JPEGImages/480p/bear/00000.jpg              or Full-Resolution
    DAVIS/Annotations_unsupervised/480p/bear/00000.png  indexed, 0 = nothing, k = object k; else Annotations/
    DAVIS/davis_semantics.json                        {"bear": {"1": "bear"}}
    DAVIS/davis_text_annotations/Davis17_annot1.txt   bear 1 "a brown bear"

    ytvos/train/{JPEGImages,Annotations}/003234408d/00000.{jpg,png}; every fifth frame of 30 a second
    ytvos/train/meta.json                             {"videos": {clip: {"objects": {"1": {"category": "penguin"}}}}}
    ytvos/meta_expressions/train/meta_expressions.json  {"videos": {clip: {"expressions": {"0": {"exp", "obj_id"}}}}}
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, RootModel

from vitron_agent.errors import UsageError
from vitron_agent.train.data.readers.common import (
    Found,
    Unusable,
    ask,
    bounds,
    each,
    inside,
    load_object,
    names_in,
    need,
    parse,
    plain,
)
from vitron_agent.train.data.readers.media import DAMAGED, NUM_FRAMES, Clip, folder_clip, frame_files, track
from vitron_agent.train.data.samples import Bad, Sample, Task, Turn

_DAVIS_FPS, _YOUTUBE_VOS_FPS = 24.0, 6.0
_VOID = 255
_MISSPELLED = {"clasic-car": "classic-car", "dog-scale": "dogs-scale", "motor-bike": "motorbike"}
"""Clips that Ref-DAVIS calls otherwise than DAVIS does."""


class _Categories(RootModel[dict[int, str]]):
    pass


class _Object(BaseModel):
    category: str


class _Meta(BaseModel):
    objects: dict[int, _Object]


class _Said(BaseModel):
    exp: str
    obj_id: int | list[int]


class _Expressions(BaseModel):
    expressions: dict[str, _Said] = {}


class _Described(NamedTuple):
    """Objects of a clip by their numbers, and what is said of them; the name is unique in the clip."""

    name: str
    phrase: str
    objects: tuple[int, ...]


def read_davis(path: Path, *, split: str = "train", num_frames: int = NUM_FRAMES) -> Found:
    """Follow the objects of a class, or the one that an expression describes.

    Args:
        path: The folder ``DAVIS``.
        split: ``train`` or ``val``.
        num_frames: To take of a clip.

    Raises:
        UsageError: The folder is not in that layout, or has neither classes nor expressions.
    """
    names = names_in(path / "ImageSets" / "2017" / f"{split}.txt", "the names of clips")
    pictures = _resolution(path / "JPEGImages")
    # The classes count the objects of the newer, unsupervised annotation.
    newer = path / "Annotations_unsupervised"
    masks = _resolution(newer if newer.is_dir() else path / "Annotations")
    listed = path / "davis_semantics.json"
    classes = load_object(listed, "the classes of objects by clip") if listed.is_file() else {}
    said, bad = _ref_davis(sorted(path.glob("davis_text_annotations/Davis17_annot*.txt")))
    if not classes and not said:
        raise UsageError(f"{path} needs words: davis_semantics.json, or davis_text_annotations/Davis17_annot1.txt")

    def build(name: str, expressions: list[_Described]) -> Found:
        clip = folder_clip(inside(pictures, name), _DAVIS_FPS, num_frames)
        described = [*_by_class(parse(_Categories, classes.get(name, {})).root), *expressions]
        return _follow("davis", name, clip, inside(pictures, name), inside(masks, name), described)

    yield from bad
    yield from each("clip", ((name, said[name]) for name in names), build)


def read_youtube_vos(path: Path, *, split: str = "train", num_frames: int = NUM_FRAMES) -> Found:
    """Follow the objects of a class, or the one that an expression describes.

    Args:
        path: The folder with ``train`` (and ``meta_expressions``).
        split: ``train``; others are published without masks.
        num_frames: To take of a clip.

    Raises:
        UsageError: The folder is not in that layout.
    """
    folder = path / split
    clips = _videos(need(folder / "meta.json", "the classes of objects"))
    listed = path / "meta_expressions" / split / "meta_expressions.json"
    said = _videos(listed) if listed.is_file() else {}

    def build(name: str, raw: object) -> Found:
        objects = parse(_Meta, raw).objects
        expressions = parse(_Expressions, said.get(name, {})).expressions
        described = [
            *_by_class({number: one.category for number, one in objects.items()}),
            *(_Described(key, one.exp, _numbers(one.obj_id)) for key, one in expressions.items()),
        ]
        pictures = inside(folder / "JPEGImages", name)
        clip = folder_clip(pictures, _YOUTUBE_VOS_FPS, num_frames)
        return _follow("youtube-vos", name, clip, pictures, inside(folder / "Annotations", name), described)

    return each("clip", clips.items(), build)


def _resolution(folder: Path) -> Path:
    full = folder / "Full-Resolution"
    return full if full.is_dir() else need(folder / "480p", "its clips")


def _videos(path: Path) -> dict[str, Any]:
    videos = load_object(path, "videos, with an entry for every clip").get("videos")
    if not isinstance(videos, dict):
        raise UsageError(f"{path} needs videos, with an entry for every clip")
    return videos


def _numbers(objects: int | list[int]) -> tuple[int, ...]:
    return (objects,) if isinstance(objects, int) else tuple(objects)


def _by_class(classes: Mapping[int, str]) -> Iterator[_Described]:
    found = defaultdict(list)
    for number, kind in sorted(classes.items()):
        found[kind].append(number)
    return (_Described(f"all-{kind}", kind, tuple(numbers)) for kind, numbers in found.items())


def _ref_davis(files: Iterable[Path]) -> tuple[dict[str, list[_Described]], list[Bad]]:
    """The expressions of each clip; and the lines that are none."""
    found, bad = defaultdict(list), []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # the second annotator's files are older than that
            text = file.read_text(encoding="latin-1")
        for number, line in enumerate(text.splitlines(), start=1):
            if match := re.fullmatch(r'(\S+) (\d{1,3}) "(.*)"\s*', line):
                clip = _MISSPELLED.get(match[1], match[1])
                found[clip].append(_Described(f"{file.stem}-{number}", match[3], (int(match[2]),)))
            else:
                bad.append(Bad(f"{file.name} line {number}", 'line that is not: clip number "expression"'))
    return found, bad


def _follow(source: str, name: str, clip: Clip, pictures: Path, masks: Path, described: Iterable[_Described]) -> Found:
    drawn = _read_masks(clip, pictures, masks)

    def build(place: str, one: _Described) -> Iterator[Sample]:
        phrase, sample_id = plain(one.phrase), f"{name}-{place}"
        shown = [drawn[number] for number in one.objects if number in drawn]
        if not shown:
            raise Unusable("shown in none of the frames that were taken: take more of them")
        things = tuple(
            track(clip, {frame: bounds(mask) for frame, mask in some.items()}, phrase, some) for some in shown
        )
        turn = Turn(ask(Task.REFERRING, "video", sample_id, phrase), phrase)
        yield Sample(Task.REFERRING, sample_id, source, (clip.medium,), (turn,), things=things)

    return each(f"clip {name},", ((one.name, one) for one in described), build)


def _read_masks(clip: Clip, pictures: Path, masks: Path) -> dict[int, dict[int, NDArray[np.bool_]]]:
    """The mask of every object on the frames that were taken and annotated, by object and source frame."""
    files = frame_files(pictures)
    found: dict[int, dict[int, NDArray[np.bool_]]] = defaultdict(dict)
    for frame in clip.frames:
        path = masks / f"{files[frame].stem}.png"
        if path.is_file():
            labels = _read_labels(path, clip.size)
            for number in np.unique(labels).tolist():
                if number not in (0, _VOID):
                    found[number][frame] = labels == number
    return found


def _read_labels(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as opened:
            mode, labels = opened.mode, np.asarray(opened)
    except DAMAGED as error:
        raise Unusable(f"unreadable mask: {path}") from error
    if mode not in ("P", "L") or labels.shape != size[::-1]:
        raise Unusable(f"mask that is not indexed, or of another size: {path}")
    return labels
