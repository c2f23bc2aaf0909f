"""The graph of one turn.

ingest -> plan -> validate -> approve -> dispatch -> the nodes of the modules -> verify -> dispatch -> ... -> reply
           ^         |           |                                                  |
           +---------+-----------+--------------------------------------------------+
"""

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Checkpointer

from vitron_agent.graphs.nodes.approve import approve_node
from vitron_agent.graphs.nodes.conversation import conversation_node
from vitron_agent.graphs.nodes.dispatch import dispatch_node
from vitron_agent.graphs.nodes.expert import RETRIES, expert_node
from vitron_agent.graphs.nodes.ingest import ingest_node
from vitron_agent.graphs.nodes.plan import plan_node
from vitron_agent.graphs.nodes.reply import reply_node
from vitron_agent.graphs.nodes.validate import validate_node
from vitron_agent.graphs.nodes.verify import verify_node
from vitron_agent.graphs.services import Services
from vitron_agent.graphs.state import ModuleInput, TurnInput, TurnOutput, TurnState
from vitron_agent.messages import Module

NAME = "vitron"
RECURSION_LIMIT = 200
"""More supersteps than a turn within any sensible budget takes."""


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
    steps: dict[str, Any] = {
        "ingest": ingest_node(services),
        "plan": plan_node(services),
        "validate": validate_node(services),
        "approve": approve_node(services),
        "verify": verify_node(services),
        "reply": reply_node(services),
    }
    for name, step in steps.items():
        graph.add_node(name, step)
    dispatch: Any = dispatch_node(services)
    graph.add_node("dispatch", dispatch, destinations=(*(module.value for module in Module), "reply"))
    for module in Module:
        node: Any = conversation_node(services) if module is Module.CONVERSATION else expert_node(services, module)
        graph.add_node(module.value, node, input_schema=ModuleInput, retry_policy=RETRIES)
        graph.add_edge(module.value, "verify")
    graph.add_edge(START, "ingest")
    graph.add_edge("ingest", "plan")
    graph.add_edge("plan", "validate")
    graph.add_edge("reply", END)
    return graph.compile(checkpointer=checkpointer, name=NAME)
