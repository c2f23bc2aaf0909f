"""The main job as a visitor starts it: one command, real weights, real photos."""

import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

DEMO = Path(__file__).parents[2] / "examples" / "demo.py"
SECONDS = 120
"""Of one run, on machines that are busy with other tests."""


def run(folder: Path) -> str:
    """What the demo prints when it is started in a folder."""
    done = subprocess.run(
        [sys.executable, str(DEMO)],
        cwd=folder,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def pictures(folder: Path) -> dict[str, Image.Image]:
    """The pictures in the demo's folder, opened whole, by name."""
    found = {path.stem: Image.open(path) for path in sorted((folder / "demo_output").glob("*.png"))}
    for picture in found.values():
        picture.load()
    return found


def changed(one: Image.Image, other: Image.Image) -> float:
    """The share of pixels in which two pictures of one size differ."""
    first, second = (np.asarray(picture.convert("RGBA")) for picture in (one, other))
    return float((first != second).any(axis=-1).mean())


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.timeout(3 * SECONDS)
def test_the_demo_shows_what_it_does_and_leaves_its_pictures(tmp_path: Path) -> None:
    printed = run(tmp_path)
    plan = printed.index("1. Image Segmentation  segment: cup")
    progress = printed.index("✓ recolor cup")
    reply = printed.index("Made the cup blue: image-2.")
    assert plan < progress < reply
    for made in ("Applied the style “pencil”", "Took that back", "I see a cat", "Changed the background"):
        assert reply < printed.index(made)

    left = pictures(tmp_path)
    sheet = left.pop("contact_sheet")
    assert f"{len(left) + 2} pictures in demo_output/" in printed  # with the two photos that it began with
    for thread, photo, count in (("coffee", data.coffee(), 4), ("chelsea", data.chelsea(), 2)):
        made = [picture for name, picture in left.items() if name.startswith(f"{thread}-image-")]
        assert len(made) == count
        assert all(changed(*pair) > 0.01 for pair in combinations([Image.fromarray(photo), *made], 2))
        assert 0.02 < np.asarray(left[f"{thread}-mask-1"]).mean() < 0.98
    assert sheet.width > 1000
    assert sheet.height > 1000

    (tmp_path / "demo_output" / "stale.png").touch()
    assert "Made the cup blue: image-2." in run(tmp_path)
    assert pictures(tmp_path).keys() == {*left, "contact_sheet"}
