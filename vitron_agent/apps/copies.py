"""Copies of what a turn made, in a folder that the user names; never over other files."""

import hashlib
import os
import shutil
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from vitron_agent.errors import UsageError

if TYPE_CHECKING:
    from vitron_agent.replies import Artifact


def make_folder(folder: Path) -> None:
    """Makes the folder, before any work is done whose copies go there; raises UsageError where there can be none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be a folder for copies: {error.strerror}; name another") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"nothing may be written to {folder}; name another folder, or change its permissions")


def copy(artifact: "Artifact", folder: Path) -> Path:
    """Copies an artifact; the name is numbered where another file has it, as handles begin again in each thread.

    Raises:
        OSError: The copy cannot be written.
    """
    from vitron_agent.artifacts import suffix_of

    suffix = suffix_of(artifact.ref.mime)
    names = (f"{artifact.handle}-{number}" if number else artifact.handle for number in count())
    targets = (folder / f"{name}{suffix}" for name in names)
    target = next(path for path in targets if not path.exists() or _id(path) == artifact.ref.id)
    if not target.exists():
        with artifact.store.open(artifact.ref) as kept, target.open("xb") as file:
            shutil.copyfileobj(kept, file)
    return target


def _id(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
