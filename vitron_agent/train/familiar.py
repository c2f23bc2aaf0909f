r"""After the last stage: which pictures and clips a model may be asked about.

    python -m vitron_agent.train.familiar --model runs_output/stage4/model --scenes 800 --clips 200 --others photos \
        --out runs_output/familiar

A small model that has learned from drawn scenes describes photos too, surely and wrongly. So what the drawn scenes and
clips look like is kept beside its projector: it stays silent about the others, of which the experts then speak. With
``--others`` it is counted how many of some pictures it would take for its own. The product is ``OUT/model``.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from vitron_agent.config import Settings
from vitron_agent.errors import ConfigError
from vitron_agent.model.encoders.backbone import VisionBackbone, load_backbone
from vitron_agent.model.encoders.familiar import pooled_look
from vitron_agent.model.encoders.video import encode_clip
from vitron_agent.model.vitron import VitronModel
from vitron_agent.train.data.readers.media import read_picture
from vitron_agent.train.data.samples import Sample, Task
from vitron_agent.train.data.scenes import samples

DIRECTIONS = 32
_ENOUGH = 4
"""So many pictures at least for each direction."""


def looks(shown: Iterator[Sample], backbone: VisionBackbone, num_frames: int) -> Iterator[Tensor]:
    """Pooled features [c] of pictures and clips."""
    for sample in shown:
        [medium] = sample.media
        pixels = medium.load()
        if medium.kind == "image":
            yield pooled_look(backbone.features(pixels))
        else:
            yield pooled_look(encode_clip(backbone, pixels, len(pixels), num_frames))


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    from rich.progress import track

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="folder of a model that sees")
    parser.add_argument("--base", type=Path, help="folder of its base (default: what the model names)")
    parser.add_argument("--scenes", type=int, default=800, help="drawn pictures (default: %(default)s)")
    parser.add_argument("--clips", type=int, default=200, help="drawn clips (default: %(default)s)")
    parser.add_argument("--directions", type=int, default=DIRECTIONS, help="default: %(default)s")
    parser.add_argument("--others", type=Path, help="folder of pictures (JPEG) that it should not know")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    if options.scenes + options.clips < _ENOUGH * options.directions:
        raise ConfigError(f"{options.directions} directions want {_ENOUGH} times as many scenes and clips")
    model = VitronModel.from_pretrained(options.model, base=options.base)
    backbone = load_backbone(model.sight.backbone, Settings.load().cache)
    pictures = samples("train", [Task.CAPTION], options.scenes)
    clips = samples("train", [Task.CAPTION], options.clips, media="video")
    seen = (look for shown in (pictures, clips) for look in looks(shown, backbone, model.sight.num_frames))
    familiar = model.add_familiar(options.directions)
    familiar.learn(torch.stack(list(track(seen, "looking", total=options.scenes + options.clips))))
    model.save_pretrained(options.out / "model")
    sys.stderr.write(f"known up to a distance of {float(familiar.limit):.2f}; model in {options.out / 'model'}\n")
    if options.others:
        paths = sorted(options.others.glob("*.jpg"))
        knows = [familiar.knows(backbone.features(read_picture(path))) for path in track(paths, "others")]
        sys.stderr.write(f"takes {sum(knows)} of {len(knows)} others for its own\n")


if __name__ == "__main__":
    main()
