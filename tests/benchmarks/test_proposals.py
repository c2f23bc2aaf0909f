"""Perfect proposals are worth one, missing and doubled ones less; and an untrained proposer is measured."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.train.data.test_examples import TwoFeatures
from vitron_agent.model.encoders.proposals import Proposer, Things
from vitron_agent.model.encoders.video import VideoFeatures
from vitron_agent.model.saved import save_part
from vitron_agent.train.data.samples import Thing

LEFT, RIGHT = (0.1, 0.2, 0.4, 0.8), (0.5, 0.3, 0.9, 0.9)


class Says(Proposer):
    """Finds the same in every picture."""

    def __init__(self, *boxes: tuple[float, ...]) -> None:
        super().__init__(2)
        self._boxes = torch.tensor(boxes).reshape(-1, 4)

    def find(self, features, most):
        return Things(self._boxes[:most], torch.eye(2)[torch.arange(len(self._boxes)) % 2])


@pytest.fixture
def proposals(load_benchmark: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load_benchmark("proposals")
    monkeypatch.setattr(module, "load_backbone", lambda *_: TwoFeatures())
    return module


def test_every_thing_wants_a_proposal_of_its_own(proposals: ModuleType):
    def worth(*found):
        row = proposals.of_picture(Says(*found), torch.zeros(2, 4, 4), [LEFT, RIGHT])
        return [round(value.value, 2) for value in row.values()]

    assert worth(LEFT, RIGHT) == [1, 1, 1]
    assert worth(RIGHT) == [0.5, 0.5, 0.5]
    assert worth(LEFT, RIGHT, (0.0, 0.9, 0.1, 1.0)) == [1, 1, 1.5]
    assert worth() == [0, 0, 0]


def test_what_stays_in_sight_longer_than_the_thing_is_worth_less(proposals: ModuleType):
    clip = VideoFeatures(torch.zeros(4, 2, 4, 4), (0, 2, 4, 6), 8)
    always = Thing("cat", dict.fromkeys(range(8), LEFT))
    leaves = Thing("cat", dict.fromkeys(range(3), LEFT))  # seen in two of the four frames
    assert proposals.of_clip(Says(LEFT), clip, [always])["overlap"].value == pytest.approx(1)
    assert proposals.of_clip(Says(LEFT), clip, [leaves])["overlap"].value == pytest.approx(0.5)


def test_an_untrained_proposer_is_measured(proposals: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    save_part(Proposer(2), tmp_path / "proposer.safetensors")
    proposals.main(["--proposer", str(tmp_path / "proposer.safetensors"), "--count", "2"])
    assert "recall" in capsys.readouterr().out
