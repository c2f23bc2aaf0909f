"""Clips become lossless working videos, within the limits, whatever their headers claim."""

import io
import struct
import tracemalloc
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.ingest.samples import clip, gradient
from vitron_agent.artifacts import ArtifactRef, ArtifactStore
from vitron_agent.errors import MediaError, MediaFormatError, MediaLimitError
from vitron_agent.ingest import Limits, ingest

FAST_START = {"movflags": "+faststart"}
CLIPS = {
    "mp4": clip(options=FAST_START),
    "mov": clip("mpeg4", "mov"),
    "webm": clip("libvpx-vp9", "webm"),
    "mkv": clip("libx264", "matroska"),
    "avi": clip("mjpeg", "avi", pixels="yuvj420p"),
    "fragmented mp4": clip(options={"movflags": "frag_keyframe+empty_moov"}),
}


def animation(form: str) -> bytes:
    """Red, lime and blue, a fifth of a second each."""
    pictures = [Image.new("RGB", (20, 10), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if form == "WEBP" else {"quality": 100} if form == "AVIF" else {}
    buffer = io.BytesIO()
    pictures[0].save(buffer, form, save_all=True, append_images=pictures[1:], duration=[200, 200, 200], **options)
    return buffer.getvalue()


def frames_of(store: ArtifactStore, ref: ArtifactRef) -> np.ndarray:
    return np.array(list(store.frames(ref)))


@pytest.mark.parametrize("form", CLIPS)
def test_clips_become_working_videos(store: ArtifactStore, tmp_path: Path, form: str) -> None:
    path = tmp_path / "clip.txt"
    path.write_bytes(CLIPS[form])

    ref = ingest(path, store=store)

    assert (ref.kind, ref.mime, ref.width, ref.height, ref.frames, ref.fps) == (
        "video", "video/x-matroska", 64, 48, 12, 12.0,
    )  # fmt: skip
    frames = frames_of(store, ref)
    assert frames.shape == ref.shape == (12, 48, 64, 3)
    assert np.abs(frames.mean(axis=(1, 2, 3)) - np.arange(12) * 20).max() < 4
    assert ingest(CLIPS[form], store=store, kind="video") == ref


def test_the_working_video_holds_exactly_what_was_decoded(store: ArtifactStore) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (5, 37, 41, 3)).astype(np.uint8)

    ref = ingest(noise, store=store, fps=5)
    again = ingest(store.read(ref), store=store)

    assert np.array_equal(frames_of(store, ref), noise)
    assert again == ref
    assert ref.fps == 5.0


def test_uneven_times_are_kept(store: ArtifactStore) -> None:
    times = [Fraction(0), Fraction(1, 4), Fraction(1), Fraction(3)]
    first = store.put_clip([(gradient(), time) for time in times], Fraction(10))

    ref = ingest(store.read(first), store=store)

    with store.open(ref) as file, av.open(file, "r") as container:
        shown = [frame.time for frame in container.decode(video=0)]
    assert shown == pytest.approx([0, 0.25, 1, 3])
    assert ref.fps == 1.0


@pytest.mark.parametrize(
    ("quarter_turns", "matrix"),
    [(0, (1, 0, 0, 1)), (1, (0, -1, 1, 0)), (2, (-1, 0, 0, -1)), (3, (0, 1, -1, 0))],
)
def test_clips_are_turned_upright(store: ArtifactStore, quarter_turns: int, matrix: tuple[int, ...]) -> None:
    data = bytearray(clip("mpeg4", frames=2))
    plain = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    track = data.index(plain, data.index(b"tkhd"))
    a, b, c, d = (value * 65536 for value in matrix)
    data[track : track + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)

    ref = ingest(bytes(data), store=store)

    assert (ref.width, ref.height) == ((64, 48) if quarter_turns % 2 == 0 else (48, 64))


def test_a_phone_held_upright_shows_its_left_edge_on_top(store: ArtifactStore) -> None:
    buffer = io.BytesIO()
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32] = 255
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    data = bytearray(buffer.getvalue())
    plain = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    track = data.index(plain, data.index(b"tkhd"))
    data[track : track + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30)  # turn right

    frame = frames_of(store, ingest(bytes(data), store=store))[0]

    assert frame.shape == (64, 48, 3)
    assert frame[:30].mean() > 240
    assert frame[34:].mean() < 15


@pytest.mark.parametrize(("pixels", "codec", "form"), [("yuv420p", "libx264", "mp4"), ("yuvj420p", "mjpeg", "avi")])
@pytest.mark.parametrize("height", [96, 720])
def test_colours_come_back_by_their_matrix_and_range(
    store: ArtifactStore, pixels: str, codec: str, form: str, height: int
) -> None:
    from av.video.reformatter import Colorspace

    red = np.zeros((height, 64, 3), np.uint8) + np.array([220, 30, 40], np.uint8)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        stream = container.add_stream(codec, rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, height, pixels
        frame = av.VideoFrame.from_ndarray(red, format="rgb24")
        matrix = Colorspace.ITU709 if height >= 720 and codec == "libx264" else Colorspace.ITU601
        container.mux(stream.encode(frame.reformat(format=pixels, dst_colorspace=matrix)))
        container.mux(stream.encode(None))

    decoded = frames_of(store, ingest(buffer.getvalue(), store=store))[0]

    assert np.abs(decoded.astype(int) - red).max() <= 8


@pytest.mark.parametrize(
    ("setting", "value"), [("max_frames", 11), ("max_seconds", 0.9), ("max_pixels", 3000), ("max_side", 60),
                           ("max_clip_pixels", 64 * 48 * 11), ("max_bytes", 500)],
)  # fmt: skip
@pytest.mark.parametrize("form", CLIPS)
def test_limits_hold_and_are_named(store: ArtifactStore, form: str, setting: str, value: float) -> None:
    enough = {"max_frames": 12, "max_seconds": 1.2, "max_pixels": 3072, "max_side": 64,
              "max_clip_pixels": 64 * 48 * 12, "max_bytes": 50_000}  # fmt: skip

    assert ingest(CLIPS[form], store=store, limits=Limits(**{setting: enough[setting]}))
    with pytest.raises(MediaLimitError, match=rf"Limits\({setting}=\.\.\.\)"):
        ingest(CLIPS[form], store=store, limits=Limits(**{setting: value}))


def test_a_header_that_promises_less_than_it_holds_is_caught(store: ArtifactStore) -> None:
    data = CLIPS["mkv"]
    with av.open(io.BytesIO(data), "r") as container:
        assert container.streams.video[0].frames == 0  # Matroska does not say

    with pytest.raises(MediaLimitError, match=r"6 frames or more"):
        ingest(data, store=store, limits=Limits(max_frames=5))


@pytest.mark.parametrize("form", CLIPS)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6])
def test_truncated_clips_are_refused(store: ArtifactStore, form: str, part: float) -> None:
    data = CLIPS[form]

    with pytest.raises(MediaFormatError, match="the given bytes"):
        ingest(data[: int(len(data) * part)], store=store)
    assert list(store.ids()) == []


SEEDS = CLIPS | {form: animation(form) for form in ("GIF", "PNG", "WEBP", "AVIF")}


@pytest.mark.parametrize("form", SEEDS)
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_bytes_give_a_clip_or_a_media_error(
    store: ArtifactStore, form: str, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(SEEDS[form])
    for place, value in changes:
        data[int(place * len(data))] = value

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ref = ingest(bytes(data), store=store)
        except MediaError as error:
            outcome = str(error)
        else:
            outcome = "the given bytes" if store.exists(ref) else "lost"
    assert outcome.startswith("the given bytes")


def test_sound_alone_is_refused(store: ArtifactStore) -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))

    with pytest.raises(MediaFormatError, match="no pictures"):
        ingest(buffer.getvalue(), store=store)


def test_codecs_are_an_allow_list(store: ArtifactStore) -> None:
    with pytest.raises(MediaFormatError, match=r"its codec msmpeg4v2 is not allowed; convert it to H\.264"):
        ingest(clip("msmpeg4v2", "avi"), store=store)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF"])
def test_animations_become_working_videos(store: ArtifactStore, form: str) -> None:
    ref = ingest(animation(form), store=store)

    assert (ref.kind, ref.frames, ref.fps, ref.width, ref.height) == ("video", 3, 5.0, 20, 10)
    assert [frame[5, 5].argmax() for frame in store.frames(ref)] == [0, 1, 2]


def test_transparent_places_of_an_animation_become_white(store: ArtifactStore) -> None:
    pictures = [Image.new("RGBA", (8, 8), (value, 0, 0, 0)) for value in (0, 255)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "PNG", save_all=True, append_images=pictures[1:], duration=50)

    assert (frames_of(store, ingest(buffer.getvalue(), store=store)) == 255).all()


def test_memory_stays_flat_however_long_the_clip(store: ArtifactStore) -> None:
    peaks = []
    for frames in (20, 200):
        data = clip(frames=frames, size=(320, 240), rate=25)
        tracemalloc.start()
        ingest(data, store=store)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < peaks[0] + 2_000_000  # all frames together would be 46 MB
