"""Words before sentences: what is seen of a thing comes to lie where the LLM has the words for it.

An LLM that is to learn from sentences what tokens mean needs far more of them than a CPU can read. So the tokens of
things and drawings first learn, without the LLM, to be like the embeddings of the words that name their thing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from vitron_agent.model.encoders.proposals import overlaps
from vitron_agent.model.media import Drawn, Places, Prepared
from vitron_agent.model.projector import position_boxes
from vitron_agent.model.tokens import PlannerTokenizer
from vitron_agent.train.data.examples import Example, Looked
from vitron_agent.train.data.samples import Sample, Task

_HIT = 0.5
"""A token of a thing is that of the named one that its box overlaps by so much."""
_SHARPNESS = 20.0
"""Of telling words apart: the likeness, 1 for a word's own embedding, times this."""
_EMPTY = {
    "a", "an", "the", "of", "and", "that", "is", "are", "with", "on", "in", "it", "its", "this", "thing", "things",
    "one", "another", "other", "all", "more",
}  # fmt: skip


def named(seen: Iterable[Looked], tokenizer: PlannerTokenizer) -> Iterator[Example]:
    """Examples for :func:`vitron_agent.train.fit.fit`: items, rows of their tokens, and the ids of the rows' words."""
    for sample, items in seen:
        for item, told in zip(items, _told(sample, items), strict=True):
            wanted = {row: ids for row, phrase in told.items() if (ids := _ids(phrase, tokenizer))}
            if wanted:
                length = len(item.features) if isinstance(item, Places) else 1
                yield {
                    "input_ids": range(length), "labels": [0], "item": item,
                    "rows": list(wanted), "wanted": list(wanted.values()),
                }  # fmt: skip


def collate(batch: Sequence[Example]) -> dict[str, Any]:
    """Items, the numbers of the named tokens among all of the batch, and the ids of each one's words."""
    rows, start = [], 0
    for one in batch:
        rows += [start + row for row in one["rows"]]
        start += len(one["input_ids"])
    return {
        "items": [one["item"] for one in batch],
        "rows": torch.tensor(rows),
        "wanted": [ids for one in batch for ids in one["wanted"]],
        "labels": torch.zeros(len(batch)),
    }


class WordLoss:
    """Cross-entropy of telling a thing's words among all that name anything; each of several words is as right.

    Args:
        words: The LLM's embeddings [vocabulary, d], frozen.
        examples: Of :func:`named`.
    """

    def __init__(self, words: Tensor, examples: Iterable[Example]) -> None:
        used = sorted({one for example in examples for ids in example["wanted"] for one in ids})
        self._number = {one: number for number, one in enumerate(used)}
        self._words = functional.normalize(words.detach()[used].float(), dim=1)

    def __call__(self, model: Any, inputs: dict[str, Any], _: Tensor | int | None = None) -> Tensor:
        """The mean over the named tokens of a batch."""
        tokens = model(inputs["items"])[inputs["rows"]].float()
        logits = _SHARPNESS * functional.normalize(tokens, dim=1) @ self._words.to(tokens).T
        shares = torch.zeros_like(logits)
        for row, ids in enumerate(inputs["wanted"]):
            shares[row, [self._number[one] for one in ids]] = 1 / len(ids)
        return functional.cross_entropy(logits, shares)


def _told(sample: Sample, items: Sequence[Prepared]) -> Iterator[Mapping[int, str]]:
    """For each item the rows that mean a named thing, with its phrase."""
    for number, item in enumerate(items):
        if isinstance(item, Drawn):
            yield {0: sample.things[0].phrase} if sample.task is Task.REGION_CAPTION and sample.things else {}
        else:
            yield _matched(sample, number, item)


def _matched(sample: Sample, medium: int, item: Places) -> dict[int, str]:
    boxes, times = position_boxes(item.positions), item.positions[:, 2]
    frames = (times * (sample.media[medium].frames or 1)).long().tolist()
    told: dict[int, str] = {}
    best = torch.full((len(boxes),), _HIT)
    for thing in sample.things:
        if thing.medium != medium:
            continue
        for row, frame in enumerate(frames):
            if frame in thing.boxes:
                overlap = float(overlaps(boxes[row][None], torch.tensor([thing.boxes[frame]]))[0, 0])
                if overlap >= best[row]:
                    best[row], told[row] = overlap, thing.phrase
    return told


def _ids(phrase: str, tokenizer: PlannerTokenizer) -> list[int]:
    words = [word for word in re.findall(r"[^\W\d_]+", phrase.lower()) if word not in _EMPTY]
    return list(dict.fromkeys(token for word in words for token in tokenizer.encode_text(f" {word}")))
