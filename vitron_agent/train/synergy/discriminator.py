"""Guesses the task of a step from v_s alone (paper App. B.3: y_hat = Softmax(FFN(Trm(v_1..v_n))))."""

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

_HEAD_DIM = 64
"""Of each attention head."""


class DiscriminatorConfig(BaseModel):
    """Sizes.

    Attributes:
        layers: Of the transformer; 4 in the paper.
        hidden: Of each layer's MLP; the paper does not say.
        dropout: In training.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int = Field(default=4, gt=0)
    hidden: int = Field(default=768, gt=0)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class Discriminator(nn.Module):
    """As wide as signals are.

    Args:
        config: The sizes.
        tokens: n_s.
        dim: d, of each token; 768 in the paper.
        tasks: How many may be guessed.
    """

    def __init__(self, config: DiscriminatorConfig, tokens: int, dim: int, tasks: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.places = nn.Parameter(torch.randn(tokens, dim) * 0.02)
        layer = nn.TransformerEncoderLayer(
            dim, max(1, dim // _HEAD_DIM), config.hidden, config.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, config.layers, nn.LayerNorm(dim), enable_nested_tensor=False)
        self.guess = nn.Linear(dim, tasks)

    def forward(self, shared: Tensor) -> Tensor:
        """Logits [b, tasks] of v_s [b, n_s, d]; only its direction counts, so that nothing hides in its length."""
        logits: Tensor = self.guess(self.layers(self.norm(shared) + self.places).mean(dim=1))
        return logits
