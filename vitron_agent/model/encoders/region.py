"""Regions as tokens: what is under the drawing, and the drawing's own shape (paper §3.1, after Osprey).

A click, box, polygon, scribble or mask is rasterised first (``tools.regions.rasterise``); from then on all are masks.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_SHAPE_SIDE = 16


class RegionEncoder(nn.Module):
    """One token a region: pooled features and geometry, each through an MLP of its own, added.

    Args:
        channels: c, of the backbone's features.
        width: d, of the LLM.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.content = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, width), nn.GELU(), nn.Linear(width, width)
        )
        self.geometry = nn.Sequential(nn.Linear(_SHAPE_SIDE**2 + 5, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, contents: Tensor, geometries: Tensor) -> Tensor:
        """Tokens [n, d] of :func:`mask_pooled` features [n, c] and :func:`shape_of` [n, 261]."""
        summed: Tensor = self.content(contents) + self.geometry(geometries)
        return summed


def mask_pooled(features: Tensor, mask: NDArray[np.bool_]) -> Tensor:
    """The mean of features [c, h, w] under a mask (H, W) of the same picture, as [c].

    Each place counts by the share of it that the mask covers, so a click or a thin stroke still has the place it is in.
    """
    rows, columns = features.shape[1:]
    share = torch.from_numpy(_area(mask, rows, columns))
    return (features * share).sum(dim=(1, 2)) / share.sum()


def shape_of(mask: NDArray[np.bool_]) -> Tensor:
    """The geometry of a mask (H, W) with at least one pixel, as [261]: 16 x 16 shares, box, root of the area."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
    shares = _area(mask, _SHAPE_SIDE, _SHAPE_SIDE).ravel()
    return torch.from_numpy(np.concatenate([shares, box, [mask.mean() ** 0.5]]).astype(np.float32))


def _area(mask: NDArray[np.bool_], rows: int, columns: int) -> NDArray[np.float32]:
    """The share of each place of a grid that the mask covers; exact, also where the grid is finer than the mask."""
    height, width = mask.shape
    finer = mask.astype(np.float32).repeat(-(-rows // height), axis=0).repeat(-(-columns // width), axis=1)
    return np.asarray(cv2.resize(finer, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
