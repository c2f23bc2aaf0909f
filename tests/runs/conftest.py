"""The scripts of runs/, started as people start them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.train.data.photos.conftest import wordnet  # noqa: F401

RUNS = Path(__file__).parents[2] / "runs"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, wordnet: Path) -> Run:  # noqa: F811
    """Starts a script of this name with variables and arguments, in an empty folder."""

    def start(name: str, *arguments: str, **variables: object) -> subprocess.CompletedProcess[str]:
        given = {"PYTHON": sys.executable, "WORDNET": wordnet, "PYTHONPATH": RUNS.parent, **variables}
        environment = os.environ | {variable: str(value) for variable, value in given.items()}
        command = ["bash", str(RUNS / f"{name}.sh"), *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    return start
