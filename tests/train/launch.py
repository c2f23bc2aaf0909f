"""Several processes that share a run."""

import os
import socket
import subprocess
import sys


def in_processes(count: int, function: str, *arguments: object) -> None:
    """Has so many processes call a function, named ``module.function``, with arguments as texts."""
    module, _, name = function.rpartition(".")
    # Threads of gloo, which nothing joins, may abort a process that tears down after its work: these leave at once.
    code = f"import os, sys; from {module} import {name}; {name}(*sys.argv[1:]); sys.stderr.flush(); os._exit(0)"
    launcher = ["-m", "torch.distributed.run", f"--nproc-per-node={count}", f"--master-port={_free_port()}"]
    command = [sys.executable, *launcher, "--no-python", sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
