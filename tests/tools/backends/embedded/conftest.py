"""One look at each photo for all tests of the embedded backends."""

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.segmentation import EmbeddedSegmentation
from vitron_agent.tools.backends.embedded.sight import EmbeddedSight
from vitron_agent.tools.backends.embedded.vision import Vision


@pytest.fixture(scope="session")
def vision(tmp_path_factory: pytest.TempPathFactory) -> Vision:
    return Vision(DenseEncoder(tmp_path_factory.mktemp("encoder")))


@pytest.fixture(scope="session")
def grounding(vision: Vision) -> EmbeddedGrounding:
    return EmbeddedGrounding(vision)


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
def two_cats(cat: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The cat on the left as it is, and on the right in blue."""
    return np.hstack([cat, cat[:, ::-1, ::-1]])
