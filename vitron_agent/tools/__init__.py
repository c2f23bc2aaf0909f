"""The experts: one file a module, their implementations in ``backends``."""

from vitron_agent._names import require_qualified

require_qualified(__name__, "vitron_agent.tools")
