import pytest
import torch

from vitron_agent.tools.backends.embedded.localiser import GRID, Localiser, Located, Scene, query_channels


def scene(rows: int, columns: int) -> Scene:
    torch.manual_seed(0)
    valid = torch.zeros(1, 1, GRID, GRID)
    valid[..., :rows, :columns] = 1
    wide = torch.nn.functional.interpolate(valid, scale_factor=2)
    return Scene(
        torch.randn(1, 240, GRID, GRID) * valid, torch.randn(1, 32, 2 * GRID, 2 * GRID) * wide,
        torch.randn(1, 3, 2 * GRID, 2 * GRID) * wide, valid,
    )  # fmt: skip


def test_every_place_gets_a_mask_a_score_and_positive_extents():
    seen = scene(30, 40)
    located = Localiser().eval()(seen, query_channels(torch.randn(1, 3, GRID, GRID), seen.valid))
    assert located.mask.shape == (1, 2 * GRID, 2 * GRID)
    assert located.center.shape == (1, GRID, GRID)
    assert located.extents.shape == (1, 4, GRID, GRID)
    assert bool((located.extents > 0).all())


def test_mirroring_twice_is_nothing():
    seen = scene(20, 40)
    assert torch.equal(seen.flipped().flipped().features, seen.features)
    located = Located(torch.randn(1, 4, 4), torch.randn(1, 2, 2), torch.rand(1, 4, 2, 2))
    assert torch.equal(located.flipped().flipped().extents, located.extents)
    assert torch.equal(located.flipped().extents[:, 0], located.extents[:, 2].flip(-1))


def test_the_query_is_nothing_outside_the_picture_and_its_best_place_is_the_pictures():
    seen = scene(10, 20)
    likeness = torch.randn(1, 3, GRID, GRID)
    likeness[..., 30, 30] = 50  # outside: must not count as the best place
    query = query_channels(likeness, seen.valid)
    assert query.shape == (1, 5, GRID, GRID)
    assert float(query[0, 4, :10, :20].max()) == pytest.approx(0)
    assert not query[..., 10:, :].any()


def test_what_lies_outside_the_picture_changes_nothing():
    torch.manual_seed(1)
    localiser, seen = Localiser().eval(), scene(12, 24)
    query = query_channels(torch.randn(1, 3, GRID, GRID), seen.valid)
    spoiled = query.clone()
    spoiled[..., 12:, :] = 9
    assert torch.equal(localiser(seen, query).center, localiser(seen, spoiled).center)
