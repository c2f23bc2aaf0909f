import os
import subprocess
import sys
import threading
import time

import pytest

from tests.memory.conversations import picture, recolor, run, say, visible
from vitron_agent.errors import ThreadBusyError, TurnLostError, TurnOpenError
from vitron_agent.memory import leases


class TestTwoWriters:
    def test_the_second_gets_one_clear_error_after_the_wait(self, open_repository):
        first, second = open_repository(), open_repository()
        first.begin_turn("demo", "mine")
        began = time.monotonic()
        with pytest.raises(ThreadBusyError, match="turn 1 of thread 'demo' is running"):
            second.begin_turn("demo", "theirs", wait_seconds=0.3)
        assert 0.2 < time.monotonic() - began < 5
        with pytest.raises(ThreadBusyError):
            second.resume_turn("demo", wait_seconds=0)
        with pytest.raises(ThreadBusyError):
            second.begin_turn("demo", "theirs", wait_seconds=0, abandon=True)
        with pytest.raises(ThreadBusyError):
            second.delete_thread("demo")
        assert second.open_turn("demo").interrupted is False
        assert second.begin_turn("other", "not in the way").number == 1

    def test_the_second_goes_on_as_soon_as_the_first_is_done(self, open_repository):
        first, second = open_repository(), open_repository()
        turn = first.begin_turn("demo", "mine")
        timer = threading.Timer(0.2, first.finish_turn, (turn, "done", ""))
        timer.start()
        assert second.begin_turn("demo", "theirs").number == 2
        timer.join()

    def test_many_at_once_get_one_turn_each(self, open_repository):
        repositories = [open_repository() for _ in range(4)]

        def talk(number: int) -> None:
            for _ in range(3):
                say(repositories[number % 4], "demo", f"from {number}")

        threads = [threading.Thread(target=talk, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        history = repositories[0].history("demo")
        assert [turn.number for turn in history] == list(range(1, 25))
        assert sorted(turn.text for turn in history) == sorted(3 * [f"from {number}" for number in range(8)])
        assert all(turn.reply == f"re: {turn.text}" and not turn.undone for turn in history)


class TestInterruptedTurns:
    def test_a_released_turn_waits_for_resume(self, open_repository, store):
        first, second = open_repository(), open_repository()
        turn = first.begin_turn("demo", "edit", [picture(store)])
        run(first, turn, recolor("a", "image-1", "image-2"), picture(store, 1))
        first.release_turn(turn)
        with pytest.raises(TurnOpenError, match=r"was interrupted: finish it with resume\('demo'\)"):
            second.begin_turn("demo", "on")
        resumed = second.resume_turn("demo")
        assert resumed.checkpoint_thread == turn.checkpoint_thread == "demo/1"
        assert second.claim_invocation(resumed, recolor("a", "image-1", "image-2"), 0) is not None
        second.finish_turn(resumed, "done", "")
        assert visible(second, "demo") == ["image-1", "image-2"]

    def test_it_can_be_abandoned_with_what_it_made(self, open_repository, store):
        first, second = open_repository(), open_repository()
        turn = first.begin_turn("demo", "edit", [picture(store)])
        first.release_turn(turn)
        assert second.begin_turn("demo", "on", abandon=True).number == 2
        assert [(view.number, view.status) for view in second.history("demo")] == [(1, "stopped"), (2, "running")]
        assert visible(second, "demo") == ["image-1"]
        with pytest.raises(TurnLostError):
            first.finish_turn(turn, "done", "late")

    def test_closing_releases(self, open_repository):
        first, second = open_repository(), open_repository()
        first.begin_turn("demo", "edit")
        first.close()
        assert second.open_turn("demo").interrupted
        assert second.resume_turn("demo", wait_seconds=0).number == 1

    def test_whoever_lost_the_turn_writes_nothing(self, open_repository, store):
        first, second = open_repository(lease_seconds=0.2), open_repository()
        turn = first.begin_turn("demo", "edit", [picture(store)])
        invocation = recolor("a", "image-1", "image-2")
        first.claim_invocation(turn, invocation, 0)
        first._heartbeat.stop()  # as if the machine slept
        resumed = second.resume_turn("demo", wait_seconds=5)
        with pytest.raises(TurnLostError, match="taken over"):
            run(first, turn, invocation, picture(store, 1))
        first.release_turn(turn)
        run(second, resumed, invocation, picture(store, 2))
        assert second.resolve("demo", ["image-2"]) == {"image-2": picture(store, 2)}

    def test_a_sleeper_whose_turn_nobody_took_goes_on(self, open_repository):
        first = open_repository(lease_seconds=0.05)
        turn = first.begin_turn("demo", "edit")
        first._heartbeat.stop()
        time.sleep(0.1)
        assert first.open_turn("demo").interrupted
        first.finish_turn(turn, "done", "")
        assert first.history("demo")[-1].status == "done"


class TestHeartbeat:
    def test_it_keeps_long_turns(self, open_repository):
        first, second = open_repository(lease_seconds=1.2), open_repository()
        turn = first.begin_turn("demo", "long")
        deadline = time.monotonic() + 1.8
        while time.monotonic() < deadline:
            assert not second.open_turn("demo").interrupted
            time.sleep(0.1)
        first.finish_turn(turn, "done", "")

    def test_it_keeps_turns_that_begin_after_a_pause(self, open_repository):
        repository = open_repository(lease_seconds=1.2)
        say(repository, "demo")
        time.sleep(0.5)
        repository.begin_turn("demo", "long")
        time.sleep(1.8)
        assert not open_repository().open_turn("demo").interrupted

    def test_its_thread_runs_from_the_first_turn_to_the_end(self, open_repository):
        def beating() -> bool:
            return any(thread.name == "vitron-heartbeat" for thread in threading.enumerate())

        repository = open_repository()
        repository.recall("demo")
        assert not beating()
        say(repository, "demo")
        assert beating()
        repository.close()
        assert not beating()


class TestOwners:
    def test_a_dead_process_is_known_here(self):
        child = subprocess.run(
            [sys.executable, "-c", "from vitron_agent.memory.leases import new_owner; print(new_owner())"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert leases.is_dead(child.stdout.strip())

    def test_living_and_distant_processes_are_not_known_to_be_dead(self):
        assert not leases.is_dead(leases.new_owner())
        assert not leases.is_dead(f"{leases.new_owner().split(':')[0]}:1:token")
        assert not leases.is_dead("elsewhere:999999999:token")

    def test_each_holding_has_its_own_token(self):
        assert leases.new_owner() != leases.new_owner()
        assert f":{os.getpid()}:" in leases.new_owner()
