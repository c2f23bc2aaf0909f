"""Pictures inside the terminal, where the terminal can: the protocols of kitty and iTerm2."""

import base64
import io
import os
from collections.abc import Iterator, Mapping
from typing import Literal

from PIL import Image

Protocol = Literal["kitty", "iterm"]
MAX_SIDE = 480
"""Pixels of the larger side of what is sent."""
_KITTY_CHUNK = 4096


def protocol(environment: Mapping[str, str] = os.environ) -> Protocol | None:
    """The protocol that this terminal is known to speak, or None."""
    if environment.get("TMUX") or environment.get("TERM", "").startswith("screen"):
        return None  # a multiplexer swallows the sequences
    if "KITTY_WINDOW_ID" in environment or environment.get("TERM") in ("xterm-kitty", "xterm-ghostty"):
        return "kitty"
    if environment.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm", "mintty", "vscode"):
        return "iterm"
    return None


def escape_sequence(picture: Image.Image, speaks: Protocol) -> str:
    """What shows ``picture``, at most MAX_SIDE pixels large, when it is written to the terminal."""
    small = picture.convert("RGBA" if "A" in picture.getbands() else "RGB")
    small.thumbnail((MAX_SIDE, MAX_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    data = base64.standard_b64encode(buffer.getvalue()).decode()
    if speaks == "iterm":
        return f"\x1b]1337;File=inline=1;size={buffer.tell()};width={small.width}px:{data}\a\n"
    return "".join(_kitty(data)) + "\n"


def _kitty(data: str) -> Iterator[str]:
    chunks = [data[start : start + _KITTY_CHUNK] for start in range(0, len(data), _KITTY_CHUNK)]
    for number, chunk in enumerate(chunks, start=1):
        head = "a=T,f=100," if number == 1 else ""
        yield f"\x1b_G{head}m={int(number < len(chunks))};{chunk}\x1b\\"
