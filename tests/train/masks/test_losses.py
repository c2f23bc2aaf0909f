from dataclasses import replace

import pytest
import torch

from vitron_agent.tools.backends.embedded.mask_decoder import SIDE, Decoded, Patch
from vitron_agent.train.masks.examples import Question
from vitron_agent.train.masks.losses import mask_losses

CELLS = SIDE // 2


@pytest.fixture
def question() -> Question:
    target = torch.zeros(CELLS, CELLS)
    target[30:80, 40:90] = 1
    nothing = torch.zeros(0)
    patch = Patch(*[nothing] * 6)
    return Question(patch, target, torch.ones_like(target), ambiguous=False, reach=None)


def said(*masks: torch.Tensor) -> Decoded:
    return Decoded(torch.stack([16 * mask - 8 for mask in masks])[None], torch.full((1, 4), 0.5))


def test_the_true_mask_costs_nothing_and_a_wrong_one_does(question):
    right, wrong = question.target, 1 - question.target
    assert mask_losses(said(right, wrong, wrong, wrong), [question])[0] < 0.01
    assert mask_losses(said(wrong, right, right, right), [question])[0] > 1


def test_of_several_masks_one_has_to_be_right(question):
    right, wrong = question.target, 1 - question.target
    asked = [replace(question, ambiguous=True)]
    one, none = said(wrong, wrong, right, wrong), said(right, wrong, wrong, wrong)
    assert mask_losses(one, asked)[0] < mask_losses(none, asked)[0] / 3


def test_what_is_not_known_does_not_count(question):
    weight = question.weight.clone()
    weight[:, 64:] = 0
    half = [replace(question, weight=weight)]
    elsewhere = question.target.clone()
    elsewhere[:, 64:] = 1 - elsewhere[:, 64:]
    wrong = 1 - question.target
    assert mask_losses(said(elsewhere, wrong, wrong, wrong), half)[0] < 0.01


def test_a_box_asks_for_a_mask_that_reaches_its_sides(question):
    weight = torch.ones(CELLS, CELLS)
    weight[30:80, 40:90] = 0
    boxed = [replace(question, target=torch.zeros(CELLS, CELLS), weight=weight, reach=(40, 30, 90, 80))]
    nothing, part = torch.zeros(CELLS, CELLS), torch.zeros(CELLS, CELLS)
    part[40:60, 40:90] = 1
    full, over = question.target, torch.ones(CELLS, CELLS)
    costs = [mask_losses(said(*[mask] * 4), boxed)[0] for mask in (full, part, nothing, over)]
    assert costs[0] < costs[1] < costs[2] < costs[3]
    assert mask_losses(said(*[full] * 4), boxed)[1] == 0


def test_the_worth_of_a_mask_is_learned(question):
    decoded = said(*[question.target] * 4)
    low, high = (replace(decoded, quality=torch.full((1, 4), value)) for value in (0.1, 1.0))
    assert mask_losses(high, [question])[1] < mask_losses(low, [question])[1]
