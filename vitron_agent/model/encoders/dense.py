"""Dense features of any picture at three sizes, kept for the next question about it."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from vitron_agent.artifacts import ImageArray
from vitron_agent.errors import TurnCancelled
from vitron_agent.model.encoders.efficientnet import EfficientNetLite, Levels
from vitron_agent.model.encoders.weights import LITE2, Source, load_encoder

SIZES = (416, 640, 896)
"""Longer side in pixels of the three sizes: the whole scene, things, small things."""
GRID = 1
"""The size whose stride-16 places are the common grid of everything dense."""
_MULTIPLE = 32
_GREY = 127


@dataclass(frozen=True)
class DenseFeatures:
    """What the encoder saw.

    Attributes:
        width: Of the picture, in pixels.
        height: Of the picture.
        scales: Features at each of ``SIZES``.
        pixels: (h, w, 3) uint8, the picture as it was encoded on the grid's size.
    """

    width: int
    height: int
    scales: tuple[Levels, ...]
    pixels: NDArray[np.uint8]

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the common grid; a place covers 16 x 16 encoded pixels."""
        rows, columns = self.scales[GRID].head.shape[1:]
        return rows, columns


class DenseEncoder:
    """Encodes pictures and remembers the last few; safe for several threads.

    Args:
        cache: Folder of converted weights.
        source: Which network.
        remember: How many pictures' features are kept (about 30 MB each).
    """

    def __init__(self, cache: Path, source: Source = LITE2, *, remember: int = 6) -> None:
        self._cache, self._source, self._remember = cache, source, remember
        self._network: EfficientNetLite | None = None
        self._known: OrderedDict[str, DenseFeatures] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, image: ImageArray, image_id: str, cancelled: Callable[[], bool] = lambda: False) -> DenseFeatures:
        """Features of a picture.

        Args:
            image: (H, W, 3|4) uint8 or uint16.
            image_id: What the features are remembered under; the same id means the same pixels.
            cancelled: Asked before each size.

        Raises:
            TurnCancelled: ``cancelled`` said so.
            WeightsError: As :func:`vitron_agent.model.encoders.weights.load_encoder`.
        """
        with self._lock:  # one picture at a time: a second expert on the same one then finds it here
            if image_id not in self._known:
                self._known[image_id] = self._encode(image, cancelled)
            self._known.move_to_end(image_id)
            while len(self._known) > self._remember:
                self._known.popitem(last=False)
            return self._known[image_id]

    def classify(self, head: Tensor) -> Tensor:
        """Logits [1000, ...] of the ImageNet classes for features [1280, ...]."""
        with self._lock:
            network = self._loaded()
        return network.classify(head)

    def _loaded(self) -> EfficientNetLite:
        if self._network is None:
            self._network = load_encoder(self._cache, self._source)
        return self._network

    def _encode(self, image: ImageArray, cancelled: Callable[[], bool]) -> DenseFeatures:
        network = self._loaded()
        height, width = image.shape[:2]
        picture = Image.fromarray(to_rgb8(image))
        scales, kept = [], np.empty((0, 0, 3), np.uint8)
        for number, size in enumerate(SIZES):
            if cancelled():
                raise TurnCancelled("stopped while looking at the picture")
            pixels = np.asarray(picture.resize(fit(width, height, size), Image.Resampling.BICUBIC))
            scales.append(network.levels(torch.from_numpy(pixels.transpose(2, 0, 1).copy())))
            kept = pixels if number == GRID else kept
        return DenseFeatures(width, height, tuple(scales), kept)


def fit(width: int, height: int, size: int) -> tuple[int, int]:
    """Width and height, multiples of 32, whose longer side is ``size``; thin pictures are widened to 32."""
    factor = size / max(width, height) / _MULTIPLE
    return max(1, round(width * factor)) * _MULTIPLE, max(1, round(height * factor)) * _MULTIPLE


def to_rgb8(image: ImageArray) -> NDArray[np.uint8]:
    """Any picture as (H, W, 3) uint8; transparent parts lie on grey."""
    eight = image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8)
    if eight.shape[2] == 3:
        return np.ascontiguousarray(eight)
    alpha = eight[..., 3:].astype(np.float32) / 255
    return np.rint(eight[..., :3] * alpha + _GREY * (1 - alpha)).astype(np.uint8)


def on_grid(values: Tensor, rows: int, columns: int) -> Tensor:
    """Resamples [channels, h, w] to another grid over the same picture."""
    return F.interpolate(values[None].float(), (rows, columns), mode="bilinear", align_corners=False)[0]
