"""The one door through which media come in: checked, decoded, brought into one form, kept by content."""

import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias, cast, get_args

import numpy as np
from numpy.typing import NDArray

from vitron_agent.artifacts import ArtifactRef, ArtifactStore
from vitron_agent.errors import ArtifactError, MediaFormatError, MediaSourceError
from vitron_agent.ingest import pictures, videos
from vitron_agent.ingest.paths import open_path
from vitron_agent.ingest.sniff import HEAD, sniff
from vitron_agent.limits import Limits

if TYPE_CHECKING:
    from PIL import Image

Source: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | Image.Image | NDArray[Any] | ArtifactRef"
"""A path, an https address, an earlier artifact's id or reference, the bytes of a file, a PIL image or an array."""
MediaKind: TypeAlias = Literal["image", "video", "mask"]

_DEFAULT_LIMITS = Limits()
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):(?P<slashes>//)?")
_HOW = {"image": "; give it as a picture (images=, -i)", "video": "; give it as a clip (videos=, -v)"}
_NEVER_PATHS = ("file", "data", "http", "https", "ftp")


def ingest(
    source: Source,
    *,
    store: ArtifactStore,
    limits: Limits = _DEFAULT_LIMITS,
    roots: Sequence[Path] | None = None,
    kind: MediaKind | None = None,
    fps: float = 25.0,
) -> ArtifactRef:
    """Takes a medium in.

    Pictures become lossless RGB(A) of 8 or 16 bits, upright, with their ICC profile; clips become lossless RGB working
    videos; masks become one bit a pixel (True where brighter than half of the brightest place).

    Args:
        source: What to take; see :data:`Source`. Arrays are (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA, uint8
            or uint16; (H, W) bool for a mask; (N, H, W, 3) uint8 for a clip.
        store: Where it is kept.
        limits: What is let in.
        roots: Folders that paths must lie in; None = anywhere.
        kind: What it must be; None = what it is.
        fps: Frames a second of a clip given as an array.

    Raises:
        MediaLimitError: It exceeds a limit.
        MediaFormatError: It is damaged, of a format that is not allowed, or not of the wanted kind.
        MediaSourceError: Its path or address may not be read, or cannot be.
        ArtifactError: An earlier artifact is gone, or this one cannot be kept.
    """
    gate = _Gate(store, limits, kind)
    if isinstance(source, ArtifactRef):
        return gate.earlier(source)
    if isinstance(source, np.ndarray):
        return gate.array(source, fps)
    if isinstance(source, bytes | bytearray | memoryview):
        return gate.file(io.BytesIO(source), "the given bytes")
    if isinstance(source, str) and source.startswith("sha256:"):
        return gate.earlier(store.describe(source))
    if isinstance(source, str) and (scheme := _scheme(source)):
        with _download(source, scheme, limits) as file:
            return gate.file(file, source.split("?", 1)[0][:200])
    if isinstance(source, str | os.PathLike):
        with open_path(source, roots) as file:
            return gate.file(file, str(source))
    return gate.pil(source)


class _Gate:
    """One ingestion: where to, what is let in, and what it must be."""

    def __init__(self, store: ArtifactStore, limits: Limits, kind: MediaKind | None) -> None:
        self._store, self._limits, self._kind = store, limits, kind

    def file(self, file: BinaryIO, subject: str) -> ArtifactRef:
        num_bytes = file.seek(0, os.SEEK_END)
        file.seek(0)
        self._limits.check("max_bytes", num_bytes, subject, "bytes")
        form = sniff(file.read(HEAD), subject)
        file.seek(0)
        if form == "mov" or form == "matroska" or form == "avi":  # spelled out for the type checker
            self._want("video", subject)
            return videos.ingest_clip(file, form, subject, self._store, self._limits)
        encoded = file.read()
        image = pictures.open_header(io.BytesIO(encoded), form, subject, self._limits)
        return self._image(image, subject, encoded)

    def pil(self, source: Any) -> ArtifactRef:
        from PIL import Image

        if not isinstance(source, Image.Image):
            raise MediaFormatError(
                f"{type(source).__name__} is no medium; give a path, an https address, bytes, a PIL image, an array "
                "or an earlier artifact"
            )
        return self._image(source, "the given image", None)

    def array(self, array: NDArray[Any], fps: float) -> ArtifactRef:
        subject = f"the given array {array.shape} {array.dtype}"
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        if array.ndim == 4 and array.shape[3] == 3 and array.dtype == np.uint8 and array.size:
            self._want("video", subject)
            return videos.ingest_frames(array, fps, subject, self._store, self._limits)
        plane = array.ndim == 2
        fits = array.ndim == 3 and array.shape[2] in (1, 3, 4)
        numbers = array.dtype in (np.uint8, np.uint16) or (plane and array.dtype == np.bool_)
        if not array.size or not (plane or fits) or not numbers:
            raise MediaFormatError(
                f"{subject}: give (H, W), (H, W, 3) RGB or (H, W, 4) RGBA in uint8 or uint16, (H, W) bool for a mask, "
                "or (N, H, W, 3) uint8 for a clip"
            )
        self._limits.check_size(array.shape[1], array.shape[0], subject)
        if array.dtype == np.bool_:
            if self._kind in (None, "mask"):
                return self._store.put_mask(array)
            array = array.astype(np.uint8) * np.uint8(255)
        if plane or array.shape[2] == 1:
            array = np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
        return self._keep(pictures.Picture(array), subject)

    def earlier(self, ref: ArtifactRef) -> ArtifactRef:
        if not self._store.exists(ref):
            raise ArtifactError(f"artifact {ref.id} is not in the store {self._store.url}; send its source again")
        if ref.kind not in get_args(MediaKind):
            raise MediaFormatError(f"{ref.id}: a {ref.kind} artifact is neither picture, clip nor mask")
        self._want(cast("MediaKind", ref.kind), ref.id)
        return ref

    def _image(self, image: Any, subject: str, encoded: bytes | None) -> ArtifactRef:
        if pictures.is_animated(image, subject):
            if image.format == "TIFF":
                raise MediaFormatError(
                    f"{subject}: it holds several pages; save the one you mean as a picture of its own"
                )
            self._want("video", subject)
            return videos.ingest_animation(image, subject, self._store, self._limits)
        return self._keep(pictures.canonical(image, subject, self._limits, encoded), subject)

    def _keep(self, picture: pictures.Picture, subject: str) -> ArtifactRef:
        if self._kind == "mask":
            brightness = picture.array[..., :3].max(axis=2)
            return self._store.put_mask(brightness > brightness.max() / 2)
        self._want("image", subject)
        return self._store.put_image(picture.array, picture.icc)

    def _want(self, found: MediaKind, subject: str) -> None:
        if self._kind not in (None, found):
            hint = _HOW.get(found, "") if self._kind in _HOW else ""
            raise MediaFormatError(f"{subject}: it is of kind {found}, but kind {self._kind} is wanted here{hint}")


def _scheme(source: str) -> str | None:
    match = _SCHEME.match(source)
    if match is None:
        return None
    scheme = match["scheme"].lower()
    return scheme if match["slashes"] or scheme in _NEVER_PATHS else None


def _download(url: str, scheme: str, limits: Limits) -> BinaryIO:
    from vitron_agent.ingest.download import download

    if scheme not in ("http", "https"):
        raise MediaSourceError(f"{url[:200]}: {scheme}: addresses are not read; give a path or an https: address")
    return download(url, limits)
