"""Pictures in which a phrase's thing is known."""

import numpy as np
import pytest
import torch

from tests import tiny
from vitron_agent.tools.regions import tight_box
from vitron_agent.train.data.photos.split import Part
from vitron_agent.train.signals.aligning import SignalReader
from vitron_agent.train.signals.cases import pasted_cases, states_of
from vitron_agent.train.signals.phrases import Group

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's


@pytest.fixture
def cases(folder, cutouts, phrases, wordnet):
    learned = [phrase for phrase in phrases if phrase.group is Group.TRAIN]
    return lambda count: list(pasted_cases(folder, cutouts.folder, Part.VAL, learned, count, wordnet=wordnet))


def test_a_case_shows_its_thing_where_it_says(cases):
    found = cases(6)
    assert len(found) == 6
    for case in found:
        assert case.phrase.group is Group.TRAIN
        assert case.mask.shape == case.pixels.shape[:2]
        assert case.box == pytest.approx(tight_box(case.mask), abs=1e-6)


def test_fewer_are_the_first_of_more_and_always_the_same(cases):
    for first, again in zip(cases(3), cases(6), strict=False):
        assert (first.phrase, first.name, first.box) == (again.phrase, again.name, again.box)
        assert np.array_equal(first.pixels, again.pixels)


def test_each_phrase_is_read_once(vitron, phrases):
    reader = SignalReader(vitron)
    asked = [phrases[3], phrases[7], phrases[3]]
    states = states_of(reader, tiny.tokenizer(), asked, phrases[:50])
    assert set(states) == {phrases[3].text, phrases[7].text}
    assert states[phrases[3].text].shape == (tiny.SIGNALS.num_tokens, 32)
    assert not torch.allclose(states[phrases[3].text], states[phrases[7].text], atol=1e-2)
