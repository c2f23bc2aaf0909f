"""Wheel and sdist hold the package once, and the four links at the top level are not importable by accident."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINKS = ("tools", "graphs", "train", "memory")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)], check=True, capture_output=True)
    return out


def wheel_names(built: Path) -> list[str]:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def sdist_names(built: Path) -> list[str]:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        return [name.partition("/")[2] for name in archive.getnames()]


def test_the_wheel_installs_one_package(built: Path) -> None:
    tops = {name.partition("/")[0] for name in wheel_names(built)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"vitron_agent"}


def test_every_file_of_the_package_is_in_the_wheel(built: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "vitron_agent"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert set(tracked) <= set(wheel_names(built))


def test_the_sdist_has_no_second_copy_behind_the_links(built: Path) -> None:
    assert not [name for name in sdist_names(built) if name.partition("/")[0] in LINKS]


@pytest.mark.parametrize("name", LINKS)
def test_a_bare_import_says_what_to_import(name: str) -> None:
    code = f"import sys; sys.path.insert(0, '.'); import {name}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"import vitron_agent.{name}, not {name}" in done.stderr


@pytest.mark.parametrize("name", LINKS)
def test_the_links_are_links(name: str) -> None:
    assert (ROOT / name).is_symlink()
    assert (ROOT / name).resolve() == ROOT / "vitron_agent" / name
