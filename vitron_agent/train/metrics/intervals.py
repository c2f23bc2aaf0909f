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


def estimate(values: Sequence[float], *, seed: int = 0, rounds: int = 2000) -> Estimate:
    """The mean and its bootstrap interval: the middle 95 % of the means of samples drawn anew, with repeats.

    Args:
        values: One or more, of samples that do not depend on each other.
        seed: Of the drawing.
        rounds: How often it is drawn anew.
    """
    all_values = np.asarray(values, np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(all_values), (rounds, len(all_values)))
    low, high = np.quantile(all_values[drawn].mean(axis=1), (0.025, 0.975))
    return Estimate(float(all_values.mean()), float(low), float(high), len(all_values))


def estimates(rows: Sequence[Mapping[str, float]]) -> dict[str, Estimate]:
    """Of every metric, over the samples' rows, which all have the same metrics."""
    return {name: estimate([row[name] for row in rows]) for name in (rows[0] if rows else ())}
