"""One look at each photo for all tests of the embedded backends."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.mask_decoder import load_decoder
from vitron_agent.tools.backends.embedded.mask_decoder import save_adapter as save_mask_adapter
from vitron_agent.tools.backends.embedded.query import Basis, QueryAdapter, QueryShape, save_adapter
from vitron_agent.tools.backends.embedded.segmentation import EmbeddedSegmentation
from vitron_agent.tools.backends.embedded.sight import EmbeddedSight
from vitron_agent.tools.backends.embedded.vision import Vision


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> DenseEncoder:
    return DenseEncoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="session")
def vision(encoder: DenseEncoder) -> Vision:
    return Vision(encoder)


@pytest.fixture(scope="session")
def grounding(vision: Vision) -> EmbeddedGrounding:
    return EmbeddedGrounding(vision)


@pytest.fixture
def signalled(vision: Vision, encoder: DenseEncoder, tmp_path: Path) -> Callable[..., EmbeddedGrounding]:
    """Grounding to which all signals mean one ImageNet class, as that class's own row of the classifier has it."""

    def make(number: int, *, gate: float = 0.0, present: float = 1.2) -> EmbeddedGrounding:
        bias = encoder.classify(torch.zeros(1280))[number]
        weight = encoder.classify(torch.eye(1280))[number] - bias
        adapter = QueryAdapter(QueryShape(dims=1), Basis(torch.zeros(1280), weight[:, None]))
        with torch.no_grad():
            adapter.join[-1].weight.zero_()
            adapter.join[-1].bias.zero_()
            adapter.join[-1].bias[0], adapter.join[-1].bias[-1] = 1.0, bias
            adapter.gate.fill_(gate)
        adapter.present.fill_(present)
        path = tmp_path / f"{number} {gate} {present}.safetensors"
        save_adapter(adapter, path, {})
        return EmbeddedGrounding(vision, adapter=path)

    return make


@pytest.fixture(scope="session")
def mask_signals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights with which the mask decoder reads signals as anything, loudly."""
    torch.manual_seed(0)
    decoder = load_decoder()
    decoder.adapter.gate.fill_(2.0)
    decoder.adapter.out.weight.mul_(30)
    path = tmp_path_factory.mktemp("mask_signals") / "adapter.safetensors"
    save_mask_adapter(decoder, path, {})
    return path


@pytest.fixture(scope="session")
def segmentation(grounding: EmbeddedGrounding) -> EmbeddedSegmentation:
    return EmbeddedSegmentation(grounding)


@pytest.fixture(scope="session")
def sight(grounding: EmbeddedGrounding) -> EmbeddedSight:
    return EmbeddedSight(grounding)


@pytest.fixture(scope="session")
def cat() -> NDArray[np.uint8]:
    return np.asarray(data.chelsea())


@pytest.fixture(scope="session")
def coffee() -> NDArray[np.uint8]:
    """An espresso on a table: a thing whose class answers for its name alone."""
    return np.asarray(data.coffee())


@pytest.fixture(scope="session")
def two_cats(cat: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The cat on the left as it is, and on the right in blue."""
    return np.hstack([cat, cat[:, ::-1, ::-1]])
