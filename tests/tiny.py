"""A planner in miniature: a byte-level vocabulary and a llama of some thousand random weights, made in milliseconds."""

from pathlib import Path

import tokenizers
import torch
from tokenizers import decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

from vitron_agent.model.adapter import add_adapter, save_adapter
from vitron_agent.model.llm import LanguageModel
from vitron_agent.model.media import MediaConfig, MediaEncoder
from vitron_agent.model.saved import VitronConfig, save_parts
from vitron_agent.model.signals import SignalConfig, SignalHeads
from vitron_agent.model.tokens import PlannerTokenizer

SIGNALS = SignalConfig(num_shared=2, num_private=3, dim=6)

_WORDS = (" the", " image", " cat", " red", " make", " remove", " now", " new", "user", "\n")


def merges() -> list[tuple[str, str]]:
    """Each word grows by one character at a time."""
    found: list[tuple[str, str]] = []
    for word in _WORDS:
        characters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(word)[0][0]
        found += ((characters[:end], characters[end]) for end in range(1, len(characters)))
    return list(dict.fromkeys(found))


def tokenizer() -> PlannerTokenizer:
    """Bytes, a few words, the two chat tokens."""
    words = (first + second for first, second in merges())
    tokens = ["<|im_start|>", "<|im_end|>", "<file_sep>", *sorted(pre_tokenizers.ByteLevel.alphabet()), *words]
    base = tokenizers.Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, merges()))
    base.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    base.decoder = decoders.ByteLevel()
    return PlannerTokenizer(base)


def model(seed: int = 0) -> LlamaForCausalLM:
    """Random weights, large enough that it has opinions."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=tokenizer().num_base,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        initializer_range=0.5,
    )
    return LlamaForCausalLM(config).eval()


def folders(root: Path, seed: int = 0) -> tuple[Path, Path]:
    """A base folder and an adapter folder with a LoRA that changes something."""
    base, adapter = root / "base", root / "adapter"
    base.mkdir(parents=True)
    tokenizer().base.save(str(base / "tokenizer.json"))
    llama = model(seed)
    llama.save_pretrained(base)
    wrapped = add_adapter(llama, tokenizer(), rank=2, alpha=4)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_B" in name or "trainable_tokens" in name:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    save_adapter(wrapped, adapter, base="tiny")
    return base, adapter


def give_heads(adapter: Path) -> None:
    """Random signal heads, and a media encoder, beside an adapter."""
    torch.manual_seed(2)
    config = VitronConfig(base="tiny", media=MediaConfig(backbone="tiny", channels=6, width=32), signals=SIGNALS)
    parts = {"media": MediaEncoder(config.media), "signals": SignalHeads(SIGNALS, config.media.width)}
    save_parts(parts, config, adapter)


def dictate(model: LanguageModel, *texts: str) -> None:
    """Makes a model write these texts, one a prompt; its hidden states stay its own, but for one number of each."""
    inner_open, inner_read, script = model.open, model.llama.read, iter(texts)
    wanted: list[int] = []

    def open_(prompt, **how):
        reply = [*model.tokenizer.encode_wire(next(script)), model.tokenizer.im_end]
        wanted[:] = [*prompt, *reply]
        return inner_open(prompt, **how)

    def read(tokens, cache, media=None, **how):
        start = cache.length
        hidden = inner_read(tokens, cache, media, **how).clone()
        hidden[:, 0] = torch.arange(start, start + len(tokens))  # what follows depends on the place alone
        return hidden

    def best(hidden, allowed):
        token = wanted[int(hidden[0]) + 1]
        assert token in allowed
        return token

    model.open, model.llama.read, model.llama.best = open_, read, best
    model.llama.probability = lambda hidden, token: float(wanted[int(hidden[0]) + 1] == token)
