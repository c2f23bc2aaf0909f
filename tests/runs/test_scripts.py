"""Each command of the scripts is one that its program understands, and begins with what an earlier one made."""

import argparse
import importlib
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from tests.runs.conftest import RUNS, Run

VARIABLES = {
    "quick": {"PHOTOS": "photos", "VOC": "voc"},
    "embedded": {"PHOTOS": "photos", "CUTOUTS": "cutouts", "VOC": "voc", "BSDS": "bsds", "OUT": "out"},
    "paper": {
        "BASE": "base", "BACKBONE": "clip", "VOC": "voc", "OUT": "out", "LAUNCH": "torchrun --nproc-per-node 8",
        "PARALLEL": "fsdp2", "STAGE1": "--scenes 0 --read cc3m cc3m", "STAGE3": "--begin ' such a thing'",
    },
}  # fmt: skip
scripts = pytest.mark.parametrize("name", VARIABLES)


@pytest.fixture
def commands(run: Run):
    def read(name: str) -> list[list[str]]:
        arguments = ["out"] if name == "quick" else []
        done = run(name, *arguments, DRY_RUN=1, **VARIABLES[name])
        assert done.returncode == 0, done.stderr
        return [shlex.split(line) for line in done.stdout.splitlines()]

    return read


class Parsed(Exception):
    """A program has read its command line."""


@pytest.fixture
def understand(monkeypatch: pytest.MonkeyPatch):
    """What a program reads from its options, with which it does nothing."""
    parse = argparse.ArgumentParser.parse_args

    def stop(parser: argparse.ArgumentParser, given: list[str] | None = None, *_: object):
        raise Parsed(parse(parser, given))

    def read(module: str, options: list[str]) -> dict[str, object]:
        found = importlib.import_module(module)
        if hasattr(found, "__path__"):
            found = importlib.import_module(f"{module}.__main__")
        with monkeypatch.context() as patched:
            patched.setattr(argparse.ArgumentParser, "parse_args", stop)
            patched.setattr("sys.argv", [module, *options])
            with pytest.raises(Parsed) as parsed:
                found.main()
        return vars(parsed.value.args[0])

    return read


@scripts
def test_programs_understand_their_options(name: str, commands, understand):
    seen = []
    for command in commands(name):
        if "-m" in command:
            place = command.index("-m")
            seen.append(understand(command[place + 1], command[place + 2 :]))
    assert len(seen) >= 5
    assert {one["size"] for one in seen if "size" in one} == {"debug" if name == "quick" else name}


@scripts
def test_what_a_step_begins_with_an_earlier_one_made(name: str, commands):
    made: set[Path] = set()
    for command in commands(name):
        options = dict(pairwise(command))
        out, kept = options.get("--out"), options.get("--features")
        used = [Path(part) for part in command if part.startswith("out/") and part not in (out, kept)]
        if command[0] == "install":
            out = str(used.pop())
        assert [path for path in used if not made & {path, *path.parents}] == []
        made |= {Path(out)} if out else set()
    stages = {path.name for path in made if path.name.startswith("stage")}
    assert stages >= {f"stage{number}" for number in range(1, 5)}
    assert ("stage5" in stages) == (name != "embedded")  # synergy does not ship


def test_large_stages_are_launched_as_they_are_told_to_be(commands):
    launched = [command for command in commands("paper") if command[0] == "torchrun"]
    assert [command[command.index("-m") + 1].rpartition(".")[2] for command in launched] == [
        "stage1_alignment", "stage2_invocation", "stage4_grounding",
    ]  # fmt: skip
    assert all(command[1:3] == ["--nproc-per-node", "8"] and "fsdp2" in command for command in launched)


def test_further_options_are_quoted_as_in_a_shell(commands):
    begun = [command[command.index("--begin") + 1] for command in commands("paper") if "--begin" in command]
    assert begun == [" such a thing"] * 2


@scripts
def test_help_is_the_comment_at_the_top(name: str, run: Run):
    told = run(name, "--help")
    assert told.returncode == 0
    assert f"runs/{name}.sh" in told.stdout
    assert "set -" not in told.stdout


@pytest.mark.parametrize(("name", "missing"), [("embedded", "PHOTOS"), ("paper", "BASE")])
def test_what_is_missing_is_named(name: str, missing: str, run: Run):
    done = run(name)
    assert done.returncode == 2
    assert f"{name}.sh: set {missing}: " in done.stderr


def test_steps_that_are_done_are_skipped_and_failed_ones_end_the_run(tmp_path: Path):
    script = 'set -euo pipefail; OUT=out; source "$0"; step a touch "$1"; step b "$2"; step c touch never'

    def start(first: str, second: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-c", script, str(RUNS / "_common.sh"), first, second]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert start("one", "false").returncode != 0
    assert not (tmp_path / "never").exists()
    again = start("two", "true")
    assert again.returncode == 0
    assert "a: done already" in again.stdout
    assert [(tmp_path / name).exists() for name in ("one", "two", "never")] == [True, False, True]
