import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.memory.conversations import made, picture, recolor, run, say, standing, visible
from vitron_agent.artifacts import ArtifactStore
from vitron_agent.errors import ArtifactError, ThreadBusyError, UnknownThreadError
from vitron_agent.memory.models import Base
from vitron_agent.memory.repository import Repository
from vitron_agent.messages import Plan, Region, SignalRef

NOW = timedelta(0)


def rows(repository) -> dict[str, int]:
    """How many rows each table has."""
    with repository._database.read() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) for table in Base.metadata.sorted_tables
        }


def test_deleting_the_only_thread_leaves_no_rows_but_artifacts(repository, store):
    tensors = store.put_bytes(b"signal", "tensor", "application/x-safetensors")
    signal = SignalRef(artifact=tensors.id, num_shared=4, num_private=4, dim=768)
    mask = store.put_bytes(b"mask", "mask", "image/png")
    turn = repository.begin_turn("demo", "edit", [picture(store)], [Region.mask(mask.id)])
    invocation = recolor("a", "image-1", "image-2").model_copy(update={"signal": signal})
    run(repository, turn, invocation, picture(store, 1))
    repository.finish_turn(turn, "done", "")
    assert all(rows(repository).values())
    repository.delete_thread("demo")
    assert {name for name, count in rows(repository).items() if count} == {"vitron_artifacts"}
    assert set(repository.collect_garbage(NOW)) == {picture(store).id, picture(store, 1).id, tensors.id, mask.id}
    assert not any(rows(repository).values())


class TestForks:
    def test_a_fork_outlives_its_origin(self, repository, store):
        for number in range(4):
            say(repository, "demo", f"turn {number + 1}", picture(store, number))
        repository.fork("demo", 2, name="early")
        repository.fork("demo", 3, name="late")
        say(repository, "early", "mine", picture(store, 8))
        repository.delete_thread("demo")
        assert [turn.text for turn in repository.history("early")] == ["turn 1", "turn 2", "mine"]
        assert [turn.text for turn in repository.history("late")] == ["turn 1", "turn 2", "turn 3"]
        assert visible(repository, "early") == ["image-1", "image-2", "image-5"]
        assert visible(repository, "late") == ["image-1", "image-2", "image-3"]
        assert repository.collect_garbage(NOW) == (picture(store, 3).id,)
        repository.delete_thread("early")
        assert [turn.text for turn in repository.history("late")] == ["turn 1", "turn 2", "turn 3"]
        assert say(repository, "late", "on", picture(store, 9)).attached == ("image-5",)
        repository.delete_thread("late")
        assert not any(count for name, count in rows(repository).items() if name != "vitron_artifacts")

    def test_a_chain_of_forks_survives_in_any_order(self, repository, store):
        say(repository, "a", "1", picture(store, 0))
        say(repository, "a", "2", picture(store, 1))
        repository.fork("a", name="b")
        repository.undo("b")
        say(repository, "b", "3", picture(store, 2))
        repository.fork("b", name="c")
        for thread in ("b", "a"):
            repository.delete_thread(thread)
        assert standing(repository, "c") == [1, 3]
        assert visible(repository, "c") == ["image-1", "image-3"]


class TestRetention:
    def test_old_threads_go_and_others_stay(self, repository):
        say(repository, "demo")
        repository.begin_turn("busy", "working")
        assert repository.delete_older(timedelta(hours=1)) == ()
        assert repository.delete_older(NOW) == ("demo",)
        assert [thread.id for thread in repository.threads()] == ["busy"]
        with pytest.raises(ThreadBusyError):
            repository.delete_thread("busy")

    def test_interrupted_turns_do_not_keep_old_threads(self, repository):
        repository.release_turn(repository.begin_turn("demo", "working"))
        assert repository.delete_older(NOW) == ("demo",)
        with pytest.raises(UnknownThreadError):
            repository.history("demo")


class TestGarbage:
    def test_a_shared_artifact_stays_until_nobody_needs_it(self, repository, store):
        say(repository, "one", "look", picture(store, 0), picture(store, 1))
        say(repository, "two", "look", picture(store, 1))
        repository.delete_thread("one")
        shared, lonely = picture(store, 1), picture(store, 0)
        assert repository.collect_garbage(NOW) == (lonely.id,)
        assert repository.resolve("two", ["image-1"]) == {"image-1": shared}
        assert store.exists(shared)
        repository.delete_thread("two")
        assert repository.collect_garbage(NOW) == (shared.id,)
        assert not store.exists(shared)

    def test_undone_turns_keep_their_artifacts(self, repository, store):
        say(repository, "demo", "look", picture(store))
        repository.undo("demo")
        assert repository.collect_garbage(NOW) == ()

    def test_what_outputs_without_a_handle_need_stays(self, repository, store):
        turn = repository.begin_turn("demo", "edit", [picture(store)])
        invocation = recolor("a", "image-1", "image-2")
        repository.claim_invocation(turn, invocation, 0)
        area = store.put_bytes(b"area", "mask", "image/png")
        repository.finish_invocation(turn, made(invocation, ("area", None, area)))
        repository.finish_turn(turn, "done", "")
        assert repository.collect_garbage(NOW) == ()

    def test_signals_and_drawn_masks_stay(self, repository, store):
        mask = store.put_bytes(b"mask", "mask", "image/png")
        tensors = store.put_bytes(b"signal", "tensor", "application/x-safetensors")
        signal = SignalRef(artifact=tensors.id, num_shared=4, num_private=4, dim=768)
        turn = repository.begin_turn("demo", "edit", regions=[Region.mask(mask.id)])
        invocation = recolor("a", "image-1", "image-2").model_copy(update={"signal": signal})
        repository.record_plan(turn, Plan(invocations=(invocation,)))
        repository.finish_turn(turn, "stopped", "")
        assert repository.collect_garbage(NOW) == ()

    def test_young_bytes_are_spared_while_their_row_is_on_its_way(self, repository, store):
        ref = picture(store)
        assert repository.collect_garbage() == ()
        assert repository.collect_garbage(NOW) == (ref.id,)

    def test_what_an_open_turn_made_waits_for_it(self, repository, store):
        turn = repository.begin_turn("demo", "edit")
        ref = picture(store)  # known to its checkpoint only
        repository.pause_turn(turn)
        assert repository.collect_garbage(NOW) == ()
        turn = repository.resume_turn("demo")
        invocation = recolor("a", "image-1", "image-1")
        repository.claim_invocation(turn, invocation, 0)
        repository.finish_invocation(turn, made(invocation, ("image", "image-1", ref)))
        repository.finish_turn(turn, "done", "")
        assert repository.collect_garbage(NOW) == ()

    def test_a_row_is_refused_when_its_bytes_were_collected_in_between(self, repository, store):
        ref = picture(store)
        repository.collect_garbage(NOW)
        with pytest.raises(ArtifactError, match="put it there before"):
            say(repository, "demo", "look", ref)
        assert say(repository, "demo", "look", picture(store)).attached == ("image-1",)

    def test_collecting_beside_writers_loses_nothing(self, open_repository, store):
        writer, collector = open_repository(), open_repository()
        stop = threading.Event()

        def collect() -> None:
            while not stop.is_set():
                collector.collect_garbage(NOW)

        def write(number: int) -> None:
            for i in range(12):
                thread = f"t{number}-{i}"
                # The same few pictures again and again: what was collected comes back at once.
                with contextlib.suppress(ArtifactError):  # collected between put and row, and said so
                    say(writer, thread, "look", picture(store, i % 3))
                    (ref,) = writer.resolve(thread, ["image-1"]).values()
                    assert store.exists(ref)
                    if i % 2:
                        writer.delete_thread(thread)

        with ThreadPoolExecutor(4) as pool:
            broom = pool.submit(collect)
            try:
                list(pool.map(write, range(3)))
            finally:
                stop.set()
            broom.result()
        assert writer.threads() != ()
        for thread in writer.threads():
            for ref in writer.resolve(thread.id, visible(writer, thread.id)).values():
                assert store.exists(ref)


def test_a_store_of_files_is_collected_too(tmp_path, url):
    store = ArtifactStore(tmp_path / "artifacts")
    with Repository(url, store) as repository:
        say(repository, "demo", "look", picture(store, 0))
        say(repository, "old", "look", gone := picture(store, 1))
        repository.delete_thread("old")
        kept = set(store.ids()) - {gone.id}
        assert repository.collect_garbage(NOW) == (gone.id,)
        assert set(store.ids()) == kept
        assert len(kept) == 1
