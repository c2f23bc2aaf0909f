"""What callers attach to a message, checked and taken in before a turn begins."""

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from vitron_agent.artifacts import HANDLE_STEMS, ArtifactRef, ArtifactStore
from vitron_agent.config import Settings
from vitron_agent.errors import MediaLimitError, UnknownThreadError, UsageError
from vitron_agent.ingest import MediaKind, Source, ingest
from vitron_agent.memory.repository import Repository
from vitron_agent.memory.views import Recollection
from vitron_agent.messages import Handle, Region
from vitron_agent.replies import Artifact

Attachment: TypeAlias = "Source | Artifact"
"""A path, an https address, bytes, a PIL image, an array, or an earlier artifact (of a reply, or its handle)."""
Attachments: TypeAlias = "Attachment | Iterable[Attachment] | None"
"""Several, one, or none."""
_HANDLE = re.compile(rf"({'|'.join(HANDLE_STEMS.values())})-[0-9]{{1,9}}")


def listed(given: Any) -> list[Any]:
    """Several or one as a list."""
    if given is None:
        return []
    if isinstance(given, str | bytes | bytearray | memoryview | os.PathLike | np.ndarray | Artifact | ArtifactRef):
        return [given]
    if isinstance(given, Region) or not isinstance(given, Iterable):
        return [given]
    return list(given)


def take_in(
    images: Attachments,
    videos: Attachments,
    *,
    thread: str,
    store: ArtifactStore,
    repository: Repository,
    settings: Settings,
) -> list[ArtifactRef | Handle]:
    """Takes media through the gate; earlier artifacts of the conversation keep their handles. Blocking.

    Raises:
        MediaError: One was refused, or they are too many.
        UnknownThreadError: A handle is unknown in the conversation.
    """
    wanted: list[tuple[Any, MediaKind]] = [(item, "image") for item in listed(images)]
    wanted += [(item, "video") for item in listed(videos)]
    if len(wanted) > settings.max_attachments:
        raise MediaLimitError(
            f"{len(wanted)} media came with one message; {settings.max_attachments} may (setting max_attachments)"
        )
    taken: list[ArtifactRef | Handle] = []
    for item, kind in wanted:
        if isinstance(item, str) and _HANDLE.fullmatch(item):
            repository.resolve(thread, [item])
            taken.append(item)
        elif isinstance(item, Artifact) and _is_known(repository, thread, item):
            taken.append(item.handle)
        else:
            source = item.ref if isinstance(item, Artifact) else item
            taken.append(ingest(source, store=store, limits=settings.limits, roots=settings.roots, kind=kind))
    return taken


def check_request(
    text: str, regions: Sequence[Region], taken: Sequence[ArtifactRef | Handle], settings: Settings
) -> None:
    """Checks a message; raises UsageError where there is none, it is too long, or a region is none."""
    if not isinstance(text, str) or not (text.strip() or taken or regions):
        raise UsageError("say what to do: text is empty and nothing is attached")
    if len(text) > settings.max_characters:
        raise UsageError(
            f"the message has {len(text)} characters; {settings.max_characters} may be (setting max_characters)"
        )
    strange = next((region for region in regions if not isinstance(region, Region)), None)
    if strange is not None:
        raise UsageError(f"regions are made by Region.box(...) and its like, got {strange!r}")


def check_sources(
    regions: Sequence[Region], taken: Sequence[ArtifactRef | Handle], thread: str, repository: Repository
) -> None:
    """Raises UnknownThreadError where a region was drawn on something that does not exist. Blocking."""
    sources = {region.source for region in regions if region.source is not None}
    if not sources:
        return
    memory = repository.recall(thread)
    known = {item.handle for item in memory.media} | set(named(taken, memory).values())
    for source in sorted(sources - known):
        try:
            repository.resolve(thread, [source])
        except UnknownThreadError as error:
            raise UnknownThreadError(
                f"a region is drawn on {source!r}, which this conversation doesn't have; it has "
                f"{', '.join(sorted(known)) or 'nothing yet'}"
            ) from error


def named(taken: Sequence[ArtifactRef | Handle], memory: Recollection) -> dict[int, Handle]:
    """The handle that each attachment has or will get, by its position."""
    numbers = dict(memory.next_numbers)
    handles: dict[int, Handle] = {}
    for position, item in enumerate(taken):
        if isinstance(item, ArtifactRef):
            stem = HANDLE_STEMS[item.kind]
            number = numbers.get(stem, 1)
            numbers[stem] = number + 1
            handles[position] = f"{stem}-{number}"
        else:
            handles[position] = item
    return handles


def _is_known(repository: Repository, thread: str, item: Artifact) -> bool:
    if not item.handle:
        return False
    try:
        return repository.resolve(thread, [item.handle])[item.handle].id == item.ref.id
    except UnknownThreadError:
        return False
