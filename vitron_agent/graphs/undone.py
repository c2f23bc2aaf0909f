"""What the user gave in turns that were undone: undoing takes back what we did, not what the user brought."""

from collections.abc import Collection

from vitron_agent.artifacts import ArtifactRef
from vitron_agent.memory.repository import Repository
from vitron_agent.memory.views import RunningTurn, TurnView
from vitron_agent.messages import Handle

_LOOK_BACK = 16
"""Turns that are searched for the user's pictures."""


def carry_over(repository: Repository, turn: RunningTurn, undone: Collection[int] | None = None) -> tuple[Handle, ...]:
    """Attaches to a running turn the pictures and clips that came with undone turns. Blocking; replays change nothing.

    Args:
        repository: Where the conversation is.
        turn: The running turn.
        undone: Numbers of the turns that it has just undone; None = the newest undone turn that brought something.

    Returns:
        Their new handles: the old ones were undone.
    """
    turns = [view for view in repository.history(turn.thread, limit=_LOOK_BACK) if view.undone]
    if undone is not None:
        given = [ref for view in turns if view.number in undone for ref in _given(view)]
    else:
        given = next(filter(None, map(_given, reversed(turns))), [])
    return repository.attach(turn, given) if given else ()


def _given(view: TurnView) -> list[ArtifactRef]:
    return [item.ref for item in view.handles if item.invocation is None and item.ref.kind in {"image", "video"}]
