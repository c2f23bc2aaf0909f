"""Several questions about one picture in one sequence: what they share is read once.

Each is learned exactly as if it stood alone behind what they share: it sees none of the others, and its positions go on
from the end of the shared part.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor

from vitron_agent.model.media import Prepared

_PADDING = -1


def packed(examples: Iterable[dict[str, Any]], most: int) -> Iterator[dict[str, Any]]:
    """Examples that show the same and stand side by side, up to so many in one."""
    group: list[dict[str, Any]] = []
    for one in examples:
        if group and (len(group) == most or not _same(group[0]["media"], one["media"])):
            yield _join(group)
            group = []
        group.append(one)
    if group:
        yield _join(group)


def common(sequences: Iterable[Sequence[int]]) -> int:
    """How many ids all of some sequences begin with."""
    columns = zip(*sequences, strict=False)
    return sum(1 for _ in takewhile(lambda ids: len(set(ids)) == 1, columns))


def segments(example: dict[str, Any]) -> list[int]:
    """Which part each token belongs to: 0 is what all parts share and see, the others see it and themselves alone."""
    shared, parts = example.get("parts", (len(example["input_ids"]), ()))
    return [0] * shared + [number for number, length in enumerate(parts, start=1) for _ in range(length)]


def sees(batch: Sequence[Sequence[int]], length: int) -> tuple[Tensor, Tensor]:
    """For sequences of :func:`segments`, filled up to a length, what attends to what, and where it stands.

    Returns:
        bool [b, 1, t, t], queries by keys; and positions [b, t].
    """
    filled = torch.tensor([[*one, *([_PADDING] * (length - len(one)))] for one in batch])
    same = (filled[:, :, None] == filled[:, None, :]) | ((filled[:, None, :] == 0) & (filled[:, :, None] >= 0))
    visible = same & torch.ones(length, length, dtype=torch.bool).tril()
    return visible[:, None], visible.sum(dim=2) - 1


def _same(ones: Sequence[Prepared], others: Sequence[Prepared]) -> bool:
    return len(ones) == len(others) and all(
        type(one) is type(other) and one.features.equal(other.features) for one, other in zip(ones, others, strict=True)
    )


def _join(group: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if len(group) == 1:
        return group[0]
    shared = common([one["input_ids"] for one in group])
    parts = [len(one["input_ids"]) - shared for one in group]
    first = group[0]
    return {
        **first,
        "input_ids": first["input_ids"][:shared] + [token for one in group for token in one["input_ids"][shared:]],
        "labels": first["labels"][:shared] + [label for one in group for label in one["labels"][shared:]],
        "parts": (shared, parts),
    }
