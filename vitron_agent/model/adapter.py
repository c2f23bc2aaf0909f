"""The planner's adapter: LoRA on every linear layer, and the rows of the added tokens.

On disk it is a PEFT folder in float16 (about 10 MB at rank 16 on SmolLM2-135M), so ``peft`` can go on training it;
``tokens.json`` lists the added tokens that it was trained with. At inference it is merged into the base weights.

A model that sees may have a second, smaller LoRA on top of it, for answers about what is seen: plans are then written
by the planner's own weights, as if there were no other.
"""

import json
import shutil
import warnings
from collections.abc import MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from vitron_agent.errors import WeightsError
from vitron_agent.model.tokens import ADDED_TOKENS, PlannerTokenizer, extend

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel

PACKAGED = Path(__file__).parent / "adapters" / "planner"
"""The adapter that ships with the package."""
EMBEDDINGS = "model.embed_tokens.weight"
_CONFIG, _WEIGHTS, _TOKENS = "adapter_config.json", "adapter_model.safetensors", "tokens.json"
_PREFIX = "base_model.model."
_ROWS = f"{_PREFIX}model.embed_tokens.token_adapter.trainable_tokens_delta"


def add_adapter(
    model: "PreTrainedModel", tokenizer: PlannerTokenizer, *, rank: int = 16, alpha: int = 32, dropout: float = 0.05
) -> "PeftModel":
    """Extends the vocabulary and wraps ``model`` for training: the LoRA weights and the added rows, nothing else."""
    extend(tokenizer, model)
    matrices = ["embed_tokens"] if model.config.tie_word_embeddings else ["embed_tokens", "lm_head"]
    rows = {matrix: list(tokenizer.ids.values()) for matrix in matrices}
    return _wrap(model, rank, alpha, dropout, rows)


def add_seeing(planner: "PeftModel", *, rank: int = 4, alpha: int = 8, dropout: float = 0.05) -> "PeftModel":
    """A second LoRA, on a planner whose own is merged into the base and learns no more."""
    merged: PreTrainedModel = planner.merge_and_unload()
    return _wrap(merged, rank, alpha, dropout)


def _wrap(
    model: "PreTrainedModel", rank: int, alpha: int, dropout: float, rows: dict[str, list[int]] | None = None
) -> "PeftModel":
    from peft import LoraConfig, PeftModel, get_peft_model

    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules="all-linear",
        trainable_token_indices=rows,
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        # PEFT asks transformers for an attribute by its old name.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        return cast(PeftModel, get_peft_model(model, config))


def continue_adapter(
    model: "PreTrainedModel", tokenizer: PlannerTokenizer, folder: Path, *, dropout: float = 0.05
) -> "PeftModel":
    """As :func:`add_adapter`, beginning with the weights, rank and scale that an adapter folder holds.

    Raises:
        WeightsError: There is no adapter, or it is for another base or vocabulary.
    """
    config = _read_config(folder)
    adapted = add_adapter(model, tokenizer, rank=int(config["r"]), alpha=int(config["lora_alpha"]), dropout=dropout)
    return _load(adapted, folder)


def continue_seeing(planner: "PeftModel", folder: Path, *, dropout: float = 0.05) -> "PeftModel":
    """As :func:`add_seeing`, beginning with what a folder holds; raises as :func:`continue_adapter`."""
    config = _read_config(folder)
    return _load(add_seeing(planner, rank=int(config["r"]), alpha=int(config["lora_alpha"]), dropout=dropout), folder)


def _load(adapted: "PeftModel", folder: Path) -> "PeftModel":
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    try:
        set_peft_model_state_dict(adapted, load_file(folder / _WEIGHTS))
    except RuntimeError as error:
        raise WeightsError(f"the adapter in {folder} does not fit the base weights: {error}") from error
    return adapted


def copy_adapter(source: Path, folder: Path) -> None:
    """Copies the adapter of one folder into another one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (_CONFIG, _WEIGHTS, _TOKENS):
        shutil.copyfile(source / name, folder / name)


def save_adapter(model: "PeftModel", folder: Path, *, base: str) -> None:
    """Writes the adapter of :func:`add_adapter`; ``base`` is the name of what it was trained on."""
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().to("cpu", torch.float16).contiguous() for name, tensor in state.items()}
    save_file(tensors, folder / _WEIGHTS, metadata={"format": "pt"})
    model.peft_config[model.active_adapter].save_pretrained(str(folder))
    path = folder / _CONFIG
    config = json.loads(path.read_text())
    # PEFT writes the folder that the base was read from; a name means the same on every machine.
    config |= {"base_model_name_or_path": base, "inference_mode": True}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (folder / _TOKENS).write_text(json.dumps(ADDED_TOKENS, indent=0) + "\n")


def merge_adapter(weights: MutableMapping[str, "torch.Tensor"], folder: Path) -> None:
    """Merges an adapter into base weights, in place.

    Args:
        weights: By Hugging Face's names, float32; matrices are (out, in). The embeddings get the added rows.
        folder: As written by :func:`save_adapter`.

    Raises:
        WeightsError: There is no adapter, or it is for another base or vocabulary.
    """
    import torch
    from safetensors.torch import load_file

    lora = read_lora(folder)
    try:
        rows = load_file(folder / _WEIGHTS)[_ROWS]
        weights[EMBEDDINGS] = torch.cat([weights[EMBEDDINGS], rows.float()])
        for name, (down, up) in lora.items():
            weights[name].addmm_(up, down)
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"the adapter in {folder} does not fit the base weights: {error}") from error


def read_lora(folder: Path) -> "dict[str, tuple[torch.Tensor, torch.Tensor]]":
    """What a LoRA adds to each matrix (out, in), by Hugging Face's names: (r, in) and, scaled, (out, r); float32.

    Raises:
        WeightsError: There is no adapter, or it is no plain LoRA.
    """
    from safetensors.torch import load_file

    config, tensors = _read_config(folder), load_file(folder / _WEIGHTS)
    tensors.pop(_ROWS, None)
    scale = config["lora_alpha"] / config["r"]
    pairs = {}
    for name in [name for name in tensors if name.endswith(".lora_A.weight")]:
        stem = name.removesuffix(".lora_A.weight")
        down, up = tensors.pop(name), tensors.pop(f"{stem}.lora_B.weight", None)
        if up is None:
            raise WeightsError(f"the adapter in {folder} does not fit the base weights: half of {stem} is missing")
        pairs[f"{stem.removeprefix(_PREFIX)}.weight"] = down.float(), scale * up.float()
    if tensors:
        raise WeightsError(f"the adapter in {folder} has weights that are not known: {', '.join(sorted(tensors)[:3])}")
    return pairs


def _read_config(folder: Path) -> dict[str, float]:
    for name in (_CONFIG, _WEIGHTS, _TOKENS):
        if not (folder / name).is_file():
            raise WeightsError(
                f"there is no planner adapter in {folder} ({name} is missing); train one or name another"
            )
    if json.loads((folder / _TOKENS).read_text()) != list(ADDED_TOKENS):
        raise WeightsError(f"the adapter in {folder} was trained with other added tokens; train it again")
    config = json.loads((folder / _CONFIG).read_text())
    if config["use_dora"] or config["use_rslora"] or config["lora_bias"] or config["rank_pattern"]:
        raise WeightsError(f"the adapter in {folder} is not a plain LoRA; merge it yourself or train a plain one")
    return cast("dict[str, float]", config)
