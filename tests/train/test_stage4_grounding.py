"""Grounding tuning on a tiny random Llama: what is learned, what is left out, and the run of the command line."""

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import tiny
from tests.train.data.test_examples import CONFIG, TwoFeatures
from vitron_agent.grounded import read_grounded
from vitron_agent.model.saved import VitronConfig
from vitron_agent.model.vitron import VitronModel
from vitron_agent.train import stage4_grounding
from vitron_agent.train.data.examples import Example, Eyes, answers, collate, looked
from vitron_agent.train.data.grounded import GROUNDED, ground
from vitron_agent.train.data.samples import Medium, Sample, Task, Thing, Turn
from vitron_agent.train.data.sources import LeftOut, add_source_options, gather
from vitron_agent.train.losses import plan_loss
from vitron_agent.train.stage2_invocation import train_seeing
from vitron_agent.train.stage4_grounding import PARTS, TASKS, Part, debug, main, mixture

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
MEDIA = CONFIG.model_copy(update={"width": 32})


def mixed(leave_out: Part | None = None) -> list[Sample]:
    parser = ArgumentParser()
    add_source_options(parser, scenes=120, clips=60)
    return list(mixture(gather(parser.parse_args([]), TASKS, LeftOut()), pytest.fail, leave_out))


def test_boxes_are_learned_beside_plain_answers():
    told: dict[tuple[str, Task, bool], int] = {}
    for sample in mixed():
        asks = sample.turns[-1].user
        wants_boxes = "coordinates" in asks or sample.task is Task.GROUNDED_CAPTION
        if read_grounded(sample.turns[-1].reply).mentions:
            assert wants_boxes
        elif wants_boxes:
            assert not sample.things  # "No, there is no red ball." wants no box, and keeps boxes from meaning yes
        key = (sample.media[0].kind, sample.task, wants_boxes)
        told[key] = told.get(key, 0) + 1
    for kind in ("image", "video"):
        assert {(kind, task, True) for task in GROUNDED} <= told.keys()
        assert {(kind, task, False) for task in (Task.CAPTION, Task.REGION_CAPTION, Task.QUESTION)} <= told.keys()
        assert (kind, Task.REFERRING, False) not in told


@pytest.mark.parametrize("name", PARTS)
def test_what_is_left_out_is_all_that_is_left_out(name: str):
    """The paper's Figure 5: all else stays the same, sample by sample."""
    kind, task = PARTS[name]
    without = mixed(PARTS[name])
    assert without == [sample for sample in mixed() if (sample.media[0].kind, sample.task) != (kind, task)]
    assert len(without) < len(mixed())


def test_what_knows_not_all_things_is_asked_for_no_boxes_of_none():
    """A conversation about a picture whose things nobody has boxed."""
    [one] = [sample for sample in mixed() if sample.task is Task.QUESTION and not sample.things][:1]
    foreign = replace(one, source="llava")
    assert list(mixture([foreign], pytest.fail)) == [foreign]


def test_it_learns_where_things_are_from_the_picture(tmp_path: Path):
    made = left_and_right()
    torch.manual_seed(1)
    model = VitronModel.on(tiny.model(), tiny.tokenizer(), VitronConfig(base="tiny", media=MEDIA), rank=8, alpha=16)
    train_seeing(replace(debug(), epochs=120, learning_rate=5e-3, dropout=0.0), made, model, tmp_path)
    swapped = [{**one, "media": other["media"]} for one, other in zip(made, made[1:] + made[:1], strict=True)]
    with torch.no_grad():
        right, wrong = (float(plan_loss(model.eval(), collate(each), None)) for each in (made, swapped))
    assert wrong > 2 * right


def left_and_right() -> list[Example]:
    """Pictures whose left or right half shows something."""
    samples = []
    for number in range(4):
        pixels, half = np.zeros((16, 16, 3), np.uint8), slice(8 * (number % 2), 8 + 8 * (number % 2))
        pixels[:, half] = (255, 20 * number, 0)
        medium = Medium("image", str(number), lambda pixels=pixels: pixels)
        thing = Thing("cat", {0: (half.start / 16, 0.0, half.stop / 16, 1.0)})
        plain = Sample(Task.REFERRING, "cat", "tests", (medium,), (Turn("where", " cat"),), things=(thing,))
        samples.append(ground(plain))
    seen = looked(samples, Eyes(TwoFeatures(), MEDIA), pytest.fail)
    return list(answers(seen, tiny.tokenizer(), 600, pytest.fail))


def test_a_debug_run_from_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    base, _ = tiny.folders(tmp_path)
    torch.manual_seed(1)
    before = VitronModel.on(tiny.model(), tiny.tokenizer(), VitronConfig(base="tiny", media=MEDIA), rank=2, alpha=4)
    before.save_pretrained(tmp_path / "stage2")
    monkeypatch.setattr(stage4_grounding, "load_backbone", lambda *_: TwoFeatures())
    common = ["--model", str(tmp_path / "stage2"), "--base", str(base), "--scenes", "12", "--clips", "12"]
    size = ["--size", "debug", "--max-tokens", "2000", "--stop-after", "2", "--out", str(tmp_path / "out")]
    main([*common, *size])
    after = VitronModel.from_pretrained(tmp_path / "out" / "model", base=base)
    was = dict(before.named_parameters())
    changed = {name for name, value in after.named_parameters() if not torch.allclose(value, was[name], atol=1e-3)}
    assert any("lora_B" in name for name in changed)
    assert "media.projector.layers.0.weight" in changed
    assert not any(name.startswith("signals.") for name in changed)
