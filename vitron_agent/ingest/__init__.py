"""The ingest gate: every picture, clip and mask from outside passes through :func:`ingest`."""

from vitron_agent.ingest.gate import MediaKind, Source, ingest
from vitron_agent.limits import Limits

__all__ = ["Limits", "MediaKind", "Source", "ingest"]
