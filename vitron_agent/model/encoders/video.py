"""What is seen of a clip: a few of its frames, evenly spread, each with its own features (kept for grounding)."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from vitron_agent.artifacts import ImageArray
from vitron_agent.model.encoders.backbone import VisionBackbone


@dataclass(frozen=True)
class VideoFeatures:
    """What the backbone saw of a clip.

    Attributes:
        maps: [t, c, h, w] float32, one map a frame.
        frames: The numbers of those frames in the clip, 0-based, rising.
        num_frames: Of the whole clip.
    """

    maps: Tensor
    frames: tuple[int, ...]
    num_frames: int

    @property
    def times(self) -> Tensor:
        """[t], each frame's middle as a share of the clip, in (0, 1)."""
        return (torch.tensor(self.frames) + 0.5) / self.num_frames

    def mean(self) -> Tensor:
        """[c, h, w], the average over time (paper §3.1)."""
        return self.maps.mean(dim=0)

    def at(self, frame: int) -> Tensor:
        """[c, h, w], the features of the seen frame that is nearest to ``frame``."""
        return self.maps[min(range(len(self.frames)), key=lambda index: abs(self.frames[index] - frame))]


def spread(num_frames: int, wanted: int) -> tuple[int, ...]:
    """The frames in the middle of ``wanted`` equal parts of a clip; all of a shorter one."""
    if num_frames <= wanted:
        return tuple(range(num_frames))
    return tuple(int((part + 0.5) * num_frames / wanted) for part in range(wanted))


def encode_clip(
    backbone: VisionBackbone, clip: Iterable[ImageArray], num_frames: int, wanted: int = 8
) -> VideoFeatures:
    """Features of a clip.

    Args:
        backbone: Sees the frames.
        clip: Frames (H, W, 3|4), in order; those that are not looked at are not kept.
        num_frames: How many there are.
        wanted: How many frames to look at.
    """
    frames = spread(num_frames, wanted)
    maps = [backbone.frame_features(frame) for number, frame in enumerate(clip) if number in frames]
    return VideoFeatures(torch.stack(maps), frames, num_frames)
