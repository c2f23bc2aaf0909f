"""What the framework itself costs: a one-expert turn without its planner's and its expert's time.

    python benchmarks/overhead.py [--turns 60] [--json] [--profile]

The turn is real (SQLite and artifact store in a folder, checkpoints, ledger, verification); planner and expert do next
to nothing and their time is subtracted. Prints milliseconds, and with --profile where they go.
"""

import argparse
import cProfile
import json
import pstats
import statistics
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from vitron_agent import VitronAgent
from vitron_agent.messages import Module, Operation, Plan, make_invocation
from vitron_agent.tools.base import Job, Outcome
from vitron_agent.tools.fakes import FakeExpert, FakeGrounding, FakeSegmentation, fake_profile, paint

LIMIT_MS = 30.0
PLAN = Plan(invocations=(make_invocation(Module.IMAGE_EDITING, Operation.RECOLOR, target="clock", value="red"),))


class Clock:
    """Adds up the time that planner and expert take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def expert(self, job: Job) -> Outcome:
        """Paints."""
        started = time.perf_counter()
        outcome = paint(job)
        self.seconds += time.perf_counter() - started
        return outcome


def measure(turns: int, size: tuple[int, int]) -> dict[str, float]:
    """Medians in milliseconds over the turns after the first."""
    clock = Clock()
    experts = (FakeGrounding(), FakeSegmentation(), FakeExpert(Module.IMAGE_EDITING, clock.expert))
    profile = fake_profile([PLAN] * (turns + 1), experts=experts)
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    walls, overheads, cpus = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/vitron.db"
        with VitronAgent(profile=profile, database=database, artifacts=Path(folder) / "artifacts") as agent:
            agent.chat("make the clock red", images=[picture], thread="demo")
            for _ in range(turns):
                clock.seconds = 0.0
                started, cpu = time.perf_counter(), time.process_time()
                reply = agent.chat("make the clock red", thread="demo")
                wall = time.perf_counter() - started
                assert reply.status == "done", reply.text
                walls.append(wall)
                cpus.append(time.process_time() - cpu - clock.seconds)
                overheads.append(wall - clock.seconds)
    return {
        "turn_ms": 1e3 * statistics.median(walls),
        "overhead_ms": 1e3 * statistics.median(overheads),
        "overhead_best_ms": 1e3 * min(overheads),
        "overhead_cpu_ms": 1e3 * statistics.median(cpus),
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    if options.profile:
        profiler = cProfile.Profile()
        threading.setprofile_all_threads(None) if False else None
        profiler.runcall(measure, options.turns, (240, 320))
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(40)
        return
    report = {f"{width}x{height}": measure(options.turns, (height, width)) for width, height in ((320, 240), (1024, 768))}
    if options.json:
        print(json.dumps(report))
        return
    for name, numbers in report.items():
        print(f"{name}: " + ", ".join(f"{key} {value:.1f}" for key, value in numbers.items()))
    ok = report["320x240"]["overhead_ms"] <= LIMIT_MS
    print(f"limit {LIMIT_MS:g} ms a one-expert turn: {'kept' if ok else 'exceeded'}")


if __name__ == "__main__":
    main()
