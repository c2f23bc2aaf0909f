"""Who gets an open turn: the graph takes over what another process left, and only that."""

import asyncio
import contextlib
import threading

import pytest

from vitron_agent.errors import UnknownThreadError
from vitron_agent.graphs.turns import OpenTurns
from vitron_agent.memory.repository import Repository


@pytest.fixture
def repository(tmp_path, store):
    with Repository(f"sqlite:///{tmp_path}/vitron.db", store, busy_seconds=1.0, lease_seconds=1.0) as repository:
        yield repository


def interrupted(repository, number=1):
    """Leaves turn ``number`` of a thread open, as a dead process would."""
    for earlier in range(1, number):
        repository.finish_turn(repository.begin_turn("demo", f"turn {earlier}"), "done", "")
    repository.release_turn(repository.begin_turn("demo", "interrupted"))


def test_experts_side_by_side_take_an_interrupted_turn_over_once(repository, monkeypatch):
    interrupted(repository)
    turns = OpenTurns(repository)
    resume, together = repository.resume_turn, threading.Barrier(2)

    def resume_together(thread):
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(0.2)
        return resume(thread)

    monkeypatch.setattr(repository, "resume_turn", resume_together)

    async def wave():
        return await asyncio.gather(*(turns.take("demo", 1) for _ in range(4)))

    first, *others = asyncio.run(wave())
    assert all(other is first for other in others)
    assert first.of_graph


@pytest.mark.parametrize("leave", [Repository.release_turn, Repository.pause_turn, lambda *_: None])
def test_an_ended_turn_does_not_take_the_place_of_the_open_one(repository, leave):
    repository.finish_turn(repository.begin_turn("demo", "ended"), "done", "")
    leave(repository, repository.begin_turn("demo", "open"))
    before = repository.open_turn("demo")
    with pytest.raises(UnknownThreadError, match="turn 1 of thread 'demo' has ended"):
        asyncio.run(OpenTurns(repository).take("demo", 1))
    assert repository.open_turn("demo") == before


def test_a_turn_that_began_while_another_was_waited_for_is_let_go(repository, monkeypatch):
    interrupted(repository, number=2)
    waiting = repository.open_turn("demo").model_copy(update={"number": 1})
    turns = OpenTurns(repository)
    with monkeypatch.context() as earlier:
        earlier.setattr(repository, "open_turn", lambda thread: waiting)
        with pytest.raises(UnknownThreadError, match="turn 1"):
            asyncio.run(turns.take("demo", 1))
    assert turns.of_thread("demo") is None
    assert repository.open_turn("demo").interrupted


def test_only_the_graphs_own_turns_are_given_up(repository):
    turns = OpenTurns(repository)
    for thread, of_graph in (("ours", True), ("agents", False)):
        turns.enter(repository.begin_turn(thread, "x"), of_graph=of_graph)
        turns.give_up(thread, 1)
        turns.give_up(thread, 1)
        assert repository.open_turn(thread).interrupted is of_graph
        assert (turns.of_thread(thread) is None) is of_graph
