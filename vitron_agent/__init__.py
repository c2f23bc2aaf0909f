"""A visual agent after VITRON: it finds, selects and edits what plain sentences name, in real pictures.

>>> from vitron_agent import VitronAgent
>>> agent = VitronAgent()
>>> reply = agent.chat("Select the cat, then blur the background", images=["cat.jpg"])

Names load when they are first used, so that importing the package is quick and free of torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitron_agent.agent import VitronAgent
    from vitron_agent.artifacts import ArtifactRef, ArtifactStore
    from vitron_agent.config import Budget, Settings
    from vitron_agent.errors import (
        ArtifactError,
        ConfigError,
        ExpertError,
        InvocationError,
        MediaError,
        PersistenceError,
        UsageError,
        VitronError,
    )
    from vitron_agent.events import Event
    from vitron_agent.limits import Limits
    from vitron_agent.messages import Finding, Invocation, Module, Operation, Plan, Region, make_invocation
    from vitron_agent.profiles import Profile
    from vitron_agent.replies import Artifact, Reply

_HOMES = {
    "Artifact": "replies",
    "ArtifactError": "errors",
    "ArtifactRef": "artifacts",
    "ArtifactStore": "artifacts",
    "Budget": "config",
    "ConfigError": "errors",
    "Event": "events",
    "ExpertError": "errors",
    "Finding": "messages",
    "Invocation": "messages",
    "InvocationError": "errors",
    "Limits": "limits",
    "MediaError": "errors",
    "Module": "messages",
    "Operation": "messages",
    "PersistenceError": "errors",
    "Plan": "messages",
    "Profile": "profiles",
    "Region": "messages",
    "Reply": "replies",
    "Settings": "config",
    "UsageError": "errors",
    "VitronAgent": "agent",
    "VitronError": "errors",
    "make_invocation": "messages",
}
"""Where each public name lives."""

__version__ = "0.1.0"
__all__ = [
    "Artifact",
    "ArtifactError",
    "ArtifactRef",
    "ArtifactStore",
    "Budget",
    "ConfigError",
    "Event",
    "ExpertError",
    "Finding",
    "Invocation",
    "InvocationError",
    "Limits",
    "MediaError",
    "Module",
    "Operation",
    "PersistenceError",
    "Plan",
    "Profile",
    "Region",
    "Reply",
    "Settings",
    "UsageError",
    "VitronAgent",
    "VitronError",
    "make_invocation",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
