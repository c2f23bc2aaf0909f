"""The paper's recipe on a Llama and a CLIP in miniature: random weights, the same code."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel

from tests import tiny
from tests.runs.conftest import Run
from vitron_agent.model.vitron import VitronModel
from vitron_agent.train.data.invocations import compose

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
BEGIN = " the image cat red make remove now new"
"""Eight words of the tiny tokenizer."""
FEW = "--stop-after 2 --batch 2 --max-tokens 4000"
SIGHT = "--image-side 2 --num-frames 2"


@pytest.fixture
def checkpoints(tmp_path: Path) -> tuple[Path, Path]:
    """A base and a backbone as transformers saves them."""
    base, _ = tiny.folders(tmp_path)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
    clip = tmp_path / "clip"
    CLIPVisionModel(CLIPVisionConfig(**sizes, image_size=32, patch_size=8)).save_pretrained(clip)
    CLIPImageProcessor().save_pretrained(clip)
    return base, clip


@pytest.mark.slow
def test_all_stages_run_on_a_tiny_llama_and_clip(checkpoints: tuple[Path, Path], run: Run, tmp_path: Path):
    base, clip = checkpoints
    out = tmp_path / "out"
    plans = tmp_path / "plans.jsonl"
    plans.write_text("".join(f"{record.model_dump_json(exclude_unset=True)}\n" for record in compose(6, seed=1)))
    scenes = f"{FEW} --scenes 6 --clips 2"
    signals = f"--begin '{BEGIN}' --learned 12 --tested 2 --scenes 2 --epochs 1"
    variables = {
        "BASE": base, "BACKBONE": clip, "OUT": out, "PLANS": 6, "VITRON_CACHE": tmp_path / "cache",
        "STAGE1": f"{scenes} {SIGHT}", "STAGE2": f"{scenes} --data {plans}", "STAGE3": signals,
        "STAGE4": f"{FEW} --scenes 9 --clips 2 --data {plans}",
        "STAGE5": "--batch 4 --layers 1 --hidden 16",
    }  # fmt: skip
    done = run("paper", **variables)
    assert done.returncode == 0, done.stderr
    model = VitronModel.from_pretrained(out / "stage5" / "model")
    assert model.sight.backbone == str(clip)
    assert (model.sight.projector, model.sight.temporal) == ("linear", "mean")
    assert model.llm.peft_config["default"].r == 128
    first, last = (load_file(out / stage / "model" / "vitron.safetensors") for stage in ("stage1", "stage5"))
    assert any(not torch.equal(first[name], last[name]) for name in first if name.startswith("media."))
    assert any(not torch.equal(first[name], last[name]) for name in first if name.startswith("signals.shared."))
    again = run("paper", **variables)
    assert again.returncode == 0
    assert again.stdout.count("done already") == again.stdout.count("==") == done.stdout.count("==") == 9
