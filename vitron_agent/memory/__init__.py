"""Conversations in SQL: tables, repository, checkpoints of the running turn."""

from vitron_agent._names import require_qualified

require_qualified(__name__, "vitron_agent.memory")
