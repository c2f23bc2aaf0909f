"""The command line on fakes: what is printed, what is written, and how it exits."""

import json
from pathlib import Path

import imageio.v3 as iio
import pytest
from typer.testing import CliRunner

from tests.scenes import picture, recolor, remove, steps
from vitron_agent.apps import cli
from vitron_agent.messages import Plan
from vitron_agent.tools.fakes import fake_profile


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
