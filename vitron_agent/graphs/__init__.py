"""The LangGraph graph of one turn: state, nodes, build."""

from vitron_agent._names import require_qualified

require_qualified(__name__, "vitron_agent.graphs")
