"""GOT-10k and LaSOT: clips in which one thing is followed by its box.

Layouts (github.com/got-10k/toolkit; LaSOT's readme)::

    GOT-10k/train/list.txt                     names of the clips
    GOT-10k/train/GOT-10k_Train_000001/        00000001.jpg ..., groundtruth.txt (x,y,w,h a line), meta_info.ini
                                               (object_class: ...), absence.label (1 = not there; a line a frame)
    LaSOT/airplane/airplane-1/                 img/00000001.jpg ..., groundtruth.txt, nlp.txt (a description),
                                               full_occlusion.txt, out_of_view.txt (0 or 1 by comma)
    LaSOT/training_set.txt, testing_set.txt    names of clips, from its evaluation toolkit
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from vitron_agent.errors import UsageError
from vitron_agent.train.data.readers.common import (
    Found,
    Unusable,
    ask,
    corners,
    each,
    inside,
    names_in,
    plain,
    read_text,
    to_box,
)
from vitron_agent.train.data.readers.media import NUM_FRAMES, folder_clip, frame_files, track
from vitron_agent.train.data.samples import Sample, Task, Turn

_GOT_10K_FPS, _LASOT_FPS = 10.0, 30.0


def read_got10k(path: Path, *, num_frames: int = NUM_FRAMES) -> Found:
    """Follow a thing by the name of its class.

    Args:
        path: The folder of a split with boxes, ``train`` or ``val``.
        num_frames: To take of a clip.

    Raises:
        UsageError: The folder is not in that layout.
    """
    names = names_in(path / "list.txt", "the names of its clips")

    def build(name: str, split: Path) -> Iterator[Sample]:
        folder = inside(split, name)
        named = re.search(r"^object_class: *(.+)$", read_text(folder / "meta_info.ini"), re.MULTILINE)
        if named is None:
            raise Unusable("no object_class in meta_info.ini")
        absent = [_number(word) == 1 for word in read_text(folder / "absence.label").split()]
        yield _followed("got10k", name, folder, folder, plain(named[1]), absent, _GOT_10K_FPS, num_frames)

    return each("clip", ((name, path) for name in names), build)


def read_lasot(path: Path, *, split: str | None = None, num_frames: int = NUM_FRAMES) -> Found:
    """Follow a thing by its description.

    Args:
        path: The set's folder, or one of a class's.
        split: ``training`` or ``testing``: only the clips in that list; all by default, tests among them.
        num_frames: To take of a clip.

    Raises:
        UsageError: The folder is not in that layout.
    """
    listed = (
        names_in(path / f"{split}_set.txt", "the names of a split's clips (LaSOT's toolkit has it)") if split else None
    )
    folders = sorted(found.parent for found in path.rglob("groundtruth.txt") if (found.parent / "img").is_dir())
    if not folders:
        raise UsageError(f"{path} holds no clips of LaSOT: airplane/airplane-1/groundtruth.txt beside img/")

    def build(name: str, folder: Path) -> Iterator[Sample]:
        labels = [read_text(folder / f"{label}.txt").strip() for label in ("full_occlusion", "out_of_view")]
        hidden, outside = ([_number(word) == 1 for word in text.split(",")] for text in labels)
        absent = [either or other for either, other in zip(hidden, outside, strict=False)]
        phrase = plain(read_text(folder / "nlp.txt"))
        yield _followed("lasot", name, folder, folder / "img", phrase, absent, _LASOT_FPS, num_frames)

    return each("clip", ((found.name, found) for found in folders if listed is None or found.name in listed), build)


def _followed(
    source: str, name: str, folder: Path, pictures: Path, phrase: str, absent: Sequence[bool], fps: float, taken: int
) -> Sample:
    boxes = [[_number(word) for word in line.split(",")] for line in read_text(folder / "groundtruth.txt").split()]
    num = len(frame_files(pictures))
    if not len(boxes) == len(absent) == num or any(len(box) != 4 for box in boxes):
        raise Unusable(f"boxes and frames do not agree: {len(boxes)} boxes, {len(absent)} labels, {num} frames")
    clip = folder_clip(pictures, fps, taken)
    shown = {frame: to_box(corners(*boxes[frame]), clip.size) for frame in clip.frames if not absent[frame]}
    turn = Turn(ask(Task.REFERRING, "video", name, phrase), phrase)
    return Sample(Task.REFERRING, name, source, (clip.medium,), (turn,), things=(track(clip, shown, phrase),))


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise Unusable(f"not a number: {word!r}") from None
