"""The graph under ``langgraph dev``, which Studio talks to."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from vitron_agent.artifacts import ArtifactStore
from vitron_agent.memory.repository import Repository

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name("langgraph")), "dev", "--host", "127.0.0.1", "--port", str(port),
        "--no-browser", "--no-reload", "--config", str(ROOT / "langgraph.json"),
    ]  # fmt: skip
    settings = {"VITRON_DATABASE": f"sqlite:///{folder}/vitron.db", "VITRON_ARTIFACTS": f"{folder}/artifacts"}
    env = {**os.environ, **settings, "VITRON_ALLOW_WEIGHT_LOADING": "false", "OMP_NUM_THREADS": "1"}
    log = folder / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=out, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(url, process, log)
        yield url, log
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        try:
            if httpx.get(f"{url}/ok", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
        if process.poll() is not None:
            break
    pytest.fail(log.read_text()[-3000:])


@pytest.mark.slow
def test_a_turn_under_the_server(server):
    url, log = server
    with httpx.Client(base_url=url, timeout=60) as client:
        assistants = client.post("/assistants/search", json={}).json()
        assert [assistant["graph_id"] for assistant in assistants] == ["vitron"]
        thread = client.post("/threads", json={}).json()["thread_id"]
        call = {"name": "conversation", "args": {"operation": "undo"}, "id": "call-1"}
        messages = [
            {"role": "user", "content": "undo that"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
        ]
        body = {"assistant_id": "vitron", "input": {"messages": messages}}
        values = client.post(f"/threads/{thread}/runs/wait", json=body).json()
        assert "messages" in values, (values, log.read_text()[-3000:])
        answer = values["messages"][-1]
        assert "nothing to undo" in answer["content"]
        assert values["turn_status"] == "failed"
        values = client.post(f"/threads/{thread}/runs/wait", json=body).json()
        assert len([message for message in values["messages"] if message.get("name") == "vitron"]) == 2
    with Repository(f"sqlite:///{log.parent}/vitron.db", ArtifactStore("memory://")) as repository:
        assert [turn.text for turn in repository.history(thread)] == ["undo that", "undo that"]
    assert "Traceback" not in log.read_text()
