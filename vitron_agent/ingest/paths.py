"""Opens files for the gate: regular files only, and only inside the given folders."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from vitron_agent.errors import MediaSourceError

_READ_ONLY = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def open_path(path: str | os.PathLike[str], roots: Sequence[Path] | None) -> BinaryIO:
    """Opens a file for reading.

    Args:
        path: Where it lies; relative to the working directory.
        roots: Folders that it must lie in after following links; None = anywhere.

    Raises:
        MediaSourceError: It is missing, unreadable, not a regular file, or outside the folders.
    """
    try:
        real = Path(path).resolve()
        inside = roots is None or any(real.is_relative_to(root.resolve()) for root in roots)
        # Looked at before opening, because opening a device may already do something.
        regular = inside and stat.S_ISREG(real.stat().st_mode)
        file = os.fdopen(os.open(real, _READ_ONLY), "rb") if regular else None
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise MediaSourceError(f"{path}: it cannot be opened ({error}); check the path") from error
    if not inside:
        raise _outside(path, roots)
    if file is None:
        raise MediaSourceError(f"{path}: it is not a regular file; give the path of a picture or clip")
    if not _is_what_was_checked(file, real):
        file.close()
        raise _outside(path, roots)
    return file


def _is_what_was_checked(file: BinaryIO, real: Path) -> bool:
    """Whether nobody put a link or another file in the path's place between the check and the opening."""
    try:
        return real.resolve(strict=True) == real and os.path.samestat(real.stat(), os.fstat(file.fileno()))
    except OSError:
        return False


def _outside(path: str | os.PathLike[str], roots: Sequence[Path] | None) -> MediaSourceError:
    folders = ", ".join(map(str, roots or ())) or "none"
    return MediaSourceError(
        f"{path}: it lies outside the folders that may be read ({folders}); move it there, or add its folder to roots="
    )
