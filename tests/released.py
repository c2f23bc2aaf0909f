"""The published VITRON in miniature: the files of ``vitron-base`` and ``vitron-lora``."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from transformers import LlamaConfig, LlamaForCausalLM

LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
WORDS = "▁instruction ▁module ▁assistant ▁the ▁and ▁image ▁video ▁to ▁zebra ▁segmentation ▁understand ▁ASSISTANT ▁USER"
_UNKNOWN, _CONTROL, _BYTE = 2, 3, 6
_END = 2
PIXELS = (
    "model.mm_projector.0.weight",
    "model.image_tower.image_tower.embeddings.weight",
    "model.video_tower.x.weight",
)


def pieces() -> list[tuple[str, int]]:
    """Text and type of each piece, as in Llama's vocabulary: control tokens, bytes, then what words are merged from."""
    control = [
        ("<unk>", _UNKNOWN),
        ("<s>", _CONTROL),
        ("</s>", _CONTROL),
        *((f"<0x{n:02X}>", _BYTE) for n in range(256)),
    ]
    letters = ["▁", *(chr(number) for number in range(33, 127))]
    grown = [word[:end] for word in WORDS.split() for end in range(2, len(word) + 1)]
    return control + [(text, 1) for text in dict.fromkeys(letters + grown)]


def write_tokenizer(path: Path) -> None:
    """A SentencePiece model."""
    data = b""
    for rank, (text, kind) in enumerate(pieces()):
        piece = _counted(1, text.encode()) + b"\x15" + struct.pack("<f", -float(rank))
        data += _counted(1, piece + (b"" if kind == 1 else bytes([0x18, kind])))
    path.write_bytes(
        data + _counted(2, b"\x18\x02\x20" + _varint(len(pieces()))) + _counted(3, _counted(1, b"identity"))
    )


def _counted(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    *high, last = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(part | 0x80 for part in high), last])


def llama(seed: int = 0, layers: int = 2, width: int = 64) -> LlamaForCausalLM:
    """Random weights."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(pieces()),
        hidden_size=width,
        intermediate_size=96,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=2048,
        initializer_range=0.2,
    )
    return LlamaForCausalLM(config)


def adapted(model: LlamaForCausalLM, seed: int = 0) -> PeftModel:
    """With a random LoRA on every linear layer of the blocks, as the released script has it."""
    torch.manual_seed(seed)
    config = LoraConfig(r=8, lora_alpha=16, target_modules=list(LAYERS), task_type="CAUSAL_LM", init_lora_weights=False)
    return get_peft_model(model, config)


def publish_base(model: LlamaForCausalLM, folder: Path) -> Path:
    """Writes a base: two pickles with towers and projector, and a configuration of a class that nobody has."""
    folder.mkdir(parents=True)
    model.config.save_pretrained(folder)
    values = json.loads((folder / "config.json").read_text())
    values |= {"model_type": "llava", "architectures": ["LlavaLlamaForCausalLM"], "mm_hidden_size": 1024}
    values |= {"mm_image_tower": "LanguageBind_Image", "mm_projector_type": "mlp2x_gelu", "tune_mm_mlp_adapter": False}
    values |= {"auto_map": {"AutoModelForCausalLM": "evil.Model"}}
    values["rope_theta"] = values.pop("rope_parameters")["rope_theta"]  # as older versions of transformers wrote it
    (folder / "config.json").write_text(json.dumps(values))
    (folder / "evil.py").write_text("raise AssertionError('code of a checkpoint ran')")
    tensors = dict(model.state_dict()) | {name: torch.randn(4, 4) for name in PIXELS}
    places = {}
    for number, names in enumerate((list(tensors)[::2], list(tensors)[1::2]), 1):
        name = f"pytorch_model-0000{number}-of-00002.bin"
        torch.save({key: tensors[key] for key in names}, folder / name)
        places |= dict.fromkeys(names, name)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    (folder / "generation_config.json").write_text('{"bos_token_id": 1, "eos_token_id": 2, "temperature": 0.9}')
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    (folder / "tokenizer_config.json").write_text(json.dumps(special | {"tokenizer_class": "LlamaTokenizer"}))
    write_tokenizer(folder / "tokenizer.model")
    return folder


def publish_lora(model: PeftModel, folder: Path) -> Path:
    """Writes a LoRA: two pickles, and a configuration with the keys that PEFT wrote in 2024."""
    folder.mkdir(parents=True)
    torch.save(get_peft_model_state_dict(model, save_embedding_layers=False), folder / "adapter_model.bin")
    torch.save({PIXELS[0]: torch.randn(4, 4)}, folder / "non_lora_trainables.bin")
    config = model.peft_config["default"]
    values = {
        "base_model_name_or_path": "Vitron/vitron-base",
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "lora_alpha": config.lora_alpha,
        "lora_dropout": 0.1,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": config.r,
        "target_modules": sorted(config.target_modules),
        "task_type": "CAUSAL_LM",
    }
    (folder / "adapter_config.json").write_text(json.dumps(values))
    return folder


def teach(model: PeftModel, encode: Callable[[list[str]], list[int]], lessons: list[tuple[list[str], str]]) -> None:
    """Trains the LoRA until it writes each lesson's text behind its conversation, token by token."""
    rows = []
    for exchanges, said in lessons:
        prompt, whole = encode(exchanges), encode([*exchanges[:-1], f"{exchanges[-1]} {said}"])
        rows.append(([*whole, _END], [-100] * len(prompt) + [*whole[len(prompt) :], _END]))
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in rows])
    labels = torch.tensor([labels + [-100] * (longest - len(labels)) for _, labels in rows])
    optimizer = torch.optim.Adam([weight for weight in model.parameters() if weight.requires_grad], lr=0.01)
    for _ in range(400):
        output = model(input_ids=ids, labels=labels)
        right = output.logits[:, :-1].argmax(-1) == labels[:, 1:]
        if bool((right | (labels[:, 1:] < 0)).all()) and output.loss < 0.05:
            return
        optimizer.zero_grad()
        output.loss.backward()
        optimizer.step()
    raise AssertionError(f"not learned: {output.loss}")
