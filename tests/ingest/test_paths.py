import os
import subprocess
from pathlib import Path

import pytest

from tests.ingest.samples import encoded, gradient
from vitron_agent.artifacts import ArtifactStore
from vitron_agent.errors import MediaSourceError
from vitron_agent.ingest import ingest

PNG = encoded(gradient(), "PNG")


@pytest.fixture
def jail(tmp_path: Path) -> Path:
    folder = tmp_path / "jail"
    folder.mkdir()
    (folder / "inside.png").write_bytes(PNG)
    (tmp_path / "outside.png").write_bytes(PNG)
    (tmp_path / "jail-with-longer-name").mkdir()
    (tmp_path / "jail-with-longer-name" / "other.png").write_bytes(PNG)
    return folder


def test_paths_inside_the_jail_are_read(store: ArtifactStore, jail: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (jail / "sub").mkdir()
    (jail / "sub" / "link.png").symlink_to(jail / "inside.png")
    monkeypatch.chdir(jail / "sub")

    for path in (jail / "inside.png", jail / "sub" / ".." / "inside.png", jail / "sub" / "link.png", "link.png"):
        assert ingest(path, store=store, roots=(jail,)).kind == "image"


def test_the_jail_itself_may_be_a_link(store: ArtifactStore, jail: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(jail)

    assert ingest(tmp_path / "alias" / "inside.png", store=store, roots=(tmp_path / "alias",))
    assert ingest(jail / "inside.png", store=store, roots=(tmp_path / "nowhere", tmp_path / "alias"))


def test_escapes_are_refused(store: ArtifactStore, jail: Path, tmp_path: Path) -> None:
    (jail / "escape.png").symlink_to(tmp_path / "outside.png")
    (jail / "folder").symlink_to(tmp_path)
    escapes = (
        tmp_path / "outside.png", jail / ".." / "outside.png", jail / "escape.png", jail / "folder" / "outside.png",
        tmp_path / "jail-with-longer-name" / "other.png", "/etc/passwd", jail / ".." / "no such file",
    )  # fmt: skip

    for path in escapes:
        with pytest.raises(MediaSourceError, match=r"lies outside the folders that may be read .*roots="):
            ingest(path, store=store, roots=(jail,))
    with pytest.raises(MediaSourceError, match=r"\(none\)"):
        ingest(jail / "inside.png", store=store, roots=())


def test_what_is_no_regular_file_is_refused_at_once(store: ArtifactStore, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "pipe link").symlink_to(tmp_path / "pipe")

    for path in (tmp_path / "pipe", tmp_path / "pipe link", tmp_path, "/dev/zero", "/dev/null"):
        with pytest.raises(MediaSourceError, match="not a regular file"):
            ingest(path, store=store)


def test_what_cannot_be_opened_is_named(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    for path in (tmp_path / "missing.png", tmp_path / "loop", "nul\0byte.png", "", "x" * 5000):
        with pytest.raises(MediaSourceError):
            ingest(path, store=store)


SWAPPER = """
while :; do
  ln -sfn "$1/real" "$1/jail/now"; ln -sfn "$1/secret" "$1/jail/now"
done
"""


def test_a_path_that_changes_while_it_is_read_never_leads_out(store: ArtifactStore, tmp_path: Path) -> None:
    inside, secret = encoded(gradient(4, 4), "PNG"), encoded(gradient(5, 5), "PNG")
    for folder, data in (("jail/real", inside), ("secret", secret)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "photo.png").write_bytes(data)
    (tmp_path / "real").symlink_to(tmp_path / "jail" / "real")
    swapper = subprocess.Popen(["/bin/sh", "-c", SWAPPER, "swap", str(tmp_path)])
    seen = set()
    try:
        for _ in range(150):
            try:
                ref = ingest(tmp_path / "jail" / "now" / "photo.png", store=store, roots=(tmp_path / "jail",))
                seen.add(ref.width)
            except MediaSourceError:
                seen.add(None)
    finally:
        swapper.kill()
        swapper.wait()

    assert 4 in seen
    assert 5 not in seen
