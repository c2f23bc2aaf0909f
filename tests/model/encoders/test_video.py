import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from vitron_agent.model.encoders.video import encode_clip, spread


class Brightness:
    """A backbone of one feature, the mean of all pixels."""

    name, channels = "brightness", 1

    def frame_features(self, picture):
        return torch.full((1, 2, 3), float(picture.mean()))


@given(st.integers(1, 500), st.integers(1, 16))
def test_frames_are_spread_evenly(count: int, wanted: int):
    frames = spread(count, wanted)
    assert len(frames) == min(count, wanted)
    assert all(0 <= frame < count for frame in frames)
    gaps = np.diff(frames)
    assert (gaps > 0).all()
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1
    ends = frames[0], count - 1 - frames[-1]
    assert abs(ends[0] - ends[1]) <= 1


def test_every_frame_keeps_its_own_features():
    clip = np.arange(20, dtype=np.uint8)[:, None, None, None].repeat(4, 1).repeat(4, 2).repeat(3, 3)
    features = encode_clip(Brightness(), clip, len(clip), wanted=5)
    assert features.frames == (2, 6, 10, 14, 18)
    assert features.maps.shape == (5, 1, 2, 3)
    assert features.maps[:, 0, 0, 0].tolist() == list(features.frames)
    assert features.mean().unique().item() == 10
    assert features.at(13).unique().item() == 14
    assert features.at(0).unique().item() == 2
    torch.testing.assert_close(features.times, torch.tensor([2.5, 6.5, 10.5, 14.5, 18.5]) / 20)
