"""What is like what was learned is known, whatever else is not, and the knowledge survives being saved."""

from pathlib import Path

import pytest
import torch

from vitron_agent.model.encoders.familiar import Familiar, pooled_look
from vitron_agent.model.encoders.video import VideoFeatures
from vitron_agent.model.saved import load_part, save_part


def own(count: int, seed: int = 0) -> torch.Tensor:
    """Of 24 features that vary in three directions, and hardly in the others."""
    random = torch.Generator().manual_seed(seed)
    ways = torch.randn(3, 24, generator=torch.Generator().manual_seed(7))
    return torch.randn(count, 3, generator=random) @ ways + 0.05 * torch.randn(count, 24, generator=random) + 1


@pytest.fixture
def familiar() -> Familiar:
    made = Familiar(24, 3)
    made.learn(own(400))
    return made


def known(familiar: Familiar, looks: torch.Tensor) -> float:
    return float((familiar(looks) <= familiar.limit).float().mean())


def test_its_own_kind_is_known_and_no_other(familiar: Familiar):
    assert known(familiar, own(500, seed=1)) > 0.95
    assert known(familiar, own(500, seed=1) + 0.5) < 0.05  # beside what varies
    assert known(familiar, (own(500, seed=1) - 1) * 8 + 1) < 0.3  # along it, but far out
    assert known(familiar, torch.randn(500, 24)) < 0.05


def test_what_learned_nothing_knows_nothing():
    assert known(Familiar(24, 3), own(20)) == 0


def test_a_picture_and_a_clip_of_it_look_alike(familiar: Familiar):
    maps = own(1, seed=2)[0][:, None, None].expand(24, 5, 4)
    clip = VideoFeatures(torch.stack([maps, maps]), (0, 4), 8)
    torch.testing.assert_close(pooled_look(clip), pooled_look(maps))
    assert familiar.knows(maps) == familiar.knows(clip)


def test_half_precision_is_enough(familiar: Familiar, tmp_path: Path):
    save_part(familiar, tmp_path / "familiar.safetensors")
    again = Familiar(24, 3)
    load_part(again, tmp_path / "familiar.safetensors")
    looks = torch.cat([own(200, seed=1), torch.randn(200, 24)])
    agree = (familiar(looks) <= familiar.limit) == (again(looks) <= again.limit)
    assert agree.float().mean() > 0.98
