from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from vitron_agent.train.average import average, main


def adapter(folder: Path, value: float, size: int = 3) -> Path:
    folder.mkdir()
    save_file({"a": torch.full((size,), value).half()}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text("{}")
    (folder / "tokens.json").write_text("[]")
    return folder


def test_each_weight_lies_between_and_the_ends_are_the_two(tmp_path: Path) -> None:
    first, second = adapter(tmp_path / "first", 1), adapter(tmp_path / "second", 5)
    for share, wanted in [(0.0, 1.0), (0.25, 2.0), (1.0, 5.0)]:
        out = tmp_path / str(share)
        main([str(first), str(second), "--share", str(share), "--out", str(out)])
        assert load_file(out / "adapter_model.safetensors")["a"].tolist() == [wanted] * 3
        assert {path.name for path in out.iterdir()} == {path.name for path in second.iterdir()}


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    first, other = adapter(tmp_path / "first", 1), adapter(tmp_path / "other", 1, size=4)
    with pytest.raises(ValueError, match="different shape"):
        average(first, other, 0.5, tmp_path / "out")
    with pytest.raises(ValueError, match="from 0 to 1"):
        average(first, first, 1.5, tmp_path / "out")
    assert not (tmp_path / "out").exists()
