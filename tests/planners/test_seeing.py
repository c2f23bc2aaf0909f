"""A tiny random model looks at pictures, clips and drawings."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.model.test_answering import folders  # noqa: F401 - a fixture
from vitron_agent.messages import Region
from vitron_agent.model.encoders.familiar import Familiar
from vitron_agent.model.llm import LanguageModel
from vitron_agent.planners.base import SeeingPlanner, Shown
from vitron_agent.planners.seeing import answer
from vitron_agent.planners.vitron import VitronPlanner

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's


class Eyes:
    """Six channels of a picture's own pixels, and a count of looks."""

    name, channels = "tiny", 6

    def __init__(self) -> None:
        self.looks = 0

    def features(self, picture):
        self.looks += 1
        pixels = torch.from_numpy(picture[:8, :8].astype(np.float32) / 255).permute(2, 0, 1)
        return torch.cat([pixels, 1 - pixels])

    frame_features = features


@pytest.fixture
def ask(folders):  # noqa: F811
    base, seeing = folders
    model, eyes = LanguageModel.load(base, seeing, device="cpu"), Eyes()
    return lambda shown, question="what is this?": answer(question, shown, model, model.encoder, eyes), eyes


def picture(seed: int, *regions: Region) -> Shown:
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
    return Shown(id=f"sha256:{seed}", frames=[pixels], width=12, height=9, regions=regions)


def clip(seed: int) -> Shown:
    frames = np.random.default_rng(seed).integers(0, 256, (20, 9, 12, 3), np.uint8)
    return Shown(id=f"sha256:clip{seed}", frames=iter(frames), width=12, height=9, num_frames=20)


def test_the_same_picture_is_looked_at_once_and_gives_the_same_answer(ask):
    answered, eyes = ask
    first = answered(picture(1))
    assert 0 < first.sure <= 1
    again = answered(picture(1))
    assert (again.text, eyes.looks) == (first.text, 1)
    assert again.sure == pytest.approx(first.sure, rel=1e-3)
    answered(picture(2))
    assert eyes.looks == 2


def test_of_a_clip_only_the_frames_of_its_configuration_are_encoded(ask):
    answered, eyes = ask
    answered(clip(1))
    assert eyes.looks == 4


def test_a_drawing_is_looked_at_with_its_picture_once_and_changes_the_answers_prompt(ask):
    answered, eyes = ask
    left, right = Region.box(0, 0, 0.3, 1), Region.box(0.6, 0, 1, 1)
    sure = {answered(picture(1, *drawn)).sure for drawn in ((), (left,), (right,), (left, right))}
    assert len(sure) == 4
    assert eyes.looks == 3  # once for the picture, once for each new drawing on a picture that is known


def test_the_planner_answers_what_it_is_sure_of_with_weights_that_see(folders, tmp_path: Path, monkeypatch):  # noqa: F811
    from tests import tiny

    base, seeing = folders
    planner = VitronPlanner(adapter=seeing, base=base)
    assert isinstance(planner, SeeingPlanner)
    planner._backbone = Eyes()
    monkeypatch.setattr("vitron_agent.planners.seeing.SURE_ENOUGH", 0.0)
    assert planner.answer("what is this?", picture(1)) is not None
    monkeypatch.setattr("vitron_agent.planners.seeing.SURE_ENOUGH", 1.0)
    assert planner.answer("what is this?", picture(1)) is None
    blind_base, blind = tiny.folders(tmp_path / "blind")
    assert VitronPlanner(adapter=blind, base=blind_base).answer("what is this?", picture(1)) is None


def test_about_pictures_of_another_kind_it_says_nothing_and_looks_once(folders, monkeypatch):  # noqa: F811
    base, seeing = folders
    planner = VitronPlanner(adapter=seeing, base=base)
    planner._backbone = eyes = Eyes()
    monkeypatch.setattr("vitron_agent.planners.seeing.SURE_ENOUGH", 0.0)
    encoder = planner.load().model.encoder
    encoder.familiar = Familiar(eyes.channels, 1)
    assert [planner.answer("what is this?", picture(1)) for _ in range(3)] == [None] * 3
    assert eyes.looks == 1
    pixels = [torch.rand(eyes.channels) for _ in range(20)]
    encoder.familiar.learn(
        torch.stack([*pixels, *[eyes.features(next(iter(picture(2).frames))).mean(dim=(1, 2))] * 20])
    )
    assert planner.answer("what is this?", picture(2)) is not None
