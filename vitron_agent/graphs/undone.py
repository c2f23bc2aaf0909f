"""What the user gave in turns that were undone: undoing takes back what we did, not what the user brought."""

from collections.abc import Collection

from vitron_agent.memory.repository import Repository
from vitron_agent.memory.views import RunningTurn
from vitron_agent.messages import Handle


def carry_over(repository: Repository, turn: RunningTurn, undone: Collection[int] | None = None) -> tuple[Handle, ...]:
    """Attaches to a running turn the pictures and clips that came with undone turns. Blocking; replays change nothing.

    Args:
        repository: Where the conversation is.
        turn: The running turn.
        undone: Numbers of the turns that it has undone; None, where nothing is current any more = the newest turn that
            brought something.

    Returns:
        Their new handles: the old ones were undone.
    """
    given = repository.brought(turn.thread, undone)
    return repository.carry(turn, [item.ref for item in given]) if given else ()
