"""The benchmark runs on a tiny random model and prints every score that it promises; perfect texts reach them."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests import tiny
from tests.train.data.test_examples import CONFIG, TwoFeatures
from vitron_agent.model.answering import Answer
from vitron_agent.model.saved import VitronConfig
from vitron_agent.model.vitron import VitronModel
from vitron_agent.tools.image_segmentation import Prompt, Segmentation
from vitron_agent.tools.regions import rasterise


class Rectangles:
    """Cuts out what is drawn, as it is drawn."""

    def segment(self, image, prompt: Prompt, *, image_id: str) -> Segmentation:
        assert image_id
        [box] = prompt.regions
        return Segmentation(rasterise(box, image.shape[1], image.shape[0]))


@pytest.fixture
def seeing(load_benchmark: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load_benchmark("seeing")
    monkeypatch.setattr(module, "load_backbone", lambda *_: TwoFeatures())
    monkeypatch.setattr(module, "MAJORITY_OF", 20)
    monkeypatch.setattr(module, "_decoder", Rectangles)
    return module


@pytest.fixture
def model(tmp_path: Path) -> list[str]:
    base, _ = tiny.folders(tmp_path)
    media = CONFIG.model_copy(update={"width": 32})
    made = VitronModel.on(tiny.model(), tiny.tokenizer(), VitronConfig(base="tiny", media=media), rank=2, alpha=4)
    made.save_pretrained(tmp_path / "model")
    return ["--model", str(tmp_path / "model"), "--base", str(base), "--count", "2"]


def test_a_random_model_knows_nothing(seeing: ModuleType, model: list[str], capsys: pytest.CaptureFixture[str]):
    seeing.main([*model, "--tokens", "12", "--json"])
    report = json.loads(capsys.readouterr().out)
    scores = report["scores"]
    assert [len(texts) for texts in report["texts"].values()] == [2] * 12
    assert scores.keys() == {*report["texts"], *(f"{row}, where sure" for row in report["texts"])}
    assert all(0 < sure <= 1 for row in report["sure"].values() for sure in row)
    assert scores["captions, pictures"]["exact"]["mean"] == 0
    assert scores["boxes, clips"]["overlap"]["mean"] == 0
    assert (
        0 < scores["boxes, clips"]["overlap, center box"]["mean"] < scores["boxes, clips"]["overlap, ceiling"]["mean"]
    )
    assert scores["masks, pictures"]["gIoU"]["mean"] == scores["masks, pictures"]["cIoU"]["mean"] == 0
    assert scores["masks, clips"]["J&F"]["mean"] < scores["masks, clips"]["J&F, ceiling"]["mean"]
    seeing.main([*model, "--tokens", "2"])
    assert "contradicts" in capsys.readouterr().out


def test_who_says_what_is_so_is_right(
    seeing: ModuleType, model: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(seeing, "write_answer", lambda _, sample, *__, **___: Answer(sample.turns[-1].reply, 1.0))
    seeing.main([*model, "--json"])
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert scores["captions, clips"] == scores["captions, clips, where sure"]
    for row in scores.values():
        for metric, wanted in (
            ("exact", 1),
            ("short", 1),
            ("contradicts", 0),
            ("unread", 0),
            ("named", 1),
            ("time", 1),
            ("sure", 1),
        ):
            assert metric not in row or row[metric]["mean"] == wanted
    assert scores["boxes, pictures"]["accuracy"]["mean"] == scores["grounded captions, pictures"]["recall"]["mean"] == 1
    assert scores["boxes, clips"]["overlap"]["mean"] == pytest.approx(
        scores["boxes, clips"]["overlap, ceiling"]["mean"], abs=0.02
    )
    exactly_its_boxes = pytest.approx(scores["masks, pictures"]["gIoU, ceiling"]["mean"], abs=0.02)
    assert scores["masks, pictures"]["gIoU"]["mean"] == exactly_its_boxes
    assert scores["masks, pictures"]["gIoU"]["mean"] > scores["masks, pictures"]["gIoU, center box"]["mean"]
