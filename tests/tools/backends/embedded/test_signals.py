import pytest
import torch

from vitron_agent.tools.backends.embedded.signals import SignalAdapter


@pytest.fixture
def adapter() -> SignalAdapter:
    torch.manual_seed(0)
    return SignalAdapter(width=16, heads=4, signal_dims=24)


TOKENS, SIGNALS = torch.randn(2, 5, 16), torch.randn(2, 8, 24)


def test_an_untrained_adapter_returns_the_tokens_bit_for_bit(adapter):
    assert torch.equal(adapter(TOKENS, SIGNALS * 1e6), TOKENS)


def test_only_the_gate_learns_until_it_is_open(adapter):
    adapter(TOKENS, SIGNALS).square().sum().backward()
    assert adapter.gate.grad.abs() > 0
    assert all(value.grad.abs().max() == 0 for name, value in adapter.named_parameters() if name != "gate")


def test_an_open_gate_lets_signals_through_and_gradients_back(adapter):
    torch.nn.init.constant_(adapter.gate, 0.5)
    signals = SIGNALS.clone().requires_grad_()
    changed = adapter(TOKENS, signals)
    assert (changed - TOKENS).abs().amax() > 0.01
    changed.square().sum().backward()
    assert signals.grad.abs().amax() > 0
    assert all(value.grad.abs().amax() > 0 for name, value in adapter.named_parameters() if name != "key_value.bias")


def test_the_order_of_signals_does_not_matter(adapter):
    torch.nn.init.constant_(adapter.gate, 0.5)
    assert torch.allclose(adapter(TOKENS, SIGNALS), adapter(TOKENS, SIGNALS.flip(1)), atol=1e-5)
