"""Divides a picture into its parts: superpixels, merged while they look alike."""

import heapq
from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage.segmentation import slic

from vitron_agent.artifacts import ImageArray
from vitron_agent.errors import TurnCancelled
from vitron_agent.messages import Finding
from vitron_agent.model.encoders.dense import GRID
from vitron_agent.tools.backends.embedded.localiser import HEAD_DIMS
from vitron_agent.tools.backends.embedded.naming import Naming
from vitron_agent.tools.backends.embedded.vision import View
from vitron_agent.tools.regions import tight_box

_SUPERPIXELS, _COMPACTNESS = 300, 12.0
_THING_WEIGHT, _COLOR_WEIGHT = 0.1, 1.0
"""What a difference in features and in colour counts."""
_STOP = 0.9
"""Parts that differ by more than this stay apart."""
_TINY = 0.01
"""Parts below this share of the picture are merged more readily."""
_NAMED = 0.5
"""A part is called by its likeliest name from this probability on."""
UNNAMED = "region"
"""The label of a part that looks like nothing known."""


def split_parts(view: View, image: ImageArray, cancelled: Callable[[], bool]) -> NDArray[np.uint16]:
    """Labels (H, W) 0 to n - 1 at the picture's own size, the largest part first; raises TurnCancelled."""
    start = slic(view.features.pixels, n_segments=_SUPERPIXELS, compactness=_COMPACTNESS, start_label=0, channel_axis=2)
    if cancelled():
        raise TurnCancelled("stopped while dividing the picture")
    sizes = np.bincount(start.ravel()).astype(np.float64)
    owner = merge(sizes, _looks(view, start, sizes), _borders(start), _STOP)
    height, width = image.shape[:2]
    fitted = cv2.resize(owner[start].astype(np.uint16), (width, height), interpolation=cv2.INTER_NEAREST)
    numbers, labels, counts = np.unique(fitted, return_inverse=True, return_counts=True)
    rank = np.empty(len(numbers), np.uint16)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(numbers))
    return rank[labels.reshape(height, width)]


def merge(
    sizes: NDArray[np.float64], looks: NDArray[np.float64], borders: NDArray[np.intp], stop: float
) -> NDArray[np.intp]:
    """Merges neighbours, the most alike first, until all that are left differ by more than ``stop``.

    Args:
        sizes: (n,) pixels of each superpixel.
        looks: (n, d) what each looks like; distances between these count.
        borders: (m, 2) pairs that touch.
        stop: See above.

    Returns:
        (n,) the number of the part that each superpixel went to, from 0 without gaps.
    """
    sizes, looks = sizes.copy(), looks.copy()
    total = sizes.sum()
    neighbours: list[set[int]] = [set() for _ in sizes]
    parent = np.arange(len(sizes))
    version = np.zeros(len(sizes), np.intp)

    def cost(a: int, b: int) -> float:
        smaller = min(sizes[a], sizes[b]) / total
        readiness = float(min(1.0, smaller / _TINY) ** 0.5)
        return float(np.linalg.norm(looks[a] - looks[b])) * readiness

    heap: list[tuple[float, int, int, int, int]] = []
    for a, b in borders.tolist():
        neighbours[a].add(b)
        neighbours[b].add(a)
        heapq.heappush(heap, (cost(a, b), a, b, 0, 0))
    while heap:
        price, a, b, version_a, version_b = heapq.heappop(heap)
        if (version[a], version[b]) != (version_a, version_b):
            continue
        if price > stop:
            break
        looks[a] = (looks[a] * sizes[a] + looks[b] * sizes[b]) / (sizes[a] + sizes[b])
        sizes[a] += sizes[b]
        parent[parent == b] = a
        version[a] += 1
        version[b] = -1
        neighbours[a] = (neighbours[a] | neighbours[b]) - {a, b}
        for other in neighbours[a]:
            neighbours[other] = (neighbours[other] - {b}) | {a}
            first, second = sorted((a, other))
            heapq.heappush(heap, (cost(a, other), first, second, int(version[first]), int(version[second])))
    return np.unique(parent, return_inverse=True)[1]


def _looks(view: View, labels: NDArray[np.intp], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, d): each superpixel's mean colour (Lab) and mean features."""
    height, width = labels.shape
    rows, columns = view.features.grid
    lab = cv2.cvtColor(view.features.pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) / 20 * _COLOR_WEIGHT
    things = view.scene.features[0, GRID * HEAD_DIMS : (GRID + 1) * HEAD_DIMS, :rows, :columns]
    wide = torch.nn.functional.interpolate(things[None], (height, width), mode="bilinear", align_corners=False)[0]
    planes = [*lab.transpose(2, 0, 1), *(wide * _THING_WEIGHT).numpy()]
    means = [np.bincount(labels.ravel(), plane.ravel().astype(np.float64)) / sizes for plane in planes]
    return np.stack(means, axis=1)


def _borders(labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """(m, 2) pairs of labels that touch, the smaller number first."""
    pairs = np.concatenate(
        [
            np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()], axis=1),
            np.stack([labels[:-1].ravel(), labels[1:].ravel()], axis=1),
        ]
    )
    pairs.sort(axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


def name_parts(view: View, naming: Naming, labels: NDArray[np.uint16]) -> tuple[Finding, ...]:
    """What each part looks most like, in the order of the labels."""
    rows, columns = view.features.grid
    findings = []
    for number in range(int(labels.max()) + 1):
        mask = labels == number
        weight = cv2.resize(mask.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        names = naming.names(view, torch.from_numpy(weight))
        name, score = names[0] if names and names[0][1] >= _NAMED else (UNNAMED, 0.0)
        share = ("share", f"{mask.mean():.3f}")
        findings.append(Finding(label=name, score=round(score, 3), box=tight_box(mask), facts=(share,)))
    return tuple(findings)
