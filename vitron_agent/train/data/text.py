"""The written material of the training set: sections of phrasings and word lists, one entry a line."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def sections(folder: str) -> Mapping[str, tuple[str, ...]]:
    """All ``# name`` sections of the text files in ``phrasings`` or ``lexicon``.

    Raises:
        ValueError: Two sections have one name, or a line stands before the first section.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(files("vitron_agent.train.data").joinpath(folder).iterdir(), key=lambda item: item.name):
        if not path.name.endswith(".txt"):
            continue
        section: list[str] | None = None
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("# "):
                name = line[2:].strip()
                if name in found:
                    raise ValueError(f"section {name!r} of {path.name} exists already")
                section = found[name] = []
            elif section is not None:
                if line.strip():
                    section.append(line.strip())
            elif line.strip():
                raise ValueError(f"{path.name} begins without a section header")
    return {name: tuple(lines) for name, lines in found.items()}
