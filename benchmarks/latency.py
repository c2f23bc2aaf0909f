"""How long the embedded profile lets people wait.

    python benchmarks/latency.py [--runs 5] [--json] [--photo FILE] [--llama-cpp]

- first reply: from the start of a process, imports and weights included, to the reply about a photo
- one-step plan: median over plain requests, each in a conversation of its own
- one-step plan with signals: the same requests, in turn with those for words alone; and the median over the requests of
  the ratio of the two, which shall stay below 1.25
- second turn: on the photo of the first, which is not encoded again
- ``--llama-cpp``: the same plans by llama.cpp (package llama-cpp-python), same model, same grammar, Q4_1

All but the ratio in seconds of wall time, so nothing else should run meanwhile.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vitron_agent.agent import VitronAgent
from vitron_agent.config import Settings
from vitron_agent.planners.base import Medium, PlanRequest
from vitron_agent.planners.vitron import VitronPlanner

REQUESTS = (
    "remove the lamp",
    "please make the red car blue",
    "where is the dog?",
    "segment the cat on the left",
    "could you blur the background",
    "put a hat on the old man",
    "turn the wooden chair into a sofa",
    "make it black and white",
    "a bit brighter please",
    "cut out the second bird from the right",
    "get rid of that ugly bin",
    "move the boat to the left",
)
FIRST_REPLY = """
import sys
from vitron_agent import VitronAgent
photo, folder = sys.argv[1:]
with VitronAgent(database=f"sqlite:///{folder}/bench.db", artifacts=f"{folder}/artifacts") as agent:
    reply = agent.chat("Segment the cat", images=[photo])
    print(reply.status, flush=True)
"""


def request(text: str) -> PlanRequest:
    """The first request about one picture."""
    media = (Medium(handle="image-1", kind="image"),)
    return PlanRequest(text=text, media=media, attached=("image-1",), current="image-1", next_numbers=(("image", 2),))


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def plans(runs: int) -> dict[str, float]:
    """Loading and planning, in this process."""
    planner = VitronPlanner()
    load = timed(planner.load)
    planner.plan(request("hello"))
    words: dict[str, list[float]] = {text: [] for text in REQUESTS}
    signals: dict[str, list[float]] = {text: [] for text in REQUESTS}
    for _ in range(runs):
        for position, text in enumerate(REQUESTS):
            words[text].append(timed(lambda text=text: planner.plan(request(text))))
            # In turn, but not the same request: what was just read is not read again.
            other = REQUESTS[position - len(REQUESTS) // 2]
            signals[other].append(timed(lambda text=other: planner.plan_with_signals(request(text))))
    seconds = [one for some in words.values() for one in some]
    ratios = [statistics.median(signals[text]) / statistics.median(words[text]) for text in REQUESTS]
    return {
        "load": load,
        "one_step_plan_median": statistics.median(seconds),
        "one_step_plan_worst": max(seconds),
        "one_step_plan_with_signals_median": statistics.median(one for some in signals.values() for one in some),
        "with_signals_by_without": statistics.median(ratios),
    }


def first_reply(photo: Path, runs: int) -> dict[str, float]:
    """A new process each time."""
    seconds = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-c", FIRST_REPLY, str(photo), folder]
            began = time.perf_counter()
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                status = process.stdout.readline().strip()
                seconds.append(time.perf_counter() - began)
            if status != "done":
                raise SystemExit(f"the first reply ended as {status!r}")
    return {"first_reply_median": statistics.median(seconds)}


def second_turn(photo: Path, runs: int) -> dict[str, float]:
    """Two turns on one photo, in a warm process."""
    first, second = [], []
    with tempfile.TemporaryDirectory() as folder, agent(Path(folder)) as warm:
        for run in range(runs + 1):
            thread = f"run-{run}"
            first.append(timed(lambda thread=thread: warm.chat("where is the cat?", images=[photo], thread=thread)))
            second.append(timed(lambda thread=thread: warm.chat("segment the cat", thread=thread)))
    return {"first_turn_median": statistics.median(first[1:]), "second_turn_median": statistics.median(second[1:])}


@contextmanager
def agent(folder: Path) -> Iterator[VitronAgent]:
    """An agent that leaves nothing behind."""
    with VitronAgent(database=f"sqlite:///{folder / 'bench.db'}", artifacts=folder / "artifacts") as made:
        yield made


def cat(folder: Path) -> Path:
    """A photo that ships with scikit-image."""
    from PIL import Image
    from skimage.data import chelsea

    path = folder / "cat.png"
    Image.fromarray(chelsea()).save(path)
    return path


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--photo", type=Path, help="instead of scikit-image's cat")
    parser.add_argument("--llama-cpp", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photo = options.photo or cat(Path(folder))
        found = plans(options.runs)
        if options.llama_cpp:
            from llama_cpp_plans import compare

            found |= compare(Settings.load(), [request(text) for text in REQUESTS], options.runs)
        found |= first_reply(photo, options.runs) | second_turn(photo, options.runs)
    if options.json:
        print(json.dumps(found))
    else:
        for name, seconds in found.items():
            print(f"{name:32} {seconds:8.3f}")


if __name__ == "__main__":
    main()
