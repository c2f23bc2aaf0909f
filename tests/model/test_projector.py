import pytest
import torch

from vitron_agent.model.projector import NUM_POSITIONS, Projector, grid_positions, waves


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
    tokens = projector(torch.randn(50, 6) * 30, torch.rand(50, 3))
    torch.testing.assert_close(tokens.square().mean(dim=1).sqrt(), torch.full((50,), 0.136), rtol=1e-3, atol=0)


def test_positions_are_the_middles_of_the_grid_row_by_row():
    assert grid_positions(2, time=0.25).tolist() == [
        [0.25, 0.25, 0.25], [0.75, 0.25, 0.25], [0.25, 0.75, 0.25], [0.75, 0.75, 0.25],
    ]  # fmt: skip
    told = waves(grid_positions(26))
    assert told.shape == (26 * 26, NUM_POSITIONS)
    assert len(told.unique(dim=0)) == len(told)
