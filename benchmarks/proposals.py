"""Does the proposer find the things of pictures and clips, before anybody asks for them?

    python benchmarks/proposals.py --proposer runs_output/proposer.safetensors --count 60
    python benchmarks/proposals.py --model runs_output/stage4/model --voc VOC2007 --part 0/5

Measured on drawn scenes of ``--split``, and with ``--voc`` on photos in the layout of Pascal VOC 2007: of these on
``--part`` K/N, every N-th from the K-th on, which ``vitron_agent.train.proposals --holdout K/N`` leaves out.

- recall: share of the things that some proposal overlaps by half or more; of clips by vIoU, where a proposal is what
  was followed from frame to frame. Of photos the things of VOC's twenty kinds count.
- overlap: mean over the things of the best proposal's IoU, or vIoU.
- proposals per thing: 1 is best.

Each with its bootstrap 95 % interval over pictures.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from vitron_agent.config import Settings
from vitron_agent.model.encoders.backbone import EMBEDDED, VisionBackbone, load_backbone
from vitron_agent.model.encoders.proposals import Proposer, Sight, follow, overlaps
from vitron_agent.model.encoders.video import VideoFeatures, encode_clip
from vitron_agent.model.saved import load_part
from vitron_agent.model.vitron import VitronModel
from vitron_agent.train.data.samples import Task, Thing
from vitron_agent.train.data.scenes import DEFAULT, SPLITS, samples
from vitron_agent.train.data.voc import held_out, read_voc
from vitron_agent.train.metrics.grounding import HIT
from vitron_agent.train.metrics.intervals import Weighted, estimates

MOST = 8
"""Proposals of one picture or clip: as many as the embedded model looks at."""
_FRAMES = 8
Row = dict[str, Weighted]


def of_picture(proposer: Proposer, features: Tensor, boxes: Sequence[Sequence[float]]) -> Row:
    found = proposer.find(features, MOST)
    table = overlaps(found.boxes, torch.tensor(boxes).reshape(-1, 4))
    return _row(table)


def of_clip(proposer: Proposer, clip: VideoFeatures, things: Sequence[Thing]) -> Row:
    tracks = follow(proposer, clip, MOST)
    seen = [[_followed(track, thing, clip.frames) for thing in things] for track in tracks]
    return _row(torch.tensor(seen).reshape(len(tracks), len(things)))


def _followed(track: Sequence[Sight], thing: Thing, frames: Sequence[int]) -> float:
    """VidSTG's vIoU in the frames that are looked at."""
    found = {frames[sight.frame]: sight.box for sight in track}
    true = {frame: torch.tensor([box]) for frame, box in thing.boxes.items() if frame in frames}
    shared = sum(float(overlaps(found[frame][None], true[frame])) for frame in found.keys() & true.keys())
    return shared / len(found.keys() | true.keys())


def _row(table: Tensor) -> Row:
    """Of overlaps [proposals, things]; a picture counts by its things."""
    proposals, things = table.shape
    best = table.amax(dim=0) if proposals else torch.zeros(things)
    worth = {
        "recall": (best >= HIT).float().mean() if things else torch.zeros(()),
        "overlap": best.mean() if things else torch.zeros(()),
    }
    return {name: Weighted(float(value), things) for name, value in worth.items()} | {
        "proposals per thing": Weighted(proposals / max(things, 1), max(things, 1))
    }


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--proposer", type=Path, help="what vitron_agent.train.proposals wrote")
    which.add_argument("--model", type=Path, help="folder of a model whose things have tokens of their own")
    parser.add_argument("--count", type=int, default=60, help="pictures, and half as many clips (default: %(default)s)")
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--voc", type=Path, help="photos in the layout of Pascal VOC 2007")
    parser.add_argument("--part", default="0/5", help="K/N: which of them (default: %(default)s)")
    options = parser.parse_args(arguments)
    backbone = load_backbone(EMBEDDED, Settings.load().cache)
    proposer = _proposer(options, backbone)
    asked = [Task.GROUNDED_CAPTION]
    shown = Console(stderr=True)
    rows: dict[str, list[Row]] = {"drawn pictures": [], "drawn clips": []}
    for sample in track(list(samples(options.split, asked, options.count)), "pictures", console=shown):
        features = backbone.features(sample.media[0].load())
        rows["drawn pictures"].append(of_picture(proposer, features, [thing.boxes[0] for thing in sample.things]))
    for sample in track(list(samples(options.split, asked, options.count // 2, media="video")), "clips", console=shown):
        frames = sample.media[0].load()
        rows["drawn clips"].append(
            of_clip(proposer, encode_clip(backbone, frames, len(frames), _FRAMES), sample.things)
        )
    if options.voc:
        photos = held_out(read_voc(options.voc), options.part)[1]
        rows["photos"] = [
            of_picture(proposer, backbone.features(photo.image()), [thing.box for thing in photo.things])
            for photo in track(photos, "photos", console=shown)
        ]
    _print(rows, f"{options.proposer or options.model}: {options.split}, recipe {DEFAULT.hash[:12]}")


def _proposer(options: argparse.Namespace, backbone: VisionBackbone) -> Proposer:
    if options.model:
        found = VitronModel.from_pretrained(options.model).proposer
        if found is None:
            raise SystemExit(f"{options.model} has no tokens for things; name a model of stage 1 --proposer")
        return found.eval()
    made = Proposer(backbone.channels).eval()
    load_part(made, options.proposer)
    return made


def _print(rows: dict[str, list[Row]], title: str) -> None:
    table = Table("", "metric", "mean", "95 %", title=title)
    for of, measured in rows.items():
        table.add_section()
        for position, (metric, value) in enumerate(estimates(measured).items()):
            name = "" if position else f"{of} ({len(measured)})"
            table.add_row(name, metric, f"{value.mean:.3f}", f"{value.low:.3f} to {value.high:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
