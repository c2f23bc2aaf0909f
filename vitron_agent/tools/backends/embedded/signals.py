"""How the model's signals reach a network: through a gate that is shut until it has been trained."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIGNAL_DIMS = 768
"""Of each signal token."""


class SignalAdapter(nn.Module):
    """Lets prompt tokens attend to signals; adds what they find there, times a gate that starts at 0.

    While the gate is 0 the tokens come back bit for bit, and the gate is the only parameter that learns; so a backend
    with an untrained adapter does the same as one without signals.

    Args:
        width: Of the tokens.
        heads: Of the attention.
        signal_dims: Of the signals.
    """

    def __init__(self, width: int, heads: int, signal_dims: int = SIGNAL_DIMS) -> None:
        super().__init__()
        self._heads = heads
        self.norm = nn.LayerNorm(signal_dims)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(signal_dims, 2 * width)
        self.out = nn.Linear(width, width)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, tokens: Tensor, signals: Tensor) -> Tensor:
        """Tokens [B, t, width] that know of signals [B, n, signal_dims]."""
        key, value = self.key_value(self.norm(signals)).chunk(2, dim=-1)
        found: Tensor = self.out(attend(self.query(tokens), key, value, self._heads))
        return tokens + self.gate.tanh() * found


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """What each query [B, q, width] reads from values [B, n, width] by their keys, with several heads."""
    split = [x.reshape(*x.shape[:2], heads, -1).transpose(1, 2) for x in (query, key, value)]
    return F.scaled_dot_product_attention(split[0], split[1], split[2]).transpose(1, 2).flatten(-2)
