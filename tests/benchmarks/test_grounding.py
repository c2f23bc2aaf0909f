"""The benchmark runs on a folder in VOC's layout and prints what it promises."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

ROOT = Path(__file__).parents[2]
ANNOTATION = """<annotation><size><width>451</width><height>300</height></size><object><name>cat</name>
<difficult>0</difficult><bndbox><xmin>5</xmin><ymin>1</ymin><xmax>420</xmax><ymax>300</ymax></bndbox></object></annotation>"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("JPEGImages", "Annotations", "SegmentationClass"):
        (tmp_path / part).mkdir()
    Image.fromarray(data.chelsea()).save(tmp_path / "JPEGImages" / "000001.jpg")
    (tmp_path / "Annotations" / "000001.xml").write_text(ANNOTATION)
    labels = np.zeros((300, 451), np.uint8)
    labels[:, 5:420] = 8
    Image.fromarray(labels).save(tmp_path / "SegmentationClass" / "000001.png")
    return tmp_path


@pytest.mark.slow
def test_it_measures_a_folder_and_prints_json(folder, tmp_path_factory):
    command = [sys.executable, str(ROOT / "benchmarks" / "grounding.py"), str(folder), "--json"]
    environment = {"VITRON_CACHE": str(tmp_path_factory.mktemp("cache")), "OMP_NUM_THREADS": "1", "PATH": ""}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=True)
    report = json.loads(run.stdout)
    assert (report["photos"], report["pairs"], report["masks"]) == (1, 1, 1)
    for scores in (report, report["baseline"]):
        assert scores["pointing"] in (0, 1)
        assert all(0 <= scores[metric] <= 1 for metric in ("box_iou", "mask_iou", "top_box_iou", "box_recall"))
    assert report["pointing"] == 1
    assert report["box_iou"] > 0.5
