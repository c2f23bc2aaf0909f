"""Targets: the linear queries that the word channel amounts to."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.masks.conftest import FakeEncoder
from tests.train.signals.conftest import thing
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.tools.backends.embedded.query import Query
from vitron_agent.tools.backends.embedded.vision import Vision
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.train.data.photos.split import held_out
from vitron_agent.train.signals.phrases import learnable
from vitron_agent.train.signals.targets import Targets, draw_bank, load_targets, make_targets, save_targets


class Encoder(FakeEncoder):
    """Has the name that :class:`DenseEncoder` has for it."""

    encode = FakeEncoder.look


def picture(value: int) -> np.ndarray:
    return np.full((60, 90, 3), value, np.uint8)


def test_a_bank_holds_places_of_every_picture():
    bank = draw_bank([("one", picture(1)), ("two", picture(2))], Encoder())
    assert bank.shape == (120, 1280)
    assert bank.dtype == torch.float16
    for number, value in enumerate((1, 2)):
        known = torch.cat([levels.head.flatten(1).T for levels in Encoder().encode(picture(value), "").scales]).half()
        drawn = bank[60 * number : 60 * (number + 1)]
        assert bool((drawn[:, :4, None] == known.T[None, :4]).all(dim=1).any(dim=1).all())
    assert torch.equal(bank, draw_bank([("one", picture(1)), ("two", picture(2))], Encoder()))
    assert not torch.equal(bank, draw_bank([("one", picture(1)), ("two", picture(2))], Encoder(), seed=1))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> DenseEncoder:
    return DenseEncoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def bank() -> torch.Tensor:
    """Fewer places than a basis has directions, so that queries are told exactly on them."""
    torch.manual_seed(0)
    return (torch.randn(300, 1280) + torch.rand(1280)).half()


@pytest.fixture(scope="module")
def made(bank: torch.Tensor, encoder: DenseEncoder) -> Targets:
    return make_targets(bank, Vision(encoder), encoder)


def single_classes(encoder: DenseEncoder) -> list[str]:
    """Classes that no learned query speaks for."""
    queries = Vision(encoder).queries
    return [
        one.wordnet_id
        for one in load_nouns().classes
        if len(one.classes) == 1 and learnable(one) and not any(query.things & one.above for query in queries)
    ]


def test_the_target_of_a_single_class_gives_the_logits_of_the_classifier(made: Targets, bank, encoder):
    places = bank.float()
    logits, coordinates = encoder.classify(places.T), made.basis.coordinates(places)
    singles = single_classes(encoder)
    assert len(singles) > 300
    for wordnet_id in singles:
        [number] = load_nouns().by_id[wordnet_id].classes
        row = made.ids.index(wordnet_id)
        found = coordinates @ made.weights[row] + made.biases[row]
        torch.testing.assert_close(found, logits[number], atol=0.03 * float(logits[number].std()), rtol=0)
        assert made.fit[row] > 0.99


def test_the_query_of_a_target_gives_the_words_likeness(made: Targets, bank, encoder):
    weight, bias = made.of([thing("volcano").wordnet_id])
    across = made.basis.matrix @ weight
    query = Query(across, bias - made.basis.mean @ across)
    head = bank.float().T[:, :, None]
    logits = encoder.classify(head)
    evidence = torch.logsumexp(logits, dim=0)
    [number] = thing("volcano").classes
    wanted = (logits[number] - evidence + 6) / 2
    torch.testing.assert_close(query.likeness(head, evidence), wanted, atol=0.05, rtol=0)


def test_everything_that_words_can_look_for_has_a_target(made: Targets):
    assert {thing(word).wordnet_id for word in ("person", "cat", "poodle", "espresso", "volcano")} <= set(made.ids)
    assert len(set(made.ids)) == len(made.ids) == len(made.weights) == len(made.biases) == len(made.fit)
    assert bool(made.weights.isfinite().all())
    assert bool(made.basis.matrix.half().isfinite().all())  # so they are stored


def test_what_a_held_out_class_looks_like_is_no_target(made: Targets, encoder):
    queries = Vision(encoder).queries
    hidden = [
        one.wordnet_id
        for one in load_nouns().classes
        if held_out(one.wordnet_id) and not any(query.things & one.above for query in queries)
    ]
    hidden = [one for one in hidden if not learnable(load_nouns().by_id[one])]
    assert len(hidden) > 20
    assert not set(hidden) & set(made.ids)


def test_several_things_are_their_mean(made: Targets):
    ids = [thing(word).wordnet_id for word in ("volcano", "espresso")]
    both, alone = made.of(ids), [made.of([one]) for one in ids]
    torch.testing.assert_close(both[0], (alone[0][0] + alone[1][0]) / 2)
    torch.testing.assert_close(both[1], (alone[0][1] + alone[1][1]) / 2)


def test_targets_come_back_as_they_were(targets: Targets, tmp_path: Path):
    save_targets(targets, tmp_path / "targets.safetensors")
    again = load_targets(tmp_path / "targets.safetensors")
    assert again.ids == targets.ids
    for name in ("weights", "biases", "fit"):
        assert torch.equal(getattr(again, name), getattr(targets, name))
    assert torch.equal(again.basis.mean, targets.basis.mean)
    assert torch.equal(again.basis.matrix, targets.basis.matrix)
