"""Bytes by their sha256, in a folder or at any fsspec URL: the floor that the artifact store stands on."""

import contextlib
import errno
import hashlib
import os
import re
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from vitron_agent.errors import ArtifactError

_DIGEST = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20
_DAY_SECONDS = 86_400


class BlobStore:
    """Keeps equal bytes once.

    A file appears under its final name only when it is complete, and readers check its hash. Safe for several threads
    and processes. Digests are 64 hexadecimal digits; ``suffix`` only helps people who look into the folder.

    Args:
        url: A folder (made where it is missing), ``memory://`` (private to this store, for tests) or an fsspec URL.

    Raises:
        ArtifactError: The place cannot be opened.
    """

    def __init__(self, url: str | os.PathLike[str]) -> None:
        import fsspec  # type: ignore[import-untyped]
        from fsspec.implementations.local import LocalFileSystem  # type: ignore[import-untyped]
        from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]

        self.url = os.fspath(url)
        self._folder: Path | None = None
        try:
            if self.url == "memory://":
                self._fs, self._root = MemoryFileSystem(skip_instance_cache=True), "/artifacts"
                self._fs.store, self._fs.pseudo_dirs = {}, [""]  # fsspec shares these among all instances
            else:
                self._fs, self._root = fsspec.url_to_fs(self.url, use_listings_cache=False)
            if isinstance(self._fs, LocalFileSystem):
                self._folder = Path(self._root)
                (self._folder / "tmp").mkdir(parents=True, exist_ok=True)
                self._sweep(self._folder / "tmp")
        except (OSError, ValueError, ImportError) as error:
            raise ArtifactError(
                f"cannot open the artifact store {self.url!r} ({error}); give artifacts= a writable folder or a URL "
                "that fsspec knows"
            ) from error

    def put(self, data: bytes, suffix: str) -> str:
        """Keeps bytes and returns their digest; raises ArtifactError if they cannot be written."""
        digest = hashlib.sha256(data).hexdigest()
        key = self._key(digest, suffix)
        with self.writing():
            if self._holds(key, len(data)):
                return digest
            if self._folder is None:
                self._fs.pipe_file(key, data)
            else:
                with self.scratch() as temporary:
                    temporary.write_bytes(data)
                    self._publish(temporary, Path(key))
        return digest

    def put_file(self, path: Path, suffix: str) -> str:
        """Keeps a file of any size, read in pieces, and returns its digest; a file from :meth:`scratch` is moved.

        Raises:
            ArtifactError: It cannot be read or written.
        """
        with self.writing():
            if self._folder is None or path.parent == self._folder / "tmp":
                return self._keep_file(path, suffix)
            with self.scratch() as copy:
                with path.open("rb") as read, copy.open("wb") as write:
                    while block := read.read(_BLOCK):
                        write.write(block)
                return self._keep_file(copy, suffix)

    @contextlib.contextmanager
    def scratch(self, suffix: str = "") -> Iterator[Path]:
        """A path for a file in the making, on the store's disk where it has one; removed at the end unless put."""
        folder = Path(tempfile.gettempdir()) if self._folder is None else self._folder / "tmp"
        path = folder / f"{uuid.uuid4().hex}{suffix}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Turns the errors of the file system into ArtifactError."""
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            fix = "free some space there" if full else "make it readable and writable"
            raise ArtifactError(
                f"cannot keep an artifact in {self.url}: {error.strerror or error}; {fix}, or give artifacts= "
                "another place"
            ) from error

    def read(self, digest: str, suffix: str | None = None) -> bytes:
        """The bytes, checked; raises ArtifactError if they are missing or damaged."""
        with self.open(digest, suffix) as file:
            data = file.read()
        self._compare(digest, hashlib.sha256(data).hexdigest())
        return data

    def check(self, digest: str, suffix: str | None = None) -> None:
        """Reads the bytes in pieces; raises ArtifactError if they are missing or damaged."""
        hasher = hashlib.sha256()
        with self.open(digest, suffix) as file:
            while block := file.read(_BLOCK):
                hasher.update(block)
        self._compare(digest, hasher.hexdigest())

    def open(self, digest: str, suffix: str | None = None) -> BinaryIO:
        """The bytes as a file, unchecked; raises ArtifactError if they are missing."""
        try:
            return cast("BinaryIO", self._fs.open(self._find(digest, suffix), "rb"))
        except OSError as error:
            raise ArtifactError(f"artifact sha256:{digest} cannot be read from {self.url}: {error}") from error

    def path(self, digest: str, suffix: str | None = None) -> Path | None:
        """The file on this machine; None where the store is not a folder. Raises ArtifactError if it is missing."""
        return None if self._folder is None else Path(self._find(digest, suffix))

    def exists(self, digest: str, suffix: str | None = None) -> bool:
        """Whether it is held."""
        return bool(self._keys(digest, suffix))

    def size(self, digest: str, suffix: str | None = None) -> int:
        """Number of bytes; raises ArtifactError if it is missing."""
        return int(self._fs.size(self._find(digest, suffix)))

    def age(self, digest: str, suffix: str | None = None) -> float:
        """Seconds since it was last put; raises ArtifactError if it is missing."""
        try:
            return time.time() - float(self._fs.modified(self._find(digest, suffix)).timestamp())
        except FileNotFoundError as error:  # deleted since it was found
            raise self._missing(digest) from error

    def delete(self, digest: str) -> None:
        """Removes it; nothing happens where it is gone already."""
        for key in self._keys(digest):
            with contextlib.suppress(FileNotFoundError):
                self._fs.rm_file(key)

    def digests(self) -> Iterator[str]:
        """Everything held, in no order."""
        for key in self._fs.find(self._root):
            digest = str(key).rsplit("/", 1)[-1].split(".", 1)[0]
            if _DIGEST.fullmatch(digest):
                yield digest

    def _key(self, digest: str, suffix: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}{suffix}"

    def _keys(self, digest: str, suffix: str | None = None) -> list[str]:
        if suffix is not None:
            key = self._key(digest, suffix)
            return [key] if self._fs.exists(key) else []
        try:
            names = self._fs.ls(f"{self._root}/{digest[:2]}", detail=False)
        except FileNotFoundError:
            return []
        return [str(name) for name in names if str(name).rsplit("/", 1)[-1].startswith(f"{digest}.")]

    def _find(self, digest: str, suffix: str | None) -> str:
        keys = self._keys(digest, suffix)
        if not keys:
            raise self._missing(digest)
        return keys[0]

    def _missing(self, digest: str) -> ArtifactError:
        return ArtifactError(
            f"artifact sha256:{digest} is not in the store {self.url}; open the store that the conversation was "
            "written with, or send its source again"
        )

    def _holds(self, key: str, nbytes: int) -> bool:
        """Whether it is there already, in full length (a power failure may have cut it short) and young again.

        Never where the store is not a folder: only writing again makes a file young there, for age().
        """
        if self._folder is None:
            return False
        try:
            if self._fs.size(key) != nbytes:
                return False
            os.utime(key)
        except FileNotFoundError:
            return False
        return True

    def _keep_file(self, path: Path, suffix: str) -> str:
        """Keeps a file that nobody else writes to."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        key = self._key(digest, suffix)
        if not self._holds(key, path.stat().st_size):
            if self._folder is None:
                self._fs.put_file(os.fspath(path), key)
            else:
                self._publish(path, Path(key))
        return digest

    def _compare(self, wanted: str, found: str) -> None:
        if wanted != found:
            raise ArtifactError(
                f"artifact sha256:{wanted} is damaged in {self.url}; restore it from a backup, or delete it and send "
                "its source again"
            )

    @staticmethod
    def _publish(temporary: Path, final: Path) -> None:
        final.parent.mkdir(exist_ok=True)
        temporary.replace(final)

    @staticmethod
    def _sweep(folder: Path) -> None:
        """Removes what killed processes left behind more than a day ago."""
        for leftover in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - leftover.stat().st_mtime > _DAY_SECONDS:
                    leftover.unlink()
