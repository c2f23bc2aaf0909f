"""VidSTG and HC-STVG: sentences that each single out one thing of a clip, where and when.

Layouts (github.com/Guaranteer/VidSTG-Dataset on VidOR; github.com/tzhhhh123/HC-STVG, both versions)::

    train_annotations.json         [{"vid", "used_segment", "temporal_gt": {"begin_fid", "end_fid"}, "captions",
                                     "questions": [{"description", "target_id"}], "subject/objects": [{"tid",
                                     "category"}]}]; frames from 0, the end excluded
    training/0000/2401075277.json  VidOR, also validation/: {"width", "height", "trajectories": for every frame
                                     [{"tid", "bbox": {"xmin", "ymin", "xmax", "ymax"}}]}
    video/0000/2401075277.mp4

    train.json, trainv2.json       {"55_vfjywN5CN0Y.mp4": {"bbox": [[x, y, w, h]], "st_frame": first frame (from 1),
                                     "caption", "width", "height"}}; version 2 has "English" and "img_size" [h, w]
    video/<any folder>/55_vfjywN5CN0Y.mp4
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, Field, FiniteFloat

from vitron_agent.errors import UsageError
from vitron_agent.messages import Box
from vitron_agent.train.data.readers.common import (
    Found,
    Unusable,
    ask,
    corners,
    each,
    load_object,
    need,
    numbered,
    parse,
    plain,
    read_text,
    rows,
    to_box,
)
from vitron_agent.train.data.readers.media import NUM_FRAMES, Clip, file_clip, track
from vitron_agent.train.data.samples import Sample, Task, Turn


class _Span(BaseModel):
    begin_fid: int
    end_fid: int


class _Object(BaseModel):
    tid: int
    category: str


class _Sentence(BaseModel):
    description: str
    target_id: int


class _VidStg(BaseModel):
    vid: str
    used_segment: _Span
    temporal_gt: _Span
    objects: list[_Object] = Field(alias="subject/objects")
    captions: list[_Sentence]
    questions: list[_Sentence]


class _Corners(BaseModel):
    xmin: FiniteFloat
    ymin: FiniteFloat
    xmax: FiniteFloat
    ymax: FiniteFloat


class _Seen(BaseModel):
    tid: int
    bbox: _Corners


class _VidOr(BaseModel):
    width: int
    height: int
    trajectories: list[list[_Seen]]


class _HcStvg(BaseModel):
    bbox: list[tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]]
    st_frame: int
    caption: str | None = None
    english: str | None = Field(None, alias="English")
    width: int = 0
    height: int = 0
    img_size: tuple[int, int] | None = None


def read_vidstg(path: Path, media: Path | None = None, *, num_frames: int = NUM_FRAMES) -> Found:
    """Sentences that single out a thing (``REFERRING``) and questions that one answers (``QUESTION``).

    Args:
        path: ``train_annotations.json``, ``val_annotations.json`` or ``test_annotations.json``.
        media: Folder with VidOR's ``training``, ``validation`` and ``video``; the file's by default.
        num_frames: To take of the segment that an annotation is about.

    Raises:
        UsageError: The file or the folder is not in that layout.
    """
    folder = media or path.parent
    clips = need(folder / "video", "the clips of VidOR")
    known = {found.stem: found for part in ("training", "validation") for found in folder.glob(f"{part}/*/*.json")}
    if not known:
        raise UsageError(f"{folder} needs the annotations of VidOR: training/0000/<clip>.json, validation/...")

    @lru_cache(maxsize=8)  # sentences of one clip stand together
    def trajectories(name: str) -> _VidOr:
        return parse(_VidOr, read_text(known[name]))

    def build(number: str, raw: object) -> Found:
        record = parse(_VidStg, raw)
        if record.vid not in known:
            raise Unusable(f"clip that VidOR does not annotate: {record.vid}")
        vidor, segment = trajectories(record.vid), record.used_segment
        file = clips / known[record.vid].parent.name / f"{record.vid}.mp4"
        clip = file_clip(file, num_frames, (segment.begin_fid, segment.end_fid - 1))
        categories = {one.tid: _words(one.category) for one in record.objects}

        def sentence(place: str, said: tuple[Task, _Sentence]) -> Iterator[Sample]:
            task, one = said
            text, phrase = plain(one.description), categories.get(one.target_id)
            if phrase is None:
                raise Unusable(f"thing that isn't listed: {one.target_id}")
            name = f"{number}-{place}"
            boxes = _shown(vidor, one.target_id, record.temporal_gt, clip)
            user = text if task is Task.QUESTION else ask(task, "video", name, f"the {phrase}, where {text}")
            things = (track(clip, boxes, phrase),)
            yield Sample(task, name, "vidstg", (clip.medium,), (Turn(user, phrase),), things=things)

        found = [
            *((Task.REFERRING, one) for one in record.captions),
            *((Task.QUESTION, one) for one in record.questions),
        ]
        return each(f"{path.name} {number}, sentence", numbered(found), sentence)

    return each(path.name, rows(path), build)


def read_hcstvg(path: Path, media: Path | None = None, *, num_frames: int = NUM_FRAMES) -> Found:
    """Sentences that single out a person.

    Args:
        path: ``train.json``, ``test.json``, ``trainv2.json`` or ``valv2.json``.
        media: Folder of the clips, which may lie in folders of their own; ``video`` beside the file by default.
        num_frames: To take of a clip.

    Raises:
        UsageError: The file or the folder is not in that layout.
    """
    records = load_object(path, "an annotation for every clip")
    files = {found.name: found for found in need(media or path.parent / "video", "clips").rglob("*.mp4")}

    def build(name: str, raw: object) -> Iterator[Sample]:
        record = parse(_HcStvg, raw)
        if name not in files:
            raise Unusable(f"missing file: {name}")
        phrase = plain(record.caption or record.english or "")
        size = record.img_size[::-1] if record.img_size else (record.width, record.height)
        clip = file_clip(files[name], num_frames)
        annotated = enumerate(record.bbox, start=record.st_frame - 1)
        boxes = {frame: to_box(corners(*box), size) for frame, box in annotated if frame in clip.frames}
        turn = Turn(ask(Task.REFERRING, "video", name, phrase), phrase)
        things = (track(clip, boxes, phrase),)
        yield Sample(Task.REFERRING, name, "hcstvg", (clip.medium,), (turn,), things=things)

    return each(path.name, records.items(), build)


def _words(category: str) -> str:
    """VidOR's ``sheep/goat`` and ``ball/sports_ball`` as words."""
    return plain(category.replace("/", " or ").replace("_", " "))


def _shown(vidor: _VidOr, target: int, span: _Span, clip: Clip) -> dict[int, Box]:
    """The target's boxes on those frames of the span that were taken."""
    size = (vidor.width, vidor.height)
    return {
        frame: to_box((seen.bbox.xmin, seen.bbox.ymin, seen.bbox.xmax, seen.bbox.ymax), size)
        for frame in clip.frames
        if span.begin_fid <= frame < min(span.end_fid, len(vidor.trajectories))
        for seen in vidor.trajectories[frame]
        if seen.tid == target
    }
