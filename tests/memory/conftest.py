from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from tests.memory import postgres
from vitron_agent.artifacts import ArtifactStore
from vitron_agent.memory.database import Database
from vitron_agent.memory.repository import Repository


@pytest.fixture(scope="session")
def shared_postgres(postgres_server: URL) -> Iterator[str]:
    with postgres.database(postgres_server) as url:
        yield url


@pytest.fixture
def postgres_url(shared_postgres: str) -> str:
    """A migrated database without rows; one for all tests, because making one takes its time."""
    database = Database(shared_postgres, busy_seconds=10.0)
    with database.write() as session:
        for table in ("vitron_threads", "vitron_artifacts"):  # the others go with them; faster than TRUNCATE
            session.execute(text(f"DELETE FROM {table}"))
        saved = "checkpoints, checkpoint_blobs, checkpoint_writes, checkpoint_migrations"
        session.execute(text(f"DROP TABLE IF EXISTS {saved}"))
    database.close()
    return shared_postgres


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path) -> str:
    """A database of each kind."""
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else f"sqlite:///{tmp_path}/test.db"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store() -> ArtifactStore:
    return ArtifactStore("memory://")


@pytest.fixture
def open_repository(url: str, store: ArtifactStore) -> Iterator[Callable[..., Repository]]:
    """Opens repositories on the test's database, closed at the end."""
    opened: list[Repository] = []

    def open_one(**settings: object) -> Repository:
        opened.append(Repository(url, store, **{"busy_seconds": 10.0, **settings}))
        return opened[-1]

    yield open_one
    for repository in opened:
        repository.close()


@pytest.fixture
def repository(open_repository) -> Repository:
    return open_repository()
