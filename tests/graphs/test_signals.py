"""The continuous half of a plan, from the planner through store, state and database to the experts."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from tests import tiny
from tests.scenes import SignallingScript, heard, move, picture, recolor, remove, segment, signal_of, steps
from vitron_agent.config import Settings
from vitron_agent.errors import ArtifactError
from vitron_agent.messages import Module, Operation, Plan, SignalRef
from vitron_agent.planners.prompt import encode_prompt, render
from vitron_agent.planners.vitron import VitronPlanner
from vitron_agent.tools import fakes
from vitron_agent.wire import SIGNAL, write_plan

NOW = timedelta(0)
CHAIN = steps(segment(base="image-1", output="mask-1"), recolor(base="image-1", mask="mask-1", output="image-2"))


def tensors(agent) -> set[str]:
    """The signals in the store."""

    def is_tensor(artifact: str) -> bool:
        try:
            return bool(agent.store.tensors(artifact))
        except ArtifactError:
            return False

    return set(filter(is_tensor, agent.store.ids()))


def told(plan: Plan) -> set[str]:
    return {step.signal.artifact for step in plan.invocations if step.signal}


def jobs(agent):
    return [job for expert in agent._services.experts.values() for job in expert.jobs]


@pytest.fixture
def signalling(make_agent):
    """An agent on fakes whose planner signals."""

    def make(*plans, **options):
        return make_agent(planner=SignallingScript(plans), **options)

    return make


class TestVitron:
    @pytest.fixture
    def open_vitron(self, make_agent, tmp_path):
        """An agent whose planner is a tiny model that writes what is dictated."""
        base, adapter = tiny.folders(tmp_path / "model")
        tiny.give_heads(adapter)

        def make(*plans, **options):
            planner = VitronPlanner(Settings.load(device="cpu"), base=base, adapter=adapter)
            tiny.dictate(planner.load().model, *map(write_plan, plans))
            return make_agent(planner=planner, **options)

        return make

    def test_what_the_model_signals_reaches_the_expert_of_its_step(self, open_vitron):
        seen = []

        def look(job):
            assert {name: (array.shape, array.dtype) for name, array in job.signal.items()} == {
                "shared": ((2, 6), "float16"),
                "private": ((3, 6), "float16"),
            }
            assert job.channels == "hybrid"
            seen.append(job)
            return fakes.paint(job)

        agent = open_vitron(CHAIN, behave=look)
        reply = agent.chat("make the clock red", images=[picture()], thread="demo")
        assert [item.status for item in reply.invocations] == ["done", "done"]
        assert len(seen) == 1
        plan = agent.history("demo")[0].plan
        assert seen[0].invocation.signal == plan.invocations[1].signal
        assert len(told(plan)) == 2
        assert plan.without_signals() == CHAIN.model_copy(
            update={
                "invocations": tuple(
                    step.model_copy(update={"id": f"1.1.{number}"}) for number, step in enumerate(CHAIN.invocations, 1)
                )
            }
        )

    def test_text_alone_computes_nothing(self, open_vitron):
        agent = open_vitron(CHAIN, channels="text")
        model = agent._services.planner.load().model
        model.heads.register_forward_pre_hook(lambda *_: pytest.fail("signals were computed"))
        assert agent.chat("make the clock red", images=[picture()]).status == "done"
        assert [job.signal for job in jobs(agent)] == [None, None]
        assert tensors(agent) == set()

    def test_later_prompts_are_those_of_a_planner_without_signals(self, open_vitron, tmp_path):
        prompts = {}
        for channels in ("hybrid", "text"):
            database = f"sqlite:///{tmp_path}/{channels}.db"
            agent = open_vitron(CHAIN, steps(remove("clock", base="image-2")), channels=channels, database=database)
            opened, model = [], agent._services.planner.load().model
            inner = model.open
            model.open = lambda prompt, opened=opened, inner=inner: opened.append(list(prompt)) or inner(prompt)
            agent.chat("make the clock red", images=[picture()], thread="demo")
            agent.chat("remove the clock", thread="demo")
            prompts[channels] = opened
            agent.close()
        assert len(prompts["text"]) == 2
        assert prompts["hybrid"] == prompts["text"]


def test_each_expert_hears_its_own_step_and_moves_hear_nothing(signalling):
    agent = signalling(steps(recolor()), steps(move(Operation.UNDO), segment(output="mask-1"), remove("cat")))
    agent.chat("make it red", images=[picture()], thread="demo")
    agent.chat("no, remove the cat", thread="demo")
    assert len(jobs(agent)) == 3
    assert all(map(heard, jobs(agent)))
    undo, *others = agent.history("demo")[1].plan.invocations
    assert undo.signal is None
    assert all(isinstance(step.signal, SignalRef) for step in others)
    sizes = {(step.signal.num_shared, step.signal.num_private, step.signal.dim) for step in others}
    assert sizes == {(2, 3, 6)}


def test_planners_of_words_alone_go_on_working(make_agent):
    agent = make_agent(CHAIN)
    assert agent.chat("make it red", images=[picture()]).status == "done"
    assert [job.signal for job in jobs(agent)] == [None, None]


def test_a_step_without_a_signal_is_done_by_its_words(make_agent):
    class Half(SignallingScript):
        def plan_with_signals(self, request, on_token=None):
            planned = super().plan_with_signals(request, on_token)
            return type(planned)(planned.plan, (None, planned.signals[1]))

    agent = make_agent(planner=Half([CHAIN]))
    assert agent.chat("make it red", images=[picture()]).status == "done"
    assert [heard(job) for job in jobs(agent)] == [False, True]


def test_planning_alone_keeps_nothing(signalling):
    agent = signalling(CHAIN)
    assert told(agent.plan("make it red", images=[picture()])) == set()
    assert tensors(agent) == set()


def test_no_signal_is_in_the_database(signalling, tmp_path):
    numbers = signal_of(CHAIN.invocations[0]).shared.tobytes()
    settings = Settings.load(keep_checkpoints=True)
    agent = signalling(CHAIN, settings=settings)
    agent.chat("make it red", images=[picture()], thread="demo")
    agent.close()
    for name in ("vitron.db", "vitron.db-checkpoints"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert numbers not in (tmp_path / name).read_bytes()


class TestApproval:
    @pytest.fixture
    def waiting(self, signalling):
        agent = signalling(CHAIN, steps(remove("clock", base="image-1")), approval="always")
        assert agent.chat("make it red", images=[picture()], thread="demo").status == "needs_approval"
        return agent

    @staticmethod
    def edit(**args):
        return {"type": "edit", "edited_action": {"name": "image_editing", "args": args}}

    def test_what_is_edited_loses_its_signal_and_the_rest_keeps_its_own(self, waiting):
        assert waiting.resume("demo", ["approve", self.edit(value="blue")]).status == "done"
        assert [heard(job) for job in jobs(waiting)] == [True, False]
        assert waiting._services.experts[Module.IMAGE_EDITING].jobs[0].signal is None
        assert [bool(step.signal) for step in waiting.history("demo")[0].plan.invocations] == [True, False]

    def test_an_edit_that_changes_nothing_keeps_it(self, waiting):
        assert waiting.resume("demo", ["approve", self.edit(value="red")]).status == "done"
        assert all(map(heard, jobs(waiting)))

    def test_an_edit_cannot_bring_a_signal(self, waiting):
        (other,) = {step.signal.artifact for step in waiting.resume("demo").pending.invocations[:1]}
        signal = {"artifact": other, "num_shared": 2, "num_private": 3, "dim": 6}
        assert waiting.resume("demo", ["approve", self.edit(value="blue", signal=signal)]).status == "done"
        assert waiting._services.experts[Module.IMAGE_EDITING].jobs[0].signal is None

    def test_signals_wait_with_their_plan(self, waiting, signalling):
        """Nothing records the plan yet; another process collects garbage, and a third goes on."""
        assert waiting.repository.collect_garbage(NOW) == ()
        waiting.close()
        again = signalling(approval="always")
        assert again.resume("demo", "approve").status == "done"
        assert all(map(heard, jobs(again)))

    def test_a_plan_that_nobody_wanted_is_garbage_and_its_signals_are_in_no_prompt(self, waiting):
        unwanted = tensors(waiting)
        assert len(unwanted) == 2
        waiting.resume("demo", ["approve", {"type": "respond", "message": "take it away"}])
        asked = waiting._services.planner.requests[-1]
        assert write_plan(CHAIN) == asked.rejections[0].plan
        assert waiting.resume("demo", "approve").status == "done"
        assert set(waiting.repository.collect_garbage(NOW)) == unwanted
        assert tensors(waiting) == told(waiting.history("demo")[0].plan)


def test_later_requests_hold_no_signals_in_words(signalling):
    agent = signalling(CHAIN, Plan(text="Yes."))
    agent.chat("make it red", images=[picture()], thread="demo")
    agent.chat("is it red?", thread="demo")
    asked = agent._services.planner.requests[-1]
    assert told(asked.history[0].plan)
    assert SIGNAL not in "".join(message.text for message in render(asked))
    assert tiny.tokenizer().ids[SIGNAL] not in encode_prompt(asked, tiny.tokenizer())


def test_a_refused_plan_leaves_garbage_only(signalling):
    agent = signalling(steps(recolor("cat", base="image-9")), CHAIN)
    assert agent.chat("make it red", images=[picture()], thread="demo").status == "done"
    kept = told(agent.history("demo")[0].plan)
    refused = tensors(agent) - kept
    assert len(refused) == 1
    assert set(agent.repository.collect_garbage(NOW)) == refused
    assert tensors(agent) == kept


class TestConversations:
    """Signals live as long as the conversations whose history names them."""

    def test_undo_fork_and_deletion(self, signalling):
        agent = signalling(CHAIN, steps(remove("lamp")), steps(remove("tree")))
        agent.chat("make it red", images=[picture()], thread="one")
        fork = agent.fork("one")
        agent.chat("no lamp", thread="one")
        agent.chat("no tree", thread=fork)
        first, second = (told(turn.plan) for turn in agent.history("one"))
        third = told(agent.history(fork)[1].plan)
        assert (len(first), len(second), len(third)) == (2, 1, 1)
        agent.undo("one")
        assert told(agent.history("one")[1].plan) == second
        agent.repository.collect_garbage(NOW)
        assert tensors(agent) == first | second | third
        agent.repository.delete_thread("one")
        agent.repository.collect_garbage(NOW)
        assert tensors(agent) == first | third
        assert told(agent.history(fork)[0].plan) == first
        agent.repository.delete_thread(fork)
        agent.repository.collect_garbage(NOW)
        assert set(agent.store.ids()) == set()

    def test_equal_signals_of_two_conversations_are_one_artifact_until_both_go(self, signalling):
        agent = signalling(CHAIN, CHAIN)
        for thread in ("one", "two"):
            agent.chat("make it red", images=[picture()], thread=thread)
        shared = told(agent.history("one")[0].plan)
        assert shared == told(agent.history("two")[0].plan) == tensors(agent)
        for thread, left in (("one", shared), ("two", set())):
            agent.repository.delete_thread(thread)
            agent.repository.collect_garbage(NOW)
            assert tensors(agent) == left
