"""Kills a process right after each of its durable writes in turn, lets another resume, and reports what ran.

    python -m tests.graphs.crash FOLDER SCENARIO EVERY

Durable writes are the commits of the conversation's database and of the checkpoints. Processes are forked from this
one, which has imported everything and runs no thread. Prints one JSON object a cut point.
"""

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.scenes import detect, open_agent, picture, recolor, remove, segment, steps
from vitron_agent.tools import fakes

WAVES = steps(segment(base="image-1", output="mask-1"), detect(base="image-1"), recolor(base="image-1", mask="mask-1"))
CHAIN = steps(remove(base="image-1", output="image-2"), recolor(base="image-2"))


def plans(scenario: str):
    return [WAVES] if scenario == "waves" else [CHAIN] * 3


class Cut:
    """Counts durable writes and dies after one of them."""

    def __init__(self, at: int | None) -> None:
        self.writes = 0
        self._at = at
        event.listen(Engine, "commit", lambda connection: self._after_this(connection))
        for name in ("aput", "aput_writes"):
            self._wrap(name)

    def _after_this(self, connection) -> None:
        # The listener runs before the commit itself: commit, then die.
        connection.connection.driver_connection.commit()
        self.count()

    def _wrap(self, name: str) -> None:
        inner = getattr(AsyncSqliteSaver, name)

        async def outer(*args, **kwargs):
            result = await inner(*args, **kwargs)
            self.count()
            return result

        setattr(AsyncSqliteSaver, name, outer)

    def count(self) -> None:
        self.writes += 1
        if self.writes == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


def logged(folder: Path, behave):
    def run(job):
        with (folder / "ran.txt").open("a") as file:
            file.write(f"{job.invocation.id} {job.invocation.operation}\n")
        return behave(job)

    return run


def experts(folder: Path, scenario: str):
    def edit(job):
        first_try = job.invocation.id.split(".")[1] == "1"
        broken = scenario == "replan" and first_try and job.invocation.operation == "recolor"
        return fakes.touch_outside(job) if broken else fakes.paint(job)

    made = (fakes.FakeGrounding(), fakes.FakeSegmentation(), fakes.FakeExpert(fakes.Module.IMAGE_EDITING, edit))
    for expert in made:
        expert.run = logged(folder, expert.run)
    return made


def start(folder: Path, scenario: str, cut: int | None) -> None:
    counter = Cut(cut)
    agent = open_agent(
        folder,
        *plans(scenario),
        experts=experts(folder, scenario),
        approval="always" if scenario == "approval" else "never",
    )
    opened = counter.writes
    if cut is not None:
        counter._at = opened + cut
    agent.chat("go", images=[picture()], thread="demo")
    if scenario == "approval":
        agent.resume("demo", "approve")
    (folder / "writes.txt").write_text(str(counter.writes - opened))
    agent.close()


def finish(folder: Path, scenario: str) -> None:
    approval = "always" if scenario == "approval" else "never"
    agent = open_agent(folder, *plans(scenario), experts=experts(folder, scenario), approval=approval)
    try:
        reply = agent.resume("demo")
        if reply.status == "needs_approval":
            reply = agent.resume("demo", "approve")
    except Exception as error:
        (folder / "reply.json").write_text(json.dumps({"error": f"{type(error).__name__}: {error}"}))
        agent.close()
        return
    turn = agent.history("demo")[-1]
    summary = {
        "status": reply.status,
        "text": reply.text,
        "steps": [step.status for step in reply.invocations],
        "handles": [item.handle for item in turn.handles],
        "saved": turn.status,
        "turns": len(agent.history("demo")),
    }
    (folder / "reply.json").write_text(json.dumps(summary))
    agent.close()


def in_child(work, *args) -> int:
    """Runs work in a forked process; its exit status, or minus the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work(*args)
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run(folder: Path, scenario: str, cut: int | None) -> dict:
    folder.mkdir(parents=True)
    code = in_child(start, folder, scenario, cut)
    if cut is not None:
        assert code == -signal.SIGKILL, code
        assert in_child(finish, folder, scenario) == 0
    ran = (folder / "ran.txt").read_text().split("\n")[:-1] if (folder / "ran.txt").exists() else []
    reply = json.loads((folder / "reply.json").read_text()) if cut is not None else {}
    return {"cut": cut, "ran": Counter(ran), **reply}


def main(folder: str, scenario: str, every: str) -> None:
    whole = run(Path(folder) / "whole", scenario, None)
    writes = int((Path(folder) / "whole" / "writes.txt").read_text())
    print(json.dumps({"writes": writes, "ran": whole["ran"]}), flush=True)
    for cut in range(1, writes + 1, int(every)):
        print(json.dumps(run(Path(folder) / str(cut), scenario, cut)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
