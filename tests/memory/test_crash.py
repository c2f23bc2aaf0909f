"""Real processes: killed at the worst moments, and many at once."""

import signal
import sqlite3
import subprocess
import sys
from collections import Counter

import pytest

from tests.memory.conversations import made, picture, recolor, run, visible
from vitron_agent.artifacts import ArtifactStore
from vitron_agent.errors import PersistenceError
from vitron_agent.memory.repository import Repository
from vitron_agent.messages import Plan

WORK = """
import sys, time
from tests.memory.conversations import made, picture, recolor
from vitron_agent.artifacts import ArtifactStore
from vitron_agent.memory.repository import Repository
from vitron_agent.messages import Plan

class Store(ArtifactStore):
    stuck = False

    def exists(self, artifact):  # asked within the transaction
        if self.stuck:
            reach("inside")
        return super().exists(artifact)

def reach(step):
    if step == sys.argv[3]:
        print(step, flush=True)
        time.sleep(600)

store = Store(sys.argv[2])
repository = Repository(sys.argv[1], store)
turn = repository.begin_turn("demo", "make it red", [picture(store)])
reach("begun")
invocation = recolor("a", "image-1", "image-2")
repository.record_plan(turn, Plan(invocations=(invocation,)))
reach("planned")
repository.claim_invocation(turn, invocation, 0)
reach("claimed")
store.stuck = True
repository.finish_invocation(turn, made(invocation, ("image", "image-2", picture(store, 1))))
reach("stored")
repository.finish_turn(turn, "done", "red")
reach("ended")
"""


def later(step: str):
    return pytest.param(step, marks=pytest.mark.slow)


@pytest.mark.parametrize("step", [later("begun"), later("planned"), "claimed", "inside", "stored", later("ended")])
def test_a_killed_turn_is_finished_by_resume_with_nothing_twice(url, tmp_path, step):
    child = subprocess.Popen(
        [sys.executable, "-c", WORK, url, str(tmp_path / "artifacts"), step], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == f"{step}\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()

    store = ArtifactStore(tmp_path / "artifacts")
    with Repository(url, store) as repository:
        if step == "ended":
            assert repository.open_turn("demo") is None
        else:
            assert repository.open_turn("demo").interrupted
            turn = repository.resume_turn("demo", wait_seconds=0)
            invocation = recolor("a", "image-1", "image-2")
            repository.record_plan(turn, Plan(invocations=(invocation,)))
            stored = repository.claim_invocation(turn, invocation, 0)
            assert (stored is not None) == (step == "stored")
            if stored is None:
                assert visible(repository, "demo") == ["image-1"]
                repository.finish_invocation(turn, made(invocation, ("image", "image-2", picture(store, 1))))
            repository.finish_turn(turn, "done", "red")
        (view,) = repository.history("demo")
        assert (view.status, view.reply, len(view.invocations)) == ("done", "red", 1)
        assert visible(repository, "demo") == ["image-1", "image-2"]
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


CROWD = """
import sys, threading
from tests.memory.conversations import picture, recolor, run
from vitron_agent.artifacts import ArtifactStore
from vitron_agent.memory.repository import Repository

url, folder, process, threads, turns = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
store = ArtifactStore(folder)
repository = Repository(url, store, busy_seconds=120)
failures = []

def talk(thread, number, i):
    name = f"{process}.{number}.{i}"
    shade = (process * threads + number) * turns + i
    turn = repository.begin_turn(thread, name, [picture(store, shade)])
    base, = repository.recall(thread).attached
    output, = repository.allot(turn, ["image"])
    run(repository, turn, recolor(name, base, output, target=name), picture(store, shade))
    repository.finish_turn(turn, "done", f"re: {name}")

def work(number):
    try:
        for i in range(turns):
            talk(f"own-{process}-{number}", number, i)
            talk("shared", number, i)
    except Exception as error:
        failures.append(repr(error))

crowd = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
for thread in crowd: thread.start()
for thread in crowd: thread.join()
repository.close()
print(failures)
sys.exit(bool(failures))
"""


@pytest.mark.parametrize("turns", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_four_processes_of_four_threads_lose_and_mix_nothing(url, tmp_path, turns):
    folder = str(tmp_path / "artifacts")
    command = [sys.executable, "-c", CROWD, url, folder]
    children = [
        subprocess.Popen([*command, str(process), "4", str(turns)], stdout=subprocess.PIPE) for process in range(4)
    ]
    outputs = [child.communicate(timeout=240)[0] for child in children]
    assert [child.returncode for child in children] == [0] * 4, outputs

    store = ArtifactStore(folder)
    with Repository(url, store) as repository:
        assert {(thread.id, thread.turns) for thread in repository.threads()} == {
            ("shared", 16 * turns),
            *((f"own-{process}-{number}", turns) for process in range(4) for number in range(4)),
        }
        everyone = {f"{p}.{n}.{i}" for p in range(4) for n in range(4) for i in range(turns)}
        assert {turn.text for turn in repository.history("shared")} == everyone
        for thread in repository.threads():
            handles: Counter[str] = Counter()
            for number, turn in enumerate(repository.history(thread.id), start=1):
                process, crowd, i = map(int, turn.text.split("."))
                assert (turn.number, turn.reply, turn.undone) == (number, f"re: {turn.text}", False)
                assert [result.invocation.target for result in turn.invocations] == [turn.text]
                assert [item.handle for item in turn.handles] == [f"image-{2 * number - 1}", f"image-{2 * number}"]
                assert {item.ref for item in turn.handles} == {picture(store, (process * 4 + crowd) * turns + i)}
                handles.update(item.handle for item in turn.handles)
            assert set(handles.values()) == {1}


def test_a_writer_that_holds_sqlite_too_long_gives_one_clear_error(tmp_path, store):
    path = tmp_path / "test.db"
    with Repository(f"sqlite:///{path}", store, busy_seconds=0.2) as repository:
        turn = repository.begin_turn("demo", "edit", [picture(store)])
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(PersistenceError, match="another process writes for too long"):
            run(repository, turn, recolor("a", "image-1", "image-2"), picture(store, 1))
        assert visible(repository, "demo") == ["image-1"], "readers are not in its way"
        other.execute("ROLLBACK")
        other.close()
        run(repository, turn, recolor("a", "image-1", "image-2"), picture(store, 1))
        repository.finish_turn(turn, "done", "")
        assert repository.history("demo")[-1].status == "done"
