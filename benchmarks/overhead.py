"""What the framework itself costs: a one-expert turn without the time of its planner and its expert.

    python benchmarks/overhead.py [--turns 60] [--json] [--embedded]

The turn is real: SQLite and artifact store in a folder, checkpoints, ledger, verification of the pixels. Planner and
expert are fakes that do next to nothing; their time, as the turn itself reports it, is subtracted. With ``--embedded``
the expert is the embedded one on a photo, which gives the share of the framework in such a turn.

Exits with 1 where a limit is exceeded. Milliseconds of wall time, so nothing else should run meanwhile; ``best`` and
``cpu`` say how busy the machine was.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from vitron_agent import VitronAgent
from vitron_agent.config import Settings
from vitron_agent.messages import Module, Operation, Plan, make_invocation
from vitron_agent.planners.base import PlanRequest
from vitron_agent.profiles import Profile, load_profile
from vitron_agent.testing import fake_profile

LIMIT_MS = 30.0
LIMIT_SHARE = 0.05
SIZE = (480, 640)
PLAN = Plan(invocations=(make_invocation(Module.IMAGE_EDITING, Operation.RECOLOR, target="cat", value="red"),))


class OnePlan:
    """Always the same plan, at once."""

    name = "one plan"

    def plan(self, request: PlanRequest, on_token: object = None) -> Plan:  # noqa: ARG002
        """The plan."""
        return PLAN


def photo() -> np.ndarray:
    """(480, 640, 3) uint8: a cat of scikit-image, cropped and repeated to the size."""
    from skimage import data

    cat = data.chelsea()
    return np.ascontiguousarray(np.tile(cat, (2, 2, 1))[: SIZE[0], : SIZE[1]])


@contextmanager
def agent_on(profile: Profile) -> Iterator[VitronAgent]:
    """An agent in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        options = {"database": f"sqlite:///{folder}/vitron.db", "artifacts": Path(folder) / "artifacts"}
        with VitronAgent(profile=profile, planner=OnePlan(), **options) as agent:
            yield agent


def measure(profile: Profile, turns: int) -> dict[str, float]:
    """Medians in milliseconds over turns that follow on one photo; the first, which takes it in, is left out."""
    walls, experts, cpus = [], [], []
    with agent_on(profile) as agent:
        agent.chat("make the cat red", images=photo(), thread="demo")
        for _ in range(turns):
            started, cpu = time.perf_counter(), time.process_time()
            reply = agent.chat("make the cat red", thread="demo")
            walls.append(time.perf_counter() - started)
            cpus.append(time.process_time() - cpu)
            experts.append(reply.invocations[0].seconds)
            assert reply.status == "done", reply.text
    overheads = [wall - expert for wall, expert in zip(walls, experts, strict=True)]
    return {
        "turn": 1e3 * statistics.median(walls),
        "expert": 1e3 * statistics.median(experts),
        "overhead": 1e3 * statistics.median(overheads),
        "best": 1e3 * min(overheads),
        "cpu": 1e3 * statistics.median(cpus),
        "share": statistics.median(overheads) / statistics.median(walls),
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--embedded", action="store_true")
    options = parser.parse_args()
    report = {"fake": measure(fake_profile(), options.turns)}
    if options.embedded:
        report["embedded"] = measure(load_profile(Settings.load()), min(options.turns, 10))
    kept = {f"overhead at most {LIMIT_MS:g} ms": report["fake"]["overhead"] <= LIMIT_MS}
    if options.embedded:
        kept[f"share at most {LIMIT_SHARE:.0%} of an embedded turn"] = report["embedded"]["share"] <= LIMIT_SHARE
    if options.json:
        print(json.dumps(report))
    else:
        for name, numbers in report.items():
            print(f"{name}: " + ", ".join(f"{key} {value:.3g}" for key, value in numbers.items()))
        for limit, is_kept in kept.items():
            print(f"{limit}: {'kept' if is_kept else 'exceeded'}")
    raise SystemExit(not all(kept.values()))


if __name__ == "__main__":
    main()
