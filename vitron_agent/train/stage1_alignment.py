r"""Stage 1, alignment: what is seen becomes words of the LLM (paper App. B.4, step 1.1).

    python -m vitron_agent.train.stage1_alignment --size debug --out /tmp/stage1       # seconds on a CPU
    python -m vitron_agent.train.stage1_alignment --size embedded --scenes 6000 --clips 1000 \
        --proposer runs_output/proposer.safetensors --features runs_output/features --out runs_output/stage1

Captions of pictures, clips and drawings teach projector and region encoder; the LLM and its adapter are frozen. With
``--proposer`` (:mod:`vitron_agent.train.proposals`) things have tokens of their own; these and drawings first learn the
words for what they show (:mod:`vitron_agent.train.seeing.words`). The product, ``OUT/model``, is what stage 2 begins
with.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vitron_agent.config import Settings
from vitron_agent.model.adapter import PACKAGED, continue_adapter
from vitron_agent.model.base import BASE, load_base
from vitron_agent.model.encoders.backbone import EMBEDDED, PAPER, load_backbone
from vitron_agent.model.media import MediaConfig
from vitron_agent.model.saved import VitronConfig, load_part
from vitron_agent.model.vitron import VitronModel
from vitron_agent.train.data.examples import Example, Eyes, answers, collate, looked
from vitron_agent.train.data.samples import Task
from vitron_agent.train.data.sources import LeftOut, add_source_options, gather
from vitron_agent.train.fit import Schedule, add_options, chosen, fit, is_main_process
from vitron_agent.train.losses import plan_loss
from vitron_agent.train.seeing import words

TASKS = (Task.CAPTION, Task.REGION_CAPTION)
NAMING = (Task.GROUNDED_CAPTION, Task.REGION_CAPTION)
"""What tells the words for things and drawings."""


@dataclass(frozen=True, kw_only=True)
class Config(Schedule):
    """One run.

    Attributes:
        backbone: Name of the vision backbone.
        max_tokens: Longer examples are left out, and counted.
        image_side: A picture is image_side x image_side tokens.
        frame_side: The same for a clip's frame.
        num_frames: Frames of a clip that are looked at.
        projector: Which; see :class:`vitron_agent.model.projector.Projector`.
        temporal: How clips become tokens; see :class:`vitron_agent.model.media.MediaConfig`.
        things: With a proposer: at most so many things of a picture have tokens of their own.
        word_epochs: Passes over named things and drawings before captions; 0 = none, as in the paper.
        word_rate: Their learning rate.
    """

    backbone: str = EMBEDDED
    max_tokens: int = 384
    image_side: int = 7
    frame_side: int = 4
    num_frames: int = 8
    projector: Literal["linear", "mlp", "placed"] = "placed"
    temporal: Literal["frames", "mean"] = "frames"
    things: int = 8
    word_epochs: float = 0
    word_rate: float = 1e-3


def debug() -> Config:
    """A few steps on a few scenes, to see that everything runs."""
    return Config(batch=4, epochs=1, save_steps=10, image_side=3, frame_side=2, num_frames=2)


def embedded() -> Config:
    """What ships: hours on a CPU, minutes on a GPU."""
    return Config(batch=32, epochs=2, learning_rate=1e-3, bf16=True, image_side=2, temporal="mean", word_epochs=10)


def paper() -> Config:
    """VITRON's own (paper App. C): CLIP ViT-L/14 at 336 px, a linear projector, clips averaged over time."""
    return Config(
        backbone=PAPER, batch=128, learning_rate=3e-4, bf16=True, recompute=True, max_tokens=2048,
        image_side=24, num_frames=8, projector="linear", temporal="mean",
    )  # fmt: skip


SIZES = {"debug": debug, "embedded": embedded, "paper": paper}


def learn_words(config: Config, model: VitronModel, examples: list[Example], out: Path) -> float:
    """Trains projector and region encoder to tell the words for what they show; returns the mean training loss."""
    from transformers import set_seed

    set_seed(config.seed)
    assert model.media is not None
    loss = words.WordLoss(model.llm.get_input_embeddings().weight, examples)
    first = replace(config, epochs=config.word_epochs, learning_rate=config.word_rate, batch=64, bf16=False)
    return fit(model.media, examples, words.collate, loss, first, out / "words")


def train(config: Config, examples: list[Example], model: VitronModel, out: Path) -> float:
    """Trains projector and region encoder, saves ``out/model`` and returns the mean training loss."""
    from transformers import set_seed

    set_seed(config.seed)
    model.requires_grad_(requires_grad=False)
    assert model.media is not None  # stage 1 is what makes one
    for part in model.media.learned:
        part.requires_grad_()
    mean = fit(model, examples, collate, plan_loss, config, out)
    if is_main_process():
        model.save_pretrained(out / "model")
    return mean


def new_model(config: Config, base: str, adapter: Path, channels: int, proposer: Path | None = None) -> VitronModel:
    """The base with an adapter that knows the added tokens, and a projector that knows nothing yet."""
    llm, tokenizer = load_base(base)
    adapted = continue_adapter(llm, tokenizer, adapter, dropout=0.0)
    media = MediaConfig(
        backbone=config.backbone, channels=channels, width=int(llm.config.hidden_size),
        projector=config.projector, image_side=config.image_side, frame_side=config.frame_side,
        num_frames=config.num_frames, temporal=config.temporal, things=config.things if proposer else 0,
    )  # fmt: skip
    model = VitronModel(adapted, tokenizer, VitronConfig(base=base, media=media))
    if proposer:
        assert model.media is not None
        assert model.media.proposer is not None
        load_part(model.media.proposer, proposer)
    return model


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    from rich.progress import track

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, SIZES)
    add_source_options(parser, scenes=48, clips=16)
    parser.add_argument("--features", type=Path, help="folder where what the backbone saw is kept")
    parser.add_argument("--proposer", type=Path, help="what finds things (default: none; a grid of tokens alone)")
    parser.add_argument("--base", default=BASE, help="folder or repository of the LLM (default: %(default)s)")
    parser.add_argument("--adapter", type=Path, default=PACKAGED, help="its adapter (default: the one that ships)")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    config = chosen(options, SIZES)
    backbone = load_backbone(config.backbone, Settings.load().cache)
    model = new_model(config, options.base, options.adapter, backbone.channels, options.proposer)
    eyes = Eyes(backbone, model.sight, options.features, model.proposer)
    left_out = LeftOut()
    if config.word_epochs:
        told = track(looked(gather(options, NAMING, left_out), eyes, left_out), "looking at what is named", total=None)
        named = list(words.named(told, model.tokenizer))
        sys.stderr.write(f"{len(named)} named pictures, clips and drawings\n")
        learn_words(config, model, named, options.out)
    seen = track(looked(gather(options, TASKS, left_out), eyes, left_out), "looking", total=None)
    examples = list(answers(seen, model.tokenizer, config.max_tokens, left_out))
    sys.stderr.write(f"{len(examples)} examples; {left_out}\n{config}\n")
    loss = train(config, examples, model, options.out)
    sys.stderr.write(f"mean training loss {loss:.4f}; model in {options.out / 'model'}\n")


if __name__ == "__main__":
    main()
