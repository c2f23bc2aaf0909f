"""Fixtures that every part shares. Tests reach nothing but this machine."""

from pathlib import Path

import pytest
from pytest_socket import socket_allow_hosts

from vitron_agent.artifacts import ArtifactStore


@pytest.fixture(autouse=True)
def _only_this_machine() -> None:
    socket_allow_hosts(["127.0.0.1", "127.0.0.2", "::1"], allow_unix_socket=True)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """A fresh store in a folder."""
    return ArtifactStore(tmp_path / "artifacts")
