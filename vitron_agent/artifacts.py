"""Artifacts: content-addressed media, and the store that holds them."""

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Kind: TypeAlias = Literal["image", "mask", "boxes", "interval", "partition", "video", "masks", "tensor"]
"""``mask`` is one bit a pixel; ``partition`` one label a pixel; ``masks`` a mask video; ``boxes`` and ``interval`` JSON."""


class ArtifactRef(BaseModel):
    """A frozen reference to bytes in the store: everything that graph state, messages and rows hold of a medium.

    Attributes:
        id: ``sha256:<hex>`` of the stored bytes.
        kind: What it is.
        mime: Media type of the stored bytes.
        nbytes: Their number.
        width: Pixels; None for tensors and intervals.
        height: Pixels.
        frames: Number of frames of a clip.
        fps: Frames a second of a clip (mean, where it varies).
        dtype: ``uint8``, ``uint16``, ``bool``, ``float16`` …
        shape: Array shape after decoding, e.g. (H, W, C).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    kind: Kind
    mime: str
    nbytes: int
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    fps: float | None = None
    dtype: str | None = None
    shape: tuple[int, ...] | None = None


HANDLE_STEMS: dict[Kind, str] = {
    "image": "image", "mask": "mask", "boxes": "boxes", "interval": "interval", "partition": "partition",
    "video": "video", "masks": "masks", "tensor": "tensor",
}  # fmt: skip
