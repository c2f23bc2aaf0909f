"""Scores the planner, as users run it, on requests that people wrote by hand.

    python benchmarks/planner.py tests/assets/planner_eval/test.jsonl
    python benchmarks/planner.py tests/assets/planner_eval/dev.jsonl --misses     # what went wrong, to mend the data by

Prints, in percent: module and operation sequence exactly right (all rows); targets, and the whole plan with values,
inputs and regions (rows that want a tool); precision and recall of answering in words; and seconds per plan.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

from vitron_agent.errors import InvocationError
from vitron_agent.messages import Plan
from vitron_agent.planners.vitron import VitronPlanner
from vitron_agent.train.metrics.planner import Row, Verdict, judge, read_rows, scores
from vitron_agent.wire import write_plan


def plan_row(planner: VitronPlanner, row: Row) -> tuple[Verdict, Plan | None]:
    """One plan, without the second try that a rejected plan gets in the agent."""
    try:
        plan = planner.plan(row.request)
    except InvocationError:
        return Verdict(bool(row.accepted), tool_called=True, sequence=False, targets=False, whole=False), None
    return judge(plan, row), plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--adapter", type=Path, help="default: the one that ships")
    parser.add_argument("--misses", action="store_true", help="print each row that is not wholly right")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    planner = VitronPlanner(adapter=options.adapter)
    planner.load()
    verdicts, seconds = [], []
    for row in read_rows(options.file):
        start = time.perf_counter()
        verdict, plan = plan_row(planner, row)
        seconds.append(time.perf_counter() - start)
        verdicts.append(verdict)
        if options.misses and not verdict.whole:
            wanted = json.dumps(row.accepted[0] if row.accepted else "words", ensure_ascii=False)
            got = write_plan(plan) if plan else "(unreadable)"
            print(f"{row.id} {row.request.text!r}\n    wanted {wanted}\n    got    {got}")
    result = scores(verdicts)
    result["seconds_median"] = round(statistics.median(seconds), 3)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:18} {value if name in ('rows', 'seconds_median') else f'{100 * value:.1f} %'}")


if __name__ == "__main__":
    main()
