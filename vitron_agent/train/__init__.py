"""Training: data builders, stages, metrics; one runnable script a stage."""

from vitron_agent._names import require_qualified

require_qualified(__name__, "vitron_agent.train")
