"""Forward nothing happens; backward the gradient comes with the other sign, more strongly as the run goes on."""

import pytest
import torch
from torch import nn

from vitron_agent.train.synergy.reversal import GradientReversal, ramp, reverse


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 10.0])
def test_the_gradient_is_minus_strength_times_the_plain_one(strength: float):
    values = torch.randn(5, 4, requires_grad=True)
    weight = torch.randn(4, 3)
    (plain,) = torch.autograd.grad((values @ weight).sin().sum(), values)
    shown = reverse(values, strength)
    assert torch.equal(shown, values)
    (reversed_,) = torch.autograd.grad((shown @ weight).sin().sum(), values)
    assert torch.equal(reversed_, -strength * plain)


def test_what_comes_behind_learns_as_ever():
    layer, values = nn.Linear(4, 3), torch.randn(5, 4)
    plain = torch.autograd.grad(layer(values).sin().sum(), layer.weight)
    assert torch.equal(torch.autograd.grad(layer(reverse(values, 2.0)).sin().sum(), layer.weight)[0], plain[0])


def test_the_ramp_rises_from_nothing_to_almost_one():
    points = [ramp(number / 20) for number in range(21)]
    assert points[0] == 0
    assert points == sorted(set(points))
    assert 0.9999 < points[-1] < 1


def test_only_passes_in_training_move_on_the_ramp():
    reversal = GradientReversal(steps=4, peak=3.0)
    assert reversal.strength == 0
    reversal.eval()(torch.zeros(1))
    assert reversal.strength == 0
    reversal.train()
    strengths = []
    for _ in range(6):
        reversal(torch.zeros(1))
        strengths.append(reversal.strength)
    assert strengths == pytest.approx([3 * ramp(part) for part in (0.25, 0.5, 0.75, 1, 1, 1)])


def test_a_run_that_goes_on_continues_where_it_stopped():
    reversal, again = GradientReversal(steps=10), GradientReversal(steps=10)
    for _ in range(3):
        reversal(torch.zeros(1))
    kept = {name: value for name, value in reversal.named_parameters() if value.requires_grad}  # as fit keeps them
    again.load_state_dict(kept)
    assert again.strength == reversal.strength > 0


def test_nothing_is_learned_of_the_count():
    reversal = GradientReversal(steps=10)
    values = torch.ones(2, requires_grad=True)
    reversal(values).sum().backward()
    assert reversal.passed.grad is None
