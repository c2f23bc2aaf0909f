"""The command line on fakes: what is printed, what is written, and how it exits."""

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import imageio.v3 as iio
import pytest
from typer.testing import CliRunner

from tests.scenes import open_agent, picture, recolor, remove, segment, steps
from vitron_agent.agent import VitronAgent
from vitron_agent.apps import cli
from vitron_agent.errors import ThreadBusyError
from vitron_agent.memory.repository import Repository
from vitron_agent.messages import Plan
from vitron_agent.testing import fake_profile
from vitron_agent.tools.fakes import work_slowly


@pytest.fixture
def vitron(tmp_path, monkeypatch):
    """Runs ``vitron``; what the planner says is given first."""
    monkeypatch.chdir(tmp_path)
    iio.imwrite("photo.png", picture())

    def run(*arguments: str, plans=(), lines: str | None = None):
        monkeypatch.setattr("vitron_agent.agent.load_profile", lambda settings: fake_profile(plans))
        return CliRunner().invoke(cli.app, arguments, input=lines, terminal_width=200)

    return run


def test_one_request_leaves_its_picture_where_it_is_wanted(vitron):
    result = vitron("chat", "make it red", "-i", "photo.png", "--out", "made", plans=[steps(recolor())])
    assert result.exit_code == 0, result.output
    assert "Made the clock red: image-2." in result.stdout
    assert iio.imread("made/image-2.png").shape == (24, 32, 3)


def test_json_is_all_of_the_output(vitron):
    result = vitron("chat", "make it red", "-i", "photo.png", "-o", "made", "--json", plans=[steps(recolor())])
    reply = json.loads(result.stdout)
    assert (reply["status"], reply["turn"]) == ("done", 1)


def test_a_conversation_goes_on_from_call_to_call(vitron):
    vitron("chat", "make it red", "-i", "photo.png", plans=[steps(recolor())])
    vitron("chat", "now blue", plans=[steps(recolor(value="blue"))])
    assert "now blue" in vitron("history").stdout
    assert vitron("undo").stdout == "Undone: turn 2.\n"
    assert vitron("undo", "3").exit_code == 2


def test_a_new_conversation_knows_nothing_and_says_its_name(vitron):
    vitron("chat", "make it red", "-i", "photo.png", plans=[steps(recolor())])
    result = vitron("chat", "again", "--new", plans=[steps(recolor())] * 2)
    assert result.exit_code == 1
    assert result.stdout.startswith("Conversation chat-20")
    assert "has nothing to work on" in " ".join(result.stdout.split())
    assert "leave out --new or --thread" in vitron("chat", "again", "--new", "-t", "mine").stderr


def test_a_plan_is_shown_and_nothing_is_done(vitron):
    result = vitron("plan", "no lamp", "-i", "photo.png", plans=[steps(remove())])
    assert "remove: lamp" in result.stdout
    assert vitron("history").exit_code == 2  # there is no conversation yet


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.png", None, "cannot be opened"),
        ("empty.png", b"", "empty"),
        ("page.png", b"<!doctype html><html>", "HTML page"),
    ],
)
def test_a_wrong_picture_is_one_line_and_no_turn(vitron, name: str, content: bytes | None, words: str):
    if content is not None:
        Path(name).write_bytes(content)
    result = vitron("chat", "make it red", "-i", name, plans=[steps(recolor())])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert words in " ".join(result.stderr.split())
    assert vitron("history").exit_code == 2


def test_line_by_line(vitron):
    lines = "/image photo.png\nmake it red\n\n/undo\n/undo 7\n/dance\nthanks\n/history\n/quit\n"
    result = vitron("chat", plans=[steps(recolor()), Plan(text="Gladly.")], lines=lines)
    assert result.exit_code == 0
    for words in ("Made the clock red", "Undone: turn 1.", "nothing to undo", "Commands:", "Gladly."):
        assert words in result.stdout


def test_approval_is_asked_for_and_no_means_no(vitron):
    arguments = ("chat", "make it red", "-i", "photo.png", "--approve")
    result = vitron(*arguments, plans=[steps(recolor())], lines="n\n")
    assert "As you decided, I did not make the clock red." in result.stdout
    gone = vitron(*arguments, plans=[steps(recolor())], lines="")
    assert gone.exit_code == 130
    assert vitron("chat", "hello", plans=[Plan(text="Hello!")]).exit_code == 0  # nothing is left waiting


# -- copies ------------------------------------------------------------------------------------------------------


def test_no_conversation_writes_over_what_is_there(vitron):
    Path("made").mkdir()
    Path("made/image-2.png").write_bytes(b"mine")
    for number, thread in enumerate("ab"):
        iio.imwrite("photo.png", picture(number))
        vitron("chat", "red", "-i", "photo.png", "-o", "made", "-t", thread, plans=[steps(recolor())])
    made = [Path(f"made/image-2{number}.png").read_bytes() for number in ("", "-1", "-2")]
    assert made[0] == b"mine"
    assert len(set(made)) == 3


def test_the_same_picture_is_the_same_file(vitron):
    for thread in ("a", "b"):
        result = vitron("chat", "red", "-i", "photo.png", "-o", "made", "-t", thread, plans=[steps(recolor())])
        assert "made/image-2.png" in result.stdout
    assert [path.name for path in Path("made").iterdir()] == ["image-2.png"]


REMOTE = ("chat", "red", "-i", "photo.png", "--artifacts", "memory://")


def test_what_a_store_elsewhere_holds_is_written_out(vitron):
    result = vitron(*REMOTE, "-o", "made", "--json", plans=[steps(segment(), recolor())])
    paths = [item["path"] for item in json.loads(result.stdout)["artifacts"]]
    assert paths == ["made/mask-1.png", "made/image-2.png"]
    assert iio.imread("made/image-2.png").shape == (24, 32, 3)


def test_what_has_no_path_is_shown_without_one(vitron):
    assert "None" not in vitron(*REMOTE, plans=[steps(recolor())]).stdout
    result = vitron(*REMOTE, "--json", "-t", "other", plans=[steps(recolor())])
    assert [item["path"] for item in json.loads(result.stdout)["artifacts"]] == [None]


# -- conversations -----------------------------------------------------------------------------------------------


def test_what_was_drawn_goes_with_the_first_message(vitron):
    box = "box:0.1,0.2,0.4,0.6"
    vitron("chat", "-i", "photo.png", "-r", box, lines="hi\nhi\n/quit\n", plans=[Plan(text="Hello!")] * 2)
    with VitronAgent(fake_profile(())) as agent:
        first, second = agent.history("default")
    assert [region.coordinates for region in first.regions] == [((0.1, 0.2), (0.4, 0.6))]
    assert second.regions == ()


def test_json_needs_a_request(vitron):
    result = vitron("chat", "-i", "photo.png", "--json", lines="hi\n")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "--json" in result.stderr


@pytest.mark.parametrize("mistake", ["/undo", "/undo many", "/history", "/image", "/video ", "/dance"])
def test_a_mistake_costs_no_picture(vitron, mistake: str):
    result = vitron("chat", lines=f"/image photo.png\n{mistake}\nmake it red\n/quit\n", plans=[steps(recolor())])
    assert "Made the clock red" in result.stdout


def test_a_picture_that_is_none_does_not_stay_in_the_way(vitron):
    result = vitron("chat", lines="/image none.png\nhi\nhi\n/quit\n", plans=[Plan(text="Hello!")])
    assert "cannot be opened" in " ".join(result.stdout.split())
    assert "Hello!" in result.stdout


def test_a_picture_of_the_home_folder_is_found(vitron, monkeypatch):
    monkeypatch.setenv("HOME", str(Path.cwd()))
    result = vitron("chat", lines="/image ~/photo.png\nmake it red\n/quit\n", plans=[steps(recolor())])
    assert "Made the clock red" in result.stdout


def test_asking_for_approval_leaves_json_alone(vitron):
    arguments = ("chat", "red", "-i", "photo.png", "--approve", "--json")
    result = vitron(*arguments, plans=[steps(recolor())], lines="y\n")
    assert json.loads(result.stdout)["status"] == "done"
    assert "run step 1?" in result.stderr


def test_what_ctrl_c_stopped_is_in_nobodys_way(vitron, monkeypatch):
    from vitron_agent.apps import show

    def interrupt(console, events):
        for event in events:
            if event.type == "plan":
                raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(show, "follow", interrupt)
        assert vitron("chat", "make it red", "-i", "photo.png", plans=[steps(recolor())]).exit_code == 130
    assert vitron("chat", "hello", plans=[Plan(text="Hello!")]).exit_code == 0
    assert vitron("cancel").stdout == "There is no open turn.\n"


def test_what_a_crash_left_can_be_resumed_or_given_up(vitron, tmp_path):
    for thread in ("a", "b"):
        with open_agent(
            tmp_path, steps(recolor()), approval="always", artifacts=tmp_path / "vitron_artifacts"
        ) as agent:
            assert agent.chat("make it red", images=[picture()], thread=thread).status == "needs_approval"
    assert "cancel('a')" in " ".join(vitron("chat", "hello", "-t", "a", plans=[Plan(text="Hello!")]).stderr.split())
    assert vitron("cancel", "-t", "a").stdout == "Given up.\n"
    assert vitron("chat", "hello", "-t", "a", plans=[Plan(text="Hello!")]).exit_code == 0
    resumed = vitron("resume", "-t", "b", "-o", "made", lines="y\n")
    assert resumed.exit_code == 0
    assert "run step 1?" in resumed.stdout + resumed.stderr
    assert "Made the clock red: image-2." in resumed.stdout
    assert Path("made/image-2.png").exists()
    assert vitron("resume", "-t", "a").stdout == "There is no open turn.\n"


# -- turns that wait, stop or were left ---------------------------------------------------------------------------


def leave_waiting(tmp_path):
    store = tmp_path / "vitron_artifacts"
    with open_agent(tmp_path, steps(recolor()), approval="always", artifacts=store) as agent:
        assert agent.chat("make it red", images=[picture()], thread="demo").status == "needs_approval"


def test_resume_leaves_a_turn_waiting_where_nobody_answers(vitron, tmp_path):
    leave_waiting(tmp_path)
    for _ in range(2):
        left = vitron("resume", "-t", "demo", lines="")
        assert left.exit_code == 1
        assert "Waiting for your decision on: recolor clock" in left.stdout
        assert "`vitron resume -t demo` in a terminal" in " ".join(left.stderr.split())
    assert "Made the clock red" in vitron("resume", "-t", "demo", lines="y\n").stdout


def test_resume_asks_where_the_turn_began_with_approve(vitron, tmp_path):
    leave_waiting(tmp_path)
    asked = vitron("resume", "-t", "demo", lines="n\n")
    assert "1. Image Editing  recolor: clock => red" in asked.stdout
    assert "As you decided, I did not make the clock red." in asked.stdout


def test_ctrl_c_at_a_decision_gives_up_the_turn_that_asked_and_no_later_one(vitron, tmp_path, monkeypatch):
    def another_comes_first(number):
        assert vitron("cancel", "-t", "demo").stdout == "Given up.\n"
        leave_waiting(tmp_path)
        raise KeyboardInterrupt

    def interrupt(number):
        raise KeyboardInterrupt

    leave_waiting(tmp_path)
    monkeypatch.setattr(cli, "_ask", another_comes_first)
    assert vitron("resume", "-t", "demo").exit_code == 130
    monkeypatch.setattr(cli, "_ask", interrupt)
    assert vitron("resume", "-t", "demo").exit_code == 130  # the later one waited still
    assert vitron("resume", "-t", "demo").stdout == "There is no open turn.\n"


def test_resume_knows_a_conversation_without_an_open_turn_from_none(vitron):
    vitron("chat", "hi", "-t", "demo", plans=[Plan(text="Hello!")])
    assert vitron("resume", "-t", "demo").stdout == "There is no open turn.\n"
    typo = vitron("resume", "-t", "demp")
    assert (typo.exit_code, typo.stdout) == (2, "")
    assert "'demp'" in typo.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what is being loaded")
@pytest.mark.parametrize("file", ["libtorch_python", "smollm2"])
def test_ctrl_c_while_libraries_or_weights_are_read_ends_without_a_crash(file, tmp_path):
    iio.imwrite(tmp_path / "photo.png", picture())
    command = [Path(sys.executable).with_name("vitron"), "chat", "make the clock red", "-i", "photo.png"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    maps = Path(f"/proc/{running.pid}/maps")
    while running.poll() is None and file not in maps.read_text():
        time.sleep(0.005)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (130, "stopped\n")


@pytest.fixture
def ctrl_c_when_busy(monkeypatch):
    """Sends it once, when the command has found that another process holds the conversation."""
    begin, unsent = Repository.begin_turn, [signal.SIGINT]

    def begin_or_interrupt(*args, **options):
        try:
            return begin(*args, **options)
        except ThreadBusyError:
            if unsent:
                signal.pthread_kill(threading.main_thread().ident, unsent.pop())
            raise

    monkeypatch.setattr(Repository, "begin_turn", begin_or_interrupt)


@pytest.mark.usefixtures("ctrl_c_when_busy")
def test_ctrl_c_while_another_process_works_ends_at_once_and_touches_nothing(vitron, tmp_path):
    store = tmp_path / "vitron_artifacts"
    with open_agent(tmp_path, steps(recolor()), behave=work_slowly(30), artifacts=store) as other:
        theirs = other.stream("make it red", images=[picture()], thread="demo")
        assert any(event.type == "progress" for event in theirs)
        started = time.monotonic()
        assert vitron("chat", "hello", "-t", "demo", plans=[Plan(text="Hello!")]).exit_code == 130
        assert time.monotonic() - started < 4
        theirs.close()
        assert [(turn.text, turn.status) for turn in other.history("demo")] == [("make it red", "stopped")]


# -- what was attached --------------------------------------------------------------------------------------------


def test_a_path_that_is_none_costs_no_other_picture_and_no_drawing(vitron):
    given = ("-i", "photo.png", "-i", "nope.png", "-v", "nope.mp4", "-r", "box:0,0,1,1", "-r", "box:0,0,1,1@image-7")
    result = vitron("chat", *given, lines="make it red\nmake it red\n/quit\n", plans=[steps(recolor())])
    assert "Left out: nope.png, nope.mp4, the box on image-7." in " ".join(result.stdout.split())
    assert "Made the clock red: image-2." in result.stdout
    with VitronAgent(fake_profile(())) as agent:
        (turn,) = agent.history("default")
    assert turn.attached == ("image-1",)
    assert len(turn.regions) == 1


def test_too_many_pictures_do_not_stay_in_the_way(vitron, monkeypatch):
    monkeypatch.setenv("VITRON_MAX_ATTACHMENTS", "1")
    iio.imwrite("second.png", picture(1))
    lines = "make it red\nmake it red\n/quit\n"
    result = vitron("chat", "-i", "photo.png", "-i", "second.png", lines=lines, plans=[steps(recolor())])
    assert "Left out: second.png." in result.stdout
    assert "Made the clock red: image-2." in result.stdout


@pytest.mark.parametrize("argument", ["x", "1.5", "two three"])
def test_undo_says_what_it_takes(vitron, argument: str):
    result = vitron("chat", lines=f"/undo {argument}\n/quit\n")
    assert f"/undo takes a number of turns, as in /undo 2, not '{argument}'" in " ".join(result.stdout.split())


# -- copies that cannot be made -----------------------------------------------------------------------------------


@pytest.mark.parametrize("out", ["photo.png", "photo.png/made"])
def test_what_cannot_be_a_folder_is_refused_before_anything_runs(vitron, tmp_path, out: str):
    leave_waiting(tmp_path)
    for arguments in (("chat", "make it red", "-i", "photo.png"), ("chat",), ("resume", "-t", "demo")):
        result = vitron(*arguments, "-o", out, plans=[steps(recolor())], lines="y\n")
        assert result.exit_code == 2
        assert result.stderr.startswith(f"error: {out} cannot be a folder")
    assert vitron("history").exit_code == 2
    assert "needs_approval" in vitron("history", "-t", "demo").stdout


def test_a_folder_that_may_not_be_written_to_is_refused(vitron, monkeypatch):
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, *rest: path != Path("made") and allowed(path, *rest))
    result = vitron("chat", "make it red", "-i", "photo.png", "-o", "made", plans=[steps(recolor())])
    assert result.exit_code == 2
    assert "nothing may be written to made" in result.stderr


@pytest.fixture
def full_disk(monkeypatch):
    def fail(artifact, folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("vitron_agent.apps.copies.copy", fail)


@pytest.mark.usefixtures("full_disk")
def test_a_copy_that_fails_costs_no_reply(vitron):
    arguments = ("chat", "make it red", "-i", "photo.png", "-o", "made")
    told = vitron(*arguments, plans=[steps(recolor())])
    parsed = vitron(*arguments, "--json", "-t", "other", plans=[steps(recolor())])
    assert "Made the clock red: image-2." in told.stdout
    assert json.loads(parsed.stdout)["text"] == "Made the clock red: image-2."
    for result in (told, parsed):
        assert result.exit_code == 1
        assert "copied to made: No space left on device" in " ".join(result.stderr.split())


@pytest.mark.usefixtures("full_disk")
def test_a_copy_that_fails_does_not_end_the_conversation(vitron):
    plans = [steps(recolor()), Plan(text="Gladly.")]
    result = vitron("chat", "-i", "photo.png", "-o", "made", lines="make it red\nthanks\n/quit\n", plans=plans)
    assert result.exit_code == 0
    for words in ("Made the clock red: image-2.", "No space left", "Gladly."):
        assert words in result.stdout


def test_cleaning_asks_and_deletes_only_what_is_old(vitron):
    vitron("chat", "make it red", "-i", "photo.png", plans=[steps(recolor())])
    vitron("chat", "make it red", "-i", "photo.png", "-t", "old", plans=[steps(recolor())])
    with closing(sqlite3.connect("vitron.db")) as database, database:
        database.execute("UPDATE vitron_threads SET updated = '2020-01-01 00:00:00' WHERE id = 'old'")
    assert vitron("clean", "--older-than", "1", lines="n\n").exit_code == 1
    assert vitron("clean").stdout == "Deleted conversations: 0; artifacts that no conversation names: 0.\n"
    assert vitron("history", "-t", "old").exit_code == 0
    assert "Deleted conversations: 1;" in vitron("clean", "--older-than", "1", lines="y\n").stdout
    assert vitron("history", "-t", "old").exit_code == 2
    assert "make it red" in vitron("history").stdout
