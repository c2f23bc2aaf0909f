"""A query is right that finds its thing on the pictures that show it, and nothing on the others."""

import pytest
import torch
from torch.nn import functional as F

from tests.train.signals.conftest import thing
from vitron_agent.tools.backends.embedded.query import Basis
from vitron_agent.train.signals.aligning import AlignmentLoss
from vitron_agent.train.signals.gallery import NO_PLACE, Gallery
from vitron_agent.train.signals.places import PlaceLoss, TaskLoss
from vitron_agent.train.signals.targets import Targets

DIMS, PLACES = 6, 5
IDS = tuple(thing(word).wordnet_id for word in ("dog", "poodle", "volcano", "espresso"))
DOG, POODLE, VOLCANO, ESPRESSO = range(4)
BASIS = Basis(torch.zeros(DIMS), torch.eye(DIMS))


def gallery(*pictures: list[tuple[int, list[int]]], complete: bool = True, behind: str = "") -> Gallery:
    """Pictures of things in places; the features of a place are its thing's own direction."""
    heads, kinds, owners, covered = torch.zeros(len(pictures), PLACES, DIMS), [], [], []
    for number, things in enumerate(pictures):
        for kind, places in things:
            heads[number, places, kind] = 20
            kinds.append(IDS[kind])
            owners.append(number)
            covered.append(F.one_hot(torch.tensor(places), PLACES).sum(dim=0).float())
    evidence = torch.zeros(len(pictures), PLACES)
    evidence[:, -1] = NO_PLACE
    return Gallery(
        heads.half(), evidence, torch.tensor(owners), tuple(kinds), torch.stack(covered),
        (behind,) * len(pictures), torch.full((len(pictures),), complete),
    )  # fmt: skip


def loss_of(shown: Gallery, asked: int, wanted: int, strength: float = 1.0) -> float:
    """Of looking for one thing with the query of another."""
    query = F.one_hot(torch.tensor([wanted]), DIMS).float() * strength
    return float(PlaceLoss(IDS, BASIS, shown, pictures=9)(query, torch.tensor([-10.0]), torch.tensor([asked])))


def test_who_finds_the_thing_loses_least():
    shown = gallery([(VOLCANO, [0, 1]), (POODLE, [2])], [(ESPRESSO, [1])])
    right = loss_of(shown, VOLCANO, VOLCANO)
    assert right < 0.2
    assert all(loss_of(shown, VOLCANO, other) > right + 1 for other in (POODLE, ESPRESSO))


def test_what_is_not_there_must_not_be_seen():
    shown = gallery([(POODLE, [0])])
    assert loss_of(shown, VOLCANO, POODLE) > loss_of(shown, VOLCANO, VOLCANO) + 1


def test_a_poodle_is_a_dog_and_a_dog_may_be_a_poodle():
    poodle, dog = gallery([(POODLE, [0])]), gallery([(DOG, [0])])
    assert loss_of(poodle, DOG, POODLE) < 0.2
    # Whether this dog is one nobody said: finding it is neither right nor wrong.
    assert loss_of(dog, POODLE, DOG) == pytest.approx(loss_of(dog, POODLE, VOLCANO), abs=1e-5)


@pytest.mark.parametrize("unsure", [{"complete": False}, {"behind": IDS[VOLCANO]}])
def test_where_not_all_is_known_what_is_found_is_no_mistake(unsure):
    assert loss_of(gallery([(ESPRESSO, [0])], **unsure), VOLCANO, ESPRESSO) == 0


def test_no_place_is_found_beyond_the_picture():
    shown = gallery([(POODLE, [0])])
    shown.heads[:, -1] = 100
    assert loss_of(shown, VOLCANO, VOLCANO) < 0.2


def test_likeness_is_that_of_the_backends_query():
    torch.manual_seed(0)
    shown = gallery([(POODLE, [0])], [(VOLCANO, [1])])
    basis = Basis(torch.randn(DIMS), torch.randn(DIMS, 3))
    weights, biases = torch.randn(2, 3), torch.randn(2)
    found = PlaceLoss(IDS, basis, shown).likeness(weights, biases, torch.tensor([1]))
    coordinates = basis.coordinates(shown.heads[1].float())
    logits = weights @ coordinates.T + biases[:, None]
    torch.testing.assert_close(found[:, 0], (logits - shown.evidence[1] + 6) * 0.5, atol=1e-3, rtol=1e-3)


def test_both_losses_teach_the_aim():
    torch.manual_seed(0)
    targets = Targets(IDS, torch.eye(4, DIMS) * 3, torch.zeros(4), BASIS, torch.ones(4))
    alignment, places = AlignmentLoss(targets), PlaceLoss(IDS, BASIS, gallery([(VOLCANO, [0])]))
    aims = torch.randn(2, DIMS, requires_grad=True), torch.zeros(2, requires_grad=True)
    inputs = {"given": aims, "labels": torch.tensor([VOLCANO, ESPRESSO])}
    mixed = lambda weights, biases: (weights * 2, biases)  # noqa: E731
    both = TaskLoss(alignment, places, mixed)(lambda given: given, inputs)
    alone = alignment(lambda given: given, inputs) + places(aims[0] * 2, aims[1], inputs["labels"])
    torch.testing.assert_close(both, alone)
    both.backward()
    assert aims[0].grad.abs().max() > 0
