"""Working videos: FFV1 in Matroska, lossless 8-bit RGB, every frame at its own time.

The same frames always give the same bytes, so that equal clips get equal ids.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import av

Frame: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) RGB."""

CLIP_MIME = "video/x-matroska"
_BIT_EXACT = {"fflags": "+bitexact"}  # no time stamps and random ids in the file
_MILLISECOND = Fraction(1, 1000)  # the resolution of Matroska


@dataclass(frozen=True, slots=True)
class ClipFacts:
    """What was written."""

    width: int
    height: int
    num_frames: int
    fps: float
    """Mean frames a second."""


def write_clip(path: Path, frames: Iterable[tuple[Frame, Fraction]], fps: Fraction) -> ClipFacts:
    """Writes a working video; memory stays flat.

    Args:
        path: File to write.
        frames: Pictures of equal size, each with the seconds from the beginning at which it is shown, ascending.
        fps: Frames a second that the clip is meant to have.

    Raises:
        ValueError: There are no frames, or one has another shape or dtype than the first.
        OSError: The file cannot be written.
    """
    import av

    first, rest = _peek(frames)
    height, width = first[0].shape[:2]
    times: list[Fraction] = []
    try:
        with av.open(str(path), "w", format="matroska", options=_BIT_EXACT) as container:
            stream: Any = container.add_stream("ffv1", rate=fps, options=_options(width, height))
            stream.width, stream.height, stream.pix_fmt = width, height, "bgr0"
            stream.codec_context.time_base, stream.codec_context.thread_type = _MILLISECOND, "SLICE"
            pts = -1
            for array, seconds in rest:
                pts = max(pts + 1, round(seconds / _MILLISECOND))
                container.mux(stream.encode(_to_av(array, (height, width, 3), pts)))
                times.append(seconds)
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror) from error
    return ClipFacts(width=width, height=height, num_frames=len(times), fps=_mean_fps(times, fps))


def read_clip(file: BinaryIO) -> Iterator[Frame]:
    """The frames of a working video, one at a time.

    Raises:
        ValueError: It is no such video.
    """
    import av

    try:
        with av.open(file, "r", format="matroska") as container:
            for frame in container.decode(video=0):
                yield cast("Frame", frame.to_ndarray(format="rgb24"))
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"it is no working video: {error}") from error


def _options(width: int, height: int) -> dict[str, str]:
    """FFV1 codes a frame in slices, in parallel; it wants one for small frames, many for huge ones."""
    if min(width, height) == 1:
        return {"level": "1"}  # has no slices
    if width <= 352 and height <= 288:
        return {"level": "3", "slices": "1"}
    return {"level": "3", "slices": "4" if width * height <= 4096 * 4096 else "24"}


def _peek(frames: Iterable[tuple[Frame, Fraction]]) -> tuple[tuple[Frame, Fraction], Iterator[tuple[Frame, Fraction]]]:
    """The first frame, and all of them."""
    rest = iter(frames)
    try:
        first = next(rest)
    except StopIteration:
        raise ValueError("a clip needs at least one frame") from None
    return first, itertools.chain([first], rest)


def _to_av(array: Frame, shape: tuple[int, int, int], pts: int) -> "av.VideoFrame":
    import av

    if array.shape != shape or array.dtype != np.uint8:
        raise ValueError(f"frames of this clip are {shape} RGB uint8; one is {array.shape} {array.dtype}")
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format="rgb24")
    frame.pts, frame.time_base = pts, _MILLISECOND
    return frame


def _mean_fps(times: list[Fraction], fps: Fraction) -> float:
    """The intended rate where the times agree with it up to their rounding, else the measured one."""
    span = times[-1] - times[0]
    agrees = abs((len(times) - 1) / fps - span) <= 2 * _MILLISECOND
    return float(fps if agrees or not span else (len(times) - 1) / span)
