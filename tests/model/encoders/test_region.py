import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vitron_agent.messages import Region
from vitron_agent.model.encoders.region import RegionEncoder, mask_pooled, shape_of
from vitron_agent.tools.regions import rasterise

BOX = (0.5, 0.25, 0.75, 0.75)
"""Where the thing is."""
DRAWINGS = {
    "click": Region.points([(0.6, 0.5)]),
    "clicks on and beside it": Region.points([(0.6, 0.4), (0.1, 0.1)], labels=[True, False]),
    "box": Region.box(*BOX),
    "polygon": Region.polygon([(0.5, 0.25), (0.74, 0.3), (0.6, 0.7)]),
    "scribble": Region.scribble([(0.55, 0.3), (0.7, 0.6)], width=0.02),
}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("drawing", DRAWINGS)
@pytest.mark.parametrize("size", [(640, 480), (31, 57), (8, 8)])
def test_every_kind_of_drawing_means_the_thing_under_it(drawing: str, size: tuple[int, int]):
    features = torch.zeros(2, 16, 16)
    features[0] = 1
    features[:, 4:12, 8:12] = torch.tensor([0.0, 1.0])[:, None, None]
    content = mask_pooled(features, rasterise(DRAWINGS[drawing], *size))
    torch.testing.assert_close(content.sum(), torch.tensor(1.0))
    assert content[1] > 0.8 if size[0] > 8 else content[1] > 0.5


def test_pooling_weighs_places_by_how_much_of_them_is_covered(rng: np.random.Generator):
    features = torch.from_numpy(rng.normal(size=(4, 5, 6))).float()
    whole = np.ones((10, 12), np.bool_)
    torch.testing.assert_close(mask_pooled(features, whole), features.mean(dim=(1, 2)))
    half = np.zeros((10, 12), np.bool_)
    half[0:2, 0:3] = True  # the first place, and half of the second
    torch.testing.assert_close(mask_pooled(features, half), (features[:, 0, 0] * 2 + features[:, 0, 1]) / 3)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 30), st.integers(1, 30))
def test_pooling_weighs_exactly_whatever_the_grid(height: int, width: int, rows: int, columns: int):
    mask = np.random.default_rng(0).random((height, width)) < 0.5
    mask[0, 0] = True
    features = torch.from_numpy(np.random.default_rng(1).normal(size=(2, rows, columns))).float()
    share = torch.from_numpy(overlaps(height, rows) @ mask @ overlaps(width, columns).T).float()
    torch.testing.assert_close(mask_pooled(features, mask), (features * share).sum(dim=(1, 2)) / share.sum())


def overlaps(pixels: int, places: int) -> np.ndarray:
    """How much of each of so many equal places each of so many equal pixels covers, as (places, pixels)."""
    place, pixel = np.arange(places)[:, None] / places, np.arange(pixels)[None] / pixels
    return np.clip(np.minimum(place + 1 / places, pixel + 1 / pixels) - np.maximum(place, pixel), 0, None)


def test_geometry_tells_where_how_large_and_of_what_shape():
    mask = np.zeros((50, 200), np.bool_)
    mask[10:20, 50:150] = True
    shape = shape_of(mask)
    assert shape.shape == (261,)
    torch.testing.assert_close(shape[256:260], torch.tensor([0.25, 0.2, 0.75, 0.4]))
    torch.testing.assert_close(shape[260].square(), torch.tensor(0.1))
    torch.testing.assert_close(shape[:256].mean(), torch.tensor(0.1))
    single = np.zeros((3, 3), np.bool_)
    single[2, 0] = True
    assert shape_of(single)[:256].reshape(16, 16)[12:, :4].min() == 1


def test_both_halves_reach_the_token():
    torch.manual_seed(0)
    encoder = RegionEncoder(channels=4, width=8)
    contents, shapes = torch.randn(3, 4), torch.rand(3, 261)
    tokens = encoder(contents, shapes)
    assert tokens.shape == (3, 8)
    assert not torch.allclose(tokens, encoder(contents.flip(0), shapes))
    assert not torch.allclose(tokens, encoder(contents, shapes.flip(0)))
