"""Several processes chat at once, in conversations of their own and in a shared one: nothing is lost or mixed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vitron_agent.artifacts import ArtifactStore
from vitron_agent.memory.repository import Repository

PROCESSES, TURNS = 4, 4


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_processes_chat_at_once(kind, tmp_path, request):
    url = request.getfixturevalue("blank_postgres") if kind == "postgres" else f"sqlite:///{tmp_path}/vitron.db"
    names = [f"process-{number}" for number in range(PROCESSES)]
    command = [sys.executable, "-W", "error", "-m", "tests.chatter", url, str(tmp_path / "artifacts")]
    root, env = Path(__file__).parents[1], {**os.environ, "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([*command, name, str(TURNS)], cwd=root, env=env, stdout=subprocess.PIPE, text=True)
        for name in names
    ]
    said = [json.loads(process.communicate(timeout=240)[0]) for process in running]
    assert all(process.returncode == 0 for process in running)
    with Repository(url, ArtifactStore(tmp_path / "artifacts")) as repository:
        for thread in (*names, "shared"):
            replies = sorted((item for some in said for item in some if item["thread"] == thread), key=turn_of)
            turns = repository.history(thread)
            expected = TURNS * (PROCESSES if thread == "shared" else 1)
            assert [turn.number for turn in turns] == list(range(1, expected + 1))
            assert [turn.text for turn in turns] == [item["text"] for item in replies]
            assert {turn.status for turn in turns} == {"done"}
            made = [handle for item in replies for handle in item["outputs"]]
            assert len(set(made)) == len(made) == expected


def turn_of(item):
    return item["turn"]
