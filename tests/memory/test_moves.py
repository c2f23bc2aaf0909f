from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.memory.conversations import made, picture, recolor, run, say, standing, visible
from vitron_agent.artifacts import ArtifactStore
from vitron_agent.errors import ThreadBusyError, TurnOpenError, UnknownThreadError, UsageError
from vitron_agent.memory.repository import Repository
from vitron_agent.messages import Conversation, Operation


class TestUndo:
    def test_undone_turns_stay_in_the_history_but_are_not_seen(self, repository, store):
        for number in range(3):
            say(repository, "demo", f"turn {number + 1}", picture(store, number))
        assert repository.undo("demo", 2) == (3, 2)
        assert [(turn.number, turn.undone) for turn in repository.history("demo")] == [(1, False), (2, True), (3, True)]
        assert visible(repository, "demo") == ["image-1"]
        assert repository.recall("demo").current == "image-1"
        assert [turn.number for turn in repository.recall("demo").turns] == [1]
        with pytest.raises(UnknownThreadError, match="image-3 was undone with turn 3"):
            repository.resolve("demo", ["image-3"])

    def test_the_next_turn_follows_on_what_stands_with_new_names(self, repository, store):
        say(repository, "demo", "one", picture(store, 0))
        say(repository, "demo", "two", picture(store, 1))
        repository.undo("demo")
        view = say(repository, "demo", "three", picture(store, 2))
        assert (view.number, view.attached) == (3, ("image-3",))
        assert standing(repository, "demo") == [1, 3]
        assert visible(repository, "demo") == ["image-1", "image-3"]

    def test_all_can_be_undone_but_no_more(self, repository, store):
        say(repository, "demo", "one", picture(store))
        with pytest.raises(UsageError, match="only 1 can be"):
            repository.undo("demo", 2)
        assert repository.undo("demo") == (1,)
        with pytest.raises(UsageError, match="nothing to undo"):
            repository.undo("demo")
        with pytest.raises(UsageError, match="one turn or more"):
            repository.undo("demo", 0)
        assert say(repository, "demo", "two", picture(store)).attached == ("image-2",)

    def test_a_turn_that_undoes_follows_on_what_is_left(self, repository, store):
        for number in range(3):
            say(repository, "demo", f"turn {number + 1}", picture(store, number))
        turn = repository.begin_turn("demo", "undo that")
        assert repository.undo("demo", within=turn) == (3,)
        assert repository.undo("demo", within=turn) == (3,), "a replay undoes nothing more"
        assert repository.recall("demo").current == "image-2"
        repository.finish_turn(turn, "done", "undone")
        assert standing(repository, "demo") == [1, 2, 4]

    def test_undoing_again_goes_further_back(self, repository, store):
        for number in range(3):
            say(repository, "demo", f"turn {number + 1}", picture(store, number))
        for expected in ((3,), (4, 2)):
            turn = repository.begin_turn("demo", "undo that")
            assert repository.undo("demo", within=turn) == expected
            repository.finish_turn(turn, "done", "undone")
        assert standing(repository, "demo") == [1, 5]
        assert visible(repository, "demo") == ["image-1"]

    def test_talk_is_not_counted(self, repository, store):
        say(repository, "demo", "one", picture(store, 0))
        say(repository, "demo", "two", picture(store, 1))
        say(repository, "demo", "thanks")
        say(repository, "demo", "what did you do?")
        turn = repository.begin_turn("demo", "undo that")
        assert repository.undo("demo", within=turn) == (4, 3, 2)
        repository.finish_turn(turn, "done", "undone")
        assert repository.recall("demo").current == "image-1"

    @pytest.mark.parametrize("program", [False, True])
    def test_what_was_carried_over_is_not_counted(self, repository, store, program):
        for number in range(3):
            say(repository, "demo", f"turn {number + 1}", picture(store, number))
        for expected in ((3,), (4, 2)):
            if program:
                assert repository.undo("demo") == expected
            turn = repository.begin_turn("demo", "undo that")
            if not program:
                assert repository.undo("demo", within=turn) == expected
            repository.carry(turn, [picture(store, 9)])
            repository.finish_turn(turn, "done", "undone")

    def test_what_came_with_an_undoing_turn_is_counted(self, repository, store):
        say(repository, "demo", "one", picture(store, 0))
        say(repository, "demo", "two", picture(store, 1))
        turn = repository.begin_turn("demo", "undo that, and take this one", [picture(store, 2)])
        assert repository.undo("demo", within=turn) == (2,)
        repository.carry(turn, [picture(store, 1)])
        repository.finish_turn(turn, "done", "undone")
        assert repository.undo("demo") == (3,)

    @given(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    @settings(max_examples=10, database=None)
    def test_several_undo_steps_are_one_of_their_sum(self, values):
        store = ArtifactStore("memory://")
        with Repository("sqlite://", store) as repository:
            for number in range(9):
                say(repository, "demo", "look", picture(store, number))
            turn = repository.begin_turn("demo", "undo, and again")
            for position, value in enumerate(values):
                step = Conversation(id=f"s{position}", operation=Operation.UNDO, value=str(value) if value > 1 else "")
                repository.claim_invocation(turn, step, position)
                expected = tuple(range(9, 9 - sum(values[: position + 1]), -1))
                for _ in range(2):  # a replay
                    assert repository.undo("demo", value, within=turn) == expected
                repository.finish_invocation(turn, made(step))

    def test_a_turn_that_undoes_and_edits_is_a_turn_to_undo(self, repository, store):
        say(repository, "demo", "one", picture(store, 0))
        say(repository, "demo", "two", picture(store, 1))
        turn = repository.begin_turn("demo", "undo that and make it red")
        repository.undo("demo", within=turn)
        run(repository, turn, recolor("a", "image-1", "image-3"), picture(store, 2), position=1)
        repository.finish_turn(turn, "done", "")
        assert visible(repository, "demo") == ["image-1", "image-3"]
        assert repository.undo("demo") == (3,)
        assert visible(repository, "demo") == ["image-1"]

    def test_what_was_attached_from_an_undone_turn_is_not_current(self, repository, store):
        say(repository, "demo", "one", picture(store, 0))
        say(repository, "demo", "two", picture(store, 1))
        turn = repository.begin_turn("demo", "undo this", ["image-2"])
        repository.undo("demo", within=turn)
        assert repository.recall("demo").current == "image-1"

    def test_an_open_turn_is_in_the_way(self, repository):
        say(repository, "demo")
        turn = repository.begin_turn("demo", "working")
        with pytest.raises(ThreadBusyError):
            repository.undo("demo")
        repository.release_turn(turn)
        with pytest.raises(TurnOpenError):
            repository.undo("demo")
        with pytest.raises(TurnOpenError):
            repository.select("demo", "image-1")


class TestFork:
    def test_it_sees_the_past_and_not_the_future(self, repository, store):
        for number in range(3):
            say(repository, "demo", f"turn {number + 1}", picture(store, number))
        fork = repository.fork("demo", 2)
        say(repository, "demo", "later", picture(store, 9))
        assert fork != "demo"
        assert [turn.text for turn in repository.history(fork)] == ["turn 1", "turn 2"]
        assert visible(repository, fork) == ["image-1", "image-2"]
        assert repository.recall(fork).current == "image-2"
        with pytest.raises(UnknownThreadError):
            repository.resolve(fork, ["image-3"])

    def test_both_go_on_by_themselves(self, repository, store):
        say(repository, "demo", "one", picture(store, 0))
        assert repository.fork("demo", name="other") == "other"
        mine = say(repository, "other", "two", picture(store, 1))
        theirs = say(repository, "demo", "two", picture(store, 2))
        assert (mine.number, theirs.number) == (2, 2)
        assert mine.attached == theirs.attached == ("image-2",)
        assert repository.resolve("other", ["image-2"]) == {"image-2": picture(store, 1)}
        assert repository.resolve("demo", ["image-2"]) == {"image-2": picture(store, 2)}

    def test_its_names_were_never_used_before(self, repository, store):
        for number in range(3):
            say(repository, "demo", "look", picture(store, number))
        fork = repository.fork("demo", 1)
        assert say(repository, fork, "look", picture(store)).attached == ("image-4",)
        turn = repository.begin_turn(fork, "edit")
        with pytest.raises(UsageError, match="is taken"):
            run(repository, turn, recolor("a", "image-1", "image-2"), picture(store, 5))

    def test_undo_reaches_into_its_past_and_leaves_the_other_alone(self, repository, store):
        for number in range(2):
            say(repository, "demo", f"turn {number + 1}", picture(store, number))
        fork = repository.fork("demo")
        assert repository.undo(fork) == (2,)
        assert [(turn.number, turn.undone) for turn in repository.history(fork)] == [(1, False), (2, True)]
        assert standing(repository, "demo") == [1, 2]
        assert say(repository, fork, "on").number == 3
        assert standing(repository, fork) == [1, 3]

    def test_a_fork_of_an_undone_turn_brings_it_back(self, repository, store):
        for number in range(2):
            say(repository, "demo", "look", picture(store, number))
        repository.undo("demo")
        assert visible(repository, repository.fork("demo", 2)) == ["image-1", "image-2"]
        assert visible(repository, repository.fork("demo")) == ["image-1"]

    def test_a_forks_past_can_be_forked(self, repository, store):
        for number in range(3):
            say(repository, "demo", f"turn {number + 1}", picture(store, number))
        fork = repository.fork("demo", 2)
        say(repository, fork, "aside", picture(store, 7))
        assert [turn.text for turn in repository.history(repository.fork(fork, 1))] == ["turn 1"]
        assert [turn.text for turn in repository.history(repository.fork(fork, 3))] == ["turn 1", "turn 2", "aside"]

    def test_selecting_in_a_fork_changes_the_fork_only(self, repository, store):
        say(repository, "demo", "look", picture(store, 0), picture(store, 1))
        fork = repository.fork("demo")
        repository.select(fork, "image-1")
        assert repository.recall(fork).current == "image-1"
        assert repository.recall("demo").current == "image-2"

    def test_what_cannot_be_forked(self, repository):
        say(repository, "demo")
        repository.begin_turn("demo", "open")
        with pytest.raises(UnknownThreadError, match="has not ended"):
            repository.fork("demo", 2)
        with pytest.raises(UnknownThreadError, match="not in its history"):
            repository.fork("demo", 3)
        with pytest.raises(UsageError, match="already"):
            repository.fork("demo", 1, name="demo")
        assert [turn.number for turn in repository.history(repository.fork("demo"))] == [1]


@dataclass
class Model:
    """A thread as plain lists: every turn ever seen by it, and the numbers on the way to its head."""

    turns: dict[int, list[str]] = field(default_factory=dict)
    head: list[int] = field(default_factory=list)
    next_image: int = 1


class Conversations(RuleBasedStateMachine):
    """Any sequence of turns, undos, forks and deletions agrees with the plain model."""

    @initialize()
    def open(self) -> None:
        self.store = ArtifactStore("memory://")
        self.repository = Repository("sqlite://", self.store)
        self.models: dict[str, Model] = {}
        self.shades = 0

    def teardown(self) -> None:
        if hasattr(self, "repository"):
            self.repository.close()

    def some_thread(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.models)), label="thread")

    @rule(thread=st.sampled_from(["a", "b"]), pictures=st.integers(0, 2))
    def say(self, thread: str, pictures: int) -> None:
        self._say(thread, pictures)

    @precondition(lambda self: self.models)
    @rule(data=st.data(), pictures=st.integers(0, 2))
    def go_on(self, data: st.DataObject, pictures: int) -> None:
        self._say(self.some_thread(data), pictures)

    def _say(self, thread: str, pictures: int) -> None:
        model = self.models.setdefault(thread, Model())
        refs = [picture(self.store, self.shades + i) for i in range(pictures)]
        self.shades += pictures
        view = say(self.repository, thread, "look", *refs)
        expected = [f"image-{model.next_image + i}" for i in range(pictures)]
        assert list(view.attached) == expected
        assert view.number == max(model.turns, default=0) + 1
        model.turns[view.number] = expected
        model.head.append(view.number)
        model.next_image += pictures

    @precondition(lambda self: self.models)
    @rule(data=st.data(), turns=st.integers(1, 3))
    def undo(self, data: st.DataObject, turns: int) -> None:
        thread = self.some_thread(data)
        model = self.models[thread]
        counted = [number for number in model.head if model.turns[number]]  # talk is not
        if turns > len(counted):
            with pytest.raises(UsageError):
                self.repository.undo(thread, turns)
        else:
            undone = model.head[model.head.index(counted[-turns]) :]
            del model.head[-len(undone) :]
            assert list(self.repository.undo(thread, turns)) == undone[::-1]

    @precondition(lambda self: 0 < len(self.models) < 5)
    @rule(data=st.data())
    def fork(self, data: st.DataObject) -> None:
        thread = self.some_thread(data)
        model = self.models[thread]
        if not model.head:
            return
        at = data.draw(st.sampled_from(model.head), label="turn")
        past = model.head[: model.head.index(at) + 1]
        name = f"fork-{len(self.models)}-{self.shades}-{at}"
        if name not in self.models:
            self.repository.fork(thread, at, name=name)
            turns = {number: model.turns[number] for number in past}
            self.models[name] = Model(turns, list(past), model.next_image)

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        thread = self.some_thread(data)
        self.repository.delete_thread(thread)
        del self.models[thread]

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "models"):
            return
        assert {thread.id for thread in self.repository.threads()} == set(self.models)
        for thread, model in self.models.items():
            history = self.repository.history(thread)
            assert [turn.number for turn in history] == sorted(model.turns)
            assert [turn.number for turn in history if not turn.undone] == model.head
            handles = [handle for number in model.head for handle in model.turns[number]]
            assert visible(self.repository, thread) == handles
            assert list(self.repository.resolve(thread, handles)) == handles
            assert self.repository.recall(thread).current == (handles[-1] if handles else None)


@pytest.mark.parametrize("examples", [8, pytest.param(40, marks=pytest.mark.slow)])
def test_conversations_agree_with_a_plain_model(examples):
    limits = settings(max_examples=examples, stateful_step_count=15, database=None)
    run_state_machine_as_test(Conversations, settings=limits)
