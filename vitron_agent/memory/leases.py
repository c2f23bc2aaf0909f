"""Who writes a running turn, and whether he still lives.

The row of a running turn names its owner and until when the lease holds. The owner's process renews it from a thread;
when the process dies the lease runs out. On the same machine a dead process is noticed at once. Each write checks the
owner, so one whose turn was taken over (say, after the machine slept) cannot write any more.
"""

import contextlib
import hashlib
import os
import platform
import threading
import uuid
from pathlib import Path

from sqlalchemy import update

from vitron_agent.errors import PersistenceError
from vitron_agent.memory.database import Database, now_seconds
from vitron_agent.memory.models import Turn


def _machine() -> str:
    """Names the set of processes that share our process numbers: boot and pid namespace, or else the host."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        name = f"{boot}{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        name = platform.node()
    return hashlib.sha256(name.encode()).hexdigest()[:12]


_HERE = _machine()


def new_owner() -> str:
    """A token for one holding of one turn."""
    return f"{_HERE}:{os.getpid()}:{uuid.uuid4().hex}"


def is_dead(owner: str) -> bool:
    """Whether the owner's process is known to be gone; False where it cannot be known."""
    machine, pid, _ = owner.split(":")
    if machine != _HERE or os.name != "posix":
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


class Heartbeat:
    """Renews the leases of this process's running turns from a daemon thread, which the first turn starts.

    Args:
        database: Where the turns are.
        lease_seconds: How long a lease holds; it is renewed three times as often.
    """

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._owners: set[str] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def hold(self, owner: str) -> None:
        """Starts to renew."""
        with self._changed:
            self._owners.add(owner)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="vitron-heartbeat", daemon=True)
                self._thread.start()
            elif len(self._owners) == 1:
                self._changed.notify_all()

    def drop(self, owner: str) -> None:
        """Stops to renew."""
        with self._changed:
            self._owners.discard(owner)

    def stop(self) -> frozenset[str]:
        """Ends the thread; returns the owners that were still held."""
        with self._changed:
            held = frozenset(self._owners)
            self._owners.clear()
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        return held

    def _run(self) -> None:
        while True:
            with self._changed:
                woken = self._stopped or self._changed.wait(self._lease_seconds / 3 if self._owners else None)
                if self._stopped:
                    return
                owners = sorted(self._owners)
            if woken or not owners:  # the lease of a turn that begins is fresh
                continue
            # A beat that the database refuses is made up for by the next one; the work's own writes report it.
            with contextlib.suppress(PersistenceError), self._database.write() as session:
                session.execute(
                    update(Turn)
                    .where(Turn.owner.in_(owners), Turn.status == "running")
                    .values(lease_until=now_seconds() + self._lease_seconds)
                )
