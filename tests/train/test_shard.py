"""Two processes that hold one model together (FSDP2, gloo) learn what one learns; checkpoints are like its own."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests import tiny
from tests.train.launch import in_processes
from tests.train.test_stage1_alignment import MEDIA, captions, examples
from vitron_agent.errors import ConfigError
from vitron_agent.model.saved import VitronConfig
from vitron_agent.model.vitron import VitronModel
from vitron_agent.train.shard import Shared
from vitron_agent.train.stage2_invocation import debug, train_seeing
from vitron_agent.train.trainer import trained

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
QUICK = replace(debug(), epochs=6, batch=4, learning_rate=1e-2, save_steps=5)
"""Twelve steps."""


def new_model() -> VitronModel:
    torch.manual_seed(1)
    config = VitronConfig(base="tiny", media=MEDIA)
    return VitronModel.on(tiny.model(), tiny.tokenizer(), config, rank=2, alpha=4, dropout=0.0)


def run(out: Path, **changes: object) -> dict[str, Tensor]:
    """Trains LoRA, added tokens, projector and region encoder."""
    model = new_model()
    train_seeing(replace(QUICK, **changes), examples(captions()), model, out)
    return trained(model)


def run_shared(folder: str) -> None:
    """What each of two processes does: a whole run, and one that is stopped and goes on."""
    out = Path(folder)
    common = {"batch": 2, "parallel": "fsdp2"}
    for recompute in (False, True):
        run(out / f"recompute-{recompute}", recompute=recompute, **common)
    for stop_after in (5, 0):
        run(out / "paused", stop_after=stop_after, **common)
    run(out / "left", stop_after=5, **common)


def check_parts(_: str) -> None:
    """Each process holds half of all that can be halved, and the model itself stays whole."""
    torch.distributed.init_process_group("gloo")
    model = new_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    shared = Shared(model)
    local = sum(parameter.to_local().numel() for parameter in shared.twin.parameters())
    total = sum(parameter.numel() for parameter in model.parameters())
    assert 0.45 * total < local < 0.55 * total, (local, total)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(torch.equal(value, before[name]) for name, value in shared.trained().items())
    torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shared")
    in_processes(2, "tests.train.test_shard.run_shared", out)
    return out


def losses(out: Path) -> list[float]:
    [state] = (out / "checkpoints").glob("checkpoint-*/trainer_state.json")
    return [entry["loss"] for entry in json.loads(state.read_text())["log_history"] if "loss" in entry]


def product(out: Path) -> dict[str, Tensor]:
    files = [out / "model" / name for name in ("vitron.safetensors", "adapter_model.safetensors")]
    return {name: tensor for file in files for name, tensor in load_file(file).items()}


def checkpoint(out: Path) -> dict[str, Tensor]:
    [weights] = (out / "checkpoints").glob("checkpoint-*/trained.safetensors")
    return load_file(weights)


@pytest.mark.slow
@pytest.mark.parametrize("recompute", [False, True])
def test_two_processes_lose_and_learn_what_one_does(recompute: bool, shared: Path, tmp_path: Path):
    one = run(tmp_path)
    together = shared / f"recompute-{recompute}"
    assert losses(together) == pytest.approx(losses(tmp_path), rel=1e-3)
    two = checkpoint(together)
    assert two.keys() == one.keys()  # what is frozen is not written
    assert all(two[name].shape == one[name].shape for name in one)
    assert all(torch.allclose(one[name], two[name], atol=2e-3) for name in one)
    alone = product(tmp_path)
    assert all(torch.allclose(alone[name].float(), two.float(), atol=2e-3) for name, two in product(together).items())


@pytest.mark.slow
def test_a_shared_run_that_stopped_ends_bit_for_bit_like_one_that_did_not(shared: Path):
    whole, paused = checkpoint(shared / "recompute-False"), checkpoint(shared / "paused")
    assert all(torch.equal(whole[name], paused[name]) for name in whole)


@pytest.mark.slow
def test_what_two_began_one_can_end(shared: Path):
    alone = run(shared / "left")
    whole = checkpoint(shared / "recompute-False")
    assert all(torch.allclose(whole[name], alone[name], atol=2e-3) for name in whole)


@pytest.mark.slow
def test_each_process_holds_its_part():
    in_processes(2, "tests.train.test_shard.check_parts", "")


def test_one_process_has_nobody_to_share_with(tmp_path: Path):
    with pytest.raises(ConfigError, match="is for several processes; start them with torchrun"):
        run(tmp_path, parallel="fsdp2")
