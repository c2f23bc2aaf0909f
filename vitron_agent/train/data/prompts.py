"""Prompts for pictures and clips that do not exist yet."""

import re
from random import Random

from vitron_agent.train.data.text import sections
from vitron_agent.train.data.things import noun


def prompt(rng: Random) -> str:
    """What somebody wants to see, as said, with its article: "a fox in the snow, photorealistic"."""
    words = sections("lexicon")
    text = rng.choice(words["subject"])
    text = re.sub(r"\{a\}", lambda _: rng.choice(words["adjective"][:21]), text)
    text = re.sub(r"\{c\}", lambda _: rng.choice(words["color"][:20]), text)
    text = re.sub(r"\{n\}", lambda _: noun(rng), text)
    if rng.random() < 0.7:
        text += f" {rng.choice(words['doing'])}"
    elif rng.random() < 0.4:
        text += f" in a {rng.choice(words['scene'])}"
    if rng.random() < 0.25:
        text += f", {rng.choice(words['look'])}"
    return re.sub(r"\ba (?=[aeiou])", "an ", text)


def clip_format(rng: Random) -> tuple[str, str]:
    """How long, how fast, how large a clip shall be: (as said, as written behind the value); mostly neither."""
    said, written = [], []
    if rng.random() < 0.25:
        seconds = rng.choice([2, 3, 4, 5, 6, 8, 10])
        words = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 8: "eight", 10: "ten"}
        said.append(
            rng.choice(
                ["{} seconds", "{} sec", "for {} seconds", "about {} seconds long", "{} s", "lasting {} seconds"]
            ).format(rng.choice([str(seconds), words[seconds]]))
        )
        written.append(f"{seconds} s")
    if rng.random() < 0.07:
        fps = rng.choice([8, 12, 15, 24, 25, 30])
        said.append(rng.choice(["at {} fps", "{} fps", "{} frames per second"]).format(fps))
        written.append(f"{fps} fps")
    if rng.random() < 0.05:
        width, height = rng.choice([(320, 240), (512, 512), (640, 360), (1280, 720)])
        said.append(rng.choice(["{}x{}", "{} by {}", "size {}x{}"]).format(width, height))
        written.append(f"{width}x{height}")
    joined = ", ".join(said)
    return (f"{rng.choice([', ', ' ', '. '])}{joined}" if joined else ""), "".join(f"; {item}" for item in written)
