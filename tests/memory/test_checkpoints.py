import asyncio
import logging
import pickle
import sqlite3
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from pydantic import BaseModel
from typing_extensions import TypedDict

from tests.memory.conversations import made, picture, recolor, say
from vitron_agent.errors import ConfigError, PersistenceError
from vitron_agent.memory import checkpoints
from vitron_agent.messages import Finding, Invocation, InvocationResult, Plan, Region

pytestmark = pytest.mark.anyio


class Note(BaseModel):
    """A class of a graph's state that messages.py does not know."""

    text: str


class State(TypedDict, total=False):
    messages: Annotated[list[Any], add_messages]
    plan: Plan
    regions: tuple[Region, ...]
    results: dict[str, InvocationResult]
    invocation: Invocation
    note: Note
    thread: str
    turn: int


def build(saver):
    """A graph that stops in the middle of a turn."""
    graph = StateGraph(State)
    graph.add_node("work", lambda state: {"messages": [AIMessage("working")]})
    graph.add_node("rest", lambda state: {"messages": [AIMessage("resting")]})
    graph.add_edge(START, "work")
    graph.add_edge("work", "rest")
    graph.add_edge("rest", END)
    return graph.compile(checkpointer=saver, interrupt_before=["rest"])


def config(thread: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread}}


@pytest.fixture
def state(store) -> State:
    invocation = recolor("a", "image-1", "image-2")
    result = made(invocation, ("image", "image-2", picture(store)))
    finding = Finding(label="cat", score=1 / 3, box=(0.0, 0.1, 0.2, 0.3), facts=(("color", "red"),))
    return State(
        messages=[HumanMessage("hello")],
        plan=Plan(invocations=(invocation,)),
        regions=(Region.points([(0.1, 1 / 3)], labels=[True]),),
        results={"a": result.model_copy(update={"findings": (finding,)})},
        invocation=invocation,
    )


async def test_a_turn_goes_on_after_reopening(url, state):
    async with checkpoints.open_checkpointer(url) as saver:
        await build(saver).ainvoke(state, config("demo/1"))
    async with checkpoints.open_checkpointer(url) as saver:
        graph = build(saver)
        values = (await graph.aget_state(config("demo/1"))).values
        assert (values["plan"], values["results"]) == (state["plan"], state["results"])
        assert (values["invocation"], tuple(values["regions"])) == (state["invocation"], state["regions"])
        assert type(values["invocation"]) is type(state["invocation"])
        done = await graph.ainvoke(None, config("demo/1"))
        assert [message.content for message in done["messages"]] == ["hello", "working", "resting"]


async def test_only_known_classes_come_back(url, caplog):
    async with checkpoints.open_checkpointer(url) as saver:
        await build(saver).ainvoke({"note": Note(text="x")}, config("demo/1"))
        with caplog.at_level(logging.CRITICAL):
            assert (await build(saver).aget_state(config("demo/1"))).values["note"] == {"text": "x"}
    async with checkpoints.open_checkpointer(url, allow=[Note]) as saver:
        assert (await build(saver).aget_state(config("demo/1"))).values["note"] == Note(text="x")


def test_pickles_are_neither_written_nor_read():
    serde = checkpoints.serializer()
    with pytest.raises(TypeError):
        serde.dumps_typed(object())
    with pytest.raises(NotImplementedError):
        serde.loads_typed(("pickle", pickle.dumps({"x": 1})))


async def test_dropping_leaves_other_turns(url, state, repository):
    async with checkpoints.open_checkpointer(url) as saver:
        for thread in ("demo/1", "demo/10"):
            await build(saver).ainvoke(state, config(thread))
        turn = repository.begin_turn("demo", "hello")
        repository.finish_turn(turn, "done", "")
        await checkpoints.drop(saver, turn)
        assert (await build(saver).aget_state(config("demo/1"))).values == {}
        assert (await build(saver).aget_state(config("demo/10"))).values != {}


async def test_what_ended_turns_left_behind_is_swept(url, state, repository):
    say(repository, "demo")
    repository.begin_turn("demo", "still running")
    async with checkpoints.open_checkpointer(url) as saver:
        assert await checkpoints.drop_ended(saver, repository) == ()
        for thread in ("demo/1", "demo/2", "someone-elses-thread", "other/thread"):
            await build(saver).ainvoke(state, config(thread))
        assert await checkpoints.drop_ended(saver, repository) == ("demo/1",)
        kept = {item.config["configurable"]["thread_id"] async for item in saver.alist(None)}
        assert kept == {"demo/2", "someone-elses-thread", "other/thread"}


async def test_what_deleted_turns_left_behind_is_swept(url, state, repository):
    async with checkpoints.open_checkpointer(url) as saver:
        for thread, number in (("demo", 1), ("demo", 2), ("de/mo", 1), ("kept", 1)):
            turn = repository.begin_turn(thread, "x", abandon=True)
            assert turn.number == number
            repository.release_turn(turn)
            await build(saver).ainvoke({**state, "thread": thread, "turn": number}, config(turn.checkpoint_thread))
        repository.delete_thread("demo")
        repository.delete_thread("de/mo")
        repository.begin_turn("demo", "a new thread of that name")
        assert sorted(await checkpoints.drop_ended(saver, repository)) == ["de/mo/1", "demo/2"]
        kept = {item.config["configurable"]["thread_id"] async for item in saver.alist(None)}
        assert kept == {"demo/1", "kept/1"}


@pytest.mark.postgres
async def test_a_shared_database_keeps_what_others_call_like_a_turn(postgres_url, state, open_repository):
    async with checkpoints.open_checkpointer(postgres_url) as saver:
        await build(saver).ainvoke(state, config("elsewhere/1"))
        assert await checkpoints.drop_ended(saver, open_repository()) == ()


async def test_many_turns_at_once(url, state):
    async with checkpoints.open_checkpointer(url) as saver:
        graph = build(saver)
        await asyncio.gather(*(graph.ainvoke(state, config(f"demo/{number}")) for number in range(16)))
        done = await asyncio.gather(*(graph.ainvoke(None, config(f"demo/{number}")) for number in range(16)))
        assert [len(values["messages"]) for values in done] == [3] * 16


async def test_several_first_openers_and_savers(blank_or_new, state):
    async def one(number: int) -> None:
        async with checkpoints.open_checkpointer(blank_or_new) as saver:
            await build(saver).ainvoke(state, config(f"demo/{number}"))
            assert (await build(saver).ainvoke(None, config(f"demo/{number}")))["messages"]

    await asyncio.gather(*(one(number) for number in range(4)))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def blank_or_new(request, tmp_path) -> str:
    return request.getfixturevalue("blank_postgres") if request.param == "postgres" else f"sqlite:///{tmp_path}/test.db"


async def test_a_dropped_turn_gives_its_space_back(tmp_path, state, store):
    file = tmp_path / "test.db-checkpoints"
    long = HumanMessage("x" * 50_000)

    async def turns(numbers: range) -> int:
        async with checkpoints.open_checkpointer(f"sqlite:///{tmp_path}/test.db") as saver:
            for number in numbers:
                await build(saver).ainvoke({**state, "messages": [long]}, config(f"demo/{number}"))
                await saver.adelete_thread(f"demo/{number}")
        return file.stat().st_size

    once = await turns(range(1))
    assert await turns(range(1, 21)) == once < 64 * 1024


async def test_what_was_cancelled_locks_nothing_after_the_close(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "_BUSY_SECONDS", 0.5)
    database = f"sqlite:///{tmp_path}/test.db"
    async with checkpoints.open_checkpointer(database) as saver:
        await saver.conn.execute("DELETE FROM writes")  # a write without its commit
        reading = await saver.conn.execute("SELECT 1 UNION ALL SELECT 2")
        assert await reading.fetchone() == (1,)  # a read without its end; somebody still holds the cursor
    async with checkpoints.open_checkpointer(database) as saver:
        await saver.adelete_thread("demo/1")


async def test_what_was_cancelled_locks_nothing_once_unlocked(tmp_path, monkeypatch, state):
    monkeypatch.setattr(checkpoints, "_BUSY_SECONDS", 0.5)
    database = f"sqlite:///{tmp_path}/test.db"
    async with checkpoints.open_checkpointer(database) as saver, checkpoints.open_checkpointer(database) as other:
        await build(saver).ainvoke(state, config("demo/1"))
        await saver.conn.execute("DELETE FROM checkpoints")  # a write without its commit
        await checkpoints.unlock(saver)
        await build(other).ainvoke(state, config("demo/2"))
        assert (await build(saver).aget_state(config("demo/1"))).values != {}


async def test_memory_databases_have_memory_checkpoints(state, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with checkpoints.open_checkpointer("sqlite://") as saver:
        await build(saver).ainvoke(state, config("demo/1"))
    assert list(tmp_path.iterdir()) == []


async def test_the_servers_checkpointer_is_that_of_the_settings(tmp_path, monkeypatch, state):
    monkeypatch.setenv("VITRON_DATABASE", f"sqlite:///{tmp_path}/mine.db")
    async with checkpoints.checkpointer() as saver:
        await build(saver).ainvoke(state, config("demo/1"))
    assert Path(tmp_path / "mine.db-checkpoints").exists()


class TestFailures:
    async def test_a_wrong_url(self):
        with pytest.raises(ConfigError):
            async with checkpoints.open_checkpointer("mysql://host/db"):
                pass

    async def test_a_damaged_file_is_named(self, tmp_path):
        (tmp_path / "test.db-checkpoints").write_bytes(b"no database" * 500)
        with pytest.raises(PersistenceError, match=r"test\.db-checkpoints.*move it away"):
            async with checkpoints.open_checkpointer(f"sqlite:///{tmp_path}/test.db"):
                pass

    async def test_a_folder_that_is_not_there(self, tmp_path):
        with pytest.raises(PersistenceError, match="make its folder"):
            async with checkpoints.open_checkpointer(f"sqlite:///{tmp_path}/nowhere/test.db"):
                pass

    async def test_an_absent_server(self):
        with pytest.raises(PersistenceError, match="start the server"):
            async with checkpoints.open_checkpointer("postgresql://user:secret@/db?host=/nonexistent"):
                pass

    async def test_it_is_not_the_conversations_file(self, tmp_path, state, repository):
        async with checkpoints.open_checkpointer(f"sqlite:///{tmp_path}/test.db") as saver:
            await build(saver).ainvoke(state, config("demo/1"))
        with sqlite3.connect(tmp_path / "test.db-checkpoints") as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert tables == {"checkpoints", "writes"}
