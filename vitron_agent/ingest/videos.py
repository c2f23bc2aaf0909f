"""Clips of any allowed format to the working video: lossless 8-bit RGB, upright, starting at second 0.

Deeper colour comes out at 8 bits and sound is left out. Decoding streams: memory stays flat whatever the length.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np

from vitron_agent.artifacts import ArtifactRef, ArtifactStore
from vitron_agent.clips import Frame
from vitron_agent.errors import MediaError, MediaFormatError
from vitron_agent.ingest.sniff import ClipFormat
from vitron_agent.limits import Limits

if TYPE_CHECKING:
    import av
    from PIL.ImageFile import ImageFile

_CODECS = frozenset(
    {"h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "libvpx", "libvpx-vp9", "mpeg4", "mpeg2video", "mpeg1video",
     "mjpeg", "prores", "dnxhd", "ffv1", "h263", "huffyuv", "ffvhuff", "utvideo", "rawvideo", "png", "qtrle"}
)  # fmt: skip
_DEFAULT_FPS = Fraction(25)
_HD_HEIGHT = 720
_MARGIN = 1 << 20


def ingest_clip(file: BinaryIO, form: ClipFormat, subject: str, store: ArtifactStore, limits: Limits) -> ArtifactRef:
    """Decodes a clip and keeps its working video.

    Args:
        file: The clip, from its beginning.
        form: What :func:`~vitron_agent.ingest.sniff.sniff` made of it.
        subject: What it is called in messages.
        store: Where the working video is kept.
        limits: Sizes that are let in; checked in the header, and again while decoding since headers lie.

    Raises:
        MediaLimitError: It is too large or too long.
        MediaFormatError: It is damaged, cut short, without pictures or of a codec that is not allowed.
        ArtifactError: It cannot be kept.
    """
    import av

    with _parsing(subject):
        # The demultiplexer is named and may open nothing else: playlists inside a file reach neither disk nor network.
        container = av.open(file, "r", format=form, options={"protocol_whitelist": ""}, metadata_errors="replace")
    with container:
        stream = _picture_stream(container, subject, limits)
        fps = Fraction(stream.average_rate or stream.guessed_rate or _DEFAULT_FPS)
        return store.put_clip(_checked(_frames(container, stream, fps, subject), subject, limits), fps)


def ingest_animation(image: "ImageFile", subject: str, store: ArtifactStore, limits: Limits) -> ArtifactRef:
    """Decodes an animated GIF, PNG, WebP or AVIF and keeps its working video; raises as :func:`ingest_clip`.

    Transparent places become white. Frames that name no duration last a tenth of a second, as browsers have it.
    """
    frames = _checked(_animation_frames(image, subject), subject, limits)
    duration = image.info.get("duration") or 100
    return store.put_clip(frames, 1000 / Fraction(max(duration, 1)))


def ingest_frames(
    frames: Iterable[Frame], fps: float, subject: str, store: ArtifactStore, limits: Limits
) -> ArtifactRef:
    """Keeps (H, W, 3) RGB uint8 arrays as working video; raises as :func:`ingest_clip`."""
    rate = Fraction(fps).limit_denominator(1001)
    timed = ((frame, position / rate) for position, frame in enumerate(frames))
    return store.put_clip(_checked(timed, subject, limits), rate)


def _picture_stream(container: "av.container.InputContainer", subject: str, limits: Limits) -> Any:
    stream: Any = container.streams.best("video")
    if stream is None:
        raise MediaFormatError(f"{subject}: it has no pictures, only sound or data")
    codec = stream.codec_context
    if codec is None or codec.name not in _CODECS:
        name = "that nobody knows" if codec is None else codec.name
        raise MediaFormatError(f"{subject}: its codec {name} is not allowed; convert it to H.264, VP9 or AV1")
    limits.check_size(stream.width, stream.height, subject)
    limits.check("max_frames", stream.frames, subject, "frames")
    limits.check("max_clip_pixels", stream.frames * stream.width * stream.height, subject, "pixels in all its frames")
    if stream.duration is not None:
        limits.check("max_seconds", float(stream.duration * stream.time_base), subject, "seconds")
    elif container.duration is not None:
        limits.check("max_seconds", container.duration / 1_000_000, subject, "seconds")
    # Decoders pad their frames, hence the margin; frames that are too large by less are refused once they are decoded.
    codec.options = {"err_detect": "explode", "max_pixels": str(2 * limits.max_pixels + _MARGIN)}
    codec.thread_type = "AUTO"
    return stream


def _frames(container: Any, stream: Any, fps: Fraction, subject: str) -> Iterator[tuple[Frame, Fraction]]:
    """Upright frames with their seconds; refuses a clip that ends before its header says."""
    num_packets = 0
    end = Fraction(0)
    first = last = None
    with _parsing(subject):
        for packet in container.demux():
            if packet.is_corrupt:
                raise MediaFormatError(f"{subject}: it is damaged or cut short; send it again from the original")
            if packet.pts is not None and packet.time_base is not None:
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
            if packet.stream is not stream:
                continue
            num_packets += packet.size > 0
            for frame in packet.decode():
                seconds = _seconds(frame, last, fps)
                first = seconds if first is None else first
                last = seconds
                yield _upright(frame), seconds - first
    _refuse_if_short(container, stream, num_packets, end, subject)


def _refuse_if_short(container: Any, stream: Any, num_packets: int, end: Fraction, subject: str) -> None:
    declared = Fraction(container.duration or 0, 1_000_000)
    start = Fraction(container.start_time or 0, 1_000_000)
    tolerance = max(declared / 50, Fraction(1, 2))
    if num_packets < stream.frames or end - start < declared - tolerance:
        raise MediaFormatError(
            f"{subject}: it is cut short ({num_packets} frames, {float(end - start):.1f} s; its header promises "
            f"{stream.frames or 'some'} frames, {float(declared):.1f} s); send it again from the original"
        )


def _seconds(frame: "av.VideoFrame", last: Fraction | None, fps: Fraction) -> Fraction:
    if frame.pts is not None and frame.time_base is not None:
        return frame.pts * frame.time_base
    return Fraction(0) if last is None else last + 1 / fps


def _upright(frame: "av.VideoFrame") -> Frame:
    """The frame as RGB by the colour matrix that it names, turned as its display matrix says."""
    from av.video.reformatter import Colorspace

    # Players take BT.709 for HD clips that name no matrix (2), and BT.601 for smaller ones.
    hd = frame.height >= _HD_HEIGHT and frame.colorspace == 2 and not frame.format.is_rgb
    array = frame.to_ndarray(format="rgb24", src_colorspace=Colorspace.ITU709 if hd else None)
    return cast("Frame", np.rot90(array, round(frame.rotation / 90) % 4))


def _animation_frames(image: "ImageFile", subject: str) -> Iterator[tuple[Frame, Fraction]]:
    from PIL import Image, ImageSequence

    milliseconds = Fraction(0)
    with _parsing(subject):
        for picture in ImageSequence.Iterator(image):
            rgba = picture.convert("RGBA")
            flat = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
            yield np.array(flat.convert("RGB")), milliseconds / 1000
            milliseconds += Fraction(picture.info.get("duration") or 100)


def _checked(
    frames: Iterable[tuple[Frame, Fraction]], subject: str, limits: Limits
) -> Iterator[tuple[Frame, Fraction]]:
    """Passes frames on while they keep to the limits and to one size."""
    size: tuple[int, ...] = ()
    count = 0
    for count, (array, seconds) in enumerate(frames, start=1):
        height, width = array.shape[:2]
        size = size or (width, height)
        if (width, height) != size:
            raise MediaFormatError(f"{subject}: its frames change size from {size} to {(width, height)}")
        limits.check_size(width, height, subject)
        limits.check("max_frames", count, subject, "frames or more")
        limits.check("max_seconds", float(seconds), subject, "seconds or more")
        limits.check("max_clip_pixels", count * width * height, subject, "pixels or more in all its frames")
        yield array, seconds
    if not count:
        raise MediaFormatError(f"{subject}: it has no frames")


@contextmanager
def _parsing(subject: str) -> Iterator[None]:
    try:
        yield
    except MediaError:
        raise
    except Exception as error:  # whatever a decoder makes of hostile bytes
        raise MediaFormatError(
            f"{subject}: it is no complete clip ({error}); send it again from the original"
        ) from error
