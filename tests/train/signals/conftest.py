"""Phrases of a small WordNet, a tiny model that reads steps about them, and targets of a few things."""

from pathlib import Path

import pytest
import torch

from tests import tiny
from tests.train.data.test_examples import CONFIG
from vitron_agent.model.saved import VitronConfig
from vitron_agent.model.signals import SignalConfig
from vitron_agent.model.vitron import VitronModel
from vitron_agent.tools.backends.embedded.query import Basis
from vitron_agent.tools.phrases.nouns import Thing, load_nouns
from vitron_agent.train.signals.phrases import Phrase, read_phrases
from vitron_agent.train.signals.targets import Targets


@pytest.fixture(scope="session")
def phrases(wordnet: Path) -> list[Phrase]:
    return read_phrases(wordnet)


@pytest.fixture
def vitron() -> VitronModel:
    return make_vitron()


def make_vitron(base: str = "tiny", signals: SignalConfig = tiny.SIGNALS) -> VitronModel:
    """Random weights, with a LoRA and added tokens that change something."""
    torch.manual_seed(1)
    config = VitronConfig(base=base, media=CONFIG.model_copy(update={"width": 32}), signals=signals)
    made = VitronModel.on(tiny.model(), tiny.tokenizer(), config, rank=2, alpha=4)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "lora_B" in name or "trainable_tokens" in name:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return made.eval()


def thing(word: str) -> Thing:
    found = load_nouns().find(word)
    assert found is not None
    return found.things[0]


@pytest.fixture
def targets() -> Targets:
    return make_targets()


def make_targets() -> Targets:
    """Of four things, two of which are akin and have the same query."""
    torch.manual_seed(2)
    weights = torch.randn(4, 6) * 3
    weights[1] = weights[0]
    ids = tuple(thing(word).wordnet_id for word in ("dog", "poodle", "volcano", "espresso"))
    return Targets(ids, weights, torch.randn(4), Basis.of(torch.randn(50, 12), 6), torch.ones(4))
