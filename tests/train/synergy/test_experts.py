"""Each task is answered by its own parts, what is shared learns from all, and arms are of comparable size."""

import pytest
import torch

from vitron_agent.model.signals import SignalConfig, SignalHeads
from vitron_agent.tools.backends.embedded.query import QueryAdapter, QueryShape
from vitron_agent.train.synergy.experts import TASKS, Arm, Experts, narrowed

CONFIG = SignalConfig(num_shared=2, num_private=3, dim=12)
WIDTH = 10


def heads() -> SignalHeads:
    return SignalHeads(CONFIG, WIDTH)


def adapter() -> QueryAdapter:
    return QueryAdapter(QueryShape(tokens=5, signal_dims=12, narrow=3, hidden=7, dims=6, channels=9))


def experts(arm: Arm) -> Experts:
    torch.manual_seed(0)
    return Experts.of(arm, heads, adapter)


@pytest.fixture
def given() -> torch.Tensor:
    return torch.randn(9, 5, WIDTH)


TASK_OF = torch.tensor([2, 0, 3, 3, 1, 0, 2, 2, 0])


@pytest.mark.parametrize("arm", Arm)
def test_steps_do_not_see_each_other(arm: Arm, given: torch.Tensor):
    made = experts(arm)
    weights, biases = made(given, TASK_OF)
    assert weights.shape == (9, 6)
    for row in range(9):
        alone = made(given[row : row + 1], TASK_OF[row : row + 1])
        torch.testing.assert_close(alone, (weights[row : row + 1], biases[row : row + 1]))


@pytest.mark.parametrize("arm", Arm)
def test_a_task_teaches_what_is_its_own_or_shared(arm: Arm, given: torch.Tensor):
    made = experts(arm)
    weights, biases = made(given, torch.full((9,), 1))
    (weights.square().sum() + biases.sum()).backward()
    for parts in (made.heads, made.adapters):
        moved = [any(one.grad is not None and bool(one.grad.any()) for one in part.parameters()) for part in parts]
        assert moved == ([True] if len(parts) == 1 else [False, True, False, False])


def test_an_expert_reads_both_halves(given: torch.Tensor):
    made = experts(Arm.SYNERGY)
    signals = made.signals(given, TASK_OF)
    assert signals.shared.shape == (9, 2, 12)
    assert signals.private.shape == (9, 3, 12)
    signals.shared.retain_grad()
    signals.private.retain_grad()
    made.queries(signals, TASK_OF)[0].square().sum().backward()
    assert signals.shared.grad is not None
    assert signals.shared.grad.flatten(1).any(dim=1).all()
    assert signals.private.grad is not None
    assert signals.private.grad.flatten(1).any(dim=1).all()


def test_private_heads_are_together_as_large_as_shared_ones():
    real = SignalConfig()
    torch.manual_seed(0)
    whole = SignalHeads(real, 576)
    size = sum(one.numel() for name, one in whole.named_parameters() if name != "tokens")
    parts = narrowed(whole, TASKS)
    narrow = sum(one.numel() for name, one in parts.named_parameters() if name != "tokens")
    assert TASKS * narrow == pytest.approx(size, rel=0.03)
    hidden = torch.randn(2, 8, 576)
    assert parts(hidden).together().shape == whole(hidden).together().shape


def test_sizes_of_arms():
    sizes = {arm: experts(arm).size for arm in Arm}
    assert sizes[Arm.SYNERGY] == sizes[Arm.SHARED]
    assert sizes[Arm.ONE] < sizes[Arm.SHARED] < sizes[Arm.WITHOUT]
    assert sizes[Arm.WITHOUT] == TASKS * sizes[Arm.ONE]


def test_tokens_that_states_were_read_with_stay():
    assert not any(one.tokens.requires_grad for one in experts(Arm.WITHOUT).heads)
