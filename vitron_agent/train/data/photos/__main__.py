"""Cuts things out of photos, and shows what the samples look like.

    python -m vitron_agent.train.data.photos FOLDER --cutouts OUT
    python -m vitron_agent.train.data.photos FOLDER --cutouts OUT --voc VOC2007 --segments BSDS500
    python -m vitron_agent.train.data.photos FOLDER --cutouts OUT --sheet sheet.png --part test_new

Cutting takes about two seconds a photo on a CPU core and goes on where it was stopped.
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import track

from vitron_agent.config import Settings
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.train.data.photos.cutouts import Cutout, Cutouts, from_photos, from_segments, from_voc
from vitron_agent.train.data.photos.folder import read_photos
from vitron_agent.train.data.photos.kinds import WORDNET, Kinds
from vitron_agent.train.data.photos.making import TASKS, Pasted
from vitron_agent.train.data.photos.sheet import draw_sheet
from vitron_agent.train.data.photos.split import Part
from vitron_agent.train.data.photos.teacher import EmbeddedCutter
from vitron_agent.train.data.segments import read_segments
from vitron_agent.train.data.voc import read_voc


def main() -> None:
    """Runs what was asked for."""
    parser = argparse.ArgumentParser(description="Cut things out of photos; draw a sheet of samples.")
    parser.add_argument("folder", type=Path, help="photos of one thing each, named or sorted by class")
    parser.add_argument("--cutouts", type=Path, required=True, help="folder of the cut-outs")
    parser.add_argument("--wordnet", type=Path, default=WORDNET, help="folder of data.noun (WordNet 3.0)")
    parser.add_argument("--voc", type=Path, help="photos in the layout of Pascal VOC 2007, for their masks")
    parser.add_argument("--segments", type=Path, help="photos with human segmentations (BSDS500)")
    parser.add_argument("--sheet", type=Path, help="draw samples into this picture, and cut nothing")
    parser.add_argument("--part", type=Part, choices=list(Part), default=Part.TRAIN)
    parser.add_argument("--count", type=int, default=48, help="samples on the sheet")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    log = Console()
    cutouts = Cutouts(arguments.cutouts)
    kinds = Kinds(arguments.wordnet)
    photos = read_photos(arguments.folder, kinds, lambda bad: log.print(f"{bad.where}: {bad.why}"))
    if arguments.sheet:
        pasted = Pasted(photos, kinds, cutouts, arguments.part, arguments.seed)
        draw_sheet(pasted.samples(TASKS, arguments.count)).save(arguments.sheet)
        return
    cutter = EmbeddedCutter(DenseEncoder(Settings.load().cache, remember=1))
    _show(from_photos(photos, cutter, cutouts), "photos", len(photos), log)
    if arguments.voc:
        _show(from_voc(read_voc(arguments.voc), cutouts), "masks of VOC", None, log)
    if arguments.segments:
        _show(from_segments(read_segments(arguments.segments), cutouts), "human segments", None, log)


def _show(tried: Iterable[Cutout], what: str, total: int | None, log: Console) -> None:
    """Follows the cutting and says what came of it."""
    flaws = Counter(one.flaw for one in track(tried, what, total, console=log))
    log.print(f"{what}: {flaws.pop(None, 0)} kept; " + ", ".join(f"{count} {flaw}" for flaw, count in flaws.items()))


if __name__ == "__main__":
    main()
