"""The embedded experts as the teacher who cuts things out of photos."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from vitron_agent.messages import Box
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.tools.backends.embedded.grounding import EmbeddedGrounding
from vitron_agent.tools.backends.embedded.segmentation import EmbeddedSegmentation
from vitron_agent.tools.backends.embedded.vision import Vision
from vitron_agent.tools.image_segmentation import NotFound, Prompt
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.train.data.samples import Pixels

_RANK = 3
"""A thing is recognised if one of its classes is among so many that it looks most like."""


class EmbeddedCutter:
    """Implements :class:`vitron_agent.train.data.photos.cutouts.Cutter`.

    Args:
        encoder: Its weights load at first use.
    """

    def __init__(self, encoder: DenseEncoder) -> None:
        self._vision = Vision(encoder)
        self._segmentation = EmbeddedSegmentation(EmbeddedGrounding(self._vision))
        self._seen = 0

    def cut(self, image: Pixels, wordnet_id: str) -> tuple[NDArray[np.bool_] | None, Sequence[Box]]:
        """As :meth:`vitron_agent.train.data.photos.cutouts.Cutter.cut`."""
        thing = load_nouns().by_id.get(wordnet_id)
        if thing is None:
            return None, ()
        found = self._segmentation.segment(image, Prompt(phrase=thing.name), image_id=self._next_id())
        if isinstance(found, NotFound):
            return None, ()
        return found.mask, [finding.box for finding in found.findings if finding.box is not None]

    @torch.inference_mode()
    def recognises(self, image: Pixels, wordnet_id: str) -> bool:
        """As :meth:`vitron_agent.train.data.photos.cutouts.Cutter.recognises`."""
        best = self._vision.look(image, self._next_id()).class_probabilities().topk(_RANK).indices.tolist()
        return not set(best).isdisjoint(load_nouns().by_id[wordnet_id].classes)

    def _next_id(self) -> str:
        """No picture is asked about twice."""
        self._seen += 1
        return str(self._seen)
