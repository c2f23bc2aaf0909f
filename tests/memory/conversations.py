"""Short ways to say what tests of conversations say often."""

import numpy as np

from vitron_agent.artifacts import ArtifactRef, ArtifactStore
from vitron_agent.memory.repository import Repository
from vitron_agent.memory.views import RunningTurn, TurnView
from vitron_agent.messages import (
    Handle,
    ImageEditing,
    Input,
    Invocation,
    InvocationResult,
    Operation,
    Output,
    Plan,
)


def picture(store: ArtifactStore, shade: int = 0) -> ArtifactRef:
    """A picture of its own for each shade."""
    return store.put_image(np.full((2, 2, 3), [shade % 256, shade // 256 % 256, 7], dtype=np.uint8))


def recolor(name: str, base: Handle, output: Handle, target: str = "cat") -> Invocation:
    return ImageEditing(
        id=name, operation=Operation.RECOLOR, target=target, value="red", inputs=(Input(handle=base),), output=output
    )


def made(invocation: Invocation, *outputs: tuple[str, Handle | None, ArtifactRef]) -> InvocationResult:
    parts = tuple(Output(slot=slot, handle=handle, ref=ref) for slot, handle, ref in outputs)
    return InvocationResult(invocation=invocation, status="done", outputs=parts, seconds=0.25, backend="embedded/1")


def run(repository: Repository, turn: RunningTurn, invocation: Invocation, ref: ArtifactRef, position: int = 0) -> None:
    """Plans and runs one invocation whose output is ``ref``."""
    repository.record_plan(turn, Plan(invocations=(invocation,)))
    assert repository.claim_invocation(turn, invocation, position) is None
    repository.finish_invocation(turn, made(invocation, ("image", invocation.output, ref)))


def say(repository: Repository, thread: str, text: str = "hello", *attachments: ArtifactRef | Handle) -> TurnView:
    """A turn that is answered in words."""
    turn = repository.begin_turn(thread, text, attachments)
    repository.finish_turn(turn, "done", f"re: {text}")
    return repository.history(thread, limit=1)[-1]


def standing(repository: Repository, thread: str) -> list[int]:
    return [turn.number for turn in repository.history(thread) if not turn.undone]


def visible(repository: Repository, thread: str) -> list[Handle]:
    return [item.handle for item in repository.artifacts(thread)]
