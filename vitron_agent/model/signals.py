"""The continuous half of the message: what the LLM tells an expert beside its words (paper §3.2, DESIGN §5).

Behind a step of a plan ``<|sig|>`` opens ``num_shared + num_private`` signal tokens. Their embeddings are the same for
all modules: which module is meant is read from the context. They are read in one parallel pass and never become
part of what is written, so the next step is planned as if they had not been there. Their last hidden states go through
two heads: v_s, which all experts understand alike, and v_p, which is the task's own.
"""

from dataclasses import dataclass

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn


class SignalConfig(BaseModel):
    """How many signals there are, and of what size.

    Attributes:
        num_shared: n_s, task-invariant tokens.
        num_private: n_p, task-specific tokens.
        dim: d of both; 768 as of the paper's discriminator (App. B.3).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_shared: int = Field(default=4, gt=0)
    num_private: int = Field(default=4, gt=0)
    dim: int = Field(default=768, gt=0)

    @property
    def num_tokens(self) -> int:
        """Signal tokens of one step."""
        return self.num_shared + self.num_private


@dataclass(frozen=True)
class Signals:
    """v_s and v_p of some steps: [..., n_s, d] and [..., n_p, d]."""

    shared: Tensor
    private: Tensor

    def together(self) -> Tensor:
        """[v_s; v_p], [..., n_s + n_p, d]: what an expert's adapter reads."""
        return torch.cat([self.shared, self.private], dim=-2)


class SignalHeads(nn.Module):
    """The signal tokens' embeddings, and the two heads on their hidden states.

    Args:
        config: The sizes.
        width: Of the LLM.
        scale: Root mean square of a word embedding's numbers in the LLM.
        narrow: Width of the heads in the middle; None = a third of d, 3 MB less than without, and as good on words that
            were not learned from.
    """

    def __init__(self, config: SignalConfig, width: int, scale: float = 1.0, narrow: int | None = None) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Parameter(torch.randn(config.num_tokens, width) * scale)
        self.shared = _head(width, config.dim, narrow or config.dim // 3)
        self.private = _head(width, config.dim, narrow or config.dim // 3)

    def forward(self, hidden: Tensor) -> Signals:
        """Signals of the tokens' last hidden states [..., n_s + n_p, width], those of v_s first."""
        shared, private = torch.split(hidden, [self.config.num_shared, self.config.num_private], dim=-2)
        return Signals(self.shared(shared), self.private(private))


def _head(width: int, dim: int, narrow: int) -> nn.Sequential:
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, narrow), nn.GELU(), nn.Linear(narrow, dim))
