"""Pictures and clips of the readers: found by their paths, read when they are needed."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitron_agent.errors import MediaFormatError
from vitron_agent.messages import Box
from vitron_agent.train.data.readers.common import Unusable
from vitron_agent.train.data.samples import Medium, Pixels, Thing

if TYPE_CHECKING:
    import av

NUM_FRAMES = 32
"""Frames that are taken of a clip, at equal distances, unless the caller wants another number."""

DAMAGED = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow makes of a damaged picture."""

_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


class Clip(NamedTuple):
    """A clip and what its annotation is to be read with.

    Attributes:
        medium: Its pixels are those of ``frames`` alone.
        frames: Their numbers in the source, ascending; an annotation of source frame ``frames[i]`` is one of frame i.
        size: Width and height, pixels.
    """

    medium: Medium
    frames: tuple[int, ...]
    size: tuple[int, int]


def picture(path: Path) -> Medium:
    """A picture by its path; raises Unusable where there is none."""
    if not path.is_file():
        raise Unusable(f"missing file: {path}")
    return Medium("image", str(path), partial(read_picture, path))


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the header; raises Unusable if it is no picture."""
    try:
        with Image.open(path) as opened:
            return opened.size
    except DAMAGED as error:
        raise Unusable(f"unreadable picture: {path}") from error


def read_picture(path: Path) -> Pixels:
    """(H, W, 3) RGB, not turned by EXIF: annotators saw the file as it lies.

    Raises:
        MediaFormatError: It is damaged.
    """
    try:
        with Image.open(path) as opened:
            return np.asarray(opened.convert("RGB"))
    except DAMAGED as error:
        raise MediaFormatError(f"{path} is no picture, or a damaged one: {error}") from error


def frame_files(folder: Path) -> list[Path]:
    """The numbered pictures of a folder of frames, in order; raises Unusable where there are none."""
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in _PICTURES)
    if not found:
        raise Unusable(f"no frames: {folder}")
    return found


def folder_clip(folder: Path, fps: float, num_frames: int) -> Clip:
    """A clip that lies as numbered pictures; raises Unusable where there are none.

    Args:
        folder: Of the pictures.
        fps: Frames a second that the set gives its pictures.
        num_frames: To take, at equal distances; all of them if there are fewer.
    """
    files = frame_files(folder)
    frames = _spread(0, len(files) - 1, num_frames)
    load = partial(_read_pictures, tuple(files[frame] for frame in frames))
    return Clip(_clip_medium(folder, frames, fps, load), frames, picture_size(files[0]))


def file_clip(path: Path, num_frames: int, span: tuple[int, int] | None = None) -> Clip:
    """A clip in one file of any format that PyAV reads.

    Args:
        path: Of the file.
        num_frames: To take, at equal distances; all of them if there are fewer.
        span: First and last frame (0-based, inclusive) to take them from; its end may lie behind the clip's.

    Raises:
        Unusable: The file is missing, cannot be decoded or ends before the span.
    """
    if not path.is_file():
        raise Unusable(f"missing file: {path}")
    num, fps, size = _clip_header(path)
    first, last = span or (0, num - 1)
    if not 0 <= first <= last or first >= num:
        raise Unusable(f"span outside the clip: frames {first} to {last} of {num}")
    frames = _spread(first, min(last, num - 1), num_frames)
    return Clip(_clip_medium(path, frames, fps, partial(_read_clip, path, frames)), frames, size)


def _spread(first: int, last: int, most: int) -> tuple[int, ...]:
    """Up to ``most`` frames from first to last, both included, at equal distances."""
    steps = min(most, last - first + 1)
    return tuple(np.linspace(first, last, steps).round().astype(int).tolist())


def _clip_medium(path: Path, frames: Sequence[int], fps: float, load: Callable[[], Pixels]) -> Medium:
    span = frames[-1] - frames[0]
    rate = fps * (len(frames) - 1) / span if span else fps
    return Medium("video", f"{path}[{frames[0]}:{frames[-1]}/{len(frames)}]", load, rate, len(frames))


def _clip_header(path: Path) -> tuple[int, float, tuple[int, int]]:
    """Number of frames, frames a second, and (width, height) of an upright frame."""
    import av

    try:
        with _open(path) as container:
            stream = container.streams.video[0]
            num = stream.frames or sum(packet.size > 0 for packet in container.demux(stream))
            container.seek(0)
            height, width = _upright(next(container.decode(stream))).shape[:2]
            return num, float(stream.average_rate or 25), (width, height)
    except (av.FFmpegError, IndexError, StopIteration) as error:
        raise Unusable(f"unreadable clip: {path}") from error


def _open(path: Path) -> "av.container.InputContainer":
    import av

    # A playlist in the guise of a clip opens no address.
    return av.open(str(path), options={"protocol_whitelist": "file"}, metadata_errors="replace")


def _read_clip(path: Path, frames: tuple[int, ...]) -> Pixels:
    import av

    wanted, taken = set(frames), []
    try:
        with _open(path) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in wanted:
                    taken.append(_upright(frame))
                if number == frames[-1]:
                    return np.stack(taken)
    except av.FFmpegError as error:
        raise MediaFormatError(f"{path} is damaged: {error}") from error
    raise MediaFormatError(f"{path} ends before frame {frames[-1]}")


def _upright(frame: Any) -> NDArray[np.uint8]:
    return np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90) % 4)


def _read_pictures(paths: tuple[Path, ...]) -> Pixels:
    frames = [read_picture(path) for path in paths]
    if len({frame.shape for frame in frames}) > 1:
        raise MediaFormatError(f"the frames beside {paths[0]} are not all of one size")
    return np.stack(frames)


def track(
    clip: Clip, boxes: Mapping[int, Box], phrase: str, masks: Mapping[int, NDArray[np.bool_]] | None = None
) -> Thing:
    """A thing of a clip from what is known of source frames.

    Raises:
        Unusable: None of the frames that were taken shows it.
    """
    shown = {position: boxes[frame] for position, frame in enumerate(clip.frames) if frame in boxes}
    if not shown:
        raise Unusable("shown in none of the frames that were taken: take more of them")
    drawn = {position: masks[frame] for position, frame in enumerate(clip.frames) if frame in masks} if masks else {}
    return Thing(phrase, shown, drawn)
