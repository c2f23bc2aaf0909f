"""A probe finds what a plane can tell, on what it was not fitted to, and nothing where there is nothing."""

import pytest
import torch

from vitron_agent.train.metrics.probes import chance, linear_probe

LABELS = torch.arange(400) % 4


def test_it_finds_what_is_on_different_sides():
    torch.manual_seed(0)
    vectors = torch.randn(400, 8) + 4 * torch.eye(4, 8)[LABELS]
    assert linear_probe(vectors, LABELS) > 0.95


def test_it_finds_a_small_thing_beside_large_ones():
    torch.manual_seed(0)
    vectors = torch.cat([1000 * torch.randn(400, 3), 1e-3 * torch.eye(4)[LABELS]], dim=1)
    assert linear_probe(vectors, LABELS) == 1


def test_it_is_at_chance_on_noise_however_many_numbers_there_are():
    torch.manual_seed(0)
    for dims in (3, 800):
        assert abs(linear_probe(torch.randn(400, dims), LABELS) - 0.25) < 0.08


def test_what_a_plane_cannot_tell_it_does_not():
    torch.manual_seed(0)
    vectors = torch.randn(600, 2)
    either = (vectors[:, 0] * vectors[:, 1] > 0).long()
    assert abs(linear_probe(vectors, either) - 0.5) < 0.1


def test_numbers_that_never_change_do_no_harm():
    torch.manual_seed(0)
    vectors = torch.cat([torch.eye(4)[LABELS], torch.ones(400, 2)], dim=1)
    assert linear_probe(vectors, LABELS) == 1


def test_it_is_repeatable_and_does_not_change_what_it_is_given():
    torch.manual_seed(0)
    vectors = torch.randn(50, 4)
    before = vectors.clone()
    assert linear_probe(vectors, LABELS[:50]) == linear_probe(vectors, LABELS[:50])
    assert torch.equal(vectors, before)


def test_too_few_are_refused():
    with pytest.raises(ValueError, match="3 vectors do not fill 5 folds"):
        linear_probe(torch.randn(3, 2), LABELS[:3])


def test_chance_is_the_share_of_the_most_frequent():
    assert chance(torch.tensor([0, 1, 1, 3, 1])) == pytest.approx(0.6)
