r"""Stage 3 for segmentation: the mask decoder comes to read signals (DESIGN §5; paper §3.3, App. B.4, step 1.3).

    python -m vitron_agent.train.mask_signals --size debug --run runs_output/stage3 --photos photos --cutouts cutouts \
        --out /tmp/mask_signals
    python -m vitron_agent.train.mask_signals --size embedded --run runs_output/stage3 --photos photos \
        --cutouts cutouts --features /tmp/features --out runs_output/mask_signals

``--run`` is what :mod:`vitron_agent.train.stage3_decoder` left: the states of steps, and the heads that make signals of
them. Mask decoder, states and heads stay as they are; the adapter alone learns, by the loss of the mask, on things
pasted on photos whose phrase the signal is about. Most prompts are doubtful on purpose: they take in another thing, or
are one click. The product is ``OUT/mask_signals.safetensors``; ``benchmarks/mask_signals.py`` measures it.

None ships: what was learned so far is a habit, not what signals mean (docs/results.md).
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from vitron_agent.config import Settings
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.model.signals import SignalHeads
from vitron_agent.model.vitron import VitronModel
from vitron_agent.tools.backends.embedded.mask_decoder import (
    WEIGHTS,
    Decoded,
    MaskDecoder,
    Patch,
    load_decoder,
    save_adapter,
)
from vitron_agent.tools.backends.embedded.windows import joined
from vitron_agent.train.data.photos.kinds import WORDNET
from vitron_agent.train.data.photos.split import Part
from vitron_agent.train.fit import Schedule, add_options, chosen, fit
from vitron_agent.train.masks.examples import Encoder, Picture, Question, ask, see
from vitron_agent.train.masks.losses import mask_losses
from vitron_agent.train.masks.meant import DOUBTFUL, Meant, meant_pictures
from vitron_agent.train.masks.prompts import draw_cue, draw_window, reach_of
from vitron_agent.train.queries import Sight
from vitron_agent.train.signals.phrases import Group, Phrase, read_phrases
from vitron_agent.train.signals.states import States, load_states

PRODUCT = "mask_signals.safetensors"


@dataclass(frozen=True, kw_only=True)
class Config(Schedule):
    """One run.

    Attributes:
        pictures: That are pasted.
        questions: Prompts to learn from; each is drawn anew.
        plain: Share of prompts that say well enough what is meant.
    """

    pictures: int = 124
    questions: int = 2400
    plain: float = 0.2


def debug() -> Config:
    """A few steps, to see that everything runs."""
    return Config(batch=2, pictures=3, questions=8)


def embedded() -> Config:
    """What was measured: five minutes of a CPU core, half of them looking at pictures."""
    return Config(batch=16, learning_rate=1e-2, bf16=True)


def paper() -> Config:
    """More of everything, at the paper's learning rate for its 7B model (App. C)."""
    return Config(batch=64, pictures=20_000, questions=400_000, learning_rate=1e-5, bf16=True)


SIZES: dict[str, Callable[[], Config]] = {"debug": debug, "embedded": embedded, "paper": paper}


@torch.no_grad()
def signals_of(states: States, heads: SignalHeads) -> dict[str, Tensor]:
    """Signals [steps, n_s + n_p, d] of all steps about a phrase, by its text."""
    signals = heads(states.hidden).together()
    rows: dict[str, list[int]] = defaultdict(list)
    for row, text in enumerate(states.texts):
        rows[text].append(row)
    return {text: signals[several] for text, several in rows.items()}


class Asker:
    """Makes batches of prompts for things, with the signals of their phrases; the same ones for the same numbers.

    Args:
        pictures: With the phrases for their things, as positions of things and phrases' texts.
        signals: Of :func:`signals_of`.
        plain: As :attr:`Config.plain`.
        seed: For everything random.
    """

    def __init__(
        self,
        pictures: Sequence[tuple[Picture, Sequence[tuple[int, str]]]],
        signals: Mapping[str, Tensor],
        plain: float,
        seed: int,
    ) -> None:
        self._pictures, self._signals, self._plain, self._seed = pictures, signals, plain, seed

    def __call__(self, batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What ``labels`` number."""
        numbers = [one["labels"][0] for one in batch]
        questions, signals = zip(*map(self._draw, numbers), strict=True)
        patch = vars(joined(question.patch for question in questions))
        return {
            "patch": patch, "signals": torch.stack(signals), "questions": questions, "labels": torch.tensor(numbers)
        }  # fmt: skip

    def _draw(self, number: int) -> tuple[Question, Tensor]:
        random = np.random.default_rng([self._seed, number])
        while True:
            picture, asked = self._pictures[int(random.integers(len(self._pictures)))]
            place, text = asked[int(random.integers(len(asked)))]
            height, width = picture.image.shape[:2]
            mask, *others = (
                thing.mask(width, height) for thing in (picture.things[place], *_without(picture.things, place))
            )
            if random.random() < self._plain:
                cue = draw_cue(mask, random)
            else:
                cue = list(DOUBTFUL.values())[int(random.integers(len(DOUBTFUL)))](mask, others, random)
            window = draw_window(cue, reach_of(cue, mask), width, height, random)
            question = ask(picture, picture.things[place], cue, window, random)
            if question is not None:
                several = self._signals[text]
                return question, several[int(random.integers(len(several)))]


def _without(things: Sequence[Any], place: int) -> list[Any]:
    return [*things[:place], *things[place + 1 :]]


def signal_loss(decoder: Any, inputs: Mapping[str, Any], num_labels: Tensor | int | None = None) -> Tensor:  # noqa: ARG001
    """The mask decoder's own loss on a batch of :class:`Asker`."""
    decoded = decoder(Patch(**inputs["patch"]), inputs["signals"])
    masks, quality = mask_losses(
        Decoded(decoded.masks.float().cpu(), decoded.quality.float().cpu()), inputs["questions"]
    )
    return masks + quality


def learn_adapter(config: Config, decoder: MaskDecoder, asker: Asker, out: Path) -> None:
    """Learns the adapter of a decoder, in place; the rest of the decoder stays as it is."""
    decoder.requires_grad_(requires_grad=False).adapter.requires_grad_()
    examples = [{"input_ids": [0], "labels": [number]} for number in range(config.questions)]
    fit(decoder, examples, asker, signal_loss, config, out)
    decoder.eval().requires_grad_(requires_grad=False)


def see_all(
    meant: Iterable[Meant], encoder: Encoder, decoder: MaskDecoder
) -> list[tuple[Picture, list[tuple[int, str]]]]:
    """Pictures as the decoder sees them, with the texts of their things' phrases."""
    return [
        (
            see(one.source, encoder.look(one.source.image, one.source.name), decoder.reader),
            [(place, phrase.text) for place, phrase in one.phrases],
        )
        for one in meant
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    from rich.progress import track

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, SIZES)
    parser.add_argument("--run", type=Path, required=True, help="what stage 3 left: states and model")
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos of one thing each")
    parser.add_argument("--cutouts", type=Path, required=True, help="what was cut out of them")
    parser.add_argument("--features", type=Path, help="keep what the encoder saw in this folder (11 MB a picture)")
    parser.add_argument("--decoder", type=Path, default=WEIGHTS, help="mask decoder (default: the one that ships)")
    parser.add_argument("--wordnet", type=Path, default=WORDNET, help="folder of WordNet 3.0 (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    config = chosen(options, SIZES)
    sys.stderr.write(f"{config}\n")
    cv2.setNumThreads(torch.get_num_threads())  # OMP_NUM_THREADS then holds for both
    states = load_states(options.run / "states.safetensors")
    phrases = _learned(states, read_phrases(options.wordnet))
    signals = signals_of(states, VitronModel.from_pretrained(options.run / "model").signals)
    torch.manual_seed(config.seed)
    decoder = load_decoder(options.decoder)
    given = (options.photos, options.cutouts, Part.TRAIN, phrases, config.pictures)
    pasted = track(meant_pictures(*given, wordnet=options.wordnet), "looking at pictures", total=config.pictures)
    pictures = see_all(pasted, Sight(DenseEncoder(Settings.load().cache, remember=1), options.features), decoder)
    learn_adapter(config, decoder, Asker(pictures, signals, config.plain, config.seed), options.out)
    facts = {"seed": str(config.seed), "questions": str(config.questions), "pictures": str(len(pictures))}
    save_adapter(decoder, options.out / PRODUCT, facts)
    sys.stderr.write(f"wrote {options.out / PRODUCT}; its gate is {float(decoder.adapter.gate.tanh()):.2f} open\n")


def _learned(states: States, phrases: Iterable[Phrase]) -> list[Phrase]:
    """Phrases to learn from that there are states of."""
    read = set(states.texts)
    return [phrase for phrase in phrases if phrase.group is Group.TRAIN and phrase.text in read]


if __name__ == "__main__":
    main()
