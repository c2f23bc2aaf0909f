"""Working videos: FFV1 in Matroska, lossless 8-bit RGB, every frame at its own time.

The same frames always give the same bytes, so that equal clips get equal ids.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

Frame: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) RGB."""

CLIP_MIME = "video/x-matroska"
_OPTIONS = {"level": "3", "slices": "4", "slicecrc": "1"}  # a checksum in every slice: damage is noticed
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

    shape: tuple[int, ...] = ()
    times: list[Fraction] = []
    with av.open(str(path), "w", format="matroska", options=_BIT_EXACT) as container:
        stream: Any = container.add_stream("ffv1", rate=fps, options=_OPTIONS)
        stream.pix_fmt, stream.codec_context.thread_type = "bgr0", "SLICE"
        stream.codec_context.time_base = _MILLISECOND
        pts = -1
        for array, seconds in frames:
            if not times:
                shape = array.shape
                stream.height, stream.width = shape[:2]
            if array.shape != shape or array.ndim != 3 or shape[2] != 3 or array.dtype != np.uint8:
                raise ValueError(
                    f"frames are (H, W, 3) RGB uint8 of one size; frame {len(times)} is {array.shape} {array.dtype}"
                    f" in a clip of {shape}"
                )
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format="rgb24")
            pts = max(pts + 1, round(seconds / _MILLISECOND))
            frame.pts, frame.time_base = pts, _MILLISECOND
            container.mux(stream.encode(frame))
            times.append(seconds)
        if not times:
            raise ValueError("a clip needs at least one frame")
        container.mux(stream.encode(None))
    return ClipFacts(width=shape[1], height=shape[0], num_frames=len(times), fps=_mean_fps(times, fps))


def read_clip(file: BinaryIO) -> Iterator[Frame]:
    """The frames of a working video, one at a time.

    Raises:
        ValueError: The video is damaged.
    """
    import av

    try:
        with av.open(file, "r", format="matroska") as container:
            stream = container.streams.video[0]
            stream.codec_context.options = {"err_detect": "crccheck+explode"}
            for frame in container.decode(stream):
                yield cast("Frame", frame.to_ndarray(format="rgb24"))
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(f"the video is damaged: {error}") from error


def _mean_fps(times: list[Fraction], fps: Fraction) -> float:
    """The intended rate where the times agree with it up to their rounding, else the measured one."""
    span = times[-1] - times[0]
    agrees = abs((len(times) - 1) / fps - span) <= 2 * _MILLISECOND
    return float(fps if agrees or not span else (len(times) - 1) / span)
