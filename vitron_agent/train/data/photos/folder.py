"""Folders of photos that show one thing each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vitron_agent.errors import UsageError
from vitron_agent.train.data.photos.kinds import Kind, Kinds
from vitron_agent.train.data.photos.split import Part, part_of
from vitron_agent.train.data.samples import Bad

_FORMATS = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of one thing.

    Attributes:
        path: Of the picture.
        name: Unique in its folder.
        kind: Of the thing.
        part: What the photo is for.
    """

    path: Path
    name: str
    kind: Kind
    part: Part


def read_photos(folder: Path, kinds: Kinds, report: Callable[[Bad], None]) -> list[Photo]:
    """All photos ``<WordNet id>_<class name>.jpg`` of a folder, or those in folders named by class or WordNet id.

    Args:
        folder: With either layout.
        kinds: What classes mean.
        report: Is told of each class that is not known, and whose photos are left out.

    Raises:
        UsageError: There is no photo of a known class.
    """
    found, known = [], dict[str, Kind | None]()
    for path in sorted(one for one in folder.glob("**/*") if one.suffix.lower() in _FORMATS):
        label = path.stem if path.parent == folder else path.parent.name
        if label not in known:
            known[label] = _kind_of(label, kinds)
            if known[label] is None:
                report(Bad(str(path), f"{label!r} is no WordNet id and no word of the table of nouns"))
        if (kind := known[label]) is not None:
            name = path.relative_to(folder).with_suffix("").as_posix()
            found.append(Photo(path, name, kind, part_of(kind.wordnet_id, path.stem)))
    if not found:
        raise UsageError(
            f"{folder} holds no photos of known classes: <WordNet id>_<class>.jpg, or one folder a class, named by it"
        )
    return found


def _kind_of(label: str, kinds: Kinds) -> Kind | None:
    wordnet_id, _, _ = label.partition("_")
    return kinds.kind(wordnet_id) if _is_id(wordnet_id) else kinds.named(label)


def _is_id(text: str) -> bool:
    return len(text) == 9 and text[0] == "n" and text[1:].isdigit()
