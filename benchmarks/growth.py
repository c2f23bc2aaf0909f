"""How a conversation's database grows, and what its memory costs at turn 2 and at turn 1,000.

    python benchmarks/growth.py [--url sqlite:///growth.db] [--turns 1000] [--json]

Every turn attaches a picture and edits it. Prints bytes a turn (SQLite) and median milliseconds.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from vitron_agent.artifacts import ArtifactRef, ArtifactStore
from vitron_agent.memory.repository import Repository
from vitron_agent.messages import ImageEditing, Input, InvocationResult, Operation, Output, Plan


def take_turn(repository: Repository, thread: str, photo: ArtifactRef, edited: ArtifactRef) -> None:
    """One complete turn with one expert call."""
    turn = repository.begin_turn(thread, "make the second cat from the left red, please", [photo])
    (base,) = repository.recall(thread).attached
    (output,) = repository.allot(turn, ["image"])
    invocation = ImageEditing(
        id=f"{turn.checkpoint_thread}/0", operation=Operation.RECOLOR, target="second cat from the left", value="red",
        inputs=(Input(handle=base),), output=output,
    )  # fmt: skip
    repository.record_plan(turn, Plan(invocations=(invocation,)))
    repository.claim_invocation(turn, invocation, 0)
    outputs = (Output(slot="image", handle=output, ref=edited), Output(slot="area", handle=None, ref=photo))
    repository.finish_invocation(turn, InvocationResult(invocation=invocation, status="done", outputs=outputs))
    repository.finish_turn(turn, "done", f"I made the second cat from the left red ({output}).")


def median_ms(call: Callable[[], object], times: int = 25) -> float:
    """Median wall time of a call."""
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return round(statistics.median(seconds) * 1e3, 2)


def costs(repository: Repository, thread: str, photo: ArtifactRef, edited: ArtifactRef) -> dict[str, float]:
    """Median milliseconds of what a turn needs of its memory, at the thread's present length."""
    fork = repository.fork(thread)  # the thread itself stays as long as it is
    newest = f"image-{dict(repository.recall(thread).next_numbers)['image'] - 1}"
    return {
        "recall": median_ms(lambda: repository.recall(thread)),
        "history of 20": median_ms(lambda: repository.history(thread, limit=20)),
        "resolve newest": median_ms(lambda: repository.resolve(thread, [newest])),
        "resolve oldest": median_ms(lambda: repository.resolve(thread, ["image-1"])),
        "complete turn": median_ms(lambda: take_turn(repository, fork, photo, edited)),
    }


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a database to grow; a temporary SQLite file if not given")
    parser.add_argument("--turns", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report: dict[str, object] = {"turns": options.turns}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "growth.db")
        store = ArtifactStore("memory://")
        with Repository(options.url or f"sqlite:///{file}", store) as repository:
            pictures = [store.put_image(np.full((4, 4, 3), i % 256, np.uint8)) for i in range(256)]
            for number in range(options.turns):
                if number == 2:
                    report["at turn 2, ms"] = costs(repository, "demo", pictures[0], pictures[1])
                take_turn(repository, "demo", pictures[number % 256], pictures[(number + 1) % 256])
            report[f"at turn {options.turns}, ms"] = costs(repository, "demo", pictures[0], pictures[1])
            counted = sum(thread.turns for thread in repository.threads())
        if not options.url:
            report["bytes a turn"] = round(file.stat().st_size / counted)
    if options.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
