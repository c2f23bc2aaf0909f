"""``kill -9`` after every durable write of a turn, then ``resume``: nothing is lost, nothing finished runs again."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

STEPS = {
    "approval": ["remove image-1: done", "recolor image-2: done"],
    "replan": ["remove image-1: done", "recolor image-2: failed", "recolor image-2: done"],
    "waves": ["segment image-1: done", "detect image-1: done", "recolor image-1: done"],
    "moves": ["undo : done", "select image-1: done", "recolor image-1: done"],
    "search": ["search : done", "remove image-3: done"],
    "words": [],
}
UNDONE = {"moves": [False, True, False]}
AT_WORK = {"waves": {"1.1.1 segment", "1.1.2 detect"}, "search": {"3.1.1 detect"}}
"""Work that a write may fall into: steps side by side, and a search, which writes its choice before its end."""
SILENT = {"undo", "select", "search"}
"""Steps whose expert, if they have one, is told nothing beside their words."""
LOOKS = {"3.1.1 detect": 4}
"""A search looks at every picture."""


def crash_and_resume(folder: Path, scenario: str, every: int, database: str | None = None) -> None:
    folder.mkdir()
    arguments = [str(folder), scenario, str(every), database or f"sqlite:///{folder}/vitron.db"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.graphs.crash", *arguments],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    whole, *cuts = map(json.loads, done.stdout.splitlines())
    end = whole["end"]
    assert (end["status"], end["steps"]) == (["done", "done"], STEPS[scenario])
    assert [bool(signal) for signal in end["told"]] == [step.split()[0] not in SILENT for step in STEPS[scenario]]
    assert end["turns"] == UNDONE.get(scenario, [False] * len(end["turns"]))
    assert all(times == LOOKS.get(name, 1) for name, times in whole["ran"].items()), whole
    assert len(cuts) == len(range(1, whole["writes"] + 1, every)) >= 10 / every
    twice = []
    for cut in cuts:
        assert cut["end"] == end
        assert not Counter(whole["ran"]) - Counter(cut["ran"]), cut
        again = Counter(cut["ran"]) - Counter(whole["ran"])
        assert again.keys() <= AT_WORK.get(scenario, set()) - cut["kept"].keys(), cut
        assert all(whole["ran"][name] == times for name, times in again.items()), cut
        twice += [again] if again else []
    assert len(twice) <= len(AT_WORK.get(scenario, ())), twice


def test_some_cut_points(tmp_path):
    crash_and_resume(tmp_path / "run", "replan", 7)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", STEPS)
def test_every_cut_point(tmp_path, scenario):
    crash_and_resume(tmp_path / "run", scenario, 1)


@pytest.mark.slow
@pytest.mark.postgres
def test_every_cut_point_on_postgres(tmp_path, blank_postgres):
    crash_and_resume(tmp_path / "run", "waves", 1, blank_postgres)
