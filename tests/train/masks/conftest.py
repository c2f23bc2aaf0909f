"""A picture with two things on it, and an encoder that needs no weights."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vitron_agent.model.encoders.dense import SIZES, DenseFeatures, fit
from vitron_agent.model.encoders.efficientnet import Levels
from vitron_agent.train.masks.examples import Source
from vitron_agent.train.masks.things import Thing, thing_of


class FakeEncoder:
    """Features of the right shapes, the same for the same picture."""

    def look(self, image: NDArray[np.uint8], name: str) -> DenseFeatures:
        height, width = image.shape[:2]
        random = torch.Generator().manual_seed(int(image.sum()))
        scales = []
        for size in SIZES:
            w, h = fit(width, height, size)
            shapes = ((48, h // 8, w // 8), (120, h // 16, w // 16), (1280, h // 16, w // 16))
            scales.append(Levels(*(torch.randn(shape, generator=random) for shape in shapes)))
        return DenseFeatures(width, height, tuple(scales), np.empty((0, 0, 3), np.uint8))


def draw(number: int) -> tuple[NDArray[np.uint8], list[NDArray[np.bool_]]]:
    """A picture (60, 90) with a disc and a bar, and their masks."""
    y, x = np.mgrid[:60, :90]
    masks = [(y - 25) ** 2 + (x - 30 - number) ** 2 < 200, (y > 8) & (y < 52) & (x > 60) & (x < 78)]
    image = np.full((60, 90, 3), (40, 160, 60), np.uint8)
    for mask, color in zip(masks, [(200, 40, 40), (30, 60, 220)], strict=True):
        image[mask] = color
    return image, masks


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def disc() -> NDArray[np.bool_]:
    return draw(0)[1][0]


@pytest.fixture
def sources() -> list[Source]:
    made = []
    for number in range(2):
        image, masks = draw(number)
        made.append(Source(f"drawn-{number}", image, [thing for mask in masks if (thing := thing_of(mask))]))
    return made


@pytest.fixture
def boxed() -> list[Source]:
    return [Source("boxed", draw(0)[0], [Thing((16, 11, 45, 40), None)])]
