import pytest
import torch

from vitron_agent.model.projector import (
    NUM_POSITIONS,
    Projector,
    box_positions,
    grid_positions,
    position_boxes,
    waves,
)


@pytest.mark.parametrize("kind", ["linear", "mlp", "placed"])
def test_every_kind_gives_a_token_for_every_place(kind):
    torch.manual_seed(0)
    projector = Projector(6, 10, kind)
    features, positions = torch.randn(9, 6), grid_positions(3)
    tokens = projector(features, positions)
    assert tokens.shape == (9, 10)
    torch.testing.assert_close(tokens[4:5], projector(features[4:5], positions[4:5]))  # places do not mix
    moved = projector(features, positions.flip(0))
    assert torch.equal(tokens, moved) == (kind != "placed")  # only this one tells where


def test_placed_tokens_are_as_long_as_words():
    projector = Projector(6, 64, "placed", scale=0.136)
    tokens = projector(torch.randn(50, 6) * 30, torch.rand(50, 5))
    torch.testing.assert_close(tokens.square().mean(dim=1).sqrt(), torch.full((50,), 0.136), rtol=1e-3, atol=0)


def test_positions_are_the_middles_of_the_grid_row_by_row():
    rest = [0.25, 0.5, 0.5]  # time, width and height
    assert grid_positions(2, time=0.25).tolist() == [
        [0.25, 0.25, *rest], [0.75, 0.25, *rest], [0.25, 0.75, *rest], [0.75, 0.75, *rest],
    ]  # fmt: skip
    told = waves(grid_positions(26))
    assert told.shape == (26 * 26, NUM_POSITIONS)
    assert len(told.unique(dim=0)) == len(told)


def test_positions_tell_their_boxes():
    boxes = torch.tensor([[0.1, 0.2, 0.5, 0.3], [0, 0, 1, 1], [0.7, 0.1, 0.7, 0.9]])
    positions = box_positions(boxes, torch.tensor([0.1, 0.5, 0.9]))
    torch.testing.assert_close(position_boxes(positions), boxes)
    assert positions[:, 2].tolist() == pytest.approx([0.1, 0.5, 0.9])
    whole = position_boxes(grid_positions(3))
    torch.testing.assert_close((whole[:, 2:] - whole[:, :2]).prod(dim=1).sum(), torch.tensor(1.0))
