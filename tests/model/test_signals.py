import pytest
import torch

from vitron_agent.model.signals import SignalConfig, SignalHeads

CONFIG = SignalConfig(num_shared=2, num_private=3, dim=6)


@pytest.fixture
def heads() -> SignalHeads:
    torch.manual_seed(0)
    return SignalHeads(CONFIG, width=8, scale=0.1)


def test_each_head_reads_its_own_tokens(heads: SignalHeads):
    hidden = torch.randn(5, 4, CONFIG.num_tokens, 8)
    signals = heads(hidden)
    assert signals.shared.shape == (5, 4, 2, 6)
    assert signals.private.shape == (5, 4, 3, 6)
    assert torch.equal(signals.together(), torch.cat([signals.shared, signals.private], dim=2))
    changed = hidden.clone()
    changed[..., :2, :] = torch.randn(5, 4, 2, 8)
    assert not torch.allclose(heads(changed).shared, signals.shared)
    assert torch.equal(heads(changed).private, signals.private)


def test_the_two_heads_share_nothing(heads: SignalHeads):
    heads(torch.randn(CONFIG.num_tokens, 8)).shared.sum().backward()
    assert all(parameter.grad is not None for parameter in heads.shared.parameters())
    assert all(parameter.grad is None for parameter in heads.private.parameters())


def test_signal_tokens_are_as_long_as_words(heads: SignalHeads):
    assert heads.tokens.shape == (CONFIG.num_tokens, 8)
    assert 0.05 < float(heads.tokens.detach().square().mean().sqrt()) < 0.2
