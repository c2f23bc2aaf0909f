"""Regions as they are typed on a command line."""

from pathlib import Path

from vitron_agent.errors import UsageError
from vitron_agent.messages import Point, Region

HELP = (
    "What you point at, in fractions of width and height from the top left corner: box:0.1,0.2,0.4,0.6 (left, top, "
    "right, bottom), points:0.5,0.5 (a minus before a point means: not this), polygon:x,y,x,y,x,y or scribble:x,y,x,y. "
    "Append @image-1 to name the picture; it is the newest one otherwise."
)


def parse_region(text: str) -> Region:
    """Reads ``kind:numbers[@handle]``.

    Raises:
        UsageError: It doesn't follow the form, or the numbers make no region; says which form would.
    """
    shape, _, source = text.partition("@")
    kind, colon, numbers = shape.partition(":")
    if not colon or kind not in ("box", "points", "polygon", "scribble"):
        hint = "; a drawn mask is passed from Python" if Path(text).suffix else ""
        raise UsageError(f"a region is written box:0.1,0.2,0.4,0.6 or points:, polygon:, scribble:, got {text!r}{hint}")
    parts = [part.strip() for part in numbers.split(",")]
    try:
        values = [float(part) for part in parts]
    except ValueError:
        raise UsageError(f"a region holds numbers from 0 to 1 between commas, got {numbers!r}") from None
    if len(values) % 2:
        raise UsageError(f"a region needs an x and a y for each point, got {len(values)} numbers in {text!r}")
    points: list[Point] = list(zip(values[::2], values[1::2], strict=True))
    labels = [not part.startswith("-") for part in parts[::2]]
    if kind == "points":
        points = [(abs(x), y) for x, y in points]
    try:
        return _region(kind, points, labels, source or None)
    except ValueError as error:
        raise UsageError(f"{text!r} is no region: {error}") from error


def _region(kind: str, points: list[Point], labels: list[bool], source: str | None) -> Region:
    if kind == "box":
        if len(points) != 2:
            raise UsageError(f"a box has four numbers: left, top, right, bottom; got {2 * len(points)}")
        return Region.box(*points[0], *points[1], source=source)
    if kind == "points":
        return Region.points(points, labels=labels, source=source)
    if kind == "polygon":
        return Region.polygon(points, source=source)
    return Region.scribble(points, source=source)
