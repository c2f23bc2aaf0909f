"""A llama-architecture decoder for one sequence at a time, made for short plans on a CPU.

It gives the same hidden states as transformers' ``LlamaForCausalLM`` and takes about half the time for one token,
because at batch 1 that model spends as long in Python as in its matrices; nor does it wait for transformers' import.

Shapes: T tokens of this call, S tokens so far, d hidden size, H query heads, K key/value heads, D head size.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor
from torch.nn import functional

from vitron_agent.errors import WeightsError

Linear = Callable[[Tensor], Tensor]
LowRank = tuple[Tensor, Tensor]
"""What a LoRA adds to a matrix (out, in): (r, in) and (out, r)."""


class MediaRows(Protocol):
    """Embeddings by negative ids."""

    def __getitem__(self, number: int, /) -> Tensor: ...


@dataclass(frozen=True)
class LlamaShape:
    """The numbers of a llama model that its weights do not tell."""

    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_size: int
    max_positions: int
    epsilon: float
    rope_theta: float

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a Hugging Face ``config.json``.

        Raises:
            WeightsError: It describes another architecture.
        """
        config = json.loads(path.read_text())
        rope = config.get("rope_parameters") or {"rope_type": "default", "rope_theta": config.get("rope_theta")}
        plain = not config.get("attention_bias") and not config.get("mlp_bias") and config.get("tie_word_embeddings")
        if config.get("model_type") != "llama" or rope["rope_type"] != "default" or not plain:
            raise WeightsError(f"{path} is not a plain llama model with tied embeddings; fetch the base weights again")
        heads = config["num_attention_heads"]
        return cls(
            num_layers=config["num_hidden_layers"],
            num_heads=heads,
            num_kv_heads=config["num_key_value_heads"],
            head_size=config.get("head_dim") or config["hidden_size"] // heads,
            max_positions=config["max_position_embeddings"],
            epsilon=config["rms_norm_eps"],
            rope_theta=rope["rope_theta"],
        )


class KeyValueCache:
    """Keys and values of the tokens that a model has read, (layers, K, capacity, D) each; grows as needed."""

    def __init__(self, shape: LlamaShape, device: torch.device, capacity: int = 256) -> None:
        size = (shape.num_layers, shape.num_kv_heads, capacity, shape.head_size)
        self.keys = torch.zeros(size, device=device)
        self.values = torch.zeros(size, device=device)
        self.length = 0

    def reserve(self, length: int) -> None:
        """Makes room for ``length`` tokens in all."""
        capacity = self.keys.shape[2]
        if length > capacity:
            more = max(length, 2 * capacity) - capacity
            self.keys = functional.pad(self.keys, (0, 0, 0, more))
            self.values = functional.pad(self.values, (0, 0, 0, more))

    def copy(self, length: int) -> "KeyValueCache":
        """A cache of its own with the first ``length`` tokens of this one."""
        other = object.__new__(KeyValueCache)
        other.keys, other.values, other.length = self.keys.clone(), self.values.clone(), length
        return other


class _Layer(NamedTuple):
    attention_norm: Tensor
    query_key_value: Linear
    attention_out: Linear
    mlp_norm: Tensor
    gate_up: Linear
    down: Linear


class Llama:
    """The decoder.

    Args:
        shape: Its numbers.
        weights: By Hugging Face's names, float32.
        device: Where it runs.
    """

    def __init__(self, shape: LlamaShape, weights: Mapping[str, Tensor], device: torch.device) -> None:
        self.shape = shape
        self.device = device
        self.embeddings = weights["model.embed_tokens.weight"].to(device)
        """(vocabulary, d); also the output matrix."""
        self._norm = weights["model.norm.weight"].to(device)
        self._layers = [_layer(weights, f"model.layers.{index}.", device) for index in range(shape.num_layers)]
        self._seeing: list[_Layer] | None = None
        exponents = torch.arange(0, shape.head_size, 2, dtype=torch.float32) / shape.head_size
        angles = torch.outer(torch.arange(shape.max_positions, dtype=torch.float32), shape.rope_theta**-exponents)
        self._cosine = torch.cat([angles.cos(), angles.cos()], dim=1).to(device)
        # The rotation's "minus the second half, then the first half" takes its sign from here.
        self._sine = torch.cat([-angles.sin(), angles.sin()], dim=1).to(device)

    def add_seeing(self, lora: Mapping[str, LowRank]) -> None:
        """Adds a LoRA that only those passes use that ask for it; the matrices themselves stay, and are not copied.

        Args:
            lora: By the matrices' names.

        Raises:
            WeightsError: It is of another model.
        """
        try:
            self._seeing = [
                _with_lora(layer, lora, f"model.layers.{index}.", self.device)
                for index, layer in enumerate(self._layers)
            ]
        except (KeyError, RuntimeError) as error:
            raise WeightsError(f"the LoRA for what is seen does not fit the base weights: {error}") from error

    def new_cache(self) -> KeyValueCache:
        """An empty cache."""
        return KeyValueCache(self.shape, self.device)

    @torch.inference_mode()
    def read(
        self, tokens: Sequence[int], cache: KeyValueCache, media: MediaRows | None = None, *, seeing: bool = False
    ) -> Tensor:
        """Reads tokens after those of ``cache``, which it extends.

        Args:
            tokens: Their ids.
            cache: What was read before.
            media: The embeddings (d,) that negative ids stand for, which are those of pictures, clips and drawings.
            seeing: With what :meth:`add_seeing` added, as all tokens of ``cache`` were read.

        Returns:
            The last layer's hidden states after the final norm, (T, d) float32.

        Raises:
            ValueError: More tokens than the model has positions.
        """
        start, end = cache.length, cache.length + len(tokens)
        if end > self.shape.max_positions:
            raise ValueError(f"{end} tokens do not fit in {self.shape.max_positions} positions")
        cache.reserve(end)
        cache.length = end
        x = self.embeddings[torch.tensor(tokens, device=self.device).clamp(min=0)]
        for position, token in enumerate(tokens):
            if token < 0:
                assert media is not None
                x[position] = media[token]
        mask = None
        if len(tokens) > 1:
            positions = torch.arange(end, device=self.device)
            mask = positions[None, :] <= positions[start:, None]
        layers = self._seeing if seeing and self._seeing else self._layers
        for index, layer in enumerate(layers):
            keys, values = cache.keys[index, :, :end], cache.values[index, :, :end]
            x = x + self._attend(layer, self._normed(x, layer.attention_norm), keys, values, start, mask)
            gate, up = layer.gate_up(self._normed(x, layer.mlp_norm)).chunk(2, dim=1)
            x = x + layer.down(functional.silu(gate) * up)
        return self._normed(x, self._norm)

    @torch.inference_mode()
    def best(self, hidden: Tensor, allowed: Tensor | None) -> int:
        """The likeliest next token.

        Args:
            hidden: (d,), one of the rows of :meth:`read`.
            allowed: Ids to choose from, (n,) int64; None = all.
        """
        if allowed is None:
            return int(torch.mv(self.embeddings, hidden).argmax())
        # Copying the rows costs more than multiplying with all of them, unless they are few.
        if len(allowed) * 8 < len(self.embeddings):
            return int(allowed[torch.mv(self.embeddings[allowed], hidden).argmax()])
        return int(allowed[torch.mv(self.embeddings, hidden)[allowed].argmax()])

    @torch.inference_mode()
    def probability(self, hidden: Tensor, token: int) -> float:
        """How likely a token is to be the next one; ``hidden`` as in :meth:`best`."""
        return float(torch.mv(self.embeddings, hidden).softmax(dim=0)[token])

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        return functional.rms_norm(x, weight.shape, weight, self.shape.epsilon)

    def _attend(
        self, layer: _Layer, x: Tensor, keys: Tensor, values: Tensor, start: int, mask: Tensor | None
    ) -> Tensor:
        """Attention of x (T, d) to keys and values (K, S, D), of which the last T are written here."""
        shape, count = self.shape, len(x)
        heads = layer.query_key_value(x).view(count, -1, shape.head_size).transpose(0, 1)
        rotated = self._rotate(heads[: shape.num_heads + shape.num_kv_heads], start)
        keys[:, start:] = rotated[shape.num_heads :]
        values[:, start:] = heads[shape.num_heads + shape.num_kv_heads :]
        mixed = functional.scaled_dot_product_attention(
            rotated[None, : shape.num_heads], keys[None], values[None], attn_mask=mask, enable_gqa=True
        )
        return layer.attention_out(mixed[0].transpose(0, 1).reshape(count, -1))

    def _rotate(self, heads: Tensor, start: int) -> Tensor:
        """Rotary position embedding of (heads, T, D)."""
        span = slice(start, start + heads.shape[1])
        return heads * self._cosine[span] + heads.roll(self.shape.head_size // 2, dims=-1) * self._sine[span]


def _layer(weights: Mapping[str, Tensor], prefix: str, device: torch.device) -> _Layer:
    def linear(*names: str) -> Linear:
        return _linear(torch.cat([weights[f"{prefix}{name}_proj.weight"] for name in names]).to(device))

    return _Layer(
        attention_norm=weights[f"{prefix}input_layernorm.weight"].to(device),
        query_key_value=linear("self_attn.q", "self_attn.k", "self_attn.v"),
        attention_out=linear("self_attn.o"),
        mlp_norm=weights[f"{prefix}post_attention_layernorm.weight"].to(device),
        gate_up=linear("mlp.gate", "mlp.up"),
        down=linear("mlp.down"),
    )


def _linear(matrix: Tensor) -> Linear:
    """Multiplies with (out, in); on a CPU with weights in oneDNN's own order, which it reads up to twice as fast."""
    if matrix.device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return lambda x: functional.linear(x, matrix)
    packed = torch.ops.mkldnn._reorder_linear_weight(matrix, None)
    return lambda x: torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")


def _with_lora(layer: _Layer, lora: Mapping[str, LowRank], prefix: str, device: torch.device) -> _Layer:
    def beside(linear: Linear, *names: str) -> Linear:
        pairs = [lora[f"{prefix}{name}_proj.weight"] for name in names]
        down = torch.cat([each for each, _ in pairs]).to(device)
        up = torch.block_diag(*(each for _, each in pairs)).to(device)  # type: ignore[no-untyped-call]
        return lambda x: linear(x) + functional.linear(functional.linear(x, down), up)

    return layer._replace(
        query_key_value=beside(layer.query_key_value, "self_attn.q", "self_attn.k", "self_attn.v"),
        attention_out=beside(layer.attention_out, "self_attn.o"),
        gate_up=beside(layer.gate_up, "mlp.gate", "mlp.up"),
        down=beside(layer.down, "mlp.down"),
    )
