"""Two tiny models on one planner become one that writes the signals of one and sees like the other."""

from pathlib import Path

import pytest
import torch

from tests import tiny
from tests.model.test_vitron import MEDIA, batch, conversation, model, seeing_model
from vitron_agent.errors import ConfigError
from vitron_agent.model.saved import VitronConfig
from vitron_agent.model.vitron import VitronModel
from vitron_agent.train.join import join, main

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A model of signals without eyes, and one with eyes, on one planner."""
    (base, _), planner = tiny.folders(tmp_path), tmp_path / "planner"
    model(str(base)).save_pretrained(planner)
    seeing_model(planner).save_pretrained(tmp_path / "seeing model")
    speaking = VitronModel.from_pretrained(planner)
    blind = VitronModel(speaking.llm, speaking.tokenizer, VitronConfig(base=str(base)))
    blind.save_pretrained(tmp_path / "signals")
    return tmp_path / "signals", tmp_path / "seeing model"


def test_it_has_the_signals_of_one_and_sees_like_the_other(folders: tuple[Path, Path], tmp_path: Path):
    signals, seeing = folders
    main(["--signals", str(signals), "--seeing", str(seeing), "--out", str(tmp_path / "both")])
    both, speaks, sees = (VitronModel.from_pretrained(folder).eval() for folder in (tmp_path / "both", *folders))
    hidden = torch.randn(both.vitron_config.signals.num_tokens, 32)
    assert torch.equal(both.signals(hidden).together(), speaks.signals(hidden).together())
    assert not torch.equal(both.signals(hidden).together(), sees.signals(hidden).together())
    ids, media = conversation()
    assert both.sight == MEDIA
    assert torch.equal(both(**batch(ids), media=media).logits, sees(**batch(ids), media=media).logits)


def test_what_stands_on_other_planners_or_has_no_eyes_of_its_own_is_refused(folders: tuple[Path, Path], tmp_path: Path):
    signals, seeing = folders
    with pytest.raises(ConfigError, match="--seeing-rank"):
        join(signals, signals, tmp_path / "out")
    other = VitronModel.from_pretrained(signals)
    with torch.no_grad():
        next(each for name, each in other.named_parameters() if "lora_B" in name).add_(1)
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(ConfigError, match="different planners"):
        join(tmp_path / "other", seeing, tmp_path / "out")
    assert not (tmp_path / "out").exists()
