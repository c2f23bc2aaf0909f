"""All five stages on the base that ships, one step each."""

from pathlib import Path

import pytest

from tests.runs.conftest import Run
from vitron_agent.model.saved import read_config


@pytest.mark.slow
@pytest.mark.weights
def test_all_stages_run_one_after_another(run: Run, tmp_path: Path):
    done = run("quick", "out", STEPS=1)
    assert done.returncode == 0, done.stderr
    for number in range(1, 6):
        assert read_config(tmp_path / "out" / f"stage{number}" / "model").media is not None
    assert "all five stages took" in done.stdout
