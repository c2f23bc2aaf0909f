"""Who knows what a photo shows is right everywhere; who says nothing is silent; the kind alone says nothing."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from vitron_agent.tools.words import Picture, place
from vitron_agent.train.data.photos.kinds import WORDNET
from vitron_agent.train.data.voc import PLAIN_NAMES, read_voc

OBJECT = "<object><name>{}</name><difficult>0</difficult><bndbox>{}</bndbox></object>"
BOX = "<xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax>"
SHOWN = {
    "000001": {"cat": (1, 30, 30, 70)},
    "000002": {"person": (70, 1, 100, 30), "bus": (1, 1, 100, 100)},
    "000003": {"tvmonitor": (40, 40, 60, 60)},
}


@pytest.fixture
def answers(load_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return load_benchmark("answers")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("JPEGImages", "Annotations"):
        (tmp_path / part).mkdir()
    for name, shown in SHOWN.items():
        Image.fromarray(np.zeros((100, 100, 3), np.uint8)).save(tmp_path / "JPEGImages" / f"{name}.jpg")
        things = "".join(OBJECT.format(kind, BOX.format(*box)) for kind, box in shown.items())
        size = "<size><width>100</width><height>100</height></size>"
        (tmp_path / "Annotations" / f"{name}.xml").write_text(f"<annotation>{size}{things}</annotation>")
    return tmp_path


def silent() -> object:
    return lambda question, picture: None


class Knows:
    """Reads the annotations."""

    def __init__(self, folder: Path) -> None:
        self.photos = {photo.name: photo for photo in read_voc(folder)}

    def __call__(self, question: str, picture: Picture) -> str:
        boxes = {PLAIN_NAMES.get(one.name, one.name): one.box for one in self.photos[picture.image_id].things}
        asked = next((name for name in boxes if name in question or (name == "person" and "people" in question)), "")
        if picture.regions:
            drawn = picture.regions[0].bounds
            return f"It is a {min(boxes, key=lambda name: np.abs(np.subtract(boxes[name], drawn)).sum())}."
        if "in the picture?" in question and question.startswith("What"):
            return f"I see {' and '.join(f'a {name}' for name in boxes)}."
        if question.startswith("How many"):
            return f"There is one {asked}."
        if question.startswith("Where is"):
            return f"The {asked} is {place(boxes[asked])}."
        if question.startswith(("Is", "Are", "Can")):
            return "Yes." if asked else "No."
        return "I can't tell that."


def run(answers: ModuleType, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    answers.main([*arguments, "--json"])
    return json.loads(capsys.readouterr().out)


def test_who_knows_is_right(answers, folder, monkeypatch, capsys):
    monkeypatch.setattr(answers, "embedded", lambda weights: Knows(folder))
    scores = run(answers, capsys, "--voc", str(folder))["scores"]
    assert len(scores) == 7
    for group, row in scores.items():
        assert (group, row["right"]["mean"], row["contradicts"]["mean"]) == (group, 1, 0)
    assert scores["describe"]["mentions"]["mean"] == scores["what is this box?"]["mentions"]["mean"] == 1
    answers.main(["--voc", str(folder), "--wrong", "1"])
    assert "majority" in capsys.readouterr().out


def test_another_answerer_may_be_silent(answers, folder, capsys):
    report = run(answers, capsys, "--voc", str(folder), "--answerer", f"{__name__}:silent")
    assert all(row["silent"]["mean"] == 1 for row in report["scores"].values())
    assert report["majority"]["is there one? yes"] + report["majority"]["is there one? no"] == 1


def test_each_kind_is_absent_as_often_as_present(answers, folder):
    asked = [one for one in answers.ask_voc(read_voc(folder)) if one.question.sort == "exists"]
    there, absent = (Counter(one.word for one in asked if one.question.is_there is yes) for yes in (True, False))
    assert there == absent
    assert all(bool(one.known.most(one.question.kind)) is one.question.is_there for one in asked)


@pytest.mark.skipif(not WORDNET.is_dir(), reason="needs wordnet-base")
def test_class_photos_are_asked_about_with_words_of_others(answers, tmp_path, capsys):
    for name in ("n02123045_tabby", "n02690373_airliner"):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / f"{name}.png")
    report = run(answers, capsys, "--photos", str(tmp_path), "--answerer", f"{__name__}:silent")
    assert [row["right"]["count"] for row in report["scores"].values()] == [2, 2, 2]
    strange = {one["photo"]: one["kind"] for one in report["answers"] if one["group"].endswith("no")}
    assert "tabby" not in strange["n02123045_tabby"]
    assert "air" not in strange["n02690373_airliner"]
