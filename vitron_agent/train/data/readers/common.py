"""What the readers share: records and what is wrong with them, files, boxes, masks, the words of requests."""

import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from vitron_agent.errors import UsageError
from vitron_agent.messages import Box
from vitron_agent.tools.regions import tight_box
from vitron_agent.train.data.samples import Bad, Sample, Task
from vitron_agent.wire import TAGS

_LONGEST_NAME = 255
_LONGEST_SIDE = 1_000_000
_HANDLE = re.compile(r"\b(image|video|region)-([0-9]+)\b")
_PLACEHOLDER = re.compile(r"<(?:image|video|objs|region)>|<\|sig\|>")
_TAG = re.compile(rf"</?\s*(?:{'|'.join(TAGS)})\s*>", re.IGNORECASE)

Record = TypeVar("Record")
Model = TypeVar("Model", bound=BaseModel)
Found: TypeAlias = Iterator[Sample | Bad]
"""What every reader gives."""


class Unusable(ValueError):
    """Why a record cannot be used: ``reason: details``; reports count by the reason, so it holds no names."""


def each(
    where: str, records: Iterable[tuple[str, Record]], build: Callable[[str, Record], Iterable[Sample | Bad]]
) -> Found:
    """The samples of every record; what cannot be used becomes a :class:`Bad`.

    Args:
        where: What the records stand in, for reports.
        records: Each with its name, which is unique in there.
        build: Gives the samples of one by name and record; may raise Unusable or pydantic's ValidationError.
    """
    for name, record in records:
        try:
            for sample in build(name, record):
                fault = _fault(sample) if isinstance(sample, Sample) else None
                yield Bad(f"{where} {name}", fault) if fault else sample
        except ValidationError as error:
            first = error.errors()[0]
            yield Bad(f"{where} {name}", f"{first['msg']}: {'.'.join(map(str, first['loc'])) or 'the record'}")
        except Unusable as error:
            yield Bad(f"{where} {name}", str(error))


def _fault(sample: Sample) -> str | None:
    """What is wrong with the texts; they come from strangers, and a placeholder or tag in them would be obeyed."""
    texts = [text for turn in sample.turns for text in (turn.user, turn.reply)]
    if left := next(filter(None, map(_PLACEHOLDER.search, texts)), None):
        return f"placeholder that stands for nothing: {left[0]}"
    if any("\N{REPLACEMENT CHARACTER}" in text for text in texts):
        return "text that is not UTF-8"
    plans = sample.task is Task.INVOCATION
    if tag := next(filter(None, map(_TAG.search, texts[::2] if plans else texts)), None):
        return f"text with a tag of plans: {tag[0]}"
    if plans:
        return None  # these also name what they make
    num = Counter[str](medium.kind for medium in sample.media)
    num["region"] = len(sample.regions)
    there = {f"{kind}-{place}" for kind, count in num.items() for place in range(1, count + 1)}
    named = (match[0] for text in texts for match in _HANDLE.finditer(text))
    if missing := next((handle for handle in named if handle not in there), None):
        return f"text names a medium or region that isn't there: {missing}"
    return None


def parse(model: type[Model], raw: object) -> Model:
    """A record as its model: a line of JSON, or what an array of JSON held; raises ValidationError."""
    return model.model_validate_json(raw) if isinstance(raw, str) else model.model_validate(raw)


def load_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        UsageError: It cannot be read or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as JSON: {error}") from error


def rows(path: Path) -> Iterator[tuple[str, object]]:
    """The records of a JSON array by position, or of a ``.jsonl`` file by number of line (those come unparsed).

    Raises:
        UsageError: It is neither.
    """
    if path.suffix == ".jsonl":
        with need(path, "a file of JSON lines").open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield str(number), line
        return
    loaded = load_json(path)
    if not isinstance(loaded, list):
        raise UsageError(f"{path} should hold a JSON array of records")
    yield from numbered(loaded)


def numbered(records: Iterable[Record]) -> Iterator[tuple[str, Record]]:
    """Records by their position, from 0."""
    return ((str(number), record) for number, record in enumerate(records))


def need(path: Path, what: str) -> Path:
    """The path; raises UsageError, which says what the set keeps there, unless it exists."""
    if not path.exists():
        raise UsageError(f"{path} is missing: the set keeps {what} there")
    return path


def load_object(path: Path, what: str) -> dict[str, Any]:
    """A JSON object; raises UsageError, which says what the set keeps in it, if the file holds anything else."""
    loaded = load_json(path)
    if not isinstance(loaded, dict):
        raise UsageError(f"{path} should hold a JSON object: {what}")
    return loaded


def names_in(path: Path, what: str) -> list[str]:
    """The words of a list, each once; raises UsageError, which says what they name, if it is missing."""
    return list(dict.fromkeys(need(path, what).read_text(encoding="utf-8", errors="replace").split()))


def inside(folder: Path, name: str) -> Path:
    """A file by the name that an annotation gives it; raises Unusable where that leads out of the folder."""
    parts = PurePosixPath(name)
    too_long = any(len(part.encode(errors="replace")) > _LONGEST_NAME for part in parts.parts)
    if not name or parts.is_absolute() or ".." in parts.parts or too_long:
        raise Unusable(f"name of no file in the folder: {name!r}")
    return folder / parts


def read_text(path: Path) -> str:
    """A small text file of a record; raises Unusable where there is none."""
    if not path.is_file():
        raise Unusable(f"missing file: {path}")
    return path.read_text(encoding="utf-8", errors="replace")


# Boxes and masks


def to_box(corners: Sequence[float], size: tuple[int, int]) -> Box:
    """Pixel corners (x_left, y_top, x_right, y_bottom) as shares of (width, height), cut at the picture's edge.

    Raises:
        Unusable: Nothing of it lies in the picture.
    """
    width, height = size
    sane = all(0 < side <= _LONGEST_SIDE for side in size) and all(abs(at) <= _LONGEST_SIDE for at in corners)
    if sane and len(corners) == 4:
        x_left, x_right = (min(max(x / width, 0.0), 1.0) for x in corners[::2])
        y_top, y_bottom = (min(max(y / height, 0.0), 1.0) for y in corners[1::2])
        if x_left < x_right and y_top < y_bottom:
            return x_left, y_top, x_right, y_bottom
    raise Unusable(f"empty box, or one outside the picture: {list(corners)} in {width} x {height}")


def corners(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    """The corners of a box that is given by its top left one and its size."""
    return x, y, x + width, y + height


def bounds(mask: NDArray[np.bool_]) -> Box:
    """The smallest box around a mask (H, W); raises Unusable if it is empty."""
    if not mask.any():
        raise Unusable("empty mask")
    return tight_box(mask)


# Words

_REQUESTS: dict[tuple[Task, Literal["image", "video"]], tuple[str, ...]] = {
    (Task.CAPTION, "image"): (
        "What is in this picture?", "Describe the picture.", "Say in a sentence what the photo shows.",
        "Give the picture a caption.", "What do you see?",
    ),
    (Task.CAPTION, "video"): (
        "What happens in this video?", "Describe the clip.", "Say in a sentence what the video shows.",
        "Give the video a caption.", "What do you see in the clip?",
    ),
    (Task.REGION_CAPTION, "image"): (
        "What is in region-1?", "Describe region-1.", "What did I mark?", "Say in a few words what region-1 shows.",
    ),
    (Task.GROUNDED_CAPTION, "image"): (
        "Describe the picture and say where each thing is.", "What is in the picture, and where?",
        "Give a caption with the place of everything that it names.",
    ),
    (Task.REFERRING, "image"): (
        "Find this: {phrase}", "Where is this: {phrase}", "Show me where this is: {phrase}", "Locate: {phrase}",
    ),
    (Task.REFERRING, "video"): (
        "Follow this through the video: {phrase}", "Where and when is this: {phrase}", "Track: {phrase}",
        "Find this in the clip: {phrase}",
    ),
}  # fmt: skip


def ask(task: Task, kind: Literal["image", "video"], id: str, phrase: str = "") -> str:
    """A request in the user's words; which of the wordings depends on the sample's id alone."""
    wordings = _REQUESTS[task, kind]
    return wordings[zlib.crc32(id.encode()) % len(wordings)].format(phrase=phrase)


def plain(words: str) -> str:
    """Words without line breaks and double spaces; raises Unusable if none are left."""
    if not (text := " ".join(words.split())):
        raise Unusable("empty text")
    return text
