import pytest

from tests.train.data.readers.sets import HEIGHT, WIDTH, clip, picture, text
from vitron_agent.errors import MediaFormatError
from vitron_agent.train.data.readers.common import Unusable
from vitron_agent.train.data.readers.media import file_clip, folder_clip, picture_size, track
from vitron_agent.train.data.readers.media import picture as read
from vitron_agent.train.data.samples import Medium


def grays(medium: Medium) -> list[int]:
    return [round(frame.mean() / 20) for frame in medium.load()]


def test_frames_are_taken_at_equal_distances_and_their_rate_follows(tmp_path):
    found = file_clip(clip(tmp_path / "v.mp4"), 3)
    assert found.frames == (0, 4, 7)
    assert found.size == (WIDTH, HEIGHT)
    assert grays(found.medium) == [0, 4, 7]
    assert found.medium.fps == pytest.approx(10 * 2 / 7)


def test_a_span_is_cut_at_the_end_of_the_clip(tmp_path):
    path = clip(tmp_path / "v.mp4")
    found = file_clip(path, 32, (5, 20))
    assert found.frames == (5, 6, 7)
    assert grays(found.medium) == [5, 6, 7]
    for span in ((8, 9), (3, 2), (-1, 3)):
        with pytest.raises(Unusable, match="span outside the clip"):
            file_clip(path, 32, span)


def test_the_same_name_means_the_same_frames(tmp_path):
    path = clip(tmp_path / "v.mp4")
    assert file_clip(path, 3).medium.name == file_clip(path, 3, (0, 7)).medium.name
    assert len({file_clip(path, num, span).medium.name for num in (2, 3) for span in ((0, 7), (0, 6), (1, 7))}) == 6


def test_a_folder_of_frames_is_a_clip(tmp_path):
    for number in (10, 2, 30):
        picture(tmp_path / f"{number:05d}.jpg", gray=number)
    found = folder_clip(tmp_path, 6.0, 2)
    assert found.frames == (0, 2)
    assert [frame[0, 0, 0] for frame in found.medium.load()] == [2, 30]
    assert found.medium.fps == pytest.approx(3.0)


def test_media_that_turn_out_damaged_raise_when_they_are_read(tmp_path):
    broken = read(text(tmp_path / "a.jpg", "no picture"))
    with pytest.raises(MediaFormatError, match="no picture"):
        broken.load()
    path = clip(tmp_path / "v.mp4")
    found = file_clip(path, 8)
    clip(path, num_frames=4)
    with pytest.raises(MediaFormatError, match="ends before frame 7"):
        found.medium.load()
    path.write_text("no clip")
    with pytest.raises(MediaFormatError, match="damaged"):
        found.medium.load()
    picture(tmp_path / "f/1.png")
    picture(tmp_path / "f/2.png", (8, 8))
    with pytest.raises(MediaFormatError, match="not all of one size"):
        folder_clip(tmp_path / "f", 6.0, 2).medium.load()


def test_a_truncated_picture_is_damaged(tmp_path):
    path = picture(tmp_path / "a.png", (400, 200))
    path.write_bytes(path.read_bytes()[:80])
    with pytest.raises(MediaFormatError):
        read(path).load()


def test_annotations_follow_the_frames_that_were_taken(tmp_path):
    found = file_clip(clip(tmp_path / "v.mp4"), 3)
    box = (0.0, 0.0, 0.5, 0.5)
    assert track(found, dict.fromkeys(range(3, 8), box), "lamp").boxes == {1: box, 2: box}
    with pytest.raises(Unusable, match="shown in none"):
        track(found, {5: box}, "lamp")


def test_sizes_come_from_the_header(tmp_path):
    assert picture_size(picture(tmp_path / "a.png", (7, 3))) == (7, 3)
    with pytest.raises(Unusable, match="unreadable picture"):
        picture_size(text(tmp_path / "b.png", ""))
