r"""Learns the shipped weights of the promptable mask decoder.

    python -m vitron_agent.train.mask_decoder --size debug --segments BSDS_FOLDER --out /tmp/decoder
    python -m vitron_agent.train.mask_decoder --size embedded --segments BSDS_FOLDER/train --voc VOC_FOLDER \
        --photos PHOTOS_FOLDER --features /tmp/features --out runs_output/decoder

It learns from human segments (BSDS500), from half of the masks of VOC and the boxes of its photos without masks, and
from things of both that are pasted on other photos. Prompts of every kind are simulated; the same seed gives the same
weights on the same machine. A run goes on from its last checkpoint when it is started again with the same ``--out``;
the product is ``OUT/mask_decoder.safetensors``. ``benchmarks/masks.py --weights FILE`` measures it on the other half
and on segments that were not learned.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.progress import track
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from vitron_agent.config import Settings
from vitron_agent.model.encoders.dense import GRID, DenseEncoder
from vitron_agent.tools.backends.embedded.mask_decoder import (
    HEAD_DIMS,
    LOW_DIMS,
    MID_DIMS,
    MaskDecoder,
    Patch,
    Reader,
    Shape,
    save_decoder,
)
from vitron_agent.tools.backends.embedded.windows import joined
from vitron_agent.train.data.segments import read_segments
from vitron_agent.train.data.voc import read_voc
from vitron_agent.train.masks.examples import Asker, Encoder, Picture, Source, see
from vitron_agent.train.masks.losses import mask_losses
from vitron_agent.train.masks.paste import cut_outs, paste
from vitron_agent.train.masks.things import annotated, segments_of, with_masks
from vitron_agent.train.queries import Sight, whiten

PRODUCT = "mask_decoder.safetensors"
_CHECKPOINT = "checkpoint.safetensors"
_SAMPLES = 100
"""Places a picture that the projections are learned from."""
_WARM_UP = 0.06


@dataclass(frozen=True, kw_only=True)
class Config:
    """One run.

    Attributes:
        shape: Of the network.
        steps: In all.
        batch: Examples a step.
        rate: Highest learning rate; it falls to nothing along a cosine.
        decay: Of weights.
        shares: Of a batch: segments, masks, pasted things, boxes.
        pasted: How many pictures are made by pasting.
        pictures: At most so many of each source.
        save_steps: A checkpoint is written every so many steps.
        bf16: Compute in bfloat16, twice as fast where the processor knows it.
        seed: For everything random.
    """

    shape: Shape = field(default_factory=Shape)
    steps: int = 1900
    batch: int = 16
    rate: float = 1e-3
    decay: float = 0.02
    shares: tuple[float, float, float, float] = (0.6, 0.08, 0.17, 0.15)
    pasted: int = 90
    pictures: int | None = None
    save_steps: int = 50
    bf16: bool = True
    seed: int = 0


def debug() -> Config:
    """A few steps on a few examples, to see that everything runs."""
    shape = Shape(width=32, layers=1, heads=4)
    return Config(shape=shape, steps=6, batch=4, pasted=2, pictures=3, save_steps=3, bf16=False)


def embedded() -> Config:
    """The weights that ship: three quarters of an hour on one core."""
    return Config()


SIZES: dict[str, Callable[[], Config]] = {"debug": debug, "embedded": embedded}


@dataclass(frozen=True)
class Folders:
    """Where the pictures are; those without a folder are left out."""

    segments: Path | None = None
    voc: Path | None = None
    photos: Path | None = None


def gather(folders: Folders, config: Config) -> list[list[Source]]:
    """Pictures with segments, with masks, made by pasting, and with boxes."""
    few = slice(config.pictures)
    segments = [
        Source(photo.path.stem, photo.image(), segments_of(photo))
        for photo in (read_segments(folders.segments)[few] if folders.segments else ())
    ]
    photos = read_voc(folders.voc) if folders.voc else ()
    masked, boxed = (
        [Source(photo.name, photo.image(), annotated(photo)) for photo in some[few]]
        for some in (with_masks(photos)[0], [photo for photo in photos if photo.masks is None])
    )
    pasted = list(_pasted([*segments, *masked], folders.photos, config)) if folders.photos else []
    return [[source for source in group if source.things] for group in (segments, masked, pasted, boxed)]


def _pasted(sources: Sequence[Source], folder: Path, config: Config) -> Iterator[Source]:
    stock = [cut for source in sources for cut in cut_outs(source.image, source.things)]
    paths = sorted(folder.glob("*.jp*g"))
    random = np.random.default_rng(config.seed)
    for _ in range(config.pasted):
        with Image.open(paths[int(random.integers(len(paths)))]) as opened:
            background = np.asarray(opened.convert("RGB"))
        image, things = paste(background, stock, random)
        yield Source(f"pasted-{sha256(image.tobytes()).hexdigest()[:16]}", image, things)


def learn_reader(sources: Sequence[Source], encoder: Encoder, seed: int, log: Console) -> Reader:
    """The projections, from places of all pictures."""
    random = np.random.default_rng(seed)
    drawn: dict[str, list[Tensor]] = {"low": [], "mid": [], "head": []}
    for source in track(sources, "looking", console=log):
        levels = encoder.look(source.image, source.name).scales[GRID]
        for level, rows in drawn.items():
            flat = getattr(levels, level).flatten(1).T
            rows.append(flat[torch.from_numpy(random.integers(0, len(flat), _SAMPLES))].float())
    reader = Reader()
    for level, dims in (("low", LOW_DIMS), ("mid", MID_DIMS), ("head", HEAD_DIMS)):
        projection = whiten(torch.cat(drawn[level]), dims)
        reader.get_buffer(f"{level}_mean").copy_(projection.mean)
        matrix = reader.get_buffer(f"{level}_matrix")
        matrix[:, : projection.matrix.shape[1]] = projection.matrix
    return reader


class Trainer:
    """Trains step by step; what it does in a step depends on the seed and the step only.

    Args:
        decoder: To train.
        asker: Makes examples.
        config: Of the run.
    """

    def __init__(self, decoder: MaskDecoder, asker: Asker, config: Config) -> None:
        self.decoder = decoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.step = 0
        self._asker, self._config = asker, config
        learned = [value for name, value in decoder.named_parameters() if not name.startswith("adapter.")]
        self._optimiser = torch.optim.AdamW(learned, config.rate, weight_decay=config.decay)

    def train_step(self) -> tuple[float, float]:
        """Takes one step; the losses of masks and of quality."""
        config = self._config
        for group in self._optimiser.param_groups:
            group["lr"] = config.rate * schedule(self.step / config.steps)
        torch.manual_seed(config.seed * 1_000_003 + self.step)
        questions = self._asker.batch(self.step, config.batch)
        patch = _channels_last(joined(question.patch for question in questions))
        self.decoder.train()
        with torch.autocast("cpu", torch.bfloat16) if config.bf16 else nullcontext():
            decoded = self.decoder(patch)
        decoded = replace(decoded, masks=decoded.masks.float(), quality=decoded.quality.float())
        masks, quality = mask_losses(decoded, questions)
        self._optimiser.zero_grad()
        (masks + quality).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), 1.0)
        self._optimiser.step()
        self.step += 1
        return masks.item(), quality.item()

    def save(self, path: Path) -> None:
        """Writes everything that the next step depends on."""
        tensors = {f"decoder.{name}": value for name, value in self.decoder.state_dict().items()}
        for number, state in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{name}": value for name, value in state.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = {name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
        save_file(kept, path.with_suffix(".part"), {"step": str(self.step)})
        path.with_suffix(".part").replace(path)

    def resume(self, path: Path) -> None:
        """Goes on from :meth:`save`."""
        with safe_open(path, "pt") as file:
            self.step = int(file.metadata()["step"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        self.decoder.load_state_dict(
            {name.removeprefix("decoder."): value for name, value in tensors.items() if name.startswith("decoder.")}
        )
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("optimiser."):
                _, number, part = name.split(".")
                state.setdefault(int(number), {})[part] = value
        self._optimiser.load_state_dict({**self._optimiser.state_dict(), "state": state})


def schedule(done: float) -> float:
    """Share of the highest learning rate when a share of the steps is done."""
    return min(1.0, done / _WARM_UP + 0.02) * (0.5 + 0.5 * float(np.cos(np.pi * done)))


def _channels_last(patch: Patch) -> Patch:
    return Patch(
        *(one.contiguous(memory_format=torch.channels_last) if one.ndim == 4 else one for one in vars(patch).values())
    )


def train(groups: Sequence[Sequence[Picture]], reader: Reader, config: Config, out: Path, log: Console) -> MaskDecoder:
    """Trains, or goes on, and leaves the decoder ready for use."""
    torch.manual_seed(config.seed)
    decoder = MaskDecoder(config.shape)
    decoder.reader.load_state_dict(reader.state_dict())
    trainer = Trainer(decoder, Asker(list(zip(groups, config.shares, strict=True)), config.seed), config)
    checkpoint = out / _CHECKPOINT
    if checkpoint.exists():
        trainer.resume(checkpoint)
    begin, first, recent = time.perf_counter(), trainer.step, list[tuple[float, float]]()
    while trainer.step < config.steps:
        recent.append(trainer.train_step())
        if trainer.step % config.save_steps == 0 or trainer.step == config.steps:
            masks, quality = np.mean(recent, axis=0)
            left = (time.perf_counter() - begin) / (trainer.step - first) * (config.steps - trainer.step) / 60
            log.print(
                f"step {trainer.step}/{config.steps}: masks {masks:.3f}, quality {quality:.4f}, {left:.0f} min left"
            )
            trainer.save(checkpoint)
            recent.clear()
    return decoder.eval()


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains and writes the weights."""
    parser = argparse.ArgumentParser(description="Learn the weights of the promptable mask decoder.")
    parser.add_argument("--size", choices=SIZES, default="embedded")
    parser.add_argument("--segments", type=Path, help="photos with human segmentations (BSDS500)")
    parser.add_argument("--voc", type=Path, help="photos in the layout of Pascal VOC 2007")
    parser.add_argument("--photos", type=Path, help="photos to paste things on")
    parser.add_argument("--features", type=Path, help="keep what the encoder saw in this folder (7 GB)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--steps", type=int, help="instead of the size's")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    config = replace(SIZES[chosen.size](), seed=chosen.seed)
    config = replace(config, steps=chosen.steps) if chosen.steps else config
    log = Console()
    cv2.setNumThreads(torch.get_num_threads())  # OMP_NUM_THREADS then holds for both
    groups = gather(Folders(chosen.segments, chosen.voc, chosen.photos), config)
    encoder = Sight(DenseEncoder(Settings.load().cache, remember=1), chosen.features)
    reader = learn_reader([source for group in groups for source in group], encoder, config.seed, log)
    pictures = [[see(source, encoder.look(source.image, source.name), reader) for source in group] for group in groups]
    decoder = train(pictures, reader, config, chosen.out, log)
    facts = {
        "seed": str(config.seed),
        "steps": str(config.steps),
        "pictures": " ".join(str(len(one)) for one in groups),
    }
    save_decoder(decoder, chosen.out / PRODUCT, facts)
    log.print(f"wrote {chosen.out / PRODUCT} ({(chosen.out / PRODUCT).stat().st_size / 1e6:.2f} MB)")


if __name__ == "__main__":
    main()
