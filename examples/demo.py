"""The main job on real photos: one request of several steps, then follow-ups, in plain sentences.

    make demo            or, in an installed environment:  python examples/demo.py

The photos are scikit-image's. Pictures and a contact sheet land in ``demo_output/``.
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import skimage
from PIL import Image
from rich.console import Console

from vitron_agent import VitronAgent
from vitron_agent.apps.contact_sheet import Cell, contact_sheet
from vitron_agent.apps.show import follow

OUT = Path("demo_output")
PHOTOS = Path(skimage.__file__).parent / "data"
CONVERSATIONS: Sequence[tuple[str, Sequence[str]]] = (
    (
        "coffee.png",
        (
            "Segment the cup, paint it blue and blur the background",
            "now make it look like a pencil drawing",
            "undo that, and make it warmer instead",
        ),
    ),
    (
        "chelsea.png",
        ("What is in this picture?", "cut out the cat with soft fur", "put the cat on a dark green background"),
    ),
)


def converse(agent: VitronAgent, console: Console, photo: str, requests: Sequence[str]) -> list[Cell]:
    """One conversation; the pictures that came of it, with what was asked."""
    thread = Path(photo).stem
    cells = [Cell(Image.open(PHOTOS / photo), [photo])]
    for number, text in enumerate(requests):
        console.rule(f"[bold]{thread}[/]: {text}", align="left")
        start = time.perf_counter()
        events = agent.stream(text, images=[PHOTOS / photo] if number == 0 else None, thread=thread)
        reply = follow(console, events)
        if reply is None:
            raise SystemExit("the turn ended without a reply; run `vitron doctor`")
        console.print(f"[green]{reply.text}[/]  [dim]{time.perf_counter() - start:.1f} s[/]")
        for artifact in reply.artifacts:
            if artifact.kind in ("image", "mask"):
                picture = artifact.image()
                picture.save(OUT / f"{thread}-{artifact.handle}.png")
                cells.append(Cell(picture, [f"{artifact.handle}: {text}"]))
    return cells


def main() -> None:
    console = Console()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    start = time.perf_counter()
    cells: list[Cell] = []
    with VitronAgent(database=f"sqlite:///{OUT / 'demo.db'}", artifacts=OUT / "artifacts") as agent:
        for photo, requests in CONVERSATIONS:
            cells += converse(agent, console, photo, requests)
    contact_sheet(cells).save(OUT / "contact_sheet.png")
    console.rule()
    console.print(
        f"{len(cells)} pictures in {OUT}/, all on {OUT / 'contact_sheet.png'}; {time.perf_counter() - start:.0f} s"
    )


if __name__ == "__main__":
    main()
