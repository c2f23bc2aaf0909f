"""CC3M and WebVid: pictures and clips from the web, each with a caption.

Layouts (github.com/google-research-datasets/conceptual-captions; img2dataset; github.com/m-bain/webvid)::

    Train_GCC-training.tsv      caption <tab> url, with or without that header; pictures as img2dataset saves them with
    00012/000120034.jpg         its defaults: the number of the row, in folders of 10,000
    captions.csv                filepath, title (or caption), by comma or tab, for pictures saved in any other way
    results_2M_train.csv        videoid,contentUrl,duration,page_dir,name; clips in
    videos/<page_dir>/<videoid>.mp4
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from vitron_agent.errors import UsageError
from vitron_agent.train.data.readers.common import Found, Unusable, ask, each, inside, need, numbered, plain
from vitron_agent.train.data.readers.media import NUM_FRAMES, file_clip, picture
from vitron_agent.train.data.samples import Medium, Sample, Task, Turn

_ORIGINAL = ["caption", "url"]
_SHARD = 10_000
_TITLES = ("caption", "title")
_FILES = ("filepath", "image")


def read_cc3m(path: Path, media: Path | None = None, *, task: Task = Task.CAPTION) -> Found:
    """Pictures with a caption; those that could not be downloaded are reported.

    Args:
        path: The table.
        media: Folder that file names (or img2dataset's folders) start from; the table's by default.
        task: ``CAPTION``, or ``GENERATION``: the caption is the request, and nothing is replied.

    Raises:
        UsageError: The file is no such table.
    """
    folder = media or path.parent
    columns, lines = _table(path)
    titles, files = ([name for name in columns if name in names] for names in (_TITLES, _FILES))
    if not titles or not (files or columns == _ORIGINAL):
        raise UsageError(f"{path} needs the columns caption and url, or filepath and title; it has {columns}")

    def build(number: str, line: list[str]) -> Iterator[Sample]:
        row = _row(columns, line)
        shard, position = divmod(int(number), _SHARD)
        name = row[files[0]] if files else f"{shard:05d}/{shard:05d}{position:04d}.jpg"
        yield _captioned("cc3m", task, number, picture(inside(folder, name)), row[titles[0]])

    return each(f"{path.name} row", numbered(lines), build)


def read_webvid(
    path: Path, media: Path | None = None, *, task: Task = Task.CAPTION, num_frames: int = NUM_FRAMES
) -> Found:
    """Clips with a caption; those that could not be downloaded are reported.

    Args:
        path: The table.
        media: Folder with the folders of the clips; by default ``videos`` beside the table.
        task: ``CAPTION``, or ``GENERATION``: the caption is the request, and nothing is replied.
        num_frames: To take of a clip.

    Raises:
        UsageError: The file is no such table.
    """
    columns, lines = _table(path)
    if not {"videoid", "page_dir", "name"} <= set(columns):
        raise UsageError(f"{path} needs the columns videoid, page_dir and name of WebVid; it has {columns}")
    folder = need(media or path.parent / "videos", "clips (another folder: media)")

    def build(number: str, line: list[str]) -> Iterator[Sample]:
        row = _row(columns, line)
        clip = file_clip(inside(folder, f"{row['page_dir']}/{row['videoid']}.mp4"), num_frames)
        yield _captioned("webvid", task, number, clip.medium, row["name"])

    return each(f"{path.name} row", numbered(lines), build)


def _captioned(source: str, task: Task, number: str, medium: Medium, text: str) -> Sample:
    caption = plain(text)
    made = Turn(caption, "") if task is Task.GENERATION else Turn(ask(task, medium.kind, number), caption)
    return Sample(task, number, source, (medium,), (made,))


def _table(path: Path) -> tuple[list[str], Iterator[list[str]]]:
    """Column names, and the rows below them; a row that csv cannot read comes empty."""
    with need(path, "a table of captions").open(encoding="utf-8", errors="replace") as file:
        first = file.readline().rstrip("\n")
    delimiter = "\t" if "\t" in first else ","
    columns = first.split(delimiter)
    headless = delimiter == "\t" and len(columns) == 2 and columns[1].startswith("http")
    lines = _lines(path, delimiter, quoted=delimiter == "," or (not headless and columns != _ORIGINAL))
    if headless:
        return _ORIGINAL, lines
    return next(lines, []), lines


def _lines(path: Path, delimiter: str, *, quoted: bool) -> Iterator[list[str]]:
    """The rows; the original tables of CC3M quote nothing, so there a quotation mark is one."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
        reader = csv.reader(file, delimiter=delimiter, quoting=quoting, strict=True)
        while True:
            try:
                yield next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield []


def _row(columns: Sequence[str], line: list[str]) -> dict[str, str]:
    if len(line) != len(columns):
        raise Unusable(f"row of another number of columns: {len(line)} instead of {len(columns)}")
    return dict(zip(columns, line, strict=True))
