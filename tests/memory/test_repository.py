from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.memory.conversations import made, picture, recolor, run, say, visible
from vitron_agent.errors import ArtifactError, TurnLostError, TurnOpenError, UnknownThreadError, UsageError
from vitron_agent.memory.repository import Repository
from vitron_agent.messages import Finding, ImageSegmentation, InvocationResult, Plan, Region, SignalRef


def test_a_turn_comes_back_as_it_was_told(repository, store):
    regions = (Region.box(0.1, 1 / 3, 0.5, 0.9), Region.points([(0.123456789, 0.5)], labels=[False]))
    turn = repository.begin_turn("demo", "make the cat “red” \N{CAT FACE}", [picture(store)], regions)
    invocation = recolor("a", "image-1", "image-2")
    plan = Plan(invocations=(invocation,), notes=("dropped a box",))
    repository.record_plan(turn, plan)
    assert repository.claim_invocation(turn, invocation, 0) is None
    area = store.put_bytes(b"{}", "mask", "image/png")
    result = InvocationResult(
        invocation=invocation, status="done",
        outputs=made(invocation, ("image", "image-2", picture(store, 1)), ("area", None, area)).outputs,
        findings=(Finding(label="cat", score=0.1 + 0.2, box=(0.0, 0.1, 0.2, 0.3), facts=(("color", "grey"),)),),
        notes=("cow: searched as ox",), seconds=1.5, backend="embedded/1",
    )  # fmt: skip
    assert repository.finish_invocation(turn, result) == result
    repository.finish_turn(turn, "done", "The cat is red (image-2).")

    (view,) = repository.history("demo")
    assert (view.thread, view.number, view.status, view.undone) == ("demo", 1, "done", False)
    assert view.text == "make the cat “red” \N{CAT FACE}"
    assert view.regions == regions
    assert view.plan == plan
    assert view.invocations == (result,)
    assert view.attached == ("image-1",)
    assert [(item.handle, item.slot, item.invocation, item.turn) for item in view.handles] == [
        ("image-1", "attached", None, 1),
        ("image-2", "image", "a", 1),
    ]
    assert view.handles[1].ref == picture(store, 1)
    assert view.finished is not None
    assert view.created.utcoffset().total_seconds() == 0
    assert view.created <= view.finished


def test_a_thread_is_what_another_process_left(open_repository, store):
    first = open_repository()
    say(first, "demo", "look", picture(store))
    first.close()
    assert open_repository().resolve("demo", ["image-1"]) == {"image-1": picture(store)}


def test_texts_that_databases_refuse_are_kept_readable(repository):
    view = say(repository, "demo", "a\0b \ud800 c")
    assert repository.history("demo") == (view,)
    assert view.text == "a\N{REPLACEMENT CHARACTER}b ? c"


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "a\0b"])
def test_names_that_are_none_are_refused(repository, name):
    with pytest.raises(UsageError, match="printable"):
        repository.begin_turn(name, "hello")


def test_handles_are_counted_per_kind_and_never_reused(repository, store):
    say(repository, "demo", "two", picture(store, 0), picture(store, 1))
    turn = repository.begin_turn("demo", "more", [picture(store, 0)])
    assert repository.allot(turn, ["image", "mask", "image"]) == ("image-4", "mask-1", "image-5")
    repository.finish_turn(turn, "failed", "")
    say(repository, "demo", "again", picture(store, 2))
    assert visible(repository, "demo") == ["image-1", "image-2", "image-3", "image-6"]
    assert repository.recall("demo").next_numbers == (("image", 7), ("mask", 2))


def test_numbers_of_a_plan_are_not_given_to_other_outputs(repository, store):
    turn = repository.begin_turn("demo", "edit", [picture(store)])
    invocation = recolor("a", "image-1", "image-2")
    repository.record_plan(turn, Plan(invocations=(invocation,)))
    assert repository.allot(turn, ["image"]) == ("image-3",)
    repository.claim_invocation(turn, invocation, 0)
    repository.finish_invocation(turn, made(invocation, ("image", "image-2", picture(store, 1))))
    assert visible(repository, "demo") == ["image-1", "image-2"]


def test_known_handles_are_attached_under_their_name(repository, store):
    say(repository, "demo", "look", picture(store, 0), picture(store, 1))
    view = say(repository, "demo", "this one", "image-1", picture(store, 2))
    assert view.attached == ("image-1", "image-3")
    assert [item.handle for item in view.handles] == ["image-3"]
    assert repository.recall("demo").current == "image-3"
    say(repository, "demo", "this one", "image-2")
    assert repository.recall("demo").current == "image-2"


def test_what_cannot_be_attached_leaves_no_turn(repository, store):
    with pytest.raises(UnknownThreadError, match="image-1 is unknown"):
        repository.begin_turn("demo", "hello", ["image-1"])
    missing = picture(store)
    store.delete(missing)
    with pytest.raises(ArtifactError, match="not in the store"):
        repository.begin_turn("demo", "hello", [missing])
    with pytest.raises(ArtifactError, match="not in the store"):
        repository.begin_turn("demo", "hello", regions=[Region.mask(missing.id)])
    assert repository.threads() == ()


class TestCarry:
    def test_each_picture_is_carried_once_and_the_last_is_current(self, repository, store):
        turn = repository.begin_turn("demo", "undo that")
        for shades, handles in (
            ((1, 0), ("image-1", "image-2")),
            ((1, 0), ("image-1", "image-2")),
            ((2, 0), ("image-3", "image-2")),
        ):
            assert repository.carry(turn, [picture(store, shade) for shade in shades]) == handles
            assert repository.recall("demo").current == "image-2"
        assert repository.recall("demo").attached == ("image-1", "image-2", "image-3")

    def test_it_comes_before_what_the_user_gave_with_the_request(self, repository, store):
        turn = repository.begin_turn("demo", "undo that, and take this one", [picture(store, 1)])
        assert repository.carry(turn, [picture(store, 0)]) == ("image-2",)
        memory = repository.recall("demo")
        assert (memory.attached, memory.current) == (("image-1", "image-2"), "image-1")
        assert [(item.handle, item.slot) for item in memory.media] == [("image-2", "carried"), ("image-1", "attached")]


class TestBrought:
    def test_it_finds_what_the_user_gave_however_long_ago(self, repository, store):
        say(repository, "demo", "one", picture(store, 0), picture(store, 1))
        say(repository, "demo", "two", picture(store, 2), store.put_mask(np.ones((2, 2), bool)))
        turn = repository.begin_turn("demo", "make it red")
        run(repository, turn, recolor("a", "image-3", "image-4"), picture(store, 3))
        repository.finish_turn(turn, "done", "")
        for _ in range(30):
            say(repository, "demo")
        repository.undo("demo", 3)
        brought = {
            None: ["image-3"],
            (1,): ["image-1", "image-2"],
            (3, 2, 1): ["image-1", "image-2", "image-3"],
            (3,): [],
        }
        for turns, handles in brought.items():
            assert [item.handle for item in repository.brought("demo", turns)] == handles

    def test_a_fork_finds_what_its_past_was_given(self, repository, store):
        say(repository, "demo", "one", picture(store, 0))
        fork = repository.fork("demo")
        say(repository, "demo", "two", picture(store, 1))
        repository.undo(fork)
        assert [item.handle for item in repository.brought(fork)] == ["image-1"]


class TestLedger:
    def test_a_replay_gets_the_stored_result(self, repository, store):
        turn = repository.begin_turn("demo", "edit", [picture(store)])
        invocation = recolor("a", "image-1", "image-2")
        run(repository, turn, invocation, picture(store, 1))
        stored = made(invocation, ("image", "image-2", picture(store, 1)))
        assert repository.claim_invocation(turn, invocation, 0) == stored
        again = made(invocation, ("image", "image-3", picture(store, 2)))
        assert repository.finish_invocation(turn, again) == stored
        assert visible(repository, "demo") == ["image-1", "image-2"]

    def test_an_unfinished_claim_may_be_run_again(self, repository, store):
        turn = repository.begin_turn("demo", "edit", [picture(store)])
        invocation = recolor("a", "image-1", "image-2")
        assert repository.claim_invocation(turn, invocation, 0) is None
        assert repository.claim_invocation(turn, invocation, 0) is None

    def test_failures_are_results_too(self, repository, store):
        turn = repository.begin_turn("demo", "edit", [picture(store)])
        invocation = recolor("a", "image-1", "image-2")
        repository.claim_invocation(turn, invocation, 0)
        failed = InvocationResult(invocation=invocation, status="failed", error="it broke")
        repository.finish_invocation(turn, failed)
        assert repository.claim_invocation(turn, invocation, 0) == failed

    def test_ids_belong_to_their_turn(self, repository, store):
        for number, thread in enumerate(("one", "two")):
            turn = repository.begin_turn(thread, "edit", [picture(store)])
            run(repository, turn, recolor("a", "image-1", "image-2"), picture(store, number + 1))
            repository.finish_turn(turn, "done", "")
        assert repository.resolve("one", ["image-2"]) == {"image-2": picture(store, 1)}
        assert repository.resolve("two", ["image-2"]) == {"image-2": picture(store, 2)}

    def test_an_id_means_one_invocation(self, repository, store):
        turn = repository.begin_turn("demo", "edit", [picture(store)])
        run(repository, turn, recolor("a", "image-1", "image-2"), picture(store, 1))
        with pytest.raises(UsageError, match="another invocation"):
            repository.claim_invocation(turn, recolor("a", "image-1", "image-2", target="dog"), 0)

    def test_what_was_not_claimed_cannot_finish(self, repository):
        turn = repository.begin_turn("demo", "edit")
        with pytest.raises(UsageError, match="was not claimed"):
            repository.finish_invocation(turn, made(recolor("a", "image-1", "image-2")))

    def test_a_refused_result_leaves_nothing(self, repository, store):
        turn = repository.begin_turn("demo", "edit", [picture(store)])
        invocation = recolor("a", "image-1", "image-2")
        repository.claim_invocation(turn, invocation, 0)
        gone = picture(store, 9)
        store.delete(gone)
        for outputs, error in [
            ((("image", "image-2", picture(store, 1)), ("more", "image-1", picture(store, 2))), UsageError),
            ((("image", "mask-1", picture(store, 1)),), UsageError),
            ((("image", "image-2", picture(store, 1)), ("more", "image-3", gone)), ArtifactError),
        ]:
            with pytest.raises(error):
                repository.finish_invocation(turn, made(invocation, *outputs))
        assert visible(repository, "demo") == ["image-1"]
        assert repository.claim_invocation(turn, invocation, 0) is None

    def test_a_plan_cannot_take_an_earlier_turns_handle(self, repository, store):
        say(repository, "demo", "look", picture(store))
        turn = repository.begin_turn("demo", "edit")
        with pytest.raises(UsageError, match="the next is image-2"):
            repository.record_plan(turn, Plan(invocations=(recolor("a", "image-1", "image-1"),)))

    def test_the_same_bytes_may_be_two_kinds_and_two_outputs(self, repository, store):
        turn = repository.begin_turn("demo", "edit", [picture(store)])
        as_mask = picture(store).model_copy(update={"kind": "mask"})
        one, two = ImageSegmentation(id="one", output="mask-1"), ImageSegmentation(id="two", output="mask-2")
        for position, invocation in enumerate((one, two)):
            repository.claim_invocation(turn, invocation, position)
            repository.finish_invocation(turn, made(invocation, ("mask", invocation.output, as_mask)))
        refs = repository.resolve("demo", ["image-1", "mask-1", "mask-2"])
        assert refs == {"image-1": picture(store), "mask-1": as_mask, "mask-2": as_mask}

    def test_signals_come_back_with_their_invocation(self, repository, store):
        tensors = store.put_bytes(b"signal", "tensor", "application/x-safetensors")
        signal = SignalRef(artifact=tensors.id, num_shared=4, num_private=4, dim=768)
        invocation = ImageSegmentation(id="a", target="cat", output="mask-1", signal=signal)
        turn = repository.begin_turn("demo", "cut out the cat")
        repository.record_plan(turn, Plan(invocations=(invocation,)))
        repository.record_plan(turn, Plan(invocations=(invocation,)))
        repository.claim_invocation(turn, invocation, 0)
        nothing = InvocationResult(invocation=invocation, status="not_found")
        repository.finish_invocation(turn, nothing)
        repository.finish_turn(turn, "done", "no cat")
        assert repository.history("demo")[-1].invocations == (nothing,)


class TestCurrent:
    def test_it_is_the_newest_picture_whatever_order_parallel_work_ends_in(self, repository, store):
        turn = repository.begin_turn("demo", "both", [picture(store)])
        one, two = recolor("one", "image-1", "image-2"), recolor("two", "image-1", "image-3")
        repository.record_plan(turn, Plan(invocations=(one, two)))
        for position, invocation in enumerate((one, two)):
            repository.claim_invocation(turn, invocation, position)
        repository.finish_invocation(turn, made(two, ("image", "image-3", picture(store, 3))))
        repository.finish_invocation(turn, made(one, ("image", "image-2", picture(store, 2))))
        assert repository.recall("demo").current == "image-3"
        repository.finish_turn(turn, "done", "")
        say(repository, "demo", "thanks")
        assert repository.recall("demo").current == "image-3"

    def test_masks_do_not_become_current(self, repository, store):
        turn = repository.begin_turn("demo", "cut", [picture(store)])
        invocation = ImageSegmentation(id="a", output="mask-1")
        repository.claim_invocation(turn, invocation, 0)
        mask = store.put_bytes(b"m", "mask", "image/png")
        repository.finish_invocation(turn, made(invocation, ("mask", "mask-1", mask)))
        assert repository.recall("demo").current == "image-1"
        with pytest.raises(UsageError, match="only pictures and clips"):
            repository.select("demo", "mask-1", within=turn)

    def test_selecting_holds_until_something_newer(self, repository, store):
        say(repository, "demo", "look", picture(store, 0), picture(store, 1))
        repository.select("demo", "image-1")
        assert repository.recall("demo").current == "image-1"
        turn = repository.begin_turn("demo", "use the second, then make it red")
        repository.select("demo", "image-2", within=turn, position=0)
        assert repository.recall("demo").current == "image-2"
        run(repository, turn, recolor("a", "image-2", "image-3"), picture(store, 2), position=1)
        assert repository.recall("demo").current == "image-3"
        repository.select("demo", "image-1", within=turn, position=2)
        assert repository.recall("demo").current == "image-1"
        repository.finish_turn(turn, "done", "")
        repository.undo("demo")
        assert repository.recall("demo").current == "image-1"


class TestRecall:
    def test_a_new_thread_is_empty(self, repository):
        recollection = repository.recall("nothing")
        assert (recollection.turns, recollection.media, recollection.current) == ((), (), None)

    def test_the_open_turn_sees_its_past_and_its_own_media(self, repository, store):
        say(repository, "demo", "one", picture(store, 0))
        repository.begin_turn("demo", "two", [picture(store, 1)])
        recollection = repository.recall("demo")
        assert [turn.number for turn in recollection.turns] == [1]
        assert [item.handle for item in recollection.media] == ["image-1", "image-2"]
        assert recollection.attached == ("image-2",)
        assert recollection.next_numbers == (("image", 3),)

    def test_it_is_a_window_that_never_loses_what_is_meant(self, repository, store):
        say(repository, "demo", "old", picture(store, 0))
        for number in range(1, 6):
            say(repository, "demo", f"turn {number}", picture(store, number))
        for _ in range(70):
            say(repository, "demo", "thanks")
        turn = repository.begin_turn("demo", "and this", ["image-2"])
        repository.select("demo", "image-1", within=turn)
        recollection = repository.recall("demo", num_turns=3, num_media=2)
        assert [turn.number for turn in recollection.turns] == [74, 75, 76]
        assert [item.handle for item in recollection.media] == ["image-1", "image-2"]
        assert (recollection.current, recollection.attached) == ("image-1", ("image-2",))

    def test_media_are_the_newest(self, repository, store):
        for number in range(5):
            say(repository, "demo", "look", picture(store, number))
        media = repository.recall("demo", num_media=2).media
        assert [item.handle for item in media] == ["image-4", "image-5"]


class TestResolve:
    def test_unknown_handles_say_so(self, repository, store):
        say(repository, "demo", "look", picture(store))
        for handle in ("image-2", "video-1", "nonsense", "image-", "-1", "image-1x", "image-99999999999999999999"):
            with pytest.raises(UnknownThreadError):
                repository.resolve("demo", ["image-1", handle])
        assert repository.resolve("demo", []) == {}

    def test_unknown_threads_say_so(self, repository):
        for call in (repository.history, repository.artifacts, repository.undo, repository.fork):
            with pytest.raises(UnknownThreadError, match="'nothing'"):
                call("nothing")
        with pytest.raises(UnknownThreadError):
            repository.delete_thread("nothing")


def test_ended_turns_take_no_more_writes(repository, store):
    turn = repository.begin_turn("demo", "edit", [picture(store)])
    repository.finish_turn(turn, "done", "")
    invocation = recolor("a", "image-1", "image-2")
    for call in (
        lambda: repository.record_plan(turn, Plan(text="hi")),
        lambda: repository.claim_invocation(turn, invocation, 0),
        lambda: repository.finish_invocation(turn, made(invocation)),
        lambda: repository.allot(turn, ["image"]),
        lambda: repository.carry(turn, []),
        lambda: repository.undo("demo", within=turn),
        lambda: repository.select("demo", "image-1", within=turn),
        lambda: repository.pause_turn(turn),
        lambda: repository.finish_turn(turn, "failed", ""),
    ):
        with pytest.raises(TurnLostError):
            call()
    repository.release_turn(turn)
    assert [(view.status, view.reply) for view in repository.history("demo")] == [("done", "")]


def test_a_decision_may_take_its_time(open_repository, store):
    asking = open_repository()
    turn = asking.begin_turn("demo", "delete it", [picture(store)])
    asking.record_plan(turn, Plan(invocations=(recolor("a", "image-1", "image-2"),)))
    asking.pause_turn(turn)
    assert asking.open_turn("demo").model_dump() == {"number": 1, "status": "needs_approval", "interrupted": True}
    with pytest.raises(TurnOpenError, match="waits for a decision"):
        asking.begin_turn("demo", "never mind")
    with pytest.raises(TurnLostError):
        asking.allot(turn, ["image"])

    answering = open_repository()
    resumed = answering.resume_turn("demo")
    assert resumed.number == 1
    run(answering, resumed, recolor("a", "image-1", "image-2"), picture(store, 1))
    answering.finish_turn(resumed, "done", "done")
    assert answering.open_turn("demo") is None
    with pytest.raises(UnknownThreadError, match="nothing to resume"):
        answering.resume_turn("demo")


def test_threads_are_listed_the_last_used_first(repository):
    for thread in ("a", "b", "a"):
        say(repository, thread)
    assert [(thread.id, thread.turns) for thread in repository.threads()] == [("a", 2), ("b", 1)]


def test_history_can_be_cut_to_its_newest(repository):
    for number in range(1, 6):
        say(repository, "demo", str(number))
    assert [turn.text for turn in repository.history("demo", limit=2)] == ["4", "5"]


def test_threads_and_turns_are_found_for_checkpoints(repository):
    say(repository, "a/b")
    repository.begin_turn("a/b", "open")
    assert repository.ended_turns(["a/b/1", "a/b/2", "a/b/3", "b/1", "x", "a/b/one", ""]) == ("a/b/1",)


def test_a_memory_database_serves_several_threads(store):
    with Repository("sqlite://", store) as repository, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: say(repository, f"t{number % 4}", "x", picture(store, number)), range(40)))
        assert sorted(thread.turns for thread in repository.threads()) == [10, 10, 10, 10]
