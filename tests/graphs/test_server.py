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
from vitron_agent.messages import Region

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
        drawn = {"kind": "polygon", "coordinates": [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]}
        body["input"]["regions"] = [drawn]
        values = client.post(f"/threads/{thread}/runs/wait", json=body).json()
        assert "nothing to undo" in values["messages"][-1]["content"]
    with Repository(f"sqlite:///{log.parent}/vitron.db", ArtifactStore("memory://")) as repository:
        turns = repository.history(thread)
    assert [turn.text for turn in turns] == ["undo that"] * 3
    assert [turn.regions for turn in turns] == [(), (), (Region.model_validate(drawn),)]
    assert "Traceback" not in log.read_text()


@pytest.mark.slow
def test_a_run_without_weights_leaves_its_thread_free(server):
    url, log = server
    call = {"name": "conversation", "args": {"operation": "undo"}, "id": "call-1"}
    asked = [{"role": "user", "content": "remove the lamp"}]
    told = [*asked, {"role": "assistant", "content": "", "tool_calls": [call]}]
    with httpx.Client(base_url=url, timeout=25) as client:
        thread = client.post("/threads", json={}).json()["thread_id"]
        body = {"assistant_id": "vitron", "input": {"messages": asked}}
        failed = client.post(f"/threads/{thread}/runs/wait", json=body).json()
        assert failed["__error__"]["error"] == "WeightsError", failed
        body["input"]["messages"] = told
        values = client.post(f"/threads/{thread}/runs/wait", json=body).json()
        assert "messages" in values, (values, log.read_text()[-3000:])
        assert "nothing to undo" in values["messages"][-1]["content"]
    assert "BlockingError" not in log.read_text()
