"""What may tell an expert what is meant: the LLM's signals, or the words of the instruction alone.

For a fair comparison the word arm has an encoder of its own, learned from the same phrases for as many steps (the
paper's Figure 4 compares with words that nothing was learned for). On the LLM's word embeddings it has as many
parameters as the signal heads, 0.7 million; with a table of words of its own it has 1.6 million more.
"""

from typing import Any

import torch
from torch import Tensor, nn

from vitron_agent.model.signals import SignalHeads
from vitron_agent.tools.backends.embedded.query import QueryAdapter

_MOST_TOKENS = 24


class SignalArm(nn.Module):
    """Signal heads on the LLM's states, then the adapter.

    Args:
        heads: Whose tokens the states were read with.
        adapter: Of the expert.
    """

    def __init__(self, heads: SignalHeads, adapter: QueryAdapter) -> None:
        super().__init__()
        self.heads, self.adapter = heads, adapter
        heads.tokens.requires_grad = False

    def forward(self, given: Tensor) -> tuple[Tensor, Tensor]:
        """Weights [b, dims] and biases [b] of states [b, n_s + n_p, width]."""
        found: tuple[Tensor, Tensor] = self.adapter.coefficients(self.heads(given).together())
        return found


class WordArm(nn.Module):
    """An encoder of the instruction's words, then the same adapter.

    Args:
        adapter: Of the expert; it reads what stands for signals.
        vocabulary: Of the LLM's tokenizer, so that it may spell words as the LLM does.
        words: [vocabulary, width], the LLM's own word embeddings, which stay as they are; None = learned ones.
    """

    def __init__(self, adapter: QueryAdapter, vocabulary: int, words: Tensor | None = None) -> None:
        super().__init__()
        width, self._num = 160, adapter.shape.tokens
        if words is None:
            self.words: nn.Module = nn.Sequential(nn.Embedding(vocabulary, 32), nn.Linear(32, width))
        else:
            known = nn.Embedding(len(words), words.shape[1], _weight=words / words.std(), _freeze=True)
            self.words = nn.Sequential(known, nn.Linear(words.shape[1], width))
        self.places = nn.Parameter(torch.randn(_MOST_TOKENS + self._num, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, 4, 384, dropout=0.1, batch_first=True, norm_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(width, adapter.shape.signal_dims)
        self.adapter = adapter

    def forward(self, given: Tensor) -> tuple[Tensor, Tensor]:
        """Weights and biases of tokens [b, 24], -1 where there is none."""
        given = given[:, : int((given >= 0).sum(dim=1).max())]
        missing = given < 0
        words = self.words(given.clamp(min=0))
        asking = self.places[_MOST_TOKENS:].expand(len(given), -1, -1)
        x = torch.cat([asking, words + self.places[: given.shape[1]]], dim=1)
        padding = torch.cat([missing.new_zeros(len(given), self._num), missing], dim=1)
        read = self.layers(x, src_key_padding_mask=padding)[:, : self._num]
        found: tuple[Tensor, Tensor] = self.adapter.coefficients(self.out(read))
        return found


def word_ids(text: str, encode: Any) -> Tensor:
    """What :class:`WordArm` reads of a phrase."""
    ids = encode(f" {text}")[:_MOST_TOKENS]
    return torch.tensor(ids + [-1] * (_MOST_TOKENS - len(ids)))
