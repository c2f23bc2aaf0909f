"""Artifacts: content-addressed media, and the store that holds them."""

import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from vitron_agent import codecs
from vitron_agent.codecs import ImageArray
from vitron_agent.errors import ArtifactError

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
    "video/x-matroska": ".mkv",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
    "image/gif": ".gif",
}


@dataclass(frozen=True, eq=False)
class Boxes:
    """Labelled boxes on one picture.

    Attributes:
        xyxy: (n, 4) float64, (x_left, y_top, x_right, y_bottom), each in [0, 1] of width or height; read-only.
        labels: n words.
        scores: n confidences in [0, 1].

    Raises:
        ValueError: The three do not fit together, or a value is out of range.
    """

    xyxy: NDArray[np.float64]
    labels: tuple[str, ...]
    scores: tuple[float, ...]

    def __post_init__(self) -> None:
        xyxy = np.array(self.xyxy, dtype=np.float64).reshape(-1, 4) if len(self.xyxy) == 0 else np.array(self.xyxy)
        if xyxy.ndim != 2 or xyxy.shape[1] != 4:
            raise ValueError(f"xyxy must have shape (n, 4), got {xyxy.shape}")
        xyxy = xyxy.astype(np.float64)
        num_boxes = len(xyxy)
        for name, values in (("labels", self.labels), ("scores", self.scores)):
            if len(values) != num_boxes:
                raise ValueError(f"{name} must have length {num_boxes} (one for each box), got {len(values)}")
        if not (np.isfinite(xyxy).all() and (xyxy >= 0).all() and (xyxy <= 1).all()):
            raise ValueError(f"xyxy must lie in [0, 1]; divide pixels by width and height; got {xyxy.tolist()}")
        if not ((xyxy[:, 0] < xyxy[:, 2]) & (xyxy[:, 1] < xyxy[:, 3])).all():
            raise ValueError(f"each box must have left < right and top < bottom, got {xyxy.tolist()}")
        if any(not 0 <= score <= 1 for score in self.scores):
            raise ValueError(f"scores must lie in [0, 1], got {self.scores}")
        xyxy.flags.writeable = False
        object.__setattr__(self, "xyxy", xyxy)
        object.__setattr__(self, "labels", tuple(self.labels))
        object.__setattr__(self, "scores", tuple(float(score) for score in self.scores))

    def __len__(self) -> int:
        return len(self.labels)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Boxes):
            return NotImplemented
        same_words = (self.labels, self.scores) == (other.labels, other.scores)
        return same_words and np.array_equal(self.xyxy, other.xyxy)

    __hash__ = None  # type: ignore[assignment]

    def pixels(self, width: int, height: int) -> NDArray[np.float64]:
        """The boxes as (n, 4) float64 in pixels of a picture of that size."""
        return self.xyxy * np.array([width, height, width, height], dtype=np.float64)


class ArtifactStore:
    """Artifacts by the sha256 of their bytes, in a folder or at any fsspec URL.

    Equal bytes are kept once. A file appears under its final name only when it is complete; readers check its hash.
    Safe for several threads and processes.

    Args:
        url: A folder (made where it is missing), ``memory://`` (private to this store, for tests) or an fsspec URL
            such as ``s3://bucket/prefix``.
        cache_bytes: How much memory decoded pictures may keep.

    Raises:
        ArtifactError: The place cannot be opened.
    """

    def __init__(self, url: str | os.PathLike[str], *, cache_bytes: int = 256 * 1024**2) -> None:
        import fsspec  # type: ignore[import-untyped]
        from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
        from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

        self.url = os.fspath(url)
        self._cache = _Cache(cache_bytes)
        self._folder: Path | None = None
        try:
            if self.url == "memory://":
                self._fs, self._root = MemoryFileSystem(skip_instance_cache=True), "/artifacts"
                self._fs.store, self._fs.pseudo_dirs = {}, [""]  # fsspec shares these among all instances
            else:
                self._fs, self._root = fsspec.url_to_fs(self.url)
            if isinstance(self._fs, LocalFileSystem):
                self._folder = Path(self._root)
                (self._folder / "tmp").mkdir(parents=True, exist_ok=True)
                self._sweep()
        except (OSError, ValueError, ImportError) as error:
            raise ArtifactError(
                f"cannot open the artifact store {self.url!r}: {error}; give artifacts= a writable folder or a URL "
                "that fsspec knows"
            ) from error

    # ---- writing

    def put_image(self, array: ImageArray, icc: bytes | None = None) -> ArtifactRef:
        """Keeps a picture, lossless.

        Args:
            array: (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha, uint8 or uint16.
            icc: The ICC profile that its numbers are meant in; None = sRGB.

        Raises:
            ValueError: Another shape or dtype.
            ArtifactError: It cannot be written.
        """
        data = codecs.encode_image(array, icc)
        ref = self._put_array(data, "image", array)
        self._cache.put((ref.id, "image"), _frozen_copy(array))
        return ref

    def put_mask(self, mask: NDArray[np.bool_]) -> ArtifactRef:
        """Keeps a (H, W) bool mask as 1-bit PNG; raises as :meth:`put_image`."""
        return self._put_array(codecs.encode_mask(mask), "mask", mask)

    def put_partition(self, labels: NDArray[np.uint16]) -> ArtifactRef:
        """Keeps a (H, W) uint16 label map as 16-bit PNG; raises as :meth:`put_image`."""
        return self._put_array(codecs.encode_partition(labels), "partition", labels)

    def put_boxes(self, boxes: Boxes, width: int, height: int) -> ArtifactRef:
        """Keeps boxes as JSON, beside the size in pixels of the picture that they lie on."""
        rows = [
            {"xyxy": row, "label": label, "score": score}
            for row, label, score in zip(boxes.xyxy.tolist(), boxes.labels, boxes.scores, strict=True)
        ]
        data = _to_json({"boxes": rows, "width": width, "height": height})
        return self.put_bytes(data, "boxes", "application/json", width=width, height=height, shape=(len(rows), 4))

    def put_interval(self, spans: tuple[tuple[int, int], ...], *, frames: int, fps: float) -> ArtifactRef:
        """Keeps frame spans of a clip as JSON.

        Args:
            spans: (first, last) frames, 0-based and inclusive, in order.
            frames: Number of frames of the clip.
            fps: Its frames a second.

        Raises:
            ValueError: A span does not lie within the clip.
            ArtifactError: It cannot be written.
        """
        if any(not 0 <= first <= last < frames for first, last in spans):
            raise ValueError(f"spans are (first, last) with 0 <= first <= last < {frames}, got {spans}")
        data = _to_json({"spans": [list(span) for span in spans], "frames": frames, "fps": fps})
        return self.put_bytes(data, "interval", "application/json", frames=frames, fps=fps, shape=(len(spans), 2))

    def put_tensors(self, tensors: Mapping[str, NDArray[Any]]) -> ArtifactRef:
        """Keeps named arrays as safetensors; raises ArtifactError if it cannot be written."""
        from safetensors.numpy import save

        data = save(dict(tensors))
        dtypes = {str(tensor.dtype) for tensor in tensors.values()}
        return self.put_bytes(data, "tensor", "application/x-safetensors", dtype="/".join(sorted(dtypes)))

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
        digest = hashlib.sha256(data).hexdigest()
        ref = ArtifactRef(id=f"sha256:{digest}", kind=kind, mime=mime, nbytes=len(data), **facts)
        key = self._key(digest, mime)
        with self._writing(ref.id):
            if self._holds(key, len(data)):
                return ref
            if self._folder is None:
                self._fs.pipe_file(key, data)
            else:
                with self.scratch() as temporary:
                    temporary.write_bytes(data)
                    self._publish(temporary, Path(key))
        return ref

    def put_file(self, path: str | os.PathLike[str], kind: Kind, mime: str, **facts: Any) -> ArtifactRef:
        """Keeps a copy of a file of any size; it is read in pieces.

        Args:
            path: The file. A file from :meth:`scratch` is moved, not copied.
            kind: What it is.
            mime: Its media type.
            **facts: The other fields of :class:`ArtifactRef`.

        Raises:
            ArtifactError: It cannot be read or written.
        """
        source = Path(path)
        with self._writing(str(source)):
            with source.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            nbytes = source.stat().st_size
            ref = ArtifactRef(id=f"sha256:{digest}", kind=kind, mime=mime, nbytes=nbytes, **facts)
            key = self._key(digest, mime)
            if self._holds(key, nbytes):
                return ref
            if self._folder is None:
                self._fs.put_file(os.fspath(source), key)
            elif source.parent == self._folder / "tmp":
                self._publish(source, Path(key))
            else:
                self._copy_in(source, Path(key), digest)
        return ref

    @contextlib.contextmanager
    def scratch(self, suffix: str = "") -> Iterator[Path]:
        """A path for a file in the making, on the store's disk where it has one; removed at the end unless put.

        Args:
            suffix: Its ending, such as ``.mkv``.
        """
        folder = None if self._folder is None else self._folder / "tmp"
        handle, name = tempfile.mkstemp(suffix=suffix, dir=folder)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

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
            rows = json.loads(self.read(artifact))["boxes"]
            xyxy = np.array([row["xyxy"] for row in rows], dtype=np.float64).reshape(-1, 4)
            return Boxes(xyxy, tuple(row["label"] for row in rows), tuple(row["score"] for row in rows))

    def interval(self, artifact: ArtifactRef | str) -> tuple[tuple[int, int], ...]:
        """The (first, last) frame spans of an interval, 0-based and inclusive; raises as :meth:`image`."""
        with _understanding(artifact, "interval"):
            return tuple((first, last) for first, last in json.loads(self.read(artifact))["spans"])

    def tensors(self, artifact: ArtifactRef | str) -> dict[str, NDArray[Any]]:
        """Named arrays; raises as :meth:`image`."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        data = self.read(artifact)
        try:
            return load(data)
        except SafetensorError as error:
            raise ArtifactError(f"{_id(artifact)} holds no tensors: {error}") from error

    def icc(self, artifact: ArtifactRef | str) -> bytes | None:
        """The ICC profile that a picture's numbers are meant in; None = sRGB. Raises as :meth:`image`."""
        with _understanding(artifact, "image"):
            data = self.read(artifact)
            codecs.png_header(data)
            return codecs.read_icc(data)

    def read(self, artifact: ArtifactRef | str) -> bytes:
        """The bytes, checked against the id.

        Raises:
            ArtifactError: They are missing or damaged.
        """
        with self.open(artifact) as file:
            data = file.read()
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != _id(artifact):
            raise ArtifactError(
                f"artifact {_id(artifact)} is damaged in {self.url}; restore it from a backup, or delete it and send "
                "its source again"
            )
        return data

    def open(self, artifact: ArtifactRef | str) -> BinaryIO:
        """The bytes as a file, unchecked, for clips; raises ArtifactError if they are missing."""
        key = self._find(artifact)
        try:
            return cast("BinaryIO", self._fs.open(key, "rb"))
        except OSError as error:
            raise ArtifactError(f"artifact {_id(artifact)} cannot be read from {self.url}: {error}") from error

    def path(self, artifact: ArtifactRef | str) -> Path | None:
        """The file on this machine, for other programs to read; None where the store is not a folder.

        Raises:
            ArtifactError: It is missing.
        """
        return None if self._folder is None else Path(self._find(artifact))

    # ---- keeping house

    def exists(self, artifact: ArtifactRef | str) -> bool:
        """Whether the store holds it."""
        return bool(self._keys(artifact))

    def nbytes(self, artifact: ArtifactRef | str) -> int:
        """Number of bytes; raises ArtifactError if it is missing."""
        return int(self._fs.size(self._find(artifact)))

    def age(self, artifact: ArtifactRef | str) -> float:
        """Seconds since it was last put, so that garbage collection can spare what is being used right now.

        Raises:
            ArtifactError: It is missing.
        """
        return time.time() - float(self._fs.modified(self._find(artifact)).timestamp())

    def delete(self, artifact: ArtifactRef | str) -> None:
        """Removes it; nothing happens where it is gone already."""
        self._cache.drop(_id(artifact))
        for key in self._keys(artifact):
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm_file(key)

    def ids(self) -> Iterator[str]:
        """The ids of everything held, in no order."""
        for key in self._fs.find(self._root):
            name = str(key).rsplit("/", 1)[-1].split(".", 1)[0]
            if len(name) == 64:
                yield f"sha256:{name}"

    # ---- inside

    def _put_array(self, data: bytes, kind: Kind, array: NDArray[Any]) -> ArtifactRef:
        height, width = array.shape[:2]
        facts = {"width": width, "height": height, "dtype": str(array.dtype), "shape": array.shape}
        return self.put_bytes(data, kind, "image/png", **facts)

    def _decoded(
        self, artifact: ArtifactRef | str, kind: Kind, decode: Callable[[bytes], NDArray[Any]]
    ) -> NDArray[Any]:
        cached = self._cache.get((_id(artifact), kind))
        if cached is not None:
            return cached
        data = self.read(artifact)
        with _understanding(artifact, kind):
            found = codecs.png_header(data).kind
            if found != kind:
                raise ValueError(f"it is a {found}")
            array = decode(data)
        array.flags.writeable = False
        self._cache.put((_id(artifact), kind), array)
        return array

    def _key(self, digest: str, mime: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}{_SUFFIXES.get(mime, '.bin')}"

    def _keys(self, artifact: ArtifactRef | str) -> list[str]:
        digest = _id(artifact).removeprefix("sha256:")
        if isinstance(artifact, ArtifactRef):
            key = self._key(digest, artifact.mime)
            return [key] if self._fs.exists(key) else []
        return [str(key) for key in self._fs.glob(f"{self._root}/{digest[:2]}/{digest}.*")]

    def _find(self, artifact: ArtifactRef | str) -> str:
        keys = self._keys(artifact)
        if not keys:
            raise ArtifactError(
                f"artifact {_id(artifact)} is not in the store {self.url}; open the store that the conversation was "
                "written with, or send its source again"
            )
        return keys[0]

    def _holds(self, key: str, nbytes: int) -> bool:
        """Whether the very bytes are there already; a file cut short by a power failure is written anew."""
        try:
            if self._fs.size(key) != nbytes:
                return False
            if self._folder is not None:
                os.utime(key)
        except FileNotFoundError:
            return False
        return True

    def _publish(self, temporary: Path, final: Path) -> None:
        final.parent.mkdir(exist_ok=True)
        temporary.chmod(0o644)
        temporary.replace(final)

    def _copy_in(self, source: Path, final: Path, digest: str) -> None:
        hasher = hashlib.sha256()
        with self.scratch() as temporary:
            with source.open("rb") as read, temporary.open("wb") as write:
                while block := read.read(1 << 20):
                    hasher.update(block)
                    write.write(block)
            if hasher.hexdigest() != digest:
                raise ArtifactError(f"{source} changed while it was read; send it again when it is finished")
            self._publish(temporary, final)

    @contextlib.contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            fix = "free some space" if full else "make it readable and writable"
            raise ArtifactError(
                f"cannot keep {name} in {self.url}: {error.strerror or error}; {fix}, or give artifacts= another place"
            ) from error

    def _sweep(self) -> None:
        """Removes what killed processes left behind more than a day ago."""
        assert self._folder is not None
        for leftover in (self._folder / "tmp").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - leftover.stat().st_mtime > 86_400:
                    leftover.unlink()


class _Cache:
    """Least recently used arrays, bounded by their bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._arrays: OrderedDict[tuple[str, Kind], NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, Kind]) -> NDArray[Any] | None:
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
            return self._arrays.get(key)

    def put(self, key: tuple[str, Kind], array: NDArray[Any]) -> None:
        with self._lock:
            if key in self._arrays or array.nbytes > self._limit:
                return
            self._arrays[key] = array
            self._held += array.nbytes
            while self._held > self._limit:
                self._held -= self._arrays.popitem(last=False)[1].nbytes

    def drop(self, artifact_id: str) -> None:
        with self._lock:
            for key in [key for key in self._arrays if key[0] == artifact_id]:
                self._held -= self._arrays.pop(key).nbytes


def _id(artifact: ArtifactRef | str) -> str:
    if isinstance(artifact, ArtifactRef):
        return artifact.id
    if not _ID.fullmatch(artifact):
        raise ArtifactError(f"{artifact!r} is no artifact id; ids are 'sha256:' and 64 hexadecimal digits")
    return artifact


def _frozen_copy(array: NDArray[Any]) -> Any:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _to_json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@contextlib.contextmanager
def _understanding(artifact: ArtifactRef | str, kind: Kind) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"artifact {_id(artifact)} cannot be read as {kind}: {error}") from error
