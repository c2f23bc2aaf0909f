"""The planner's language model: base weights with the adapter merged in, its tokenizer, and what it has read lately."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from vitron_agent.errors import WeightsError
from vitron_agent.model.adapter import merge_adapter, read_lora
from vitron_agent.model.llama import KeyValueCache, Llama, LlamaShape
from vitron_agent.model.media import MediaEncoder, MediaTable, Prepared
from vitron_agent.model.saved import SEEING, load_trained, writes_signals
from vitron_agent.model.signals import SignalHeads, Signals
from vitron_agent.model.tokens import PlannerTokenizer
from vitron_agent.wire import SIGNAL

_KEPT = 4
"""Prompts whose keys and values are kept: about 12 MB each at 256 tokens."""


class _Kept:
    """A token sequence that was read, with its cache."""

    def __init__(self, cache: KeyValueCache) -> None:
        self.tokens: list[int] = []
        self.cache = cache

    def shared(self, tokens: Sequence[int]) -> int:
        """How many tokens are the same from the start."""
        pairs = enumerate(zip(self.tokens, tokens, strict=False))
        return next((index for index, (mine, theirs) in pairs if mine != theirs), min(len(self.tokens), len(tokens)))


class LanguageModel:
    """Reads prompts and writes on, greedily; one writer at a time (``lock``).

    Args:
        llama: The decoder.
        tokenizer: Of as many tokens.
        encoder: Makes tokens of media; None for a model that reads text alone.
        heads: Make signals; None for a model that writes text alone.
    """

    def __init__(
        self,
        llama: Llama,
        tokenizer: PlannerTokenizer,
        encoder: MediaEncoder | None = None,
        heads: SignalHeads | None = None,
    ) -> None:
        if len(llama.embeddings) != len(tokenizer):
            raise WeightsError(
                f"the model has {len(llama.embeddings)} tokens and the tokenizer {len(tokenizer)}: adapter and base "
                "do not belong together"
            )
        self.llama = llama
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.heads = heads
        self.media = MediaTable()
        self.lock = threading.Lock()
        self._kept: dict[bool, list[_Kept]] = {False: [], True: []}

    @classmethod
    def load(cls, base: Path, adapter: Path, device: str = "auto") -> Self:
        """Loads a base folder (:func:`vitron_agent.model.weights.base_folder`) and an adapter folder.

        Raises:
            WeightsError: One of them is missing, damaged, or doesn't fit the other.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            shape = LlamaShape.read(base / "config.json")
            tokenizer = PlannerTokenizer.from_file(base / "tokenizer.json")
            weights = {name: tensor.float() for name, tensor in load_file(base / "model.safetensors").items()}
        except (OSError, SafetensorError) as error:
            raise WeightsError(f"the base weights in {base} are damaged ({error}); delete the folder") from error
        merge_adapter(weights, adapter)
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        llama = Llama(shape, weights, torch.device(device))
        if (adapter / SEEING).is_dir():
            llama.add_seeing(read_lora(adapter / SEEING))
        if not writes_signals(adapter):
            return cls(llama, tokenizer)
        return cls(llama, tokenizer, *load_trained(adapter, llama.embeddings.shape[1], llama.device))

    @torch.inference_mode()
    def see(self, key: str, look: Callable[[], Prepared]) -> list[int]:
        """The ids that stand for a picture, clip or drawing in prompts; needs an ``encoder``, and the lock.

        Args:
            key: The same key means the same pixels.
            look: Gives what is seen of them; called for a new key only.
        """
        encoder = self.encoder
        assert encoder is not None
        return self.media.ids(key, lambda: encoder([look()]))

    def open(self, prompt: Sequence[int], *, seeing: bool = False) -> "Writer":
        """A writer behind ``prompt``, of which only what no earlier prompt began with is read anew.

        Args:
            prompt: Ids.
            seeing: With the LoRA for answers about what is seen, where the model has one.
        """
        known = self._kept[seeing]
        best = max(known, key=lambda kept: kept.shared(prompt), default=None)
        shared = best.shared(prompt) if best else 0
        # All prompts begin with the same system message: sharing no more than others do is not being continued.
        floor = min((kept.shared(prompt) for kept in known), default=0)
        if best is None or (shared == floor and len(known) < _KEPT):
            used = _Kept(best.cache.copy(shared) if best else self.llama.new_cache())
        else:
            used = best if shared > floor else known[0]
            known.remove(used)
        known.append(used)
        # At least one token is read, for its hidden state.
        shared = min(shared, len(prompt) - 1)
        used.tokens, used.cache.length = list(prompt[:shared]), shared
        return Writer(self, used, prompt[shared:], seeing=seeing)


class Writer:
    """A sequence that is being written.

    ``unread`` tokens are decided, but the model has not read them: they wait for the next decision, so that a run of
    forced tokens costs no pass of its own. ``_ahead`` holds the hidden states of the last look, from the end of the
    sequence on.
    """

    def __init__(self, model: LanguageModel, kept: _Kept, unread: Sequence[int], *, seeing: bool = False) -> None:
        self._model = model
        self._seeing = seeing
        self._kept = kept
        self._unread = list(unread)
        self._ahead = model.llama.embeddings[:0]
        self.passes = 0
        """Forward passes so far."""

    @torch.inference_mode()
    def signal(self) -> Signals:
        """The signals of the step that was just written: (n_s, d) and (n_p, d). Needs ``heads``.

        The signal tokens become no part of the sequence, and the pass that reads them is the next decision's too.
        """
        heads = self._model.heads
        assert heads is not None
        opening = self._model.tokenizer.ids[SIGNAL]
        tokens = self._model.media.ids("signal tokens", lambda: heads.tokens)
        signals: Signals = heads(self.look([opening, *tokens])[-len(tokens) :])
        return signals

    def append(self, tokens: Sequence[int]) -> None:
        """Writes tokens that need no decision."""
        self._unread += tokens

    def look(self, draft: Sequence[int] = ()) -> Tensor:
        """Hidden states at the end of the sequence and after each token of ``draft``, (1 + len(draft), d).

        The draft becomes no part of the sequence; what of it comes true is appended as usual, and costs nothing then.
        """
        tokens = [*self._unread, *draft]
        if tokens:
            self.passes += 1
            # What an earlier draft left behind the sequence's end is written over.
            self._kept.cache.length = len(self._kept.tokens)
            hidden = self._model.llama.read(tokens, self._kept.cache, self._model.media, seeing=self._seeing)
            self._ahead = torch.cat([self._ahead[:1], hidden])[-1 - len(draft) :]
            self._kept.tokens += self._unread
            self._unread = []
            self._kept.cache.length = len(self._kept.tokens)
        return self._ahead[: 1 + len(draft)]

    def accept(self, tokens: Sequence[int]) -> None:
        """Appends the leading tokens of the last look's draft: they are read already."""
        self._kept.tokens += tokens
        self._ahead = self._ahead[len(tokens) :]
        self._kept.cache.length = len(self._kept.tokens)
