"""The graph of one turn.

ingest -> plan -> validate -> approve -> dispatch -> the nodes of the modules -> verify -> dispatch -> ... -> reply
           ^         |           |                                                  |
           +---------+-----------+--------------------------------------------------+
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Checkpointer

from vitron_agent.config import Budget
from vitron_agent.graphs.nodes.approve import approve_node
from vitron_agent.graphs.nodes.conversation import conversation_node
from vitron_agent.graphs.nodes.dispatch import dispatch_node
from vitron_agent.graphs.nodes.expert import RETRIES, expert_node
from vitron_agent.graphs.nodes.ingest import ingest_node
from vitron_agent.graphs.nodes.plan import plan_node
from vitron_agent.graphs.nodes.reply import reply_node
from vitron_agent.graphs.nodes.validate import validate_node
from vitron_agent.graphs.nodes.verify import verify_node
from vitron_agent.graphs.services import Node, Services
from vitron_agent.graphs.state import ModuleInput, TurnInput, TurnOutput, TurnState
from vitron_agent.graphs.turns import OpenTurns
from vitron_agent.messages import Module

NAME = "vitron"


def recursion_limit(budget: Budget) -> int:
    """More supersteps than a turn within its budget can take: four for each expert call, and some for its plans."""
    return 40 + 4 * (budget.calls + budget.steps)


def build(
    services: Services, *, checkpointer: Checkpointer = None
) -> CompiledStateGraph[TurnState, None, TurnInput, TurnOutput]:
    """Compiles the graph.

    Args:
        services: What the nodes work with.
        checkpointer: Where a running turn is kept; None as a subgraph (the parent's is used) and for ``langgraph dev``
            (the server's is used).
    """
    graph = StateGraph(TurnState, input_schema=TurnInput, output_schema=TurnOutput)
    turns = services.turns
    modules = tuple(module.value for module in Module)
    graph.add_node("ingest", Anywhere(ingest_node(services)))
    graph.add_node("plan", Anywhere(plan_node(services), turns))
    graph.add_node("validate", Anywhere(validate_node(services), turns), destinations=("plan", "approve", "reply"))
    graph.add_node("approve", Anywhere(approve_node(services), turns), destinations=("plan", "dispatch", "reply"))
    graph.add_node("dispatch", Anywhere(dispatch_node(services), turns), destinations=(*modules, "dispatch", "reply"))
    for name in modules:
        node = conversation_node(services) if name == Module.CONVERSATION else expert_node(services)
        graph.add_node(name, Anywhere(node, turns, (ConnectionError,)), input_schema=ModuleInput, retry_policy=RETRIES)
        graph.add_edge(name, "verify")
    graph.add_node("verify", Anywhere(verify_node(services), turns), destinations=("plan", "dispatch", "reply"))
    graph.add_node("reply", Anywhere(reply_node(services), turns))
    graph.add_edge(START, "ingest")
    graph.add_edge("ingest", "plan")
    graph.add_edge("plan", "validate")
    graph.add_edge("reply", END)
    return graph.compile(checkpointer=checkpointer, name=NAME)


class Anywhere(Runnable[Any, Any]):
    """A node for graphs that are awaited and for those that are not (a parent's plain ``invoke``).

    A turn that the graph itself began is given up where the run fails in a node or is cancelled there; else nobody
    could go on with it before this process ends.

    Args:
        node: The coroutine function.
        turns: Where the turn that it works on is; None = it works on none yet.
        retried: Errors after which the node is run again.
    """

    def __init__(self, node: Node, turns: OpenTurns | None = None, retried: tuple[type[Exception], ...] = ()) -> None:
        self._node = node
        self._turns = turns
        self._passing: tuple[type[BaseException], ...] = (GraphBubbleUp, *retried)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: ARG002
        """Runs it in a thread of its own, because the caller's may have an event loop running (a notebook's has)."""
        try:
            with ThreadPoolExecutor(1, "vitron-node") as pool:
                return pool.submit(copy_context().run, lambda: asyncio.run(self.ainvoke(input))).result()
        except KeyboardInterrupt:  # which the node's own thread doesn't see
            self._give_up(input)
            raise

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: ARG002
        """Runs it."""
        try:
            return await self._node(input)
        except self._passing:
            raise
        except BaseException:
            await asyncio.to_thread(self._give_up, input)
            raise

    def _give_up(self, input: Any) -> None:
        if self._turns is not None:
            task = input.get("task")
            self._turns.give_up(*((task.thread, task.turn) if task else (input["thread"], input["turn"])))
