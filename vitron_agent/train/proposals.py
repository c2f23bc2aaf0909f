r"""Before stage 1: where things are, so that each can have a token of its own (the embedded profile's; docs/model.md).

    python -m vitron_agent.train.proposals --size debug --out /tmp/proposer.safetensors         # seconds on a CPU
    python -m vitron_agent.train.proposals --size embedded --scenes 3000 --clips 800 --voc VOC2007 \
        --photos photos --cutouts cutouts --pasted 600 --out runs_output/proposer.safetensors

Learns from drawn scenes, things pasted on photos and boxes of photos; which thing it is, is never told. The product is
for ``stage1_alignment --proposer``.
"""

import argparse
import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from vitron_agent.config import Settings
from vitron_agent.model.encoders.backbone import EMBEDDED, load_backbone
from vitron_agent.model.encoders.proposals import Proposer
from vitron_agent.model.saved import save_part
from vitron_agent.train.data.samples import Task
from vitron_agent.train.data.sources import LeftOut, add_source_options, gather
from vitron_agent.train.data.voc import read_kept
from vitron_agent.train.fit import Schedule, add_options, chosen, fit
from vitron_agent.train.seeing.proposing import collate, examples, loss, show_photos, show_samples


@dataclass(frozen=True, kw_only=True)
class Config(Schedule):
    """One run.

    Attributes:
        backbone: Name of the vision backbone.
    """

    backbone: str = EMBEDDED


def debug() -> Config:
    """A few steps, to see that everything runs."""
    return Config(batch=4)


def embedded() -> Config:
    """What ships: a quarter of an hour of a CPU core, half of it looking."""
    return Config(batch=32, epochs=8, learning_rate=2e-3)


SIZES = {"debug": debug, "embedded": embedded}


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    from rich.progress import track
    from transformers import set_seed

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, SIZES)
    add_source_options(parser, scenes=8, clips=4)
    parser.add_argument("--voc", type=Path, help="photos in the layout of Pascal VOC 2007")
    parser.add_argument("--holdout", help="K/N: leave out every N-th photo of --voc from the K-th on")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    options = parser.parse_args(arguments)
    config = chosen(options, SIZES)
    backbone = load_backbone(config.backbone, Settings.load().cache)
    left_out = LeftOut()
    shown = chain(
        show_samples(gather(options, [Task.GROUNDED_CAPTION], left_out), backbone),
        show_photos(read_kept(options.voc, options.holdout) if options.voc else [], backbone),
    )
    made = examples(track(shown, "looking", total=None))
    sys.stderr.write(f"{len(made)} pictures; {left_out}\n{config}\n")
    set_seed(config.seed)
    proposer = Proposer(backbone.channels)
    mean = fit(proposer, made, collate, loss, config, options.out.with_suffix(""))
    save_part(proposer, options.out)
    sys.stderr.write(f"mean training loss {mean:.4f}; proposer in {options.out}\n")


if __name__ == "__main__":
    main()
