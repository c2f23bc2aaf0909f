"""Kills a process right after each of its durable writes in turn, lets another resume, and reports what ran.

    python -m tests.graphs.crash FOLDER SCENARIO EVERY DATABASE

Durable writes are the commits of the conversation's database and of the checkpoints. Processes are forked from this
one, which has imported everything and runs no thread. Prints one JSON object for a turn that nobody cuts, then one a
cut point; each has a conversation of its own.
"""

import json
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.scenes import SignallingScript, detect, heard, move, open_agent, picture, recolor, remove, segment, steps
from vitron_agent.messages import Invocation, Module, Operation, Plan, Role
from vitron_agent.tools import fakes

SAVERS = [AsyncSqliteSaver]
with suppress(ImportError):
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

    SAVERS.append(AsyncPostgresSaver)

WAVES = steps(segment(base="image-1", output="mask-1"), detect(base="image-1"), recolor(base="image-1", mask="mask-1"))
CHAIN = steps(remove(base="image-1", output="image-2"), recolor(base="image-2"))
MOVES = steps(move(Operation.UNDO), move(Operation.SELECT, "image-1"), recolor())


@dataclass(frozen=True)
class Scenario:
    """A turn to cut.

    Attributes:
        plans: What the planner says, as often as it is asked.
        before: Plans of earlier turns. Each brings a picture; the turn itself does where it is the first.
        approval: As an agent's.
        broken: The first plan's recolouring breaks a guarantee.
    """

    plans: tuple[Plan, ...]
    before: tuple[Plan, ...] = ()
    approval: str = "never"
    broken: bool = False


SCENARIOS = {
    "approval": Scenario((CHAIN,), approval="always"),
    "replan": Scenario((CHAIN, CHAIN), broken=True),
    "waves": Scenario((WAVES,)),
    "moves": Scenario((MOVES,), before=(steps(recolor()), steps(remove()))),
    "search": Scenario((steps(move(Operation.SEARCH, target="lamp"), remove()),), before=(steps(recolor()),) * 2),
    "words": Scenario((Plan(text="A clock."),), before=(steps(recolor()),)),
}


class Notes:
    """Lines that outlive the process: which expert calls ``ran``, and the results of which were ``kept``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, topic: str, line: str) -> None:
        with (self._folder / topic).open("a") as file:
            file.write(f"{line}\n")

    def count(self, topic: str) -> Counter[str]:
        path = self._folder / topic
        return Counter(path.read_text().splitlines() if path.exists() else ())


def name_of(step: Invocation) -> str:
    return f"{step.id} {step.operation}"


class Cut:
    """Counts durable writes and dies after one of them."""

    def __init__(self, notes: Notes) -> None:
        self._notes, self._at, self.writes = notes, 0, 0
        event.listen(Engine, "commit", self._commit_first)
        for saver in SAVERS:
            self._wrap(saver, "aput")
            self._wrap(saver, "aput_writes")

    def begin(self, at: int) -> None:
        """Counts from here on; 0 = nothing dies."""
        self._at, self.writes = at, 0

    def _commit_first(self, connection) -> None:
        # The listener runs before the commit itself: commit, then die.
        connection.connection.driver_connection.commit()
        self._count()

    def _wrap(self, saver, method: str) -> None:
        inner = getattr(saver, method)

        async def outer(self_, config, saved, *rest):
            result = await inner(self_, config, saved, *rest)
            self._note_kept(saved if method == "aput_writes" else ())
            self._count()
            return result

        setattr(saver, method, outer)

    def _note_kept(self, writes) -> None:
        for channel, value in writes:
            if channel == "candidates" and isinstance(value, dict):  # a turn begins with an Overwrite
                for candidate in value.values():
                    self._notes.add("kept", name_of(candidate.task.invocation))

    def _count(self) -> None:
        self.writes += 1
        if self.writes == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


class Words:
    """Answers every question."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def answer(self, text, picture) -> str:
        self._notes.add("ran", "words")
        return "I see a clock."


def experts(notes: Notes, scenario: Scenario):
    def edit(job):
        first_plan = job.invocation.id.split(".")[1] == "1"
        broken = scenario.broken and first_plan and job.invocation.operation is Operation.RECOLOR
        return fakes.touch_outside(job) if broken else fakes.paint(job)

    def logged(behave):
        def run(job):
            notes.add("ran", name_of(job.invocation))
            assert job.invocation.signal is None or heard(job)
            return behave(job)

        return run

    made = (fakes.FakeGrounding(), fakes.FakeSegmentation(), fakes.FakeExpert(Module.IMAGE_EDITING, edit))
    for expert in made:
        expert.run = logged(expert.run)
    return made


class Conversation:
    """One of its own for each cut point, in the database that all share."""

    def __init__(self, folder: Path, scenario: Scenario, database: str) -> None:
        self._thread, self._artifacts = folder.name, folder.parent / "artifacts"
        self._scenario, self._database = scenario, database
        self._notes, self._end = Notes(folder), folder / "end.json"

    def talk(self, at: int = 0) -> None:
        """All turns; dies after the given write of the last."""
        cut = Cut(self._notes)
        before = self._scenario.before
        with self._agent(*before) as agent:
            for number, _ in enumerate(before):
                agent.chat("before", images=[picture(number)], thread=self._thread)
        with self._agent() as agent:
            cut.begin(at)
            reply = agent.chat("go", images=None if before else [picture()], thread=self._thread)
            self._conclude(agent, reply, writes=lambda: cut.writes)

    def resume(self) -> None:
        """What the next process does."""
        with self._agent() as agent:
            self._conclude(agent, agent.resume(self._thread))

    def told(self) -> dict:
        """What became of it."""
        end = json.loads(self._end.read_text()) if self._end.exists() else {}
        return end | {topic: self._notes.count(topic) for topic in ("ran", "kept")}

    def _agent(self, *plans: Plan):
        return open_agent(
            self._artifacts,
            planner=SignallingScript(plans or self._scenario.plans),
            database=self._database,
            experts=experts(self._notes, self._scenario),
            words=lambda: Words(self._notes),
            approval=self._scenario.approval,
        )

    def _conclude(self, agent, reply, writes: Callable[[], int] = lambda: 0) -> None:
        if reply.status == "needs_approval":
            reply = agent.resume(self._thread, "approve")
        made = writes()
        turns = agent.history(self._thread)
        ran = [(step.invocation, step.status) for step in reply.invocations]
        end = {
            "status": [reply.status, turns[-1].status],
            "text": reply.text,
            "steps": [f"{step.operation} {step.input(Role.BASE) or ''}: {status}" for step, status in ran],
            "told": [step.signal and step.signal.artifact for step, _ in ran],
            "turns": [turn.undone for turn in turns],
            "handles": sorted(item.handle for item in turns[-1].handles),
        }
        self._end.write_text(json.dumps({"writes": made, "end": end}))


def in_child(work, *args) -> int:
    """Runs work in a forked process; its exit status, or minus the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        try:
            work(*args)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main(folder: str, scenario: str, every: str, database: str) -> None:
    whole = Conversation(Path(folder) / "whole", SCENARIOS[scenario], database)
    assert in_child(whole.talk) == 0
    print(json.dumps(whole.told()), flush=True)
    for at in range(1, whole.told()["writes"] + 1, int(every)):
        cut = Conversation(Path(folder) / f"cut-{at}", SCENARIOS[scenario], database)
        code = in_child(cut.talk, at)
        assert code == -signal.SIGKILL, code
        assert in_child(cut.resume) == 0
        print(json.dumps(cut.told()), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
