"""Artifacts: content-addressed media, and the store that holds them."""

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from vitron_agent import clips, codecs
from vitron_agent._cache import ArrayCache
from vitron_agent.blobs import BlobStore
from vitron_agent.boxes import Boxes
from vitron_agent.clips import Frame
from vitron_agent.codecs import ImageArray
from vitron_agent.errors import ArtifactError

__all__ = ["HANDLE_STEMS", "ArtifactRef", "ArtifactStore", "Boxes", "ImageArray", "Kind"]

Kind: TypeAlias = Literal["image", "mask", "boxes", "interval", "partition", "video", "masks", "tensor"]
"""``mask``: a bit a pixel; ``partition``: a label a pixel; ``masks``: a mask video; ``boxes``, ``interval``: JSON."""


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

_ID = re.compile(r"sha256:[0-9a-f]{64}")
_SUFFIXES = {
    "image/png": ".png",
    "application/json": ".json",
    "application/x-safetensors": ".safetensors",
    clips.CLIP_MIME: ".mkv",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "image/gif": ".gif",
}


class ArtifactStore:
    """Artifacts by the sha256 of their bytes, in a folder or at any fsspec URL.

    Equal bytes are kept once. A file appears under its final name only when it is complete; readers check its hash.
    Safe for several threads and processes. Artifacts may be named by reference or by id.

    Args:
        url: A folder (made where it is missing), ``memory://`` (private to this store, for tests) or an fsspec URL
            such as ``s3://bucket/prefix``.
        cache_bytes: How much memory decoded pictures and masks may keep.

    Raises:
        ArtifactError: The place cannot be opened.
    """

    def __init__(self, url: str | os.PathLike[str], *, cache_bytes: int = 256 * 1024**2) -> None:
        self._blobs = BlobStore(url)
        self._cache = ArrayCache(cache_bytes)
        self.url = self._blobs.url

    # ---- writing

    def put_image(self, array: ImageArray, icc: bytes | None = None) -> ArtifactRef:
        """Keeps a picture, lossless.

        Args:
            array: (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha, uint8 or uint16.
            icc: The ICC profile that its numbers are meant in; None = sRGB.

        Raises:
            ValueError: Another shape or dtype, or no ICC profile.
            ArtifactError: It cannot be written.
        """
        ref = self._put_array(codecs.encode_image(array, icc), "image", array)
        self._remember(ref, array.copy())  # it is what the next step reads, and the caller may change his own
        return ref

    def put_mask(self, mask: NDArray[np.bool_]) -> ArtifactRef:
        """Keeps a (H, W) bool mask as 1-bit PNG; raises as :meth:`put_image`."""
        return self._put_array(codecs.encode_mask(mask), "mask", mask)

    def put_partition(self, labels: NDArray[np.uint16]) -> ArtifactRef:
        """Keeps a (H, W) uint16 label map as 16-bit PNG; raises as :meth:`put_image`."""
        return self._put_array(codecs.encode_partition(labels), "partition", labels)

    def put_boxes(self, boxes: Boxes, width: int, height: int) -> ArtifactRef:
        """Keeps boxes as JSON, beside the size in pixels of the picture that they lie on."""
        facts = {"width": width, "height": height, "shape": boxes.xyxy.shape}
        return self.put_bytes(boxes.to_json(width, height), "boxes", "application/json", **facts)

    def put_interval(self, spans: Iterable[tuple[int, int]], *, frames: int, fps: float) -> ArtifactRef:
        """Keeps frame spans of a clip as JSON.

        Args:
            spans: (first, last) frames, 0-based and inclusive, in order.
            frames: Number of frames of the clip.
            fps: Its frames a second.

        Raises:
            ValueError: A span does not lie within the clip.
            ArtifactError: It cannot be written.
        """
        rows = tuple(spans)
        if any(not 0 <= first <= last < frames for first, last in rows):
            raise ValueError(f"spans are (first, last) with 0 <= first <= last < {frames}, got {rows}")
        data = json.dumps({"spans": rows, "frames": frames, "fps": fps}, separators=(",", ":"), allow_nan=False)
        facts = {"frames": frames, "fps": fps, "shape": (len(rows), 2)}
        return self.put_bytes(data.encode(), "interval", "application/json", **facts)

    def put_clip(self, frames: Iterable[tuple[Frame, Fraction]], fps: Fraction) -> ArtifactRef:
        """Keeps a clip as working video, lossless; memory stays flat.

        Args:
            frames: (H, W, 3) RGB uint8, each with the seconds from the beginning at which it is shown, ascending.
            fps: Frames a second that it is meant to have.

        Raises:
            ValueError: No frames, or frames of different sizes.
            ArtifactError: It cannot be written.
        """
        with self._blobs.writing(), self.scratch(".mkv") as path:
            facts = clips.write_clip(path, frames, fps)
            return self.put_file(
                path, "video", clips.CLIP_MIME, width=facts.width, height=facts.height, frames=facts.num_frames,
                fps=facts.fps, dtype="uint8", shape=(facts.num_frames, facts.height, facts.width, 3),
            )  # fmt: skip

    def put_tensors(self, tensors: Mapping[str, NDArray[Any]]) -> ArtifactRef:
        """Keeps named arrays as safetensors; raises ArtifactError if they cannot be written."""
        from safetensors.numpy import save

        dtypes = sorted({str(tensor.dtype) for tensor in tensors.values()})
        return self.put_bytes(save(dict(tensors)), "tensor", "application/x-safetensors", dtype="/".join(dtypes))

    def put_bytes(self, data: bytes, kind: Kind, mime: str, **facts: Any) -> ArtifactRef:
        """Keeps bytes as they are.

        Args:
            data: The bytes.
            kind: What they are.
            mime: Their media type.
            **facts: The other fields of :class:`ArtifactRef`.

        Raises:
            ArtifactError: They cannot be written.
        """
        digest = self._blobs.put(data, suffix_of(mime))
        return ArtifactRef(id=f"sha256:{digest}", kind=kind, mime=mime, nbytes=len(data), **facts)

    def put_file(self, path: str | os.PathLike[str], kind: Kind, mime: str, **facts: Any) -> ArtifactRef:
        """Keeps a file of any size; it is read in pieces. A file from :meth:`scratch` is moved, any other copied.

        Args:
            path: The file.
            kind: What it is.
            mime: Its media type.
            **facts: The other fields of :class:`ArtifactRef`.

        Raises:
            ArtifactError: It cannot be read or written.
        """
        digest = self._blobs.put_file(Path(path), suffix_of(mime))
        nbytes = self._blobs.size(digest, suffix_of(mime))
        return ArtifactRef(id=f"sha256:{digest}", kind=kind, mime=mime, nbytes=nbytes, **facts)

    @contextlib.contextmanager
    def scratch(self, suffix: str = "") -> Iterator[Path]:
        """A path for a file in the making, on the store's disk where it has one; removed at the end unless put.

        Args:
            suffix: Its ending, such as ``.mkv``.
        """
        with self._blobs.scratch(suffix) as path:
            yield path

    # ---- reading

    def image(self, artifact: ArtifactRef | str) -> ImageArray:
        """A picture as (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16, read-only (it is shared through a cache).

        Raises:
            ArtifactError: It is missing, damaged or no picture.
        """
        return cast("ImageArray", self._decoded(artifact, "image", codecs.decode_image))

    def mask(self, artifact: ArtifactRef | str) -> NDArray[np.bool_]:
        """A mask as (H, W) bool, read-only; raises as :meth:`image`."""
        return self._decoded(artifact, "mask", codecs.decode_mask)

    def partition(self, artifact: ArtifactRef | str) -> NDArray[np.uint16]:
        """A label map as (H, W) uint16, read-only; raises as :meth:`image`."""
        return self._decoded(artifact, "partition", codecs.decode_partition)

    def boxes(self, artifact: ArtifactRef | str) -> Boxes:
        """Labelled boxes; raises as :meth:`image`."""
        with _understanding(artifact, "boxes"):
            return Boxes.from_json(self.read(artifact))

    def interval(self, artifact: ArtifactRef | str) -> tuple[tuple[int, int], ...]:
        """The (first, last) frame spans of an interval, 0-based and inclusive; raises as :meth:`image`."""
        with _understanding(artifact, "interval"):
            return tuple((first, last) for first, last in json.loads(self.read(artifact))["spans"])

    def frames(self, artifact: ArtifactRef | str) -> Iterator[Frame]:
        """The frames of a clip as (H, W, 3) RGB uint8, one at a time; raises as :meth:`image`."""
        self._blobs.check(*_name(artifact))  # a hundred times faster than decoding, which would not notice damage
        with self.open(artifact) as file, _understanding(artifact, "video"):
            yield from clips.read_clip(file)

    def tensors(self, artifact: ArtifactRef | str) -> dict[str, NDArray[Any]]:
        """Named arrays; raises as :meth:`image`."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        data = self.read(artifact)
        try:
            return load(data)
        except SafetensorError as error:
            raise ArtifactError(f"artifact {_id(artifact)} cannot be read as tensor: {error}") from error

    def icc(self, artifact: ArtifactRef | str) -> bytes | None:
        """The ICC profile that a picture's numbers are meant in; None = sRGB. Raises as :meth:`image`."""
        with self.open(artifact) as file, _understanding(artifact, "image"):
            return codecs.read_icc(file)

    def describe(self, artifact: str) -> ArtifactRef:
        """The reference of a picture, mask or partition that is named by its id alone; raises as :meth:`image`."""
        with self.open(artifact) as file, _understanding(artifact, "image"):
            header = codecs.png_header(file.read(codecs.PNG_HEAD))
        if header.form is None:
            raise ArtifactError(f"artifact {artifact} is not of a form that this store writes")
        kind, dtype, channels = header.form
        shape = (header.height, header.width) + ((channels,) if kind == "image" else ())
        return ArtifactRef(
            id=artifact, kind=cast("Kind", kind), mime="image/png", nbytes=self.nbytes(artifact),
            width=header.width, height=header.height, dtype=dtype, shape=shape,
        )  # fmt: skip

    def read(self, artifact: ArtifactRef | str) -> bytes:
        """The bytes, checked against the id; raises ArtifactError if they are missing or damaged."""
        return self._blobs.read(*_name(artifact))

    def open(self, artifact: ArtifactRef | str) -> BinaryIO:
        """The bytes as a file, unchecked, for clips; raises ArtifactError if they are missing."""
        return self._blobs.open(*_name(artifact))

    def path(self, artifact: ArtifactRef | str) -> Path | None:
        """The file on this machine, for other programs to read; None where the store is not a folder.

        Raises:
            ArtifactError: It is missing.
        """
        return self._blobs.path(*_name(artifact))

    # ---- keeping house

    def exists(self, artifact: ArtifactRef | str) -> bool:
        """Whether the store holds it."""
        return self._blobs.exists(*_name(artifact))

    def nbytes(self, artifact: ArtifactRef | str) -> int:
        """Number of bytes; raises ArtifactError if it is missing."""
        return self._blobs.size(*_name(artifact))

    def age(self, artifact: ArtifactRef | str) -> float:
        """Seconds since it was last put, so that garbage collection can spare what is being used right now.

        Raises:
            ArtifactError: It is missing.
        """
        return self._blobs.age(*_name(artifact))

    def delete(self, artifact: ArtifactRef | str) -> None:
        """Removes it; nothing happens where it is gone already."""
        self._cache.drop(_id(artifact))
        self._blobs.delete(_digest(artifact))

    def ids(self) -> Iterator[str]:
        """The ids of everything held, in no order."""
        return (f"sha256:{digest}" for digest in self._blobs.digests())

    # ---- inside

    def _put_array(self, data: bytes, kind: Kind, array: NDArray[Any]) -> ArtifactRef:
        height, width = array.shape[:2]
        facts = {"width": width, "height": height, "dtype": str(array.dtype), "shape": array.shape}
        return self.put_bytes(data, kind, "image/png", **facts)

    def _remember(self, artifact: ArtifactRef | str, array: NDArray[Any], kind: Kind = "image") -> None:
        array.flags.writeable = False
        self._cache.put((_id(artifact), kind), array)

    def _decoded(
        self, artifact: ArtifactRef | str, kind: Kind, decode: Callable[[bytes], NDArray[Any]]
    ) -> NDArray[Any]:
        cached = self._cache.get((_id(artifact), kind))
        if cached is not None:
            return cached
        data = self.read(artifact)
        with _understanding(artifact, kind):
            form = codecs.png_header(data).form
            if form is None or form[0] != kind:
                raise ValueError(f"it is of kind {form[0] if form else 'unknown'}")
            array = decode(data)
        self._remember(artifact, array, kind)
        return array


def suffix_of(mime: str) -> str:
    """The ending of a file's name, such as ``.png``."""
    return _SUFFIXES.get(mime, ".bin")


def _id(artifact: ArtifactRef | str) -> str:
    if isinstance(artifact, ArtifactRef):
        return artifact.id
    if not _ID.fullmatch(artifact):
        raise ArtifactError(f"{artifact!r} is no artifact id; ids are 'sha256:' and 64 hexadecimal digits")
    return artifact


def _digest(artifact: ArtifactRef | str) -> str:
    return _id(artifact).removeprefix("sha256:")


def _name(artifact: ArtifactRef | str) -> tuple[str, str | None]:
    return _digest(artifact), suffix_of(artifact.mime) if isinstance(artifact, ArtifactRef) else None


@contextlib.contextmanager
def _understanding(artifact: ArtifactRef | str, kind: Kind) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"artifact {_id(artifact)} cannot be read as {kind}: {error}") from error
