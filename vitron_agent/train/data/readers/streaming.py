"""Samples as a stream of the ``datasets`` library: shuffled by a buffer, split between processes, resumed."""

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from vitron_agent.train.data.readers.common import Found
from vitron_agent.train.data.samples import Bad, Sample, usable

if TYPE_CHECKING:
    from datasets import IterableDataset  # type: ignore[import-untyped]

_log = logging.getLogger(__name__)


def stream(
    reader: Callable[..., Found], *args: Any, report: Callable[[Bad], None] | None = None, **options: Any
) -> "IterableDataset":
    """The samples of a reader as rows ``{"sample": Sample}``.

    Chain what the library has: ``.shuffle(seed=0, buffer_size=1000)``, ``.take(n)``, ``.map(...)``,
    ``split_dataset_by_node``; ``state_dict()`` and ``load_state_dict()`` go on after the last row given (the library
    refills a shuffle buffer on resume and does not give again what was in it). Media are not read.

    Args:
        reader: One of ``READERS``.
        args: What it takes.
        report: Is told of every bad record; a warning is logged by default.
        options: What it takes by name.

    Raises:
        UsageError: At the first row, if what the reader is given is not its set.
    """
    from datasets import IterableDataset

    given = {"reader": reader, "args": args, "options": options, "report": report or _warn}
    return IterableDataset.from_generator(_rows, gen_kwargs=given)


def _rows(
    reader: Callable[..., Found], args: tuple[Any, ...], options: dict[str, Any], report: Callable[[Bad], None]
) -> Iterator[dict[str, Sample]]:
    return ({"sample": sample} for sample in usable(reader(*args, **options), report))


def _warn(bad: Bad) -> None:
    _log.warning("%s: %s", bad.where, bad.why)
