"""What the command line prints: plans, progress, replies, histories."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from vitron_agent.apps.inline_image import escape_sequence, protocol
from vitron_agent.events import Event
from vitron_agent.memory.views import TurnView
from vitron_agent.messages import Invocation, InvocationResult
from vitron_agent.replies import Artifact, Reply

_MARKS = {
    "done": "[green]✓[/]",
    "not_found": "[yellow]–[/]",
    "unchanged": "[yellow]=[/]",
    "failed": "[red]✗[/]",
    "rejected": "[yellow]✗[/]",
    "skipped": "[dim]·[/]",
}


def describe(step: Invocation) -> str:
    """One invocation in a line: ``Image Editing  recolor: clock => red  (base=image-1) -> image-2``."""
    words = step.operation.value
    words += f": {step.target}" if step.target else ""
    words += f" => {step.value}" if step.value else ""
    named = [f"{item.role.value}={item.handle}" for item in step.inputs] + [
        region.name or region.kind for region in step.regions
    ]
    inputs = f"  ({', '.join(named)})" if named else ""
    return f"{step.module.wire_name}  {words}{inputs}" + (f" -> {step.output}" if step.output else "")


def show_plan(console: Console, steps: Iterable[Invocation], text: str = "") -> None:
    """A plan, a line for each step; or the answer."""
    for number, step in enumerate(steps, start=1):
        console.print(f"[bold cyan]{number}.[/] {escape(describe(step))}", highlight=False)
    if text:
        console.print(escape(text), highlight=False)


def follow(console: Console, events: Iterator[Event]) -> Reply | None:
    """Prints what happens while it happens; gives the reply at the end."""
    reply: Reply | None = None
    with console.status("planning …") as status:
        for event in events:
            if event.type == "finish":
                reply = event.reply
            else:
                _show_event(console, status, event)
    return reply


def _show_event(console: Console, status: Status, event: Event) -> None:
    if event.type == "plan" and event.plan is not None and event.plan.invocations:
        show_plan(console, event.plan.invocations)
        status.update("starting …")
    elif event.type in ("plan_rejected", "replan"):
        console.print(f"[yellow]plan again:[/] {escape(event.text)}", highlight=False)
        status.update("planning …")
    elif event.type == "expert_start" and event.invocation is not None:
        status.update(f"{escape(describe(event.invocation))} …")
    elif event.type == "progress":
        status.update(f"{escape(event.stage)}{f' {event.step}/{event.of}' if event.of else ''} …")
    elif event.type == "expert_end" and event.result is not None:
        console.print(_result_line(event.result), highlight=False)
    elif event.type == "error":
        console.print(f"[red]{escape(event.text)}[/]", highlight=False)


def _result_line(result: InvocationResult) -> str:
    step = result.invocation
    name = f"{step.operation.value} {step.target or step.value}".strip()
    return f"  {_MARKS[result.status]} {escape(name)} [dim]{result.seconds:.1f} s, {result.status}[/]"


def show_reply(console: Console, reply: Reply, saved: dict[str, Path]) -> None:
    """The text, then each artifact: inline where the terminal can, and its file."""
    console.print(escape(reply.text), highlight=False)
    for artifact in reply.artifacts:
        path = _path(artifact, saved)
        where = f"  {escape(path)}" if path else ""
        console.print(f"  [bold]{artifact.handle}[/] {escape(_facts(artifact))}{where}", highlight=False)
    speaks = protocol() if console.is_terminal else None
    picture = reply.image or reply.mask
    if speaks and picture:
        console.file.write(escape_sequence(picture.image().convert("RGBA"), speaks))


def _path(artifact: Artifact, saved: dict[str, Path]) -> str | None:
    path = saved.get(artifact.handle) or artifact.path
    return None if path is None else str(path)


def _facts(artifact: Artifact) -> str:
    ref = artifact.ref
    size = f"{ref.width}x{ref.height}" if ref.width else ""
    frames = f"{ref.frames} frames" if ref.frames else ""
    return ", ".join(filter(None, [artifact.kind, size, frames]))


def reply_json(reply: Reply, saved: dict[str, Path]) -> str:
    """A reply for programs."""
    steps = [
        {
            "invocation": step.invocation.model_dump(mode="json", exclude_none=True),
            "status": step.status,
            "notes": step.notes,
            "error": step.error,
            "seconds": round(step.seconds, 3),
            "findings": [finding.model_dump(mode="json") for finding in step.findings],
        }
        for step in reply.invocations
    ]
    artifacts = [
        {"handle": item.handle, "id": item.ref.id, "kind": item.kind, "path": _path(item, saved)}
        for item in reply.artifacts
    ]
    data: dict[str, Any] = {
        "thread": reply.thread,
        "turn": reply.turn,
        "status": reply.status,
        "text": reply.text,
        "invocations": steps,
        "artifacts": artifacts,
    }
    return json.dumps(data, ensure_ascii=False, indent=2)


def show_history(console: Console, turns: Iterable[TurnView]) -> None:
    """The turns of a conversation; what was undone is struck through."""
    table = Table(box=None, pad_edge=False)
    for column in ("turn", "request", "plan", "made", "status"):
        table.add_column(column, overflow="fold")
    for turn in turns:
        steps = "\n".join(f"{r.invocation.operation.value} {r.invocation.target}".strip() for r in turn.invocations)
        made = ", ".join(item.handle for item in turn.handles)
        status = "undone" if turn.undone else turn.status
        cells = [str(turn.number), turn.text, steps or turn.reply, made, status]
        table.add_row(*map(escape, cells), style="dim strike" if turn.undone else None)
    console.print(table)
