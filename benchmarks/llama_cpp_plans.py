"""The planner's plans by llama.cpp: adapter merged, vocabulary added, Q4_1, the same grammar; for latency.py."""

import json
import re
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import gguf
import numpy as np
import torch
from llama_cpp import Llama, LlamaGrammar
from numpy.typing import NDArray
from safetensors.torch import load_file

from vitron_agent.config import Settings
from vitron_agent.model.adapter import PACKAGED, merge_adapter
from vitron_agent.model.grammar import Grammar, Scene
from vitron_agent.model.tokens import ADDED_TOKENS, PlannerTokenizer
from vitron_agent.model.weights import base_folder
from vitron_agent.planners.base import PlanRequest
from vitron_agent.planners.prompt import encode_prompt
from vitron_agent.planners.vitron import VitronPlanner
from vitron_agent.wire import read_plan

_TERMINALS = r"""
word ::= ([^⟦<:=\\ \t\n] | "="+ [^⟦<:=>\\ \t\n] | "\\=>" | "\\" [\\<:])+
target ::= (" " word)+
phrase ::= (" " word)+
prompt ::= (" " word)+
change ::= " " ("brightness" | "contrast" | "saturation" | "warmth" | "sharpness") " " ("more" | "less") (" " word)*
soft ::= " soft"
count ::= " " [1-9] [0-9]?
answer ::= [^⟦<]+
"""
_OUTPUTS = ("image-2", "mask-1", "partition-1", "boxes-1", "video-1", "masks-1")


def compare(settings: Settings, requests: Sequence[PlanRequest], runs: int) -> dict[str, float]:
    """Median seconds of both, planning the same requests one after the other; both keep the prompts' beginnings."""
    base = base_folder(settings.cache)
    tokenizer = PlannerTokenizer.from_file(base / "tokenizer.json")
    ours = VitronPlanner(settings)
    ours.load()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "planner.gguf"
        export(base, PACKAGED, tokenizer, path)
        threads = torch.get_num_threads()  # both the same
        theirs = Llama(str(path), n_ctx=1024, n_threads=threads, n_threads_batch=threads, verbose=False)
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    same = 0
    for run in range(runs + 1):
        for request in requests:
            began = time.perf_counter()
            plan = ours.plan(request)
            between = time.perf_counter()
            text = write(theirs, tokenizer, request)
            if run:  # the first round warms up
                seconds["ours"].append(between - began)
                seconds["theirs"].append(time.perf_counter() - between)
                same += read_plan(text) == plan
    return {
        "threads": threads,
        "plan_median": statistics.median(seconds["ours"]),
        "plan_median_llama_cpp": statistics.median(seconds["theirs"]),
        "plans_that_are_the_same": same / (runs * len(requests)),
    }


def write(model: Llama, tokenizer: PlannerTokenizer, request: PlanRequest) -> str:
    """One plan, greedily."""
    scene = Scene(tuple((medium.handle, medium.kind) for medium in request.media), dict(request.next_numbers))
    grammar = LlamaGrammar.from_string(gbnf(Grammar(tokenizer).block(scene, first=True), tokenizer), verbose=False)
    tokens: list[int] = []
    for token in model.generate(encode_prompt(request, tokenizer), temp=0.0, grammar=grammar):
        if token == tokenizer.im_end or len(tokens) > 200:
            break
        tokens.append(token)
    return tokenizer.decode_wire(tokens)


def name(token: str) -> str:
    """llama.cpp wants every token's text to be another, and "remove" is a token of the base vocabulary already."""
    return f"⟦{ADDED_TOKENS.index(token)}>"


def gbnf(lark: str, tokenizer: PlannerTokenizer) -> str:
    """Our grammar of a block in llama.cpp's notation, with the output, which we fill in ourselves."""

    def literal(match: re.Match[str]) -> str:
        return f'"{name(tokenizer.decode_wire([int(match[1])]))}"'

    _, block, *_ = lark.splitlines()
    rules = re.sub(r"<\[(\d+)\]>", literal, block.removeprefix("block: "))
    rules = re.sub(r"\b[A-Z]{4,}\b(?!\")", lambda match: match[0].lower(), rules)
    handles = [f'"{name(stem + "-")}" "{number}"' for stem, number in (each.split("-") for each in _OUTPUTS)]
    output = f'"{name("<Output>")}" ({" | ".join(handles)}) "{name("</Output>")}"'
    return f"root ::= block output | block | answer\nblock ::= {rules}\noutput ::= {output}\n{_TERMINALS}"


def export(base: Path, adapter: Path, tokenizer: PlannerTokenizer, path: Path) -> None:
    """Writes the merged model as llama.cpp reads it, quantized as its base was: Q4_1, embeddings in Q8_0."""
    config = json.loads((base / "config.json").read_text())
    weights = {name: tensor.float() for name, tensor in load_file(base / "model.safetensors").items()}
    merge_adapter(weights, adapter)
    writer = gguf.GGUFWriter(path, "llama")
    layers, heads = config["num_hidden_layers"], config["num_attention_heads"]
    writer.add_block_count(layers)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    _add_vocabulary(writer, base, tokenizer)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, layers)
    for key, tensor in weights.items():
        values: NDArray[np.float32] = tensor.numpy()
        for part, count in (("q_proj", heads), ("k_proj", config["num_key_value_heads"])):
            if part in key:
                values = values.reshape(count, 2, -1, values.shape[1]).swapaxes(1, 2).reshape(values.shape)
        kind = gguf.GGMLQuantizationType.Q8_0 if "embed" in key else gguf.GGMLQuantizationType.Q4_1
        target = names.get_name(key, try_suffixes=(".weight",))
        if values.ndim == 1:
            writer.add_tensor(target, values)
        else:
            writer.add_tensor(target, gguf.quantize(np.ascontiguousarray(values), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer: gguf.GGUFWriter, base: Path, tokenizer: PlannerTokenizer) -> None:
    model = json.loads((base / "tokenizer.json").read_text())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([*tokens, *map(name, ADDED_TOKENS)])
    chat = {tokenizer.im_start, tokenizer.im_end}
    normal, control, added = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL, gguf.TokenType.USER_DEFINED
    kinds: Iterable[int] = (control if index in chat else normal for index in range(len(tokens)))
    writer.add_token_types([*kinds, *[added] * len(ADDED_TOKENS)])
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_bos_token_id(tokenizer.im_start)
    writer.add_eos_token_id(tokenizer.im_end)
    writer.add_pad_token_id(tokenizer.im_end)
