"""VitronAgent as people use it, on fakes."""

import asyncio
import contextlib
import io
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.scenes import Region, detect, open_agent, picture, recolor, remove, segment, steps
from vitron_agent.agent import VitronAgent
from vitron_agent.background import BackgroundLoop
from vitron_agent.config import Settings
from vitron_agent.errors import (
    ConfigError,
    InvocationError,
    MediaFormatError,
    MediaLimitError,
    MediaSourceError,
    TurnCancelled,
    UnknownThreadError,
    UsageError,
)
from vitron_agent.messages import Operation, Plan, Role
from vitron_agent.tools import fakes


def base_of(reply):
    return reply.invocations[0].invocation.input(Role.BASE)


# -- chat ---------------------------------------------------------------------------------------------------------


def test_a_conversation_over_turns_agents_and_threads(make_agent):
    agent = make_agent(steps(recolor()), steps(remove()), steps(recolor()))
    first = agent.chat("make the clock red", images=[picture()])
    assert first.thread.startswith("thread-")
    second = agent.chat("remove the lamp", thread=first.thread)
    assert (second.turn, base_of(second)) == (2, "image-2")
    other = agent.chat("make it red", images=[picture(1)], thread="other")
    assert other.image.handle == "image-2"
    agent.close()
    again = make_agent(steps(remove()))
    assert base_of(again.chat("once more", thread=first.thread)) == "image-3"
    assert [turn.text for turn in again.history(first.thread)] == ["make the clock red", "remove the lamp", "once more"]


def test_the_planner_sees_the_conversation(make_agent):
    agent = make_agent(steps(segment()), Plan(text="A clock."), Plan(text="Yes."))
    agent.chat("select the clock", images=[picture()], thread="demo")
    agent.chat("what is it?", thread="demo")
    agent.chat("sure?", images=[picture(1)], regions=Region.box(0, 0, 1, 1), thread="demo")
    request = agent._services.planner.requests[-1]
    assert request.text == "sure?"
    assert [medium.handle for medium in request.media] == ["image-1", "mask-1", "image-2"]
    assert request.attached == ("image-2",)
    assert request.current == "image-2"
    assert len(request.regions) == 1
    assert [turn.text for turn in request.history] == ["select the clock", "what is it?"]
    assert [turn.plan.text for turn in request.history] == ["", "A clock."]
    assert dict(request.next_numbers)["mask"] == 2


def test_every_way_to_give_a_picture(make_agent, tmp_path):
    array = picture()
    image = Image.fromarray(array)
    path = tmp_path / "in.png"
    image.save(path)
    data = io.BytesIO()
    image.save(data, "PNG")
    agent = make_agent(*[steps(recolor())] * 12)
    sources = [path, str(path), data.getvalue(), image, array, array[..., :1].repeat(4, axis=2)]
    for number, source in enumerate(sources):
        single = source if number % 2 else [source]
        reply = agent.chat("red", images=single)
        assert reply.image.array().shape[:2] == array.shape[:2]


def test_earlier_artifacts_keep_their_handles_here_and_get_new_ones_elsewhere(make_agent):
    agent = make_agent(*[steps(recolor())] * 9)
    first = agent.chat("red", images=[picture()], thread="demo")
    assert base_of(agent.chat("red", images=["image-1"], thread="demo")) == "image-1"
    assert base_of(agent.chat("red", images=first.image, thread="demo")) == "image-2"
    assert base_of(agent.chat("red", images=[first.image.ref], thread="demo")) == "image-5"
    assert base_of(agent.chat("red", images=[first.image], thread="elsewhere")) == "image-1"


def test_a_reply_shows_what_was_made(make_agent):
    agent = make_agent(steps(segment(base="image-1"), detect(base="image-1"), recolor(base="image-1")))
    reply = agent.chat("all of it", images=[picture()])
    assert [(item.handle, item.kind) for item in reply.artifacts] == [
        ("mask-1", "mask"), ("boxes-1", "boxes"), ("image-2", "image"),
    ]  # fmt: skip
    assert reply.image is not None
    assert reply.image.path.exists()
    assert reply.image.image().size == (32, 24)
    assert reply.mask.mask().shape == (24, 32)
    assert reply.mask.image().mode == "1"
    np.testing.assert_allclose(reply.boxes.boxes(), [[8, 6, 24, 18]])
    assert reply.video is None
    assert str(reply) == reply.text
    assert [step.operation for step in reply.invocations] == [Operation.SEGMENT, Operation.DETECT, Operation.RECOLOR]
    with pytest.raises(UsageError, match="mask-1 is a mask, not a boxes"):
        reply.mask.boxes()


def test_sixteen_bits_and_alpha_stay(make_agent):
    deep = np.random.default_rng(0).integers(0, 65536, (12, 10, 4), dtype=np.uint16)
    reply = make_agent(steps(recolor())).chat("red", images=[deep])
    assert reply.image.array().dtype == np.uint16
    assert reply.image.array().shape == (12, 10, 4)
    assert reply.image.image().mode == "RGBA"


def test_clips_are_taken_in(make_agent):
    clip = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    agent = make_agent(Plan(text="A clip."))
    agent.chat("what is it?", videos=[clip], thread="demo")
    assert agent._services.planner.requests[0].media[0].kind == "video"
    handle = agent.history("demo")[0].handles[0]
    assert handle.handle == "video-1"
    frames = list(agent.store.frames(handle.ref))
    np.testing.assert_array_equal(frames, clip)


# -- mistakes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"text": "  "}, UsageError, "text is empty"),
        ({"text": 7}, UsageError, "text is empty"),
        ({"text": "x" * 9000}, UsageError, "9000 characters; 8000 may"),
        ({"images": ["/no/such.png"]}, MediaSourceError, "/no/such.png"),
        ({"images": [b"not a picture"]}, MediaFormatError, "."),
        ({"images": ["image-9"]}, UnknownThreadError, "."),
        ({"images": [object()]}, MediaFormatError, "object is no medium"),
        ({"images": [np.zeros((2, 2, 3), np.uint8)] * 17}, MediaLimitError, "17 media"),
        ({"regions": [(0, 0, 1, 1)]}, UsageError, r"made by Region\.box"),
        ({"regions": Region.box(0, 0, 1, 1, source="image-7")}, UnknownThreadError, "'image-7'.*it has image-1"),
        ({"thread": ""}, UsageError, "name"),
        ({"thread": "a\nb"}, UsageError, "name"),
    ],
)
def test_mistakes_are_raised_before_a_turn_begins(make_agent, arguments, error, words):
    agent = make_agent(Plan(text="A clock."))
    agent.chat("look", images=[picture()], thread="demo")
    with pytest.raises(error, match=words):
        agent.chat(**{"text": "go", "thread": "demo", **arguments})
    assert len(agent.history("demo")) == 1


def test_a_region_may_be_drawn_on_what_comes_with_the_message(make_agent):
    agent = make_agent(lambda request: steps(remove(target="", regions=request.regions)))
    reply = agent.chat("this", images=[picture()], regions=[Region.box(0, 0, 1, 0.5, source="image-1")])
    assert reply.status == "done"


def test_paths_outside_the_roots_are_refused(make_agent, tmp_path):
    (tmp_path / "in").mkdir()
    Image.fromarray(picture()).save(tmp_path / "in" / "a.png")
    Image.fromarray(picture()).save(tmp_path / "b.png")
    for roots in ([tmp_path / "in"], str(tmp_path / "in"), tmp_path / "in"):
        agent = make_agent(steps(recolor()), roots=roots)
        assert agent.chat("red", images=[tmp_path / "in" / "a.png"]).status == "done"
        with pytest.raises(MediaSourceError, match="outside the folders"):
            agent.chat("red", images=[tmp_path / "b.png"])


def test_wrong_settings_name_what_is_wrong(tmp_path):
    with pytest.raises(ConfigError, match="no profile 'huge'"):
        VitronAgent(profile="huge", database=f"sqlite:///{tmp_path}/v.db", artifacts=tmp_path / "a")
    with pytest.raises(ConfigError, match="approval"):
        open_agent(tmp_path, approval="sometimes")
    with pytest.raises(ConfigError, match=r"budget\.steps"):
        open_agent(tmp_path, budget={"steps": 0})


def test_arguments_win_over_settings(make_agent):
    agent = make_agent(settings=Settings.load(seed=3, approval="always"), seed=5)
    assert (agent.settings.seed, agent.settings.approval) == (5, "always")


def test_unknown_threads_are_named(make_agent):
    agent = make_agent()
    for ask in (agent.history, agent.undo, agent.fork, agent.resume):
        with pytest.raises(UnknownThreadError, match="'nowhere'"):
            ask("nowhere")
    assert agent.cancel("nowhere") is False


def test_a_closed_agent_says_so(make_agent):
    agent = make_agent()
    agent.close()
    agent.close()
    with pytest.raises(UsageError, match="closed"):
        agent.chat("hi")


# -- plan ---------------------------------------------------------------------------------------------------------


def test_plan_runs_and_keeps_nothing(make_agent):
    agent = make_agent(steps(segment(), recolor()), Plan(text="Hello!"))
    plan = agent.plan("go", images=[picture(), picture(1)], thread="demo")
    assert [step.output for step in plan.invocations] == ["mask-1", "image-3"]
    assert [step.input(Role.BASE) for step in plan.invocations] == ["image-2", "image-2"]
    with pytest.raises(UnknownThreadError):
        agent.history("demo")
    assert agent.plan("hi").text == "Hello!"


def test_plan_goes_on_from_the_conversation(make_agent):
    agent = make_agent(steps(recolor()), steps(recolor()), steps(recolor()))
    agent.chat("red", images=[picture()], thread="demo")
    plan = agent.plan("again", thread="demo")
    assert (plan.invocations[0].input(Role.BASE), plan.invocations[0].output) == ("image-2", "image-3")
    assert agent.chat("again", thread="demo").image.handle == "image-3"


def test_plan_asks_again_and_then_says_what_is_wrong(make_agent):
    agent = make_agent(steps(recolor(base="image-9")), steps(recolor()))
    assert agent.plan("red", images=[picture()]).invocations[0].input(Role.BASE) == "image-1"
    agent = make_agent(*[steps(recolor(base="image-9"))] * 3)
    with pytest.raises(InvocationError, match="image-9"):
        agent.plan("red", images=[picture()])


# -- streams ------------------------------------------------------------------------------------------------------


def test_a_stream_shows_every_event_and_ends_with_the_reply(make_agent):
    agent = make_agent(steps(recolor(base="image-9")), steps(recolor()), behave=fakes.work_slowly(0.1))
    events = list(agent.stream("make it red", images=[picture()]))
    kinds = [event.type for event in events]
    assert list(dict.fromkeys(kinds)) == [
        "plan_rejected", "plan", "expert_start", "progress", "verification", "expert_end", "finish",
    ]  # fmt: skip
    assert "image-9" in events[0].text
    progress = next(event for event in events if event.type == "progress")
    assert (progress.stage, progress.of, progress.invocation.operation) == ("working", 100, Operation.RECOLOR)
    assert next(event for event in events if event.type == "expert_end").result.status == "done"
    assert events[-1].reply.image.handle == "image-2"
    assert events[-1].text == events[-1].reply.text


def test_ctrl_c_right_after_the_start_stops_the_turn(make_agent, monkeypatch):
    agent = make_agent(steps(recolor()), behave=fakes.work_slowly(30))
    submit, begun = BackgroundLoop.submit, []

    def submit_and_interrupt(loop, coroutine):
        begun.append(submit(loop, coroutine))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(BackgroundLoop, "submit", submit_and_interrupt)
        with pytest.raises(KeyboardInterrupt):
            next(agent.stream("make it red", images=[picture()], thread="demo"))
    with contextlib.suppress(TurnCancelled):  # or else it had begun
        assert begun[0].result(timeout=20).status == "stopped"


def test_tokens_are_streamed(make_agent):
    class Talker:
        name = "talker"

        def plan(self, request, on_token=None):
            for word in ("It ", "is ", "a clock."):
                on_token(word)
            return Plan(text="It is a clock.")

    agent = make_agent(planner=Talker())
    events = list(agent.stream("what is it?"))
    assert "".join(event.text for event in events if event.type == "token") == "It is a clock."
    assert events[-1].reply.text == "It is a clock."


def test_a_stream_shows_new_plans_approvals_and_decisions(make_agent):
    behaviours = iter([fakes.touch_outside, fakes.paint])
    agent = make_agent(steps(recolor()), steps(recolor()), behave=lambda job: next(behaviours)(job), approval="always")
    first = list(agent.stream("red", images=[picture()], thread="demo"))
    assert [event.type for event in first] == ["plan", "approval_needed", "finish"]
    assert first[1].pending.invocations[0].operation is Operation.RECOLOR
    assert first[-1].reply.status == "needs_approval"
    assert list(agent.stream_resume("demo"))[-1].reply.pending == first[-1].reply.pending
    second = list(agent.stream_resume("demo", "approve"))
    assert [event.type for event in second] == [
        "expert_start", "verification", "expert_end", "replan", "plan", "approval_needed", "finish",
    ]  # fmt: skip
    third = list(agent.stream_resume("demo", ["approve"]))
    assert third[-1].reply.status == "done"
    assert list(agent.stream_resume("demo"))[-1].text == third[-1].text


def test_an_error_comes_out_of_the_stream(make_agent):
    with pytest.raises(MediaSourceError):
        list(make_agent().stream("red", images=["/no/such.png"]))


def test_an_error_during_the_turn_is_an_event_and_then_raised(make_agent):
    def need_weights(job):
        raise ConfigError("run 'vitron pull embedded'")

    agent = make_agent(steps(recolor()), behave=need_weights)
    seen = []

    def watch():
        for event in agent.stream("red", images=[picture()], thread="demo"):
            seen.append(event)  # noqa: PERF402 - what came before the error counts

    with pytest.raises(ConfigError):
        watch()
    assert [event.type for event in seen][-1] == "error"
    assert "vitron pull" in seen[-1].text


def test_closing_a_stream_stops_its_turn(make_agent):
    agent = make_agent(steps(recolor()), Plan(text="Hello!"), behave=fakes.work_slowly(30))
    started = time.monotonic()
    for event in agent.stream("red", images=[picture()], thread="demo"):
        if event.type == "progress":
            break
    assert agent.chat("hi", thread="demo").text == "Hello!"
    assert time.monotonic() - started < 10
    assert agent.history("demo")[0].status == "stopped"


def test_events_that_nobody_reads_any_more_do_not_block_the_conversation(make_agent):
    agent = make_agent(steps(recolor()), Plan(text="Hello!"), behave=fakes.work_slowly(30))

    async def look_away():
        async for event in agent.astream("red", images=[picture()], thread="demo"):
            if event.type == "progress":
                return

    asyncio.run(look_away())  # its loop is closed when the turn's last events come
    assert agent.chat("hi", thread="demo").text == "Hello!"
    assert agent.history("demo")[0].status == "stopped"


# -- async --------------------------------------------------------------------------------------------------------


def test_everything_can_be_awaited_on_any_loop_and_called_inside_one(make_agent):
    agent = make_agent(*[steps(recolor())] * 9, approval="always")

    async def program():
        waiting = await agent.achat("red", images=[picture()], thread="demo")
        assert waiting.status == "needs_approval"
        assert (await agent.aresume("demo", "approve")).status == "done"
        kinds = [event.type async for event in agent.astream("again", thread="demo")]
        assert kinds[-1] == "finish"
        return agent.resume("demo", "approve")  # as in a notebook: blocking, with a loop running

    for _ in range(2):
        assert asyncio.run(program()).status == "done"


def test_many_awaited_turns_at_once(make_agent):
    agent = make_agent(*[steps(recolor())] * 12, settings=Settings.load(parallel_experts=4))

    async def program():
        return await asyncio.gather(
            *(agent.achat("red", images=[picture(number)], thread=f"t{number}") for number in range(12))
        )

    assert {reply.status for reply in asyncio.run(program())} == {"done"}


def test_a_cancelled_caller_ends_its_turn_as_stopped(make_agent):
    agent = make_agent(
        steps(recolor(base="image-1", output="image-2"), recolor(base="image-2", value="blue")),
        Plan(text="Hello!"),
        behave=fakes.work_slowly(1.5),
    )

    async def program():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(agent.achat("red", images=[picture()], thread="demo"), 2.5)
        return await agent.achat("hi", thread="demo")

    assert asyncio.run(program()).text == "Hello!"
    turn = agent.history("demo")[0]
    assert turn.status == "stopped"
    assert turn.reply.startswith("Made the clock red: image-2.")


# -- threads and processes ----------------------------------------------------------------------------------------


def test_turns_of_one_thread_follow_each_other(make_agent):
    agent = make_agent(*[steps(recolor())] * 8, behave=fakes.work_slowly(0.05))
    agent.chat("start", images=[picture()], thread="demo")
    with ThreadPoolExecutor(7) as pool:
        replies = list(pool.map(lambda number: agent.chat(str(number), thread="demo"), range(7)))
    assert sorted(reply.turn for reply in replies) == list(range(2, 9))
    handles = [reply.image.handle for reply in sorted(replies, key=lambda reply: reply.turn)]
    assert handles == [f"image-{number}" for number in range(3, 10)]
    bases = [base_of(reply) for reply in sorted(replies, key=lambda reply: reply.turn)]
    assert bases == [f"image-{number}" for number in range(2, 9)]


def test_two_agents_share_a_thread_without_loss(make_agent):
    agents = [make_agent(*[steps(recolor())] * 6) for _ in range(2)]
    agents[0].chat("start", images=[picture()], thread="demo")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: agents[number % 2].chat(str(number), thread="demo"), range(8)))
    turns = agents[0].history("demo")
    assert [turn.number for turn in turns] == list(range(1, 10))
    assert sorted(turn.text for turn in turns[1:]) == sorted(map(str, range(8)))


# -- undo, fork, cancel, close ------------------------------------------------------------------------------------


def test_undo_and_fork(make_agent):
    agent = make_agent(Plan(text="A clock."), *[steps(recolor())] * 9)
    agent.chat("what is it?", images=[picture()], thread="demo")
    agent.chat("red", thread="demo")
    assert agent.undo("demo") == (2,)
    assert base_of(agent.chat("blue", thread="demo")) == "image-1"
    other = agent.fork("demo", turn=1, name="other")
    assert other == "other"
    assert base_of(agent.chat("green", thread="other")) == "image-1"
    assert [turn.undone for turn in agent.history("demo")] == [False, True, False]
    with pytest.raises(UsageError):
        agent.fork("demo", name="other")


def test_cancel_says_whether_there_was_something(make_agent):
    agent = make_agent(steps(recolor()), behave=fakes.work_slowly(30))
    assert agent.cancel("demo") is False
    answers = []
    threading.Timer(0.5, lambda: answers.append(agent.cancel("demo"))).start()
    assert agent.chat("red", images=[picture()], thread="demo").status == "stopped"
    assert answers == [True]
    assert agent.cancel("demo") is False


def test_a_plan_sees_the_picture_of_what_was_undone_as_chat_would(make_agent):
    agent = make_agent(*[steps(recolor())] * 3)
    agent.chat("red", images=[picture()], thread="demo")
    agent.undo("demo")
    planned = agent.plan("red", thread="demo").invocations[0].inputs
    assert agent.chat("red", thread="demo").invocations[0].invocation.inputs == planned


def test_a_fork_of_nothing_cannot_be_resumed(make_agent):
    agent = make_agent(steps(recolor()))
    agent.chat("red", images=[picture()], thread="demo")
    agent.undo("demo")
    with pytest.raises(UnknownThreadError, match="no turns yet"):
        agent.resume(agent.fork("demo"))


def test_closing_leaves_a_running_turn_for_resume(make_agent):
    agent = make_agent(steps(recolor()), behave=fakes.work_slowly(30))
    with ThreadPoolExecutor(1) as pool:
        chat = pool.submit(agent.chat, "red", picture(), thread="demo")
        time.sleep(0.8)
        agent.close()
        with pytest.raises(CancelledError):
            chat.result()
    again = make_agent()
    reply = again.resume("demo")
    assert (reply.status, reply.image.handle) == ("done", "image-2")
    assert again.resume("demo").text == reply.text


def test_checkpoints_are_dropped_unless_kept(make_agent, tmp_path):
    import sqlite3

    def rows():
        with sqlite3.connect(tmp_path / "vitron.db-checkpoints") as connection:
            return connection.execute("select count(*) from checkpoints").fetchone()[0]

    agent = make_agent(steps(recolor()), steps(recolor()))
    agent.chat("red", images=[picture()], thread="demo")
    assert rows() == 0
    agent.close()
    keeping = make_agent(steps(recolor()), settings=Settings.load(keep_checkpoints=True))
    keeping.chat("red", thread="demo")
    assert rows() > 5


FORGETFUL = """
import sys, pathlib
from tests.scenes import open_agent, picture, recolor, steps
from vitron_agent.tools import fakes
agent = open_agent(pathlib.Path(sys.argv[1]), steps(recolor()), behave=fakes.hang, budget={"call_seconds": 0.2})
print(agent.chat("red", images=[picture()]).status)
"""


def test_a_program_that_closes_nothing_and_left_work_behind_ends(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORGETFUL, str(tmp_path)],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("failed", "", 0)
