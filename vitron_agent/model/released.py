"""The text half of the released VITRON: Vicuna-7B with a LoRA, in transformers' layout.

``vitron-base`` has the files of Video-LLaVA-7B: a Llama whose checkpoint also holds the image and video towers and
their projector, and whose ``config.json`` has a model type and keys that plain Llama does not know. ``vitron-lora`` is
a PEFT folder for the seven linear layers of each block. What belongs to pixels is left aside here; the log says what.

Only safetensors are read; :mod:`vitron_agent.model.pickles` makes them of the published files. Nothing of a checkpoint
is run: the classes are those of transformers, whatever its configuration names.
"""

import json
import logging
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, cast

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, StrictDataclassError
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, LlamaTokenizer, TextStreamer

from vitron_agent.errors import UsageError, WeightsError, WireSyntaxError
from vitron_agent.model.pieces import load_tokenizer

_log = logging.getLogger(__name__)
_FETCHED = ("*.json", "*.safetensors", "tokenizer.model")
_OF_LLAMA = ("lm_head.", "model.embed_tokens.", "model.layers.", "model.norm.")
"""How names of the text half's tensors begin."""
_NOT_OF_LLAMA = ("architectures", "auto_map", "model_type")
"""What a configuration says of the class that it was saved from."""
_LORA = "adapter_model.safetensors"
_ADVICE = (
    "The released files are pickles, which can run code, so they are converted once: fetch both repositories with "
    "`hf download`, run `python -m vitron_agent.model.pickles FOLDER` on each, and name the folders"
)


class ReleasedModel:
    """Reads a conversation and writes on; one writer at a time.

    Args:
        llama: With the LoRA merged in.
        tokenizer: Llama's.
    """

    def __init__(self, llama: LlamaForCausalLM, tokenizer: LlamaTokenizer) -> None:
        if len(tokenizer) > llama.config.vocab_size:
            raise WeightsError(
                f"the model has {llama.config.vocab_size} tokens and the tokenizer {len(tokenizer)}: they do not "
                "belong together; fetch the base again"
            )
        self.llama = llama
        self.tokenizer = tokenizer
        self._lock = threading.Lock()

    @classmethod
    def load(cls, base: Path | str, lora: Path | str | None, device: str = "auto") -> Self:
        """Loads a base and merges a LoRA into it.

        Args:
            base: Folder or repository in the layout of ``vitron-base``; a plain Llama will do.
            lora: Folder or repository in the layout of ``vitron-lora``; None where it is merged already.
            device: Where it runs; auto = on a CUDA GPU where there is one.

        Raises:
            WeightsError: One of them is missing, damaged, pickled, or doesn't fit the other.
        """
        folder = _folder(base)
        if not any(folder.glob("model*.safetensors")):
            raise WeightsError(f"there are no model*.safetensors in {folder}. {_ADVICE}")
        adapter = None if lora is None else _folder(lora)
        if adapter and not (adapter / _LORA).is_file():
            raise WeightsError(f"there is no {_LORA} in {adapter}. {_ADVICE}")
        tokenizer, llama = _tokenizer(folder), _text_half(folder)
        if adapter:
            llama = _merged(llama, adapter)
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(llama.to(device).eval(), tokenizer)  # type: ignore[arg-type]  # nn.Module.to takes its name too

    def encode(self, exchanges: Sequence[str]) -> list[int]:
        """The ids of a conversation.

        Args:
            exchanges: Each from the user's name to the end of the reply, which a closing token follows; the last is
                open. Names of special tokens in them are ordinary text.
        """
        tokenizer = self.tokenizer
        ids = [tokenizer.bos_token_id]
        for number, text in enumerate(exchanges):
            if number:
                ids.append(tokenizer.eos_token_id)
            ids += tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
        return ids

    @torch.inference_mode()
    def write(
        self,
        exchanges: Sequence[str],
        on_token: Callable[[str], None] | None = None,
        *,
        max_tokens: int = 512,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> str:
        """What the model says next.

        Args:
            exchanges: As :meth:`encode`.
            on_token: Receives the text as it is written; what it raises ends the writing.
            max_tokens: To write.
            temperature: Of the choice among tokens; 0 = always the likeliest.
            seed: Of that choice.

        Raises:
            UsageError: The conversation is too long to read.
            WireSyntaxError: The text did not come to an end.
        """
        ids, room = self.encode(exchanges), self.llama.config.max_position_embeddings - max_tokens
        if len(ids) > room:
            raise UsageError(f"the conversation has {len(ids)} tokens and the planner reads at most {room}; shorten it")
        how: dict[str, Any] = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
        prompt = torch.tensor([ids], device=self.llama.device)
        with self._lock, torch.random.fork_rng(enabled=temperature > 0):
            if temperature:
                torch.manual_seed(seed)
            written = self.llama.generate(  # type: ignore[misc]
                prompt,
                attention_mask=torch.ones_like(prompt),
                generation_config=GenerationConfig(  # type: ignore[no-untyped-call]
                    max_new_tokens=max_tokens,
                    eos_token_id=self.tokenizer.eos_token_id,
                    pad_token_id=self.tokenizer.eos_token_id,
                    **how,
                ),
                streamer=None if on_token is None else _Told(self.tokenizer, on_token),
            )
        new: list[int] = written[0, len(ids) :].tolist()
        if new[-1] != self.tokenizer.eos_token_id:
            raise WireSyntaxError(f"the plan did not come to an end within {max_tokens} tokens")
        return str(self.tokenizer.decode(new[:-1])).strip()


class _Told(TextStreamer):
    """Hands text on, in whole words."""

    def __init__(self, tokenizer: LlamaTokenizer, on_token: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._on_token = on_token

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:  # noqa: ARG002 (its signature)
        if text:
            self._on_token(text)


def _folder(place: Path | str) -> Path:
    """Where a checkpoint lies; a repository's files are fetched, if they are not in the hub's cache."""
    if Path(place).is_dir():
        return Path(place)
    if isinstance(place, Path):
        raise WeightsError(f"there is no folder {place}. {_ADVICE}")
    try:
        return Path(snapshot_download(place, allow_patterns=list(_FETCHED)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise WeightsError(f"{place} is no folder, and no repository that can be reached. {_ADVICE}") from error


def _tokenizer(folder: Path) -> LlamaTokenizer:
    if (folder / "tokenizer.json").is_file():
        tokenizer: LlamaTokenizer = LlamaTokenizer.from_pretrained(folder, local_files_only=True)
        return tokenizer
    return load_tokenizer(folder / "tokenizer.model")


def _text_half(folder: Path) -> LlamaForCausalLM:
    """The Llama in a checkpoint, on the CPU, in the precision that it was saved in."""
    try:
        values = json.loads((folder / "config.json").read_text())
        names = values.get("architectures") or ["Llama"]
        if not any("Llama" in name for name in names):
            raise WeightsError(f"{folder} holds a {names[0]}, and the released VITRON is a Llama; name its base")
        config = LlamaConfig.from_dict({key: values[key] for key in values if key not in _NOT_OF_LLAMA})
        loaded: Any = LlamaForCausalLM.from_pretrained(
            None, config=config, state_dict=_text_tensors(folder), dtype="auto", output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError, StrictDataclassError) as error:
        raise WeightsError(f"the base in {folder} is damaged ({error}); fetch and convert it again") from error
    llama: LlamaForCausalLM
    llama, found = loaded
    if odd := sorted({*found["missing_keys"], *found["unexpected_keys"]}):
        raise WeightsError(
            f"the tensors in {folder} are not those of its config.json ({odd[0]} is in one of them only); "
            "fetch and convert it again"
        )
    return llama


def _text_tensors(folder: Path) -> dict[str, Tensor]:
    """The tensors of the text half, by name; the log says what else there is."""
    tensors: dict[str, Tensor] = {}
    aside: Counter[str] = Counter()
    for path in sorted(folder.glob("model*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 (it is no mapping)
                if name.startswith(_OF_LLAMA):
                    tensors[name] = file.get_tensor(name)
                else:
                    aside[".".join(name.split(".")[:2])] += 1
    if aside:
        parts = ", ".join(f"{part} ({count})" for part, count in sorted(aside.items()))
        _log.info("%s: the text half alone; tensors left aside: %s", folder, parts)
    return tensors


def _merged(llama: LlamaForCausalLM, folder: Path) -> LlamaForCausalLM:
    try:
        kind = json.loads((folder / "adapter_config.json").read_text())["peft_type"]
        if kind != "LORA":
            raise WeightsError(f"{folder} holds an adapter of kind {kind}; name the released LoRA")
        config = LoraConfig.from_pretrained(str(folder))
        config.base_model_name_or_path = None  # where it lay when it was trained
        with warnings.catch_warnings():
            # PEFT asks transformers for an attribute by its old name.
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
            adapted = get_peft_model(llama, config)
        assert isinstance(adapted, PeftModel)
        loaded: Any = set_peft_model_state_dict(adapted, load_file(folder / _LORA))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise WeightsError(f"the LoRA in {folder} does not fit the base: {error}") from error
    absent = [name for name in loaded.missing_keys if "lora_" in name] + loaded.unexpected_keys
    if absent:
        raise WeightsError(f"the LoRA in {folder} is for another base: {absent[0]} is in one of them only")
    return cast(LlamaForCausalLM, adapted.merge_and_unload())
