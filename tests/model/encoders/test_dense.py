import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data

from vitron_agent.errors import TurnCancelled
from vitron_agent.model.encoders import dense
from vitron_agent.model.encoders.dense import SIZES, DenseEncoder, fit, on_grid, to_rgb8
from vitron_agent.model.encoders.efficientnet import EfficientNetLite
from vitron_agent.model.encoders.weights import LITE0, load_encoder
from vitron_agent.tools.phrases.nouns import load_nouns


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def encoder(cache: Path) -> DenseEncoder:
    return DenseEncoder(cache, LITE0)


@pytest.mark.parametrize(
    ("photo", "names"),
    [("chelsea", {"tabby", "tiger cat", "Egyptian cat"}), ("coffee", {"espresso", "cup"})],
)
def test_the_network_recognises_photos(encoder, photo, names):
    features = encoder.encode(getattr(data, photo)(), photo)
    best = int(encoder.classify(features.scales[0].head.mean(dim=(1, 2))).argmax())
    assert load_nouns().classes[best].name in names


def test_dense_features_are_those_of_the_plain_network_at_every_second_place(cache):
    """Dilation only fills in the places between; those that the plain network has stay as they are."""
    network = load_encoder(cache, LITE0)
    plain = EfficientNetLite(network._weights, LITE0.depth)
    pixels = torch.from_numpy(np.array(Image.fromarray(data.chelsea()).resize((320, 320)))).permute(2, 0, 1)
    dilated = network.levels(pixels).head
    strided = _without_dilation(plain, pixels)
    inner = (slice(None), slice(3, -3), slice(3, -3))
    assert torch.allclose(dilated[:, ::2, ::2][inner], strided[inner], atol=1e-3)


def _without_dilation(network: EfficientNetLite, pixels: torch.Tensor) -> torch.Tensor:
    x = (pixels[None].float() - 127) / 128
    leans = iter((True, True, False, True))
    x = torch.nn.functional.relu6(network._strided(x, "stem", 3, next(leans)))
    for number, (stage, kernel, stride) in enumerate(network._blocks):
        name = f"blocks.{number}"
        y = x if stage == 0 else torch.nn.functional.relu6(network._convolved(x, f"{name}.expand"))
        if stage == 5 and stride == 2:
            y = network._convolved(y, f"{name}.depthwise", padding=kernel // 2, stride=2)
        elif stride == 2:
            y = network._strided(y, f"{name}.depthwise", kernel, next(leans))
        else:
            y = network._convolved(y, f"{name}.depthwise", padding=kernel // 2)
        y = network._convolved(torch.nn.functional.relu6(y), f"{name}.project")
        x = x + y if stride == 1 and y.shape[1] == x.shape[1] and stage > 0 else y
    return torch.nn.functional.relu6(network._convolved(x, "head"))[0]


def test_features_lie_where_things_are(encoder):
    """A bright square in one corner moves the strongest change of the features to that corner, not beside it."""
    flat = np.full((320, 320, 3), 110, np.uint8)
    marked = flat.copy()
    marked[208:240, 48:80] = (250, 240, 20)
    before, after = encoder.encode(flat, "flat"), encoder.encode(marked, "marked")
    change = (after.scales[1].mid - before.scales[1].mid).square().sum(dim=0)
    weight = change / change.sum()
    rows, columns = change.shape
    assert float((weight.sum(dim=1) * (torch.arange(rows) + 0.5)).sum()) / rows == pytest.approx(0.7, abs=0.02)
    assert float((weight.sum(dim=0) * (torch.arange(columns) + 0.5)).sum()) / columns == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((1, 300, 3), np.uint16), ((300, 1, 4), np.uint8), ((1, 1, 3), np.uint8), ((37, 553, 4), np.uint16)],
)
def test_any_picture_can_be_encoded(encoder, shape, dtype):
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)
    features = encoder.encode(image, f"{shape}{dtype}")
    assert (features.height, features.width) == shape[:2]
    assert all(bool(levels.head.isfinite().all()) for levels in features.scales)
    rows, columns = features.grid
    assert features.pixels.shape == (16 * rows, 16 * columns, 3)


@given(st.integers(1, 30_000), st.integers(1, 30_000))
def test_encoded_sizes_are_multiples_of_32_and_bounded(width, height):
    for size in SIZES:
        fitted = fit(width, height, size)
        assert all(side % 32 == 0 and 32 <= side <= size for side in fitted)
        assert max(fitted) == size


def test_a_picture_is_encoded_once_and_forgotten_when_others_come(cache, monkeypatch):
    encoder = DenseEncoder(cache, LITE0, remember=2)
    image = np.zeros((4, 400, 3), np.uint8)
    first = encoder.encode(image, "a")
    assert encoder.encode(image, "a") is first
    encoder.encode(image, "b")
    assert encoder.encode(image, "a") is first  # used again, so the other one is older now
    encoder.encode(image, "c")
    assert encoder.encode(image, "a") is first
    assert set(encoder._known) == {"a", "c"}


def test_threads_that_want_the_same_picture_encode_it_once(cache):
    encoder = DenseEncoder(cache, LITE0)
    seen: list[object] = []
    image = data.coffee()[:60]
    threads = [threading.Thread(target=lambda: seen.append(encoder.encode(image, "coffee"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in seen}) == 1


def test_a_cancelled_turn_stops_and_leaves_nothing_behind(cache):
    encoder = DenseEncoder(cache, LITE0)
    with pytest.raises(TurnCancelled):
        encoder.encode(data.coffee(), "coffee", cancelled=lambda: True)
    assert not encoder._known


def test_depth_and_alpha_come_down_to_eight_bits_on_grey():
    deep = np.full((2, 2, 4), 65535, np.uint16)
    deep[0, 0, 3] = 0
    assert to_rgb8(deep).tolist() == [[[127] * 3, [255] * 3], [[255] * 3, [255] * 3]]
    plain = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert np.array_equal(to_rgb8(plain), plain)


def test_maps_keep_their_place_on_another_grid():
    ramp = torch.linspace(0, 1, 8)[None, None].expand(1, 4, 8)
    assert float(on_grid(ramp, 8, 16)[0, :, :8].mean()) < 0.5 < float(on_grid(ramp, 8, 16)[0, :, 8:].mean())
    assert dense.GRID == 1
