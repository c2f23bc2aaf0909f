"""Learns the shipped weights of grounding from photos with boxes.

    python -m vitron_agent.train.queries VOC_FOLDER [--segments BSDS_FOLDER] [--holdout PART] [--output FILE]

VOC_FOLDER has the layout of Pascal VOC 2007; masks (SegmentationClass) are used where there are any. BSDS_FOLDER holds
photos with human segmentations (BSDS500). About half an hour on one CPU core for 250 photos; the same seed gives the
same weights on the same machine.

1. *Queries*: for each kind a linear classifier of the encoder's places, beside the kind's ImageNet classes. For what
   follows, photos are asked with queries that were learned from other photos, as unseen photos will be.
2. *Localiser*: a small convolutional network from query maps and features to boxes and masks. It is told what to look
   for by maps only (learned query, ImageNet classes or an example of the thing), so it serves all other words as well.
   Masks are learned from those that are annotated, from boxes, and from the segments.

``--holdout K/N`` leaves out every photo whose position modulo N is K, ``--holdout masks`` those that have masks;
``benchmarks/grounding.py --part PART --weights FILE`` measures on just these.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from safetensors.torch import load_file, save_file
from torch import Tensor

from vitron_agent.config import Settings
from vitron_agent.model.encoders.dense import GRID, SIZES, DenseEncoder, DenseFeatures
from vitron_agent.model.encoders.efficientnet import Levels
from vitron_agent.tools.backends.embedded.learned import (
    WEIGHTS,
    Learned,
    LearnedQuery,
    Projection,
    Projections,
    make_query,
    save_learned,
)
from vitron_agent.tools.backends.embedded.localiser import HEAD_DIMS, LOW_DIMS, MID_DIMS, Localiser
from vitron_agent.tools.backends.embedded.vision import View
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.train.data.segments import read_segments
from vitron_agent.train.data.voc import CLASSES, PLAIN_NAMES, Photo, read_kept
from vitron_agent.train.grounding.examples import (
    Example,
    SegmentExample,
    give_mask,
    make_example,
    make_segments,
)
from vitron_agent.train.grounding.linear import Annotated, Fit, Places, draw_places, fit, joined
from vitron_agent.train.grounding.localiser import Asker, Config, train

WITHOUT_CLASSES = frozenset({CLASSES.index("person")})
"""Kinds that none of the ImageNet classes really is of."""
_FOLDS = 4
_SAMPLES = 60


@dataclass(frozen=True)
class Seen:
    """What the first look at the photos gave."""

    places: Places
    projections: Projections


class Sight:
    """The encoder, with what it saw kept on disk where a folder for that is given (about 11 MB a picture).

    Args:
        encoder: Sees pictures.
        folder: See above.
    """

    def __init__(self, encoder: DenseEncoder, folder: Path | None) -> None:
        self._encoder, self._folder = encoder, folder
        self.classify = encoder.classify

    def look(self, image: NDArray[np.uint8], name: str) -> DenseFeatures:
        """Features of a picture, known by a name."""
        if self._folder is None:
            return self._encoder.encode(image, name)
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{name}.safetensors"
        if not path.exists():
            seen = self._encoder.encode(image, name)
            parts = {"pixels": torch.from_numpy(seen.pixels.copy())}
            for number, levels in enumerate(seen.scales):
                parts |= {f"{number}.{part}": values.half().contiguous() for part, values in vars(levels).items()}
            save_file(parts, path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
        kept = load_file(path)
        scales = (
            Levels(*(kept[f"{number}.{part.name}"].float() for part in fields(Levels))) for number in range(len(SIZES))
        )
        return DenseFeatures(image.shape[1], image.shape[0], tuple(scales), kept["pixels"].numpy())


class Trainer:
    """The steps of the module's description.

    Args:
        photos: To learn from.
        sight: Sees them.
        seed: For everything random.
        log: Receives lines.
    """

    def __init__(self, photos: Sequence[Photo], sight: Sight, seed: int, log: Console) -> None:
        self.photos, self._sight, self._seed, self._log = photos, sight, seed, log
        self._random = np.random.default_rng(seed)
        self._nouns = load_nouns()
        self._names = [PLAIN_NAMES.get(name, name) for name in CLASSES]
        self._meanings = [self._nouns.find(name) for name in self._names]

    @property
    def _classes(self) -> list[tuple[int, ...]]:
        return [meaning.classes if meaning else () for meaning in self._meanings]

    def look(self) -> Seen:
        """Draws places of all photos, and learns the projections."""
        drawn: list[Places] = []
        low, mid = list[Tensor](), list[Tensor]()
        for number, photo in enumerate(self.photos):
            features = self._sight.look(photo.image(), photo.name)
            drawn.append(
                draw_places(features, self._sight.classify, number, _things(photo), self._classes, self._random)
            )
            middle = features.scales[GRID]
            low.append(self._sample(middle.low))
            mid.append(self._sample(middle.mid))
        places = joined(drawn)
        heads = places.features[:: max(1, len(places.features) // 30_000)].float()
        projections = Projections(
            whiten(torch.cat(low), LOW_DIMS), whiten(torch.cat(mid), MID_DIMS), whiten(heads, HEAD_DIMS)
        )
        return Seen(places, projections)

    def queries(self, places: Places, photos: Sequence[int]) -> tuple[LearnedQuery, ...]:
        """One query for each kind, learned from some of the photos."""
        fitted: Fit = fit(places, photos, seed=self._seed)
        return tuple(
            make_query(
                name,
                [thing.wordnet_id for thing in meaning.things] if meaning else [],
                fitted.weight[:, kind],
                float(fitted.bias[kind]),
                float(fitted.gain[kind]),
                self._nouns,
            )
            for kind, (name, meaning) in enumerate(zip(self._names, self._meanings, strict=True))
        )

    def examples(self, seen: Seen) -> list[Example]:
        """Every photo, asked with queries learned from other photos, and its annotated masks."""
        numbers = range(len(self.photos))
        folds = [
            self.queries(seen.places, [number for number in numbers if number % _FOLDS != fold])
            for fold in range(_FOLDS)
        ]
        made = []
        for number, photo in enumerate(self.photos):
            view = self._view(photo.image(), photo.name, seen.projections)
            example = make_example(view, _things(photo), folds[number % _FOLDS])
            for kind in example.kinds:
                annotated = photo.mask(CLASSES[kind])
                if annotated is not None:
                    give_mask(example, kind, *annotated)
            made.append(example)
        return made

    def segments(self, folder: Path | None, projections: Projections) -> list[SegmentExample]:
        """Photos with segments."""
        made = []
        for photo in read_segments(folder) if folder else ():
            masks = list(photo.segments())
            if masks:
                made.append(make_segments(self._view(photo.image(), photo.path.stem, projections), masks))
        return made

    def localiser(self, examples: list[Example], segments: list[SegmentExample], steps: int) -> Localiser:
        """Trains the second part."""
        config = Config(steps=steps, seed=self._seed, segments=Config.segments if segments else 0)
        torch.manual_seed(self._seed)
        return train(Asker(examples, segments, WITHOUT_CLASSES, config), Localiser(), config, self._log.print)

    def _view(self, image: NDArray[np.uint8], name: str, projections: Projections) -> View:
        features = self._sight.look(image, name)
        return View(features, projections.scene(features), self._sight.classify)

    def _sample(self, features: Tensor) -> Tensor:
        flat = features.flatten(1).T
        return flat[torch.from_numpy(self._random.integers(0, len(flat), _SAMPLES))].float()


def whiten(samples: Tensor, dims: int) -> Projection:
    """Principal components of samples [n, channels], scaled to unit variance."""
    mean = samples.mean(dim=0)
    _, spread, directions = torch.linalg.svd(samples - mean, full_matrices=False)
    return Projection(mean, directions[:dims].T / (spread[:dims] / len(samples) ** 0.5))


def _things(photo: Photo) -> list[Annotated]:
    return [Annotated(CLASSES.index(thing.name), thing.box, thing.difficult) for thing in photo.things]


def main() -> None:
    """Trains and writes the weights."""
    parser = argparse.ArgumentParser(description="Learn the weights of grounding from photos with boxes.")
    parser.add_argument("folder", type=Path, help="photos in the layout of Pascal VOC 2007")
    parser.add_argument("--segments", type=Path, help="photos with human segmentations (BSDS500)")
    parser.add_argument("--holdout", help="K/N: leave out every N-th photo from the K-th on; masks: those with masks")
    parser.add_argument("--features", type=Path, help="keep what the encoder saw in this folder (7 GB)")
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    parser.add_argument("--steps", type=int, default=Config.steps, help="steps of the localiser")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    photos = read_kept(arguments.folder, arguments.holdout)
    log = Console()
    sight = Sight(DenseEncoder(Settings.load().cache, remember=1), arguments.features)
    trainer = Trainer(photos, sight, arguments.seed, log)
    log.print(f"looking at {len(photos)} photos")
    seen = trainer.look()
    log.print(f"learning from {len(seen.places.features)} places; asking every photo")
    examples = trainer.examples(seen)
    segments = trainer.segments(arguments.segments, seen.projections)
    log.print(f"training the localiser on {len(examples)} pictures and {len(segments)} with segments")
    localiser = trainer.localiser(examples, segments, arguments.steps)
    learned = Learned(seen.projections, trainer.queries(seen.places, range(len(photos))), localiser)
    facts = {"photos": str(len(photos)), "segments": str(len(segments)), "seed": str(arguments.seed)}
    save_learned(learned, arguments.output, facts | {"holdout": arguments.holdout or ""})
    log.print(f"wrote {arguments.output} ({arguments.output.stat().st_size / 1e6:.2f} MB)")


if __name__ == "__main__":
    main()
