from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vitron_agent.clips import read_clip, write_clip


def noise(count: int, height: int, width: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (count, height, width, 3)).astype(np.uint8))


def timed(frames: list[np.ndarray], fps: Fraction) -> list[tuple[np.ndarray, Fraction]]:
    return [(frame, position / fps) for position, frame in enumerate(frames)]


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 9), (400, 1), (1, 400), (522, 20), (289, 2), (7, 3), (288, 352), (289, 353)]
)
def test_every_pixel_of_any_size_comes_back(tmp_path: Path, height: int, width: int) -> None:
    frames = noise(4, height, width)

    facts = write_clip(tmp_path / "clip.mkv", timed(frames, Fraction(30000, 1001)), Fraction(30000, 1001))

    with (tmp_path / "clip.mkv").open("rb") as file:
        read = list(read_clip(file))
    assert np.array_equal(np.array(read), np.array(frames))
    assert (facts.width, facts.height, facts.num_frames) == (width, height, 4)
    assert facts.fps == pytest.approx(29.97, abs=0.001)


def test_equal_frames_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_clip(tmp_path / name, timed(noise(5, 90, 160), Fraction(25)), Fraction(25))

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_uneven_times_give_the_mean_rate(tmp_path: Path) -> None:
    seconds = [Fraction(0), Fraction(1, 2), Fraction(2)]

    facts = write_clip(tmp_path / "clip", zip(noise(3, 4, 4), seconds, strict=True), Fraction(25))

    assert facts.fps == 1.0


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "at least one frame"),
        ([np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)], "one is"),
        ([np.zeros((4, 4, 4), np.uint8)], "RGB uint8"),
        ([np.zeros((4, 4, 3), np.uint16)], "RGB uint8"),
    ],
)
def test_what_is_no_clip_is_refused(tmp_path: Path, frames: list[np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_clip(tmp_path / "clip", timed(frames, Fraction(1)), Fraction(1))


def test_what_is_no_working_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip"
    path.write_bytes(b"\x1a\x45\xdf\xa3" * 100)

    with path.open("rb") as file, pytest.raises(ValueError, match="no working video"):
        list(read_clip(file))


def test_an_error_of_the_source_passes_through(tmp_path: Path) -> None:
    def failing() -> Iterator[tuple[np.ndarray, Fraction]]:
        yield np.zeros((4, 4, 3), np.uint8), Fraction(0)
        raise RuntimeError("the source failed")

    with pytest.raises(RuntimeError, match="the source failed"):
        write_clip(tmp_path / "clip", failing(), Fraction(1))
