"""Checks a download: what a reader makes of it, which records it cannot use and why, and some samples as text.

python -m vitron_agent.train.data.readers refcoco refcoco/instances_refcoco_train.json --media train2014
python -m vitron_agent.train.data.readers davis DAVIS --split val --limit 200
"""

import argparse
import sys
from collections import Counter
from inspect import signature
from itertools import islice
from pathlib import Path

from vitron_agent.errors import UsageError
from vitron_agent.train.data.readers import READERS
from vitron_agent.train.data.samples import Bad, Sample

_SHOWN = 3


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=READERS, metavar="NAME", help=", ".join(READERS))
    parser.add_argument(
        "path", type=Path, metavar="PATH", help="file or folder of the set (see the reader's docstring)"
    )
    parser.add_argument("--media", type=Path, help="folder of pictures or clips, where they lie elsewhere")
    parser.add_argument("--split", help="part of the set, where a folder holds several")
    parser.add_argument("--limit", type=int, help="records to read, bad ones counted (default: all)")
    options = parser.parse_args(arguments)
    reader = READERS[options.name]
    chosen = {key: value for key in ("media", "split") if (value := getattr(options, key)) is not None}
    if unknown := sorted(chosen.keys() - signature(reader).parameters.keys()):
        parser.error(f"{options.name} takes no --{unknown[0]}")
    tasks, reasons = Counter[str](), Counter[str]()
    first: dict[str, Bad] = {}
    shown: list[Sample] = []
    try:
        for record in islice(reader(options.path, **chosen), options.limit):
            if isinstance(record, Bad):
                reason = record.why.partition(":")[0]
                reasons[reason] += 1
                first.setdefault(reason, record)
            else:
                tasks[record.task] += 1
                shown += [record] * (len(shown) < _SHOWN)
    except UsageError as error:
        parser.error(str(error))
    lines = [f"{num:9} {task}" for task, num in tasks.most_common()] or ["        0 samples"]
    lines += [f"{sum(reasons.values()):9} bad records"]
    for reason, num in reasons.most_common():
        lines.append(f"{num:9}   {reason}; first {first[reason].where}: {first[reason].why}")
    told = "\n".join([*lines, *map(_text, shown)])
    sys.stdout.write(told.encode(errors="backslashreplace").decode() + "\n")  # names in JSON may be no text


def _text(sample: Sample) -> str:
    lines = ["", f"{sample.source}/{sample.id}: {sample.task}"]
    lines += [f"  {medium.kind} {medium.name}" for medium in sample.media]
    lines += [f"  region {', '.join(f'{value:.3f}' for value in region.bounds)}" for region in sample.regions]
    for turn in sample.turns:
        lines += [f"  user:  {turn.user}", f"  reply: {turn.reply}"]
    for thing in sample.things:
        start, end = thing.frames
        box = ", ".join(f"{value:.3f}" for value in thing.boxes[start])
        lines.append(f"  thing: {thing.phrase!r} ({box} | {start}, {end}), {len(thing.masks)} masks")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
