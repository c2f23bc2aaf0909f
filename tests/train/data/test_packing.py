"""Packed questions are learned exactly as they are one by one."""

import pytest
import torch

from tests import tiny
from vitron_agent.model.media import MediaConfig, Places
from vitron_agent.model.projector import grid_positions
from vitron_agent.model.saved import VitronConfig
from vitron_agent.model.vitron import VitronModel
from vitron_agent.train.data.examples import collate
from vitron_agent.train.data.packing import packed, segments
from vitron_agent.train.losses import plan_loss

MEDIA = MediaConfig(backbone="tiny", channels=6, width=32, image_side=2)
ROWS = range(-1, -5, -1)


def shown(seed: int) -> list[Places]:
    return [Places(torch.randn(4, 6, generator=torch.Generator().manual_seed(seed)), grid_positions(2))]


def example(seed: int, asked: list[int], answer: list[int]) -> dict:
    ids = [5, 6, *ROWS, 7, *asked, *answer]
    return {"input_ids": ids, "labels": [-100] * (len(ids) - len(answer)) + answer, "media": shown(seed)}


EXAMPLES = [
    example(1, [8, 9], [10, 11]), example(1, [8, 12], [13]), example(1, [14], [15, 16, 17]),
    example(2, [8, 9], [10, 12]), example(1, [9], [18]),
]  # fmt: skip


@pytest.fixture(scope="module")
def model() -> VitronModel:
    torch.manual_seed(1)
    return VitronModel.on(tiny.model(), tiny.tokenizer(), VitronConfig(base="tiny", media=MEDIA), rank=2, alpha=4)


def gradients(model: VitronModel, made: list[dict]) -> tuple[float, torch.Tensor]:
    model.zero_grad()
    value = plan_loss(model.eval(), collate(made), None)
    value.backward()
    return float(value.detach()), torch.cat(
        [one.grad.flatten() for one in model.media.parameters() if one.grad is not None]
    )


@pytest.mark.parametrize("most", [2, 3, 9])
def test_loss_and_gradients_are_those_of_the_examples_one_by_one(model: VitronModel, most: int):
    alone, together = gradients(model, EXAMPLES), gradients(model, list(packed(EXAMPLES, most)))
    assert together[0] == pytest.approx(alone[0], rel=1e-5)
    torch.testing.assert_close(together[1], alone[1], rtol=1e-3, atol=1e-5)


def test_what_shows_the_same_is_read_once():
    made = list(packed(EXAMPLES, 9))
    assert [len(one["input_ids"]) for one in made] == [7 + 4 + 3 + 4, 11, 9]
    assert segments(made[0]) == [0] * 7 + [1] * 4 + [2] * 3 + [3] * 4
    assert segments(EXAMPLES[0]) == [0] * 11
    assert sum(len(one["input_ids"]) for one in packed(EXAMPLES, 1)) == sum(len(one["input_ids"]) for one in EXAMPLES)


def test_a_question_sees_no_other(model: VitronModel):
    def logits(made: list[dict]) -> torch.Tensor:
        batch = collate(list(packed(made, 2)))
        batch.pop("labels")
        with torch.no_grad():
            return model.eval()(**batch).logits[0, -4:]

    assert torch.equal(logits([EXAMPLES[0], EXAMPLES[2]]), logits([EXAMPLES[1] | {
        "input_ids": [*EXAMPLES[1]["input_ids"], 30], "labels": [*EXAMPLES[1]["labels"], 30]
    }, EXAMPLES[2]]))  # fmt: skip
