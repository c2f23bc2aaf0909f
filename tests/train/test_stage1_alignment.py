"""Alignment on a tiny random llama: only what sees is trained, it learns what is seen, and a run can go on."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests import tiny
from tests.train.data.test_examples import CONFIG, TwoFeatures
from tests.train.launch import in_processes
from vitron_agent.errors import ConfigError
from vitron_agent.model.media import MediaEncoder
from vitron_agent.model.saved import VitronConfig
from vitron_agent.model.vitron import VitronModel
from vitron_agent.train.data.examples import Eyes, answers, collate, looked
from vitron_agent.train.data.samples import Medium, Sample, Task, Turn
from vitron_agent.train.fit import fit
from vitron_agent.train.losses import plan_loss
from vitron_agent.train.stage1_alignment import Config, debug, train

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
MEDIA = CONFIG.model_copy(update={"width": 32})
QUICK = replace(debug(), epochs=60, batch=4, learning_rate=1e-2, save_steps=25)


@pytest.fixture
def model() -> VitronModel:
    torch.manual_seed(1)
    return VitronModel.on(tiny.model(), tiny.tokenizer(), VitronConfig(base="tiny", media=MEDIA), rank=2, alpha=4)


def captions() -> list[Sample]:
    """Red and green pictures, and their names."""
    made = []
    for number in range(8):
        color = (255, 20 * number, 0) if number % 2 else (20 * number, 255, 0)
        pixels = np.full((16, 16, 3), color, np.uint8)
        made.append(
            Sample(
                Task.CAPTION, str(number), "tests", (Medium("image", str(color), lambda pixels=pixels: pixels),),
                (Turn("what", " red" if number % 2 else " cat"),),
            )
        )  # fmt: skip
    return made


def examples(samples: list[Sample]) -> list[dict]:
    seen = looked(samples, Eyes(TwoFeatures(), MEDIA), pytest.fail)
    return list(answers(seen, tiny.tokenizer(), 400, pytest.fail))


def loss(model: VitronModel, made: list[dict]) -> float:
    with torch.no_grad():
        return float(plan_loss(model.eval(), collate(made), None))


def test_only_what_sees_is_trained_and_it_learns_to_see(model: VitronModel, tmp_path: Path):
    before = {name: tensor.clone() for name, tensor in model.llm.state_dict().items()}
    made = examples(captions())
    untrained = loss(model, made)
    train(QUICK, made, model, tmp_path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.llm.state_dict().items())
    swapped = [{**one, "media": other["media"]} for one, other in zip(made, made[1:] + made[:1], strict=True)]
    assert loss(model, made) < untrained - 1
    assert loss(model, swapped) > loss(model, made) + 1  # it is the picture that tells
    again = VitronModel.from_pretrained(tmp_path / "model", base=base_folder(tmp_path))
    assert abs(loss(again, made) - loss(model, made)) < 0.05


def base_folder(root: Path) -> Path:
    tiny.model().save_pretrained(root / "base")
    tiny.tokenizer().base.save(str(root / "base" / "tokenizer.json"))
    return root / "base"


def run(config: Config, out: Path) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    made = VitronModel.on(tiny.model(), tiny.tokenizer(), VitronConfig(base="tiny", media=MEDIA), rank=2, alpha=4)
    train(config, examples(captions()), made, out)
    return made.media.state_dict()


def test_a_run_that_stopped_ends_bit_for_bit_like_one_that_did_not(tmp_path: Path):
    config = replace(QUICK, epochs=4, save_steps=3)
    whole = run(config, tmp_path / "whole")
    run(replace(config, stop_after=3), tmp_path / "part")
    resumed = run(config, tmp_path / "part")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_run_that_stopped_and_is_started_as_it_was_does_not_run_to_its_end(tmp_path: Path):
    config = replace(QUICK, epochs=4, save_steps=1, stop_after=3)
    for _ in range(2):
        run(config, tmp_path)
    [checkpoint] = (tmp_path / "checkpoints").glob("checkpoint-*")
    assert checkpoint.name in ("checkpoint-3", "checkpoint-4")


def test_small_batches_add_up_to_large_ones(tmp_path: Path):
    config = replace(QUICK, epochs=3, batch=8)
    large = run(config, tmp_path / "large")
    small = run(replace(config, batch=2, accumulate=4), tmp_path / "small")
    assert all(torch.allclose(large[name], small[name], atol=1e-3) for name in large)


def test_recomputing_changes_nothing(tmp_path: Path):
    config = replace(QUICK, epochs=2)
    kept, recomputed = (run(replace(config, recompute=each), tmp_path / str(each)) for each in (False, True))
    assert all(torch.allclose(kept[name], recomputed[name], atol=1e-6) for name in kept)


def test_a_run_goes_on_from_the_last_checkpoint_that_is_whole(tmp_path: Path):
    config = replace(QUICK, epochs=4, save_steps=3)
    whole = run(config, tmp_path / "whole")
    run(replace(config, stop_after=3), tmp_path / "part")
    (tmp_path / "part" / "checkpoints" / "checkpoint-6").mkdir()  # as by Ctrl-C while it was written
    resumed = run(config, tmp_path / "part")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def together(count: int, out: Path) -> tuple[list[float], dict[str, torch.Tensor]]:
    """The logged losses and the product of a run that so many processes share."""
    in_processes(count, "tests.train.test_stage1_alignment.run_shared", out)
    [state] = (out / "checkpoints").glob("checkpoint-*/trainer_state.json")
    losses = [entry["loss"] for entry in json.loads(state.read_text())["log_history"] if "loss" in entry]
    return losses, load_file(out / "model" / "vitron.safetensors")


def run_shared(out: str) -> None:
    """What each of them runs."""
    run(replace(QUICK, epochs=15, batch=4 // int(os.environ["WORLD_SIZE"])), Path(out))


@pytest.mark.slow
def test_two_processes_lose_what_one_loses(tmp_path: Path):
    (alone, one), (shared, two) = (together(count, tmp_path / str(count)) for count in (1, 2))
    assert len(alone) > 0
    assert shared == pytest.approx(alone, rel=1e-3)
    assert all(torch.allclose(one[name].float(), two[name].float(), atol=2e-3) for name in one)


def test_checkpoints_hold_only_what_is_trained_and_belong_to_their_stage(tmp_path: Path):
    config = replace(QUICK, epochs=2, save_steps=2)
    run(config, tmp_path)
    [checkpoint] = (tmp_path / "checkpoints").glob("checkpoint-*")
    assert (checkpoint / "trained.safetensors").stat().st_size < 100_000
    fewer = VitronModel.on(tiny.model(), tiny.tokenizer(), VitronConfig(base="tiny", media=MEDIA))
    fewer.requires_grad_(requires_grad=False)
    fewer.media.projector.requires_grad_()
    wider = torch.nn.Module()
    wider.media = MediaEncoder(MEDIA.model_copy(update={"channels": 3}))
    for other in (fewer, wider):
        with pytest.raises(ConfigError, match="another model or stage"):
            fit(other, examples(captions()), collate, plan_loss, config, tmp_path)


def test_nothing_to_learn_from_is_said_at_once(model: VitronModel, tmp_path: Path):
    with pytest.raises(ConfigError, match="nothing to learn from; name data"):
        train(QUICK, [], model, tmp_path)


def test_a_loss_that_is_no_number_ends_the_run_and_says_where(model: VitronModel, tmp_path: Path):
    with torch.no_grad():
        model.media.projector.scale.fill_(float("nan"))
    with pytest.raises(ConfigError, match="at step 0; lower --learning-rate"):
        train(QUICK, examples(captions()), model, tmp_path)
