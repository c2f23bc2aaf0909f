"""What the doctor finds, and that it changes nothing."""

import shutil
import sqlite3
from collections import namedtuple
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest
import torch
from typer.testing import CliRunner

import vitron_agent
from vitron_agent.apps import cli, doctor
from vitron_agent.apps.doctor import Check, examine
from vitron_agent.artifacts import ArtifactStore
from vitron_agent.config import Settings
from vitron_agent.memory import models
from vitron_agent.memory.repository import Repository
from vitron_agent.messages import OPERATIONS, Module, Operation
from vitron_agent.model import adapter
from vitron_agent.model.encoders.weights import encoder_file
from vitron_agent.model.weights import PULL_COMMAND, base_folder
from vitron_agent.profiles import load_profile
from vitron_agent.tools.backends.embedded import learned, mask_decoder, query

Usage = namedtuple("Usage", ["folder", "free"])


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


SHIPPED = {
    "planner adapter": (adapter, "PACKAGED", "adapter_model.safetensors"),
    "planner signals": (adapter, "PACKAGED", "vitron.safetensors"),
    "grounding": (learned, "WEIGHTS", ""),
    "grounding by signals": (query, "WEIGHTS", ""),
    "mask decoder": (mask_decoder, "WEIGHTS", ""),
}


def file_of(module: ModuleType, name: str, file: str) -> Path:
    path: Path = getattr(module, name)
    return path / file


def ship(folder: Path, monkeypatch: pytest.MonkeyPatch, but: str = "") -> None:
    """All shipped weights, but those of one topic, as empty files in a folder."""
    for topic, (module, name, file) in SHIPPED.items():
        monkeypatch.setattr(module, name, folder / "shipped" / module.__name__ / getattr(module, name).name)
        file_of(module, name, file).parent.mkdir(parents=True, exist_ok=True)
        if topic != but:
            file_of(module, name, file).touch()


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("topic", SHIPPED)
def test_the_shipped_weights_are_looked_for(
    found, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, topic: str, there: bool
) -> None:
    ship(tmp_path, monkeypatch, "" if there else topic)
    [check] = found(topic)
    assert check.finding == ("in the package" if there else "missing")
    assert bool(check.fix) == (not there)


def test_no_weights_of_the_package_are_forgotten() -> None:
    known = {file_of(*place) for place in SHIPPED.values()}
    assert set(Path(vitron_agent.__file__).parent.rglob("*.safetensors")) <= known


def test_the_versions_of_packages_are_told_and_what_is_not_installed(found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PACKAGES", ("sqlalchemy", "no-such-package"))
    [check] = found("packages")
    assert check.finding == f"sqlalchemy {version('sqlalchemy')}, no-such-package missing"


@pytest.mark.parametrize(
    ("topic", "weights"), [("planner base", base_folder), ("image encoder", encoder_file)], ids=["base", "encoder"]
)
def test_weights_that_are_fetched_later_are_looked_for(found, tmp_path: Path, topic: str, weights) -> None:
    assert found(topic) == [Check(topic, "not fetched yet", PULL_COMMAND)]
    weights(tmp_path).mkdir()
    assert found(topic) == [Check(topic, f"in {weights(tmp_path)}")]
    assert found(topic, cache=tmp_path / "another") == [Check(topic, "not fetched yet", PULL_COMMAND)]


@pytest.mark.parametrize("module", [module for module in Module if module is not Module.CONVERSATION])
def test_every_module_is_told_with_what_its_backend_can_do(found, module: Module) -> None:
    expert = load_profile(Settings()).experts.get(module)
    [check] = found(module.wire_name)
    if expert is None:
        assert check == Check(module.wire_name, "nothing in profile 'embedded' does this")
        return
    backend, _, operations = check.finding.partition(": ")
    assert backend == f"{expert.backend.name}/{expert.backend.version}"
    assert {Operation(name) for name in operations.split(", ")} == expert.backend.operations & set(OPERATIONS[module])
    assert not check.fix


def test_a_profile_that_is_not_there_is_one_line_that_names_those_that_are(found) -> None:
    [check] = found("profile", profile="nosuch")
    assert check.finding == "nosuch"
    assert "embedded" in check.fix
    assert found(Module.IMAGE_EDITING.wire_name, profile="nosuch") == []


@pytest.mark.parametrize(("free_mb", "well"), [(0, False), (499, False), (500, True), (10**6, True)])
def test_a_full_disk_is_no_place_for_artifacts(
    found, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_mb: int, well: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(folder, free_mb * 2**20))
    folder = tmp_path / "not" / "made" / "yet"
    [check] = found("disk", artifacts=str(folder))
    assert check.finding == f"{free_mb} MB free for {folder}"
    assert bool(check.fix) is not well
    assert well or "VITRON_ARTIFACTS" in check.fix
    assert not folder.exists()


# -- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs ``vitron doctor`` on a machine where everything is well."""
    base_folder(tmp_path).mkdir()
    encoder_file(tmp_path).touch()
    ship(tmp_path, monkeypatch)
    monkeypatch.setenv("VITRON_CACHE", str(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(folder, 2**40))

    def run(*arguments: str):
        given = ("doctor", "--database", f"sqlite:///{tmp_path}/vitron.db", "--artifacts", str(tmp_path), *arguments)
        return CliRunner().invoke(cli.app, given, terminal_width=200)

    return run


def test_a_machine_that_is_well_gives_0_and_one_line_a_check(command, database: Path) -> None:
    result = command()
    assert result.exit_code == 0, result.output
    assert "✗" not in result.output
    assert "1 conversations" in result.output
    assert all(f"✓ {module.wire_name}: " in result.output for module in OPERATIONS if module is not Module.CONVERSATION)


def test_what_is_to_be_mended_gives_1_and_says_how(command, database: Path) -> None:
    set_revision(database, "9999")
    result = command()
    assert result.exit_code == 1
    assert result.output.count("✗") == 1
    assert "✗ database: " in result.output
    assert result.output.endswith("pip install -U vitron-agent\n")


def test_any_one_finding_decides_the_exit_code(command, monkeypatch: pytest.MonkeyPatch) -> None:
    well, ill = Check("this", "works"), Check("that", "is [broken]", "mend [it]")
    for checks in ([well], [ill], [ill, well], [well, ill]):
        monkeypatch.setattr(doctor, "examine", lambda settings, given=tuple(checks): given)
        result = command()
        assert result.exit_code == int(ill in checks)
        assert ("✗ that: is [broken]\n    mend [it]\n" in result.output) == (ill in checks)
