"""How well a planner does on requests that people wrote by hand.

A row of the evaluation files (``tests/assets/planner_eval``) holds a request in its context and the plans that are
accepted for it, each a list of steps; no plan means that the request is answered in words. In a step, ``target`` and
``value`` may list alternatives.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitron_agent.artifacts import HANDLE_STEMS, Kind
from vitron_agent.messages import Input, Invocation, Module, Operation, Plan, Region, Role, make_invocation
from vitron_agent.planners.base import Medium, PastTurn, PlanRequest

_KINDS: dict[str, Kind] = {stem: kind for kind, stem in HANDLE_STEMS.items()}
_ARTICLES = re.compile(r"^(the|a|an|some|my|your|his|her|our|their|this|that)\s+")


@dataclass(frozen=True)
class Row:
    """One evaluated request.

    Attributes:
        id: Its name.
        request: What the planner gets.
        accepted: Accepted plans as lists of steps; empty = an answer in words.
        tags: For counting.
        answer: The words, where a row gives them (training rows do).
    """

    id: str
    request: PlanRequest
    accepted: tuple[tuple[Mapping[str, Any], ...], ...]
    tags: tuple[str, ...]
    answer: str = ""

    def plan(self) -> Plan:
        """The preferred plan, with the first of each list of alternatives."""
        return Plan(invocations=tuple(_steps(self.accepted[0]))) if self.accepted else Plan(text=self.answer)


@dataclass(frozen=True)
class Verdict:
    """What is right about one plan."""

    tool_wanted: bool
    tool_called: bool
    sequence: bool
    targets: bool
    whole: bool


def read_rows(path: Path) -> list[Row]:
    """The rows of an evaluation file."""
    return [_row(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def judge(plan: Plan, row: Row) -> Verdict:
    """Compares a plan with the accepted ones; the best match counts."""
    called, wanted = bool(plan.invocations), bool(row.accepted)
    if not wanted or not called:
        right = called == wanted
        return Verdict(wanted, called, right, right, right)
    matching = [
        steps for steps in row.accepted if _sequence(plan.invocations) == [(s["module"], s["op"]) for s in steps]
    ]
    pairs = [list(zip(plan.invocations, steps, strict=True)) for steps in matching]
    return Verdict(
        tool_wanted=True,
        tool_called=True,
        sequence=bool(matching),
        targets=any(all(_said(got.target, want.get("target")) for got, want in steps) for steps in pairs),
        whole=any(all(_same(got, want) for got, want in steps) for steps in pairs),
    )


def scores(verdicts: Iterable[Verdict]) -> dict[str, float]:
    """Fractions in [0, 1].

    ``sequence``: modules and operations exactly right, over all rows. ``target`` and ``whole_plan`` (targets, values,
    inputs, regions too): over the rows that want a tool. ``no_tool_precision`` and ``no_tool_recall``: of answers.
    """
    rows = list(verdicts)
    tool = [row for row in rows if row.tool_wanted]
    answered = [row for row in rows if not row.tool_called]
    wanted = [row for row in rows if not row.tool_wanted]
    return {
        "rows": len(rows),
        "sequence": _mean(row.sequence for row in rows),
        "target": _mean(row.targets for row in tool),
        "whole_plan": _mean(row.whole for row in tool),
        "no_tool_precision": _mean(not row.tool_wanted for row in answered),
        "no_tool_recall": _mean(not row.tool_called for row in wanted),
    }


def _mean(values: Iterable[bool]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else 1.0


def _sequence(invocations: Sequence[Invocation]) -> list[tuple[str, str]]:
    return [(item.module.value, item.operation.value) for item in invocations]


def _plain(text: str) -> str:
    text = re.sub(r"\s+", " ", text.lower().strip(" .!?\"'"))
    return _ARTICLES.sub("", text)


def _said(got: str, want: str | Sequence[str] | None) -> bool:
    options = [want] if isinstance(want, str) else list(want or [""])
    return _plain(got) in {_plain(option) for option in options}


def _same(got: Invocation, want: Mapping[str, Any]) -> bool:
    return (
        _said(got.target, want.get("target"))
        and _said(got.value, want.get("value"))
        and {item.role.value: item.handle for item in got.inputs} == dict(want.get("inputs", {}))
        and sorted(region.name or "" for region in got.regions) == sorted(want.get("regions", []))
    )


def _row(data: Mapping[str, Any]) -> Row:
    media = tuple(Medium(handle=handle, kind=_KINDS[handle.rpartition("-")[0]]) for handle in data["media"])
    pictures = [medium.handle for medium in media if medium.kind in ("image", "video")]
    numbers: dict[str, int] = {}
    for handle in data["media"]:
        stem, _, number = handle.rpartition("-")
        numbers[stem] = max(numbers.get(stem, 1), int(number) + 1)
    request = PlanRequest(
        text=data["text"],
        media=media,
        attached=tuple(data.get("attached", ())),
        current=data.get("current") or (pictures[-1] if pictures else None),
        regions=tuple(_region(drawn) for drawn in data.get("regions", ())),
        history=tuple(_past(turn) for turn in data.get("history", ())),
        next_numbers=tuple(numbers.items()),
    )
    accepted = tuple(map(tuple, data["plans"]))
    return Row(data["id"], request, accepted, tuple(data.get("tags", ())), data.get("answer", ""))


def _region(drawn: Mapping[str, Any]) -> Region:
    """A drawing of the right kind; where it lies does not matter to a planner that reads words."""
    fields: dict[str, Any] = {"source": drawn.get("source")}
    if "frame" in drawn:
        fields["frames"] = (drawn["frame"], drawn["frame"])
    shapes = {
        "box": lambda: Region.box(0.2, 0.2, 0.6, 0.6, **fields),
        "points": lambda: Region.points([(0.4, 0.4)], **fields),
        "polygon": lambda: Region.polygon([(0.2, 0.2), (0.6, 0.2), (0.4, 0.6)], **fields),
        "scribble": lambda: Region.scribble([(0.2, 0.2), (0.4, 0.4)], **fields),
        "mask": lambda: Region.mask(f"sha256:{'0' * 64}", **fields),
    }
    return shapes[drawn["kind"]]()


def _past(turn: Mapping[str, Any]) -> PastTurn:
    if "plan" not in turn:
        return PastTurn(text=turn["text"], plan=Plan(text=turn["answer"]))
    return PastTurn(text=turn["text"], plan=Plan(invocations=tuple(_steps(turn["plan"]))))


def _steps(steps: Iterable[Mapping[str, Any]]) -> Iterator[Invocation]:
    for step in steps:
        drawn = (Region.box(0.2, 0.2, 0.6, 0.6).model_copy(update={"name": name}) for name in step.get("regions", ()))
        yield make_invocation(
            Module(step["module"]),
            Operation(step["op"]),
            target=_first(step.get("target", "")),
            value=_first(step.get("value", "")),
            inputs=tuple(Input(role=Role(role), handle=handle) for role, handle in step.get("inputs", {}).items()),
            regions=tuple(drawn),
            output=step.get("output"),
        )


def _first(text: str | Sequence[str]) -> str:
    return text if isinstance(text, str) else text[0]
