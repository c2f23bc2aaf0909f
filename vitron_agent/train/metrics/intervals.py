"""Means with the interval in which they would lie, had other samples been drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean of what was measured on some samples, with its 95 % interval."""

    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Weighted:
    """What counts for more in one sample than in another, such as the share of a union of masks that they share."""

    value: float
    weight: float


def estimate(values: Sequence[float | Weighted], *, seed: int = 0, rounds: int = 2000) -> Estimate:
    """The mean and its bootstrap interval: the middle 95 % of the means of samples drawn anew, with repeats.

    Args:
        values: One or more, of samples that do not depend on each other; some weight at least is not 0.
        seed: Of the drawing.
        rounds: How often it is drawn anew.
    """
    pairs = [(one.value, one.weight) if isinstance(one, Weighted) else (one, 1.0) for one in values]
    worth, weights = np.asarray(pairs, np.float64).T
    drawn = np.random.default_rng(seed).integers(0, len(worth), (rounds, len(worth)))
    sums, of = ((each[drawn]).sum(axis=1) for each in (worth * weights, weights))
    low, high = np.quantile(sums[of > 0] / of[of > 0], (0.025, 0.975))
    return Estimate(float(np.average(worth, weights=weights)), float(low), float(high), len(worth))


def estimates(rows: Sequence[Mapping[str, float | Weighted]]) -> dict[str, Estimate]:
    """Of every metric, over the samples' rows, which all have the same metrics."""
    return {name: estimate([row[name] for row in rows]) for name in (rows[0] if rows else ())}
