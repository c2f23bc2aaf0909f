from collections.abc import Iterator

import pytest

from tests.scenes import MakeAgent, open_agent


@pytest.fixture
def make_agent(tmp_path) -> Iterator[MakeAgent]:
    """Opens agents on fakes in the test's folder, closed at the end."""
    opened = []

    def make(*plans, **options):
        opened.append(open_agent(tmp_path, *plans, **options))
        return opened[-1]

    yield make
    for agent in opened:
        agent.close()
