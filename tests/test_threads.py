"""Many threads of one process chat at once: nothing is lost or mixed."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.scenes import open_agent, picture, recolor, steps
from vitron_agent.config import Settings


class Echo:
    name = "echo"

    def plan(self, request, on_token=None):
        return steps(recolor(target=request.text))


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_sixteen_threads_talk_at_once_and_nothing_is_mixed(kind, tmp_path, request):
    url = request.getfixturevalue("blank_postgres") if kind == "postgres" else f"sqlite:///{tmp_path}/vitron.db"
    settings = Settings.load(parallel_experts=8)
    with open_agent(tmp_path, planner=Echo(), settings=settings, database=url) as agent, ThreadPoolExecutor(16) as pool:

        def talk(number):
            base = picture(number)
            replies = [agent.chat(f"{number}a", images=[base], thread=f"t{number}")]
            replies += [agent.chat(f"{number}{letter}", thread=f"t{number}") for letter in "bc"]
            return base, replies

        for number, (base, replies) in enumerate(pool.map(talk, range(16))):
            assert [reply.turn for reply in replies] == [1, 2, 3]
            assert [reply.image.handle for reply in replies] == ["image-2", "image-3", "image-4"]
            targets = [reply.invocations[0].invocation.target for reply in replies]
            assert targets == [f"{number}a", f"{number}b", f"{number}c"]
            assert [turn.text for turn in agent.history(f"t{number}")] == targets
            inverted = replies[0].image.array()
            np.testing.assert_array_equal(inverted[:6], base[:6])
            np.testing.assert_array_equal(inverted[6:18, 8:24], 255 - base[6:18, 8:24])
