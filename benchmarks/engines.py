"""Reading tokens with the planner's LLM on other engines, beside ours: OpenVINO, and ONNX Runtime also in int8.

    pip install openvino onnx onnxscript onnxruntime
    python benchmarks/engines.py [--cached 160] [--runs 30] [--json]

For one token and for a chunk of twelve, after ``--cached`` earlier ones: median milliseconds of a call, and how far
the hidden states are from ours (relative L2), which the signal heads need. The other engines get their cache as an
input and give only what is new; putting it into the cache is not counted, to their favour. All use one thread.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vitron_agent.config import Settings
from vitron_agent.model.adapter import PACKAGED
from vitron_agent.model.llama import KeyValueCache, Llama
from vitron_agent.model.llm import LanguageModel
from vitron_agent.model.weights import base_folder

CHUNKS = (1, 12)
Engine = Callable[[tuple[Tensor, ...]], NDArray[np.float32]]


class Portable(nn.Module):
    """The same decoder without writing in place, as exporters want it.

    Inputs: x (T, d) embeddings; keys, values (L, K, S, D) so far; cosine, sine (T, D); mask (T, S + T) added to the
    scores. Outputs: hidden states (T, d); keys, values (L, K, T, D) of these tokens.
    """

    def __init__(self, llama: Llama) -> None:
        super().__init__()
        self.llama = llama
        width = llama.embeddings.shape[1]
        middle = llama._layers[0].gate_up(torch.zeros(1, width)).shape[1] // 2
        sizes = {"query_key_value": width, "attention_out": width, "gate_up": width, "down": middle}
        self.weights = nn.ModuleList(
            nn.ModuleDict({name: _as_linear(getattr(layer, name), size) for name, size in sizes.items()})
            for layer in llama._layers
        )

    def forward(
        self, x: Tensor, keys: Tensor, values: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One call."""
        shape, made_keys, made_values = self.llama.shape, [], []
        half = shape.head_size // 2
        for index, (layer, linear) in enumerate(zip(self.llama._layers, self.weights, strict=True)):
            heads = linear["query_key_value"](self._normed(x, layer.attention_norm))
            heads = heads.reshape(x.shape[0], -1, shape.head_size).transpose(0, 1)
            turned = heads[: shape.num_heads + shape.num_kv_heads]
            turned = turned * cosine + torch.cat([turned[..., half:], turned[..., :half]], dim=-1) * sine
            key, value = turned[shape.num_heads :], heads[shape.num_heads + shape.num_kv_heads :]
            made_keys.append(key)
            made_values.append(value)
            groups = shape.num_heads // shape.num_kv_heads
            all_keys = torch.cat([keys[index], key], dim=1).repeat_interleave(groups, dim=0)
            all_values = torch.cat([values[index], value], dim=1).repeat_interleave(groups, dim=0)
            scores = turned[: shape.num_heads] @ all_keys.transpose(1, 2) / shape.head_size**0.5 + mask
            mixed = (scores.softmax(dim=-1) @ all_values).transpose(0, 1).reshape(x.shape[0], -1)
            x = x + linear["attention_out"](mixed)
            gate, up = linear["gate_up"](self._normed(x, layer.mlp_norm)).chunk(2, dim=1)
            x = x + linear["down"](functional.silu(gate) * up)
        return self._normed(x, self.llama._norm), torch.stack(made_keys), torch.stack(made_values)

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self.llama.shape.epsilon) * weight


def _as_linear(multiply: Callable[[Tensor], Tensor], size: int) -> nn.Linear:
    """A layer that multiplies likewise."""
    matrix = multiply(torch.eye(size)).T.contiguous()
    layer = nn.Linear(size, len(matrix), bias=False)
    layer.weight = nn.Parameter(matrix, requires_grad=False)
    return layer


def example(llama: Llama, tokens: list[int], cache: KeyValueCache) -> tuple[Tensor, ...]:
    """The inputs for some tokens after a cache."""
    start, end = cache.length, cache.length + len(tokens)
    mask = torch.full((len(tokens), end), float("-inf")).triu(diagonal=start + 1)
    span = slice(start, end)
    return (
        llama.embeddings[torch.tensor(tokens)],
        cache.keys[:, :, :start].contiguous(),
        cache.values[:, :, :start].contiguous(),
        llama._cosine[span],
        llama._sine[span],
        mask,
    )


def openvino_engines(model: Portable, inputs: tuple[Tensor, ...]) -> dict[str, Engine]:
    """Float32 as converted."""
    import openvino as ov

    converted = ov.convert_model(model, example_input=inputs)
    converted.reshape(
        {
            0: [-1, inputs[0].shape[1]],
            **{place: [*inputs[1].shape[:2], -1, inputs[1].shape[3]] for place in (1, 2)},
            **{place: [-1, inputs[3].shape[1]] for place in (3, 4)},
            5: [-1, -1],
        }
    )
    options = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(converted, "CPU", options)
    return {"openvino": lambda given: compiled([item.numpy() for item in given])[0]}


def onnx_engines(model: Portable, inputs: tuple[Tensor, ...], folder: Path) -> dict[str, Engine]:
    """Float32, and dynamically quantised to int8."""
    import onnxruntime as ort
    from onnxruntime.quantization import QuantType, quantize_dynamic

    names = ["x", "keys", "values", "cosine", "sine", "mask"]
    axes = {"x": {0: "t"}, "keys": {2: "s"}, "values": {2: "s"}, "cosine": {0: "t"}, "sine": {0: "t"}}
    plain, small = folder / "plain.onnx", folder / "small.onnx"
    torch.onnx.export(
        model, inputs, str(plain), input_names=names, output_names=["hidden", "new_keys", "new_values"],
        dynamic_axes={**axes, "mask": {0: "t", 1: "all"}}, dynamo=False,
    )  # fmt: skip
    quantize_dynamic(plain, small, weight_type=QuantType.QInt8, per_channel=True)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1

    def engine(path: Path) -> Engine:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return lambda given: session.run(
            ["hidden"], {name: item.numpy() for name, item in zip(names, given, strict=True)}
        )[0]

    return {"onnxruntime": engine(plain), "onnxruntime int8": engine(small)}


def measure(call: Callable[[], object], runs: int) -> float:
    """Median milliseconds, after three calls to warm up."""
    for _ in range(3):
        call()
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return 1e3 * statistics.median(seconds)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cached", type=int, default=160, help="tokens read before (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    llama = LanguageModel.load(base_folder(Settings.load().cache), PACKAGED, "cpu").llama
    tokens = torch.randint(0, 40_000, (options.cached + max(CHUNKS),), generator=torch.Generator().manual_seed(1))
    cache = llama.new_cache()
    llama.read(tokens[: options.cached].tolist(), cache)
    model = Portable(llama).eval()
    report: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        first = example(llama, tokens[-max(CHUNKS) :].tolist(), cache)
        engines = {**openvino_engines(model, first), **onnx_engines(model, first, Path(folder))}
        for count in CHUNKS:
            chunk = tokens[options.cached : options.cached + count].tolist()
            given = example(llama, chunk, cache)

            def ours(chunk: list[int] = chunk) -> Tensor:
                cache.length = options.cached
                return llama.read(chunk, cache)

            wanted = ours().numpy()
            report.setdefault("ours", {})[f"{count} tokens, ms"] = measure(ours, options.runs)
            cache.length = options.cached
            for name, engine in engines.items():
                row = report.setdefault(name, {})
                row[f"{count} tokens, ms"] = measure(lambda engine=engine, given=given: engine(given), options.runs)
                row["off"] = float(np.linalg.norm(engine(given) - wanted) / np.linalg.norm(wanted))
    if options.json:
        print(json.dumps(report))
        return
    for name, row in report.items():
        print(f"{name:18}" + ", ".join(f"{key} {value:.3g}" for key, value in row.items()))


if __name__ == "__main__":
    main()
