import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from vitron_agent.artifacts import ArtifactStore
from vitron_agent.blobs import BlobStore
from vitron_agent.errors import ArtifactError

WRITER = """
import sys
import numpy as np
from vitron_agent.artifacts import ArtifactStore
store = ArtifactStore(sys.argv[1], cache_bytes=0)
rng = np.random.default_rng(int(sys.argv[2]))
print("ready", flush=True)
for _ in range(int(sys.argv[3])):
    ref = store.put_image(rng.integers(0, 256, (200, 300, 3)).astype(np.uint8))
    print(ref.id, flush=True)
"""

CLIP_WRITER = """
import sys
from fractions import Fraction
import numpy as np
from vitron_agent.artifacts import ArtifactStore
noise = np.random.default_rng(0).integers(0, 256, (20, 90, 160, 3)).astype(np.uint8)
ArtifactStore(sys.argv[1]).put_clip([(frame, Fraction(n)) for n, frame in enumerate(noise)], Fraction(1))
"""


def start_writer(folder: Path, seed: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), str(seed), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_equal_bytes_are_kept_once(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)

    first, second = store.put(b"same", ".bin"), store.put(b"same", ".bin")

    assert first == second == hashlib.sha256(b"same").hexdigest()
    assert list(store.digests()) == [first]
    assert store.read(first) == store.read(first, ".bin") == b"same"


def test_processes_write_the_same_bytes_at_once(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path, seed=7, count=15) for _ in range(4)]

    printed = [writer.communicate(timeout=120)[0].split()[1:] for writer in writers]

    assert all(writer.returncode == 0 for writer in writers)
    assert all(ids == printed[0] for ids in printed)
    store = ArtifactStore(tmp_path)
    assert sorted(store.ids()) == sorted(printed[0])
    assert all(store.image(name).shape == (200, 300, 3) for name in printed[0])
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_writer_leaves_only_whole_artifacts(tmp_path: Path, seed: int) -> None:
    writer = start_writer(tmp_path, seed, count=100_000)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    time.sleep(0.05 * (seed + 1))
    writer.send_signal(signal.SIGKILL)
    announced = writer.communicate()[0].split()

    store = ArtifactStore(tmp_path)
    found = set(store.ids())
    assert found >= {name for name in announced if len(name) == 71}
    assert all(store.image(name).shape == (200, 300, 3) for name in found)


def test_leftovers_of_killed_processes_go_after_a_day(tmp_path: Path) -> None:
    BlobStore(tmp_path)
    old, young = tmp_path / "tmp" / "old", tmp_path / "tmp" / "young"
    old.touch()
    young.touch()
    os.utime(old, (time.time() - 90_000,) * 2)

    BlobStore(tmp_path)

    assert not old.exists()
    assert young.exists()


@pytest.mark.parametrize("script", [WRITER, CLIP_WRITER], ids=["picture", "clip"])
def test_a_full_disk_leaves_nothing_and_says_what_to_do(tmp_path: Path, script: str) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n" + script
    command = [sys.executable, "-c", limited, str(tmp_path), "0", "1"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode != 0
    assert "ArtifactError: cannot keep an artifact" in done.stderr
    assert "free some space" in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


class FullFileSystem(MemoryFileSystem):
    protocol = "full"

    def pipe_file(self, path: str, value: bytes, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_bucket_says_what_to_do() -> None:
    fsspec.register_implementation("full", FullFileSystem, clobber=True)

    with pytest.raises(ArtifactError, match="No space left on device; free some space there, or give artifacts="):
        BlobStore("full://bucket").put(b"x", ".bin")


def test_any_fsspec_address_will_do(tmp_path: Path) -> None:
    store = ArtifactStore("memory://shared-bucket/prefix")
    ref = store.put_mask(np.ones((2, 3), np.bool_))

    again = ArtifactStore("memory://shared-bucket/prefix", cache_bytes=0)
    assert again.mask(ref.id).all()
    assert again.path(ref) is None
    with again.scratch(".mkv") as path:
        path.write_bytes(b"clip")
        clip = again.put_file(path, "video", "video/x-matroska")
    assert not path.exists()
    assert again.read(clip) == b"clip"
    again.delete(ref)
    assert list(store.ids()) == [clip.id]
    store.delete(clip)


def test_a_scratch_file_is_moved_and_a_foreign_one_copied(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "store")
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"foreign")

    with store.scratch(".mkv") as path:
        path.write_bytes(b"scratch")
        digest = store.put_file(path, ".mkv")
        assert not path.exists()
    copied = store.put_file(foreign, ".mkv")

    assert store.read(digest) == b"scratch"
    assert store.read(copied) == foreign.read_bytes() == b"foreign"
    assert list((tmp_path / "store" / "tmp").iterdir()) == []


def test_scratch_leaves_nothing_when_work_fails(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)

    def work() -> None:
        with store.scratch() as path:
            path.touch()
            raise RuntimeError("work failed")

    with pytest.raises(RuntimeError):
        work()

    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"half", b"xame bytes"])
def test_damage_is_noticed_and_mended_by_putting_again_where_its_length_shows(tmp_path: Path, damage: bytes) -> None:
    store = BlobStore(tmp_path)
    digest = store.put(b"same bytes", ".bin")
    path = store.path(digest)
    assert path is not None
    path.write_bytes(damage)

    for read in (store.read, store.check):
        with pytest.raises(ArtifactError, match=f"sha256:{digest} is damaged"):
            read(digest)
    if len(damage) == len(b"same bytes"):
        store.delete(digest)
    store.put(b"same bytes", ".bin")
    assert store.read(digest) == b"same bytes"


def test_putting_again_makes_it_young(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    digest = store.put(b"x", ".bin")
    path = store.path(digest)
    assert path is not None
    os.utime(path, (time.time() - 1000,) * 2)
    assert store.age(digest) >= 1000

    store.put(b"x", ".bin")

    assert store.age(digest) < 60


def test_putting_again_makes_it_young_in_a_bucket_too(tmp_path: Path) -> None:
    store = BlobStore("memory://")
    file = tmp_path / "file"
    file.write_bytes(b"x")
    digest = store.put(b"x", ".bin")
    for put in (lambda: store.put(b"x", ".bin"), lambda: store.put_file(file, ".bin")):
        entry = store._fs.store[store._key(digest, ".bin")]
        entry.modified -= timedelta(seconds=1000)
        assert store.age(digest) >= 1000

        assert put() == digest

        assert store.age(digest) < 60


def test_what_another_deletes_meanwhile_is_missing_too(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    digest = store.put(b"x", ".bin")
    key = store._keys(digest)
    store.delete(digest)
    store._keys = lambda *_: key  # type: ignore[method-assign]

    with pytest.raises(ArtifactError, match="is not in the store"):
        store.age(digest)


@pytest.mark.parametrize("method", ["read", "open", "path", "size", "age", "check"])
def test_what_is_missing_is_named(tmp_path: Path, method: str) -> None:
    with pytest.raises(ArtifactError, match=r"sha256:0{64} is not in the store"):
        getattr(BlobStore(tmp_path), method)("0" * 64)


@pytest.mark.parametrize("url", ["nonsense://bucket", "/proc/nowhere/artifacts"])
def test_a_place_that_cannot_be_opened_is_named(url: str) -> None:
    with pytest.raises(ArtifactError, match="give artifacts= a writable folder"):
        BlobStore(url)
