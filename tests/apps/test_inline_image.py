import base64
import io
import re

import pytest
from PIL import Image

from vitron_agent.apps.inline_image import MAX_SIDE, Protocol, escape_sequence, protocol


def test_only_terminals_that_can_are_written_to() -> None:
    assert protocol({"TERM": "xterm-256color"}) is None
    assert protocol({"TERM": "xterm-kitty"}) == "kitty"
    assert protocol({"TERM_PROGRAM": "WezTerm", "TERM": "xterm-256color"}) == "iterm"
    assert protocol({"TERM": "xterm-kitty", "TMUX": "/tmp/x"}) is None


@pytest.mark.parametrize("speaks", ["kitty", "iterm"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_the_picture_comes_out_of_the_sequence_small_enough(speaks: Protocol, mode: str) -> None:
    text = escape_sequence(Image.effect_noise((1600, 900), 90).convert(mode), speaks)
    if speaks == "kitty":
        parts = re.findall(r"\x1b_G(?:a=T,f=100,)?m=([01]);([^\x1b]*)\x1b\\", text)
        assert [flag for flag, _ in parts] == ["1"] * (len(parts) - 1) + ["0"]
        data = "".join(chunk for _, chunk in parts)
    else:
        data = text.split(":", 1)[1].rstrip("\a\n")
    picture = Image.open(io.BytesIO(base64.standard_b64decode(data)))
    assert max(picture.size) == MAX_SIDE
