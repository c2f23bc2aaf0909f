"""How much of a label can be told from vectors by a plane: what a discriminator may miss, a linear probe finds."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

_RIDGE = 1e-2


def chance(labels: Tensor) -> float:
    """Accuracy of who always says the label [n] that is most frequent."""
    return float(labels.bincount().max() / len(labels))


def linear_probe(vectors: Tensor, labels: Tensor, *, folds: int = 5, seed: int = 0) -> float:
    """Accuracy of telling labels from vectors by least squares, on what it was not fitted to.

    Args:
        vectors: [n, d].
        labels: [n], from 0 on.
        folds: Each is told by what was fitted to the others.
        seed: Of the folds.

    Raises:
        ValueError: There are fewer vectors than folds.
    """
    if len(vectors) < folds:
        raise ValueError(f"{len(vectors)} vectors do not fill {folds} folds")
    order = torch.randperm(len(vectors), generator=torch.Generator().manual_seed(seed))
    wanted = F.one_hot(labels).double()
    right = 0
    for test in order.tensor_split(folds):
        known = torch.ones(len(vectors), dtype=torch.bool).index_fill(0, test, value=False)
        fitted = _fit(vectors[known].double(), wanted[known])
        right += int((fitted(vectors[test].double()).argmax(dim=1) == labels[test]).sum())
    return right / len(vectors)


def _fit(vectors: Tensor, wanted: Tensor) -> Callable[[Tensor], Tensor]:
    mean, scale, level = vectors.mean(dim=0), vectors.std(dim=0).clamp_min(1e-9), wanted.mean(dim=0)
    x = (vectors - mean) / scale
    gram = x.T @ x + _RIDGE * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
    slope = torch.linalg.solve(gram, x.T @ (wanted - level))
    return lambda others: (others - mean) / scale @ slope + level
