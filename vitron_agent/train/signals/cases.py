"""Pictures in which a phrase's thing is known: what channels are calibrated, and compared, on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vitron_agent.messages import Box, Operation
from vitron_agent.model.tokens import PlannerTokenizer
from vitron_agent.train.data.photos.kinds import WORDNET
from vitron_agent.train.data.photos.split import Part
from vitron_agent.train.data.samples import Pixels, Task
from vitron_agent.train.signals.aligning import SignalReader
from vitron_agent.train.signals.phrases import Phrase
from vitron_agent.train.signals.pictures import open_pasted
from vitron_agent.train.signals.reading import read_states
from vitron_agent.train.signals.steps import step_ids


@dataclass(frozen=True)
class Case:
    """A phrase, and a picture that shows its thing.

    Attributes:
        phrase: What is looked for.
        name: Of the picture.
        pixels: (H, W, 3).
        box: Of the thing.
        mask: (H, W).
    """

    phrase: Phrase
    name: str
    pixels: Pixels
    box: Box
    mask: NDArray[np.bool_]


def pasted_cases(
    photos: Path,
    cutouts: Path,
    part: Part,
    phrases: Iterable[Phrase],
    count: int,
    *,
    tries: int = 40,
    wordnet: Path = WORDNET,
) -> Iterator[Case]:
    """Things pasted on photos, each asked for by a phrase of the list that means it alone.

    Args:
        photos: Folder of photos of one thing each.
        cutouts: What was cut out of them.
        part: Which photos.
        phrases: What may be asked for.
        count: Of cases.
        tries: Samples that are looked at for each case, before there are fewer cases.
        wordnet: Folder of WordNet 3.0.
    """
    known = {phrase.definite: phrase for phrase in phrases}
    pasted = open_pasted(photos, cutouts, part, wordnet)
    found = 0
    for sample in pasted.samples([Task.REFERRING], count * tries):
        if found == count:
            return
        if len(sample.things) != 1 or sample.things[0].phrase not in known or 0 not in sample.things[0].masks:
            continue
        thing = sample.things[0]
        found += 1
        yield Case(known[thing.phrase], sample.id, sample.media[0].load(), thing.boxes[0], thing.masks[0])


def states_of(
    reader: SignalReader,
    tokenizer: PlannerTokenizer,
    phrases: Sequence[Phrase],
    others: Sequence[Phrase],
    seed: int = 0,
) -> Mapping[str, Tensor]:
    """The states [n_s + n_p, width] of a request to find each phrase, by its text."""
    rng = Random(seed)  # noqa: S311
    different = list({phrase.text: phrase for phrase in phrases}.values())
    steps = [step_ids(phrase, Operation.DETECT, others, tokenizer, rng) for phrase in different]
    return dict(zip((phrase.text for phrase in different), read_states(reader, steps), strict=True))
