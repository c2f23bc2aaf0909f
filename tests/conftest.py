"""Fixtures that every part shares. Tests reach nothing but this machine."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from pytest_socket import socket_allow_hosts
from sqlalchemy.engine import URL

from tests.memory import postgres
from tests.scenes import MakeAgent, open_agent
from vitron_agent.artifacts import ArtifactStore

settings.register_profile("without a clock", deadline=None)  # how long an example takes says more about the machine
settings.load_profile("without a clock")


@pytest.fixture(autouse=True)
def _only_this_machine() -> None:
    socket_allow_hosts(["127.0.0.1", "127.0.0.2", "::1"], allow_unix_socket=True)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """A fresh store in a folder."""
    return ArtifactStore(tmp_path / "artifacts")


@pytest.fixture
def make_agent(tmp_path: Path) -> Iterator[MakeAgent]:
    """Opens agents on fakes in the test's folder, closed at the end."""
    opened = []

    def make(*plans, **options):
        opened.append(open_agent(tmp_path, *plans, **options))
        return opened[-1]

    yield make
    for agent in opened:
        agent.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    try:
        with postgres.server() as url:
            yield url
    except postgres.NoPostgresError as error:
        if os.environ.get("VITRON_REQUIRE_POSTGRES") == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def blank_postgres(postgres_server: URL) -> Iterator[str]:
    with postgres.database(postgres_server) as url:
        yield url
