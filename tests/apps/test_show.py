"""What is shown of a reply, in terminals of every kind."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.scenes import picture
from vitron_agent.apps.inline_image import escape_sequence
from vitron_agent.apps.show import show_reply
from vitron_agent.artifacts import ArtifactStore
from vitron_agent.replies import Artifact, Reply

ESCAPE = "\x1b"
TERMINALS = {
    "kitty": {"TERM": "xterm-kitty"},
    "iterm": {"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"},
    "plain": {"TERM": "xterm-256color"},
    "tmux": {"TERM": "xterm-kitty", "TMUX": "/tmp/tmux,1,0"},
}


@pytest.fixture
def made(store: ArtifactStore) -> dict[str, Artifact]:
    """An older and a newer picture, and a mask, by handle."""
    refs = {
        "image-1": store.put_image(picture(1)),
        "image-2": store.put_image(picture(2)),
        "mask-1": store.put_mask(np.eye(24, 32, dtype=np.bool_)),
    }
    return {handle: Artifact(handle, ref, store) for handle, ref in refs.items()}


@pytest.fixture
def shown(made, monkeypatch: pytest.MonkeyPatch):
    """What ``show_reply`` writes of some artifacts to a kind of terminal; None = to a pipe."""

    def write(terminal: str | None, *handles: str, saved: dict[str, Path] | None = None) -> str:
        for name in ("TERM", "TERM_PROGRAM", "TMUX", "KITTY_WINDOW_ID"):
            monkeypatch.delenv(name, raising=False)
        for name, value in TERMINALS[terminal or "kitty"].items():
            monkeypatch.setenv(name, value)
        file = io.StringIO()
        console = Console(file=file, force_terminal=terminal is not None, color_system=None, width=200)
        reply = Reply("demo", 1, "Made it [red].", "done", artifacts=tuple(made[handle] for handle in handles))
        show_reply(console, reply, saved or {})
        return file.getvalue()

    return write


@pytest.mark.parametrize("speaks", ["kitty", "iterm"])
@pytest.mark.parametrize("handles", [("image-2",), ("mask-1",), ("image-1", "image-2"), ("image-2", "mask-1")])
def test_a_terminal_that_can_gets_the_newest_picture(shown, made, speaks, handles: tuple[str, ...]) -> None:
    text = shown(speaks, *handles)
    newest = "image-2" if "image-2" in handles else handles[-1]
    assert escape_sequence(made[newest].image().convert("RGBA"), speaks) in text
    assert text.startswith("Made it [red].\n")


@pytest.mark.parametrize("terminal", ["plain", "tmux", None])
def test_a_pipe_and_terminals_that_cannot_get_words_and_paths_only(shown, made, terminal: str | None) -> None:
    text = shown(terminal, "image-2", "mask-1", saved={"image-2": Path("out/image-2.png")})
    assert ESCAPE not in text
    assert text.splitlines() == [
        "Made it [red].",
        "  image-2 image, 32x24  out/image-2.png",
        f"  mask-1 mask, 32x24  {made['mask-1'].path}",
    ]


def test_words_alone_are_written_alone(shown) -> None:
    assert shown("kitty") == "Made it [red].\n"
