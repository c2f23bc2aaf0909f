"""Flickr30k Entities: captions whose phrases are tied to boxes.

Layout (github.com/BryanPlummer/flickr30k_entities; the pictures come from Flickr30k)::

    Sentences/1000092795.txt     one caption a line: [/EN#1/people A girl] in [/EN#2/clothing a pink dress] .
    Annotations/1000092795.xml   as VOC: <object><name>1</name>(more names)<bndbox>...</bndbox></object>, 1-based
    UNRELATED_CAPTIONS           optional; <image> <number of the caption, from 1> that says nothing of its picture
    train.txt val.txt test.txt   names of pictures
    flickr30k-images/1000092795.jpg
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from vitron_agent.messages import Box
from vitron_agent.train.data.readers.common import (
    Found,
    Unusable,
    ask,
    each,
    inside,
    names_in,
    need,
    plain,
    read_text,
    to_box,
)
from vitron_agent.train.data.readers.media import picture
from vitron_agent.train.data.samples import Sample, Task, Thing, Turn

_ENTITY = re.compile(r"\[/EN#(\d+)(?:/[^\s\]]+)+ ([^\]]+)\]")


def read_flickr30k(path: Path, media: Path | None = None, *, split: str = "train") -> Found:
    """Captions with the boxes of what they name; those that name nothing with a box are reported.

    Args:
        path: The set's folder.
        media: Folder of the pictures; ``flickr30k-images`` in it by default.
        split: ``train``, ``val`` or ``test``.

    Raises:
        UsageError: The folder is not in that layout.
    """
    names = names_in(path / f"{split}.txt", "the names of a split's pictures")
    for folder in ("Sentences", "Annotations"):
        need(path / folder, "annotations")
    pictures = need(media or path / "flickr30k-images", "pictures (another folder: media)")
    listed = path / "UNRELATED_CAPTIONS"
    unrelated = set(read_text(listed).splitlines()) if listed.is_file() else set()

    def build(name: str, folder: Path) -> Found:
        medium = picture(inside(pictures, f"{name}.jpg"))
        boxes = _boxes(inside(folder / "Annotations", f"{name}.xml"))
        sentences = read_text(folder / "Sentences" / f"{name}.txt").splitlines()

        def caption(number: str, marked: str) -> Iterator[Sample]:
            if f"{name} {number}" in unrelated:
                raise Unusable("caption that says nothing of its picture")
            text, things = _read(marked, boxes)
            sample_id = f"{name}-{number}"
            turn = Turn(ask(Task.GROUNDED_CAPTION, "image", sample_id), text)
            yield Sample(Task.GROUNDED_CAPTION, sample_id, "flickr30k", (medium,), (turn,), things=things)

        lines = ((str(number), line) for number, line in enumerate(sentences, start=1) if line.strip())
        return each(f"picture {name}, caption", lines, caption)

    return each("picture", ((name, path) for name in names), build)


def _read(marked: str, boxes: dict[str, list[Box]]) -> tuple[str, tuple[Thing, ...]]:
    """A caption without its marks, and the things that it names."""
    text = plain(_ENTITY.sub(r"\2", marked))
    if re.search(r"\[/EN|\]", text):
        raise Unusable(f"unknown mark of a phrase: {text}")
    things = [Thing(plain(match[2]), {0: box}) for match in _ENTITY.finditer(marked) for box in boxes.get(match[1], [])]
    if not things:
        raise Unusable("no phrase has a box")
    return text, tuple(things)


def _boxes(path: Path) -> dict[str, list[Box]]:
    """The boxes of each chain of phrases; scenes and what has no box have none."""
    try:
        root = ElementTree.fromstring(read_text(path))  # noqa: S314 - a data set that the user downloaded
        size = (int(root.findtext("size/width", "")), int(root.findtext("size/height", "")))
        found = defaultdict(list)
        for entry in root.iter("object"):
            if (drawn := entry.find("bndbox")) is not None:
                left, top, right, bottom = (int(drawn.findtext(side, "")) for side in ("xmin", "ymin", "xmax", "ymax"))
                for name in entry.findall("name"):
                    found[name.text or ""].append(to_box((left - 1, top - 1, right, bottom), size))
    except (ElementTree.ParseError, ValueError) as error:
        raise Unusable(f"damaged annotation: {error}") from error
    return found
