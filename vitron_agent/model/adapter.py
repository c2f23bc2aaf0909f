"""The planner's adapter: LoRA on every linear layer, and the rows of the added tokens.

On disk it is a PEFT folder in float16 (about 10 MB at rank 16 on SmolLM2-135M), so ``peft`` can go on training it;
``tokens.json`` lists the added tokens that it was trained with. At inference it is merged into the base weights.
"""

import json
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
    from peft import LoraConfig, PeftModel, get_peft_model

    extend(tokenizer, model)
    matrices = ["embed_tokens"] if model.config.tie_word_embeddings else ["embed_tokens", "lm_head"]
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules="all-linear",
        trainable_token_indices={matrix: list(tokenizer.ids.values()) for matrix in matrices},
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
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    config, tensors = _read_config(folder), load_file(folder / _WEIGHTS)
    adapted = add_adapter(model, tokenizer, rank=int(config["r"]), alpha=int(config["lora_alpha"]), dropout=dropout)
    try:
        set_peft_model_state_dict(adapted, tensors)
    except RuntimeError as error:
        raise WeightsError(f"the adapter in {folder} does not fit the base weights: {error}") from error
    return adapted


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

    config, tensors = _read_config(folder), load_file(folder / _WEIGHTS)
    scale = config["lora_alpha"] / config["r"]
    try:
        weights[EMBEDDINGS] = torch.cat([weights[EMBEDDINGS], tensors.pop(_ROWS).float()])
        for name in [name for name in tensors if name.endswith(".lora_A.weight")]:
            stem = name.removesuffix(".lora_A.weight")
            down, up = tensors.pop(name).float(), tensors.pop(f"{stem}.lora_B.weight").float()
            weights[f"{stem.removeprefix(_PREFIX)}.weight"].addmm_(up, down, alpha=scale)
    except (KeyError, RuntimeError) as error:
        raise WeightsError(f"the adapter in {folder} does not fit the base weights: {error}") from error
    if tensors:
        raise WeightsError(f"the adapter in {folder} has weights that are not known: {', '.join(sorted(tensors)[:3])}")


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
