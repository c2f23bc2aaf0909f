"""A model learns what its pictures look like, and says nothing about photos."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests import tiny
from tests.train.data.test_examples import CONFIG, TwoFeatures
from vitron_agent.errors import ConfigError
from vitron_agent.model.saved import VitronConfig
from vitron_agent.model.vitron import VitronModel
from vitron_agent.train import familiar


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(familiar, "load_backbone", lambda *_: TwoFeatures())
    base, _ = tiny.folders(tmp_path)
    media = CONFIG.model_copy(update={"width": 32})
    made = VitronModel.on(tiny.model(), tiny.tokenizer(), VitronConfig(base="tiny", media=media), rank=2, alpha=4)
    made.save_pretrained(tmp_path / "model")
    return ["--model", str(tmp_path / "model"), "--base", str(base), "--out", str(tmp_path / "out")]


def test_drawn_scenes_are_known_and_a_black_photo_is_not(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "black.jpg")
    counts = ["--scenes", "8", "--clips", "4", "--directions", "1"]
    familiar.main([*options, *counts, "--others", str(tmp_path)])
    assert "takes 0 of 1 others" in capsys.readouterr().err
    first, again = (
        VitronModel.from_pretrained(tmp_path / name, base=tmp_path / "base") for name in ("model", "out/model")
    )
    assert first.media.familiar is None
    assert again.sight.familiar == 1
    assert again.media.familiar.limit > 0
    for name, tensor in first.media.state_dict().items():
        assert torch.equal(tensor, again.media.state_dict()[name])


def test_too_few_pictures_are_refused(options: list[str]):
    with pytest.raises(ConfigError, match="32 directions"):
        familiar.main([*options, "--scenes", "8", "--clips", "4"])
