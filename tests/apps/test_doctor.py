"""What the doctor finds, and that it changes nothing."""

import sqlite3
from pathlib import Path

import pytest
import torch

from vitron_agent.apps.doctor import Check, examine
from vitron_agent.artifacts import ArtifactStore
from vitron_agent.config import Settings
from vitron_agent.memory import models
from vitron_agent.memory.repository import Repository
from vitron_agent.tools.backends.embedded import learned


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """One with a conversation in it."""
    path = tmp_path / "vitron.db"
    with Repository(f"sqlite:///{path}", ArtifactStore("memory://")) as repository:
        repository.finish_turn(repository.begin_turn("demo", "hi"), "done", "Hello!")
    return path


@pytest.fixture
def found(tmp_path: Path):
    """The checks of a topic."""

    def checks(topic: str, **settings: object) -> list[Check]:
        given = {"database": f"sqlite:///{tmp_path}/vitron.db", "artifacts": str(tmp_path), "cache": tmp_path}
        return [check for check in examine(Settings.load(**given | settings)) if check.topic == topic]

    return checks


def set_revision(path: Path, revision: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(f"UPDATE {models.VERSION_TABLE} SET version_num = ?", (revision,))
    connection.close()


def test_the_database_is_read(found, database: Path) -> None:
    [check] = found("database")
    assert check.finding.endswith("vitron.db: 1 conversations")
    assert not check.fix


def test_an_older_database_is_left_as_it_is(found, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    current = models.SCHEMA_REVISION
    monkeypatch.setattr(models, "SCHEMA_REVISION", "9999")
    before = database.read_bytes()
    [check] = found("database")
    assert check.finding.endswith(f"schema {current}; the next turn brings it to 9999")
    assert not check.fix
    assert database.read_bytes() == before


def test_a_blank_file_stays_blank(found, tmp_path: Path) -> None:
    (tmp_path / "vitron.db").touch()
    [check] = found("database")
    assert "blank" in check.finding
    assert (tmp_path / "vitron.db").read_bytes() == b""


def test_no_database_is_made(found, tmp_path: Path) -> None:
    [check] = found("database")
    assert "will be made at the first turn" in check.finding
    assert list(tmp_path.iterdir()) == []


def test_a_newer_database_needs_a_newer_package(found, database: Path) -> None:
    set_revision(database, "9999")
    [check] = found("database")
    assert "schema 9999" in check.finding
    assert check.fix == "pip install -U vitron-agent"


def test_what_is_no_database_is_said(found, tmp_path: Path) -> None:
    (tmp_path / "vitron.db").write_bytes(b"a diary " * 200)
    [check] = found("database")
    assert "file is not a database" in check.fix


def test_passwords_are_not_shown(found) -> None:
    [check] = found("database", database="postgresql://me:hunter2@127.0.0.1:9/none")
    assert check.fix
    assert "hunter2" not in check.finding + check.fix


def test_free_space_is_told_of_folders_only(found) -> None:
    assert len(found("disk")) == 1
    assert found("disk", artifacts="s3://bucket/prefix") == []


@pytest.mark.parametrize(("count", "well"), [(0, ()), (1, ("cuda", "cuda:0")), (2, ("cuda", "cuda:0", "cuda:1"))])
def test_the_device_must_be_there(found, monkeypatch: pytest.MonkeyPatch, count: int, well: tuple[str, ...]) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"GPU {number}")
    for device in ("auto", "cpu", "cuda", "cuda:0", "cuda:1"):
        [check] = found("device", device=device)
        assert bool(check.fix) == (device not in ("auto", "cpu", *well))


@pytest.mark.parametrize("there", [True, False])
def test_the_shipped_weights_are_looked_for(
    found, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: bool
) -> None:
    if not there:
        monkeypatch.setattr(learned, "WEIGHTS", tmp_path / "grounding.safetensors")
    [check] = found("grounding")
    assert check.finding == ("in the package" if there else "missing")
    assert bool(check.fix) == (not there)
