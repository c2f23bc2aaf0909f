"""Does the mask decoder cut out better what the planner's signals say is meant? On held-out things, by kind of prompt.

    python benchmarks/mask_signals.py ADAPTER... --run STAGE_3_OUT --photos PHOTOS --cutouts CUTOUTS [--pictures 50]

Each ADAPTER is what ``python -m vitron_agent.train.mask_signals`` made with another seed, STAGE_3_OUT what it was made
from. Things of synsets that were held out of everything are pasted on photos; signals are those of steps about them.
Prompts are made from the true mask: a loose box and a rough map, which often take in another thing, one click anywhere
on it, and a box that is about right. They are read in one window, as in the training, the same one for all arms.

- none: no signal; what the decoder does as it ships.
- signal: of a step about the thing.
- shuffled: of a step about another picture's thing; a gain that this does not destroy is not one of meaning.

A second table is of those pictures only in which another thing can be asked for too, and adds the arm *other*: the
signal of a step about that one. Intersection over union with the true mask, mean ± standard deviation over adapters.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from vitron_agent.config import Settings
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.model.vitron import VitronModel
from vitron_agent.tools.backends.embedded.mask_decoder import AMBIGUOUS, CLEAR, MaskDecoder, load_decoder
from vitron_agent.train.data.photos.split import Part
from vitron_agent.train.mask_signals import see_all, signals_of
from vitron_agent.train.masks.examples import Picture, Question, ask
from vitron_agent.train.masks.meant import DOUBTFUL, meant_pictures
from vitron_agent.train.masks.prompts import by_box, draw_window, reach_of
from vitron_agent.train.queries import Sight
from vitron_agent.train.signals.phrases import Group, read_phrases
from vitron_agent.train.signals.states import load_states

KINDS = (*DOUBTFUL, "box")
Scores = Mapping[str, Mapping[str, Sequence[float]]]
"""Overlaps by arm and kind of prompt, one for each adapter."""


@dataclass(frozen=True)
class Case:
    """A thing of a picture that is asked for.

    Attributes:
        questions: A prompt of each kind that could be made.
        phrase: That means it.
        shuffled: That means another picture's thing.
        other: That means another thing of the picture; None if there is none.
    """

    questions: Mapping[str, Question]
    phrase: str
    shuffled: str
    other: str | None


def cases_of(pictures: Sequence[tuple[Picture, Sequence[tuple[int, str]]]]) -> list[Case]:
    """Each thing that can be asked for, once, by its first phrase."""
    found = []
    for number, (picture, asked) in enumerate(pictures):
        for place, phrase in sorted(dict(reversed(asked)).items()):
            random = np.random.default_rng([number, place])
            others = [text for one, text in asked if one != place]
            mine = {text for _, text in asked}
            elsewhere = [text for _, more in pictures for _, text in more if text not in mine]
            shuffled = elsewhere[int(random.integers(len(elsewhere)))]
            questions = _questions(picture, place, random)
            found.append(Case(questions, phrase, shuffled, others[0] if others else None))
    return found


def _questions(picture: Picture, place: int, random: np.random.Generator) -> dict[str, Question]:
    height, width = picture.image.shape[:2]
    masks = [thing.mask(width, height) for thing in picture.things]
    mask = masks.pop(place)
    cues = {kind: make(mask, masks, random) for kind, make in DOUBTFUL.items()} | {"box": by_box(mask, random)}
    found = {}
    for kind, cue in cues.items():
        window = draw_window(cue, reach_of(cue, mask), width, height, random)
        question = ask(picture, picture.things[place], cue, window, random)
        if question is not None:
            found[kind] = question
    return found


@torch.inference_mode()
def overlap(decoder: MaskDecoder, question: Question, signal: Tensor | None) -> float:
    """Of the mask that the decoder thinks best with the true one."""
    decoded = decoder(question.patch, None if signal is None else signal[None])
    asked = AMBIGUOUS if question.ambiguous else CLEAR
    made = decoded.masks[0, asked][int(decoded.quality[0, asked].argmax())] > 0
    wanted = question.target > 0.5
    return float((made & wanted).sum() / (made | wanted).sum().clamp(min=1))


def measure(cases: Sequence[Case], decoders: Sequence[MaskDecoder], signals: Mapping[str, Tensor]) -> list[Scores]:
    """Both tables."""
    tables: list[dict[str, dict[str, list[list[float]]]]] = [defaultdict(lambda: defaultdict(list)) for _ in range(2)]
    for case in track(cases, "cutting out", console=Console(stderr=True)):
        told = {"none": None, "signal": case.phrase, "shuffled": case.shuffled, "other": case.other}
        for kind, question in case.questions.items():
            for arm, phrase in told.items():
                if phrase is None and arm != "none":
                    continue
                signal = None if phrase is None else signals[phrase][0]
                used = decoders if signal is not None else decoders[:1]  # without a signal they are all the same
                row = [overlap(decoder, question, signal) for decoder in used] * (len(decoders) // len(used))
                for table in tables[: 2 if case.other else 1] if arm != "other" else tables[1:]:
                    table[arm][kind].append(row)
    return [
        {arm: {kind: np.mean(rows, axis=0).tolist() for kind, rows in kinds.items()} for arm, kinds in table.items()}
        for table in tables
    ]


def main() -> None:
    """Runs the benchmark and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("adapters", type=Path, nargs="+", metavar="ADAPTER")
    parser.add_argument("--run", type=Path, required=True, help="what stage 3 left")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--cutouts", type=Path, required=True)
    parser.add_argument("--features", type=Path, help="keep what the encoder saw in this folder (11 MB a picture)")
    parser.add_argument("--pictures", type=int, default=50, help="that are tried")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args()
    states = load_states(options.run / "states.safetensors")
    signals = signals_of(states, VitronModel.from_pretrained(options.run / "model").signals)
    phrases = [one for one in read_phrases() if one.group is Group.NEW_THING and one.text in signals]
    decoders = [load_decoder(adapter=adapter) for adapter in options.adapters]
    pasted = meant_pictures(options.photos, options.cutouts, Part.TEST_NEW, phrases, options.pictures)
    encoder = Sight(DenseEncoder(Settings.load().cache, remember=1), options.features)
    pictures = see_all(track(pasted, "looking", console=Console(stderr=True)), encoder, decoders[0])
    cases = cases_of(pictures)
    tables = measure(cases, decoders, signals)
    counts = [len(cases), sum(case.other is not None for case in cases)]
    if options.json:
        print(json.dumps([{"things": n, "iou": found} for n, found in zip(counts, tables, strict=True)], indent=2))
        return
    for count, found, title in zip(counts, tables, ("", " beside another one that can be asked for"), strict=True):
        table = Table("", *KINDS, title=f"{count} things{title}, on {len(pictures)} pictures")
        for arm, kinds in found.items():
            table.add_row(arm, *(f"{np.mean(kinds[kind]):.3f} ± {np.std(kinds[kind]):.3f}" for kind in KINDS))
        Console(width=110).print(table)


if __name__ == "__main__":
    main()
