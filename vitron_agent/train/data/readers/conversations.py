"""LLaVA-style conversations: visual instruction data in one JSON array (or JSON lines).

Layout (LLaVA, ``docs/Finetune_Custom_Data.md``; Video-LLaVA adds ``video``)::

    [{"id": "1", "image": "coco/train2017/1.jpg",            or a list of names; or "video"; or neither
      "conversations": [{"from": "human", "value": "<image> What is this?"}, {"from": "gpt", "value": "A cat."}]}]
"""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from vitron_agent.train.data.readers.common import Found, Unusable, each, inside, parse, rows
from vitron_agent.train.data.readers.media import NUM_FRAMES, file_clip, folder_clip, picture
from vitron_agent.train.data.samples import Medium, Sample, Task, Turn

_PLACE = re.compile(r"<(image|video)>")
_FRAMES_FPS = 1.0
"""Of a clip that lies as a folder of frames: what prepares such folders takes a frame a second."""


class Said(BaseModel):
    """One utterance."""

    speaker: Literal["human", "gpt"] = Field(alias="from")
    value: str


class Conversation(BaseModel):
    """What all records of this style have."""

    image: str | list[str] | None = None
    video: str | list[str] | None = None
    conversations: list[Said] = Field(min_length=2)


def read_conversations(
    path: Path, media: Path | None = None, *, task: Task = Task.QUESTION, num_frames: int = NUM_FRAMES
) -> Found:
    """Conversations about pictures, clips or neither.

    Args:
        path: The JSON file.
        media: Folder that the names of media start from; the file's by default.
        task: ``QUESTION``, or ``CAPTION`` for sets such as LLaVA's own pre-training set.
        num_frames: To take of a clip.

    Raises:
        UsageError: The file is not in that layout.
    """
    folder = media or path.parent

    def build(name: str, raw: object) -> Iterator[Sample]:
        record = parse(Conversation, raw)
        shown = media_of(record, folder, num_frames)
        yield Sample(task, name, path.stem, shown, turns_of(record.conversations, shown))

    return each(path.name, rows(path), build)


def media_of(record: Conversation, folder: Path, num_frames: int) -> tuple[Medium, ...]:
    """The media of a record: pictures, then clips; raises Unusable where one is missing."""
    images, videos = ([names] if isinstance(names, str) else names or [] for names in (record.image, record.video))
    pictures = [picture(inside(folder, name)) for name in images]
    return (*pictures, *(_clip(inside(folder, name), num_frames) for name in videos))


def _clip(path: Path, num_frames: int) -> Medium:
    clip = folder_clip(path, _FRAMES_FPS, num_frames) if path.is_dir() else file_clip(path, num_frames)
    return clip.medium


def turns_of(said: Sequence[Said], media: Sequence[Medium]) -> tuple[Turn, ...]:
    """The turns, with handles where placeholders stood; where there is one medium its placeholder may just go.

    Raises:
        Unusable: Speakers do not take turns, somebody says nothing, or the placeholders are not those of the media.
    """
    speakers = [one.speaker for one in said]
    if speakers != ["human", "gpt"] * (len(said) // 2):
        raise Unusable(f"speakers do not take turns: {', '.join(speakers)}")
    texts = _named([one.value for one in said], media)
    if not all(texts):
        raise Unusable("somebody says nothing")
    return tuple(Turn(user, reply) for user, reply in zip(texts[::2], texts[1::2], strict=True))


def in_place(match: re.Match[str], handle: str) -> str:
    """A handle for the placeholder that was matched, apart from letters that stand beside it."""
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    return f"{' ' * before.isalnum()}{handle}{' ' * after.isalnum()}"


def _named(texts: list[str], media: Sequence[Medium]) -> list[str]:
    kinds: list[str] = [medium.kind for medium in media]
    if "image" not in kinds:  # LLaVA-Video writes <image> for its clips too
        texts = [text.replace("<image>", "<video>") for text in texts]
    if len(media) == 1:
        texts = [
            re.sub(r"\A\s*<(?:image|video)>\s*\n|\n\s*<(?:image|video)>\s*\Z", "", text, count=1) for text in texts
        ]
    numbers = {"image": 0, "video": 0}

    def name(match: re.Match[str]) -> str:
        numbers[match[1]] += 1
        return in_place(match, f"{match[1]}-{numbers[match[1]]}")

    named = [_PLACE.sub(name, text).strip() for text in texts]
    for kind, number in numbers.items():
        if number != kinds.count(kind) and (len(media) != 1 or number):
            raise Unusable(f"placeholders and media do not agree: {number} <{kind}> for {kinds.count(kind)}")
    return named


read_captions = partial(read_conversations, task=Task.CAPTION)
"""LLaVA-style captions: the layout of ``blip_laion_cc_sbu_558k.json``."""
