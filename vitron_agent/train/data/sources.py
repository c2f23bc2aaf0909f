"""Which samples a stage learns from, by its command line."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from vitron_agent.errors import UsageError
from vitron_agent.train.data.photos.cutouts import Cutouts
from vitron_agent.train.data.photos.folder import read_photos
from vitron_agent.train.data.photos.kinds import Kinds
from vitron_agent.train.data.photos.making import TASKS, Pasted, photo_samples
from vitron_agent.train.data.photos.split import Part, mentions_held_out
from vitron_agent.train.data.readers import READERS
from vitron_agent.train.data.samples import Bad, Sample, Task, usable
from vitron_agent.train.data.scenes import samples as scene_samples

_NAMED = 20
"""So many left-out records are named one by one; all are counted."""


class LeftOut:
    """Tells standard error of records that are left out, the first ones by name, and counts them by reason."""

    def __init__(self) -> None:
        self._reasons: Counter[str] = Counter()

    def __call__(self, bad: Bad) -> None:
        """Counts it."""
        self._reasons[bad.why.partition(":")[0]] += 1
        if self._reasons.total() <= _NAMED:
            sys.stderr.write(f"left out {bad.where}: {bad.why}\n")

    def __str__(self) -> str:
        told = "".join(f"\n  {count} x {why}" for why, count in self._reasons.most_common(_NAMED))
        return f"{self._reasons.total()} records left out{told}"


def add_source_options(parser: argparse.ArgumentParser, *, scenes: int, clips: int) -> None:
    """Adds ``--scenes``, ``--clips``, ``--photos`` and ``--read``; the numbers are the defaults."""
    parser.add_argument("--scenes", type=int, default=scenes, help="samples of drawn pictures (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=clips, help="samples of drawn clips (default: %(default)s)")
    parser.add_argument("--photos", type=Path, help="folder of photos of one thing each, named or sorted by class")
    parser.add_argument("--cutouts", type=Path, help="what `python -m vitron_agent.train.data.photos` cut out of them")
    parser.add_argument("--pasted", type=int, default=0, help="samples of cut-outs pasted on photos")
    parser.add_argument(
        "--read", nargs=2, action="append", default=[], metavar=("SET", "PATH"),
        help=f"samples of a public set that lies there; sets: {', '.join(READERS)}. Repeatable",
    )  # fmt: skip
    parser.add_argument("--limit", type=int, help="so many samples of each public set (default: all)")


def gather(options: argparse.Namespace, tasks: Sequence[Task], left_out: LeftOut) -> Iterator[Sample]:
    """The samples that the command line names, of these tasks.

    Raises:
        UsageError: There is no set of that name, or its path doesn't hold it; or photos without cut-outs.
    """
    if options.pasted and not (options.photos and options.cutouts):
        raise UsageError("--pasted needs --photos and --cutouts")
    yield from scene_samples("train", tasks, options.scenes)
    yield from scene_samples("train", tasks, options.clips, media="video")
    if options.photos:
        yield from _of(_photos(options, tasks, left_out), tasks, left_out)
    for name, path in options.read:
        if name not in READERS:
            raise UsageError(f"there is no reader for {name!r}; there are {', '.join(READERS)}")
        yield from islice(_of(READERS[name](Path(path)), tasks, left_out), options.limit)


def _photos(options: argparse.Namespace, tasks: Sequence[Task], left_out: LeftOut) -> Iterator[Sample]:
    """Photos as they are, then cut-outs pasted on them; of the training part alone."""
    kinds = Kinds()
    photos, cutouts = read_photos(options.photos, kinds, left_out), Cutouts(options.cutouts or options.photos)
    yield from photo_samples(photos, cutouts, Part.TRAIN)
    if options.pasted:
        known = [task for task in tasks if task in TASKS]
        yield from Pasted(photos, kinds, cutouts, Part.TRAIN).samples(known, options.pasted)


def _of(records: Iterable[Sample | Bad], tasks: Sequence[Task], left_out: LeftOut) -> Iterator[Sample]:
    """The samples of these tasks that say no held-out word."""
    for sample in usable(records, left_out):
        if sample.task not in tasks:
            continue
        if any(mentions_held_out(text) for turn in sample.turns for text in (turn.user, turn.reply)):
            left_out(Bad(f"{sample.source}/{sample.id}", "says a held-out word"))
        else:
            yield sample
