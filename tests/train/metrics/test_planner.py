import json
from pathlib import Path

import pytest

from vitron_agent.messages import Input, Module, Operation, Plan, Role, make_invocation
from vitron_agent.train.metrics.planner import Row, judge, read_rows, scores

ASSETS = Path(__file__).parents[2] / "assets" / "planner_eval"
ROW = {
    "id": "x",
    "text": "make the clock red",
    "media": ["image-1"],
    "attached": ["image-1"],
    "plans": [
        [
            {
                "module": "image_editing",
                "op": "recolor",
                "target": ["clock", "wall clock"],
                "value": "red",
                "inputs": {"base": "image-1"},
            }
        ]
    ],
}


def row(tmp_path: Path, **changes: object) -> Row:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(ROW | changes) + "\n")
    return read_rows(path)[0]


def recolor(target: str = "clock", value: str = "red", handle: str = "image-1") -> Plan:
    step = make_invocation(
        Module.IMAGE_EDITING,
        Operation.RECOLOR,
        target=target,
        value=value,
        inputs=(Input(role=Role.BASE, handle=handle),),
    )
    return Plan(invocations=(step,))


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (recolor(), (True, True, True)),
        (recolor(target="Wall clock"), (True, True, True)),
        (recolor(target="the clock"), (True, True, True)),
        (recolor(target="dog"), (True, False, False)),
        (recolor(value="blue"), (True, True, False)),
        (recolor(handle="image-2"), (True, True, False)),
        (Plan(text="No."), (False, False, False)),
    ],
)
def test_each_part_of_a_plan_counts_for_itself(tmp_path: Path, plan: Plan, expected: tuple[bool, bool, bool]) -> None:
    verdict = judge(plan, row(tmp_path))
    assert (verdict.sequence, verdict.targets, verdict.whole) == expected


def test_a_tool_where_words_are_wanted_is_wrong(tmp_path: Path) -> None:
    wordy = row(tmp_path, plans=[])
    verdicts = [judge(recolor(), wordy), judge(Plan(text="Hello."), wordy), judge(Plan(text="?"), row(tmp_path))]
    assert scores(verdicts) == {
        "rows": 3,
        "sequence": 1 / 3,
        "target": 0.0,
        "whole_plan": 0.0,
        "no_tool_precision": 0.5,
        "no_tool_recall": 0.5,
    }


@pytest.mark.parametrize(("name", "count", "no_tool"), [("dev", 160, 35), ("test", 300, 60)])
def test_the_committed_files_are_whole(name: str, count: int, no_tool: int) -> None:
    rows = read_rows(ASSETS / f"{name}.jsonl")
    assert len(rows) == count
    assert len({item.id for item in rows}) == count
    assert sum(not item.accepted for item in rows) >= no_tool
