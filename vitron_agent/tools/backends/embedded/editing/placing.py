"""Where a thing goes and how large it becomes: geometry only, in pixels of the base."""

from dataclasses import dataclass

import numpy as np

from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.edit_words import Beside, Placement, Shift, Spot
from vitron_agent.tools.regions import PixelBox, mask_box

_USUAL_SHIFT = 0.25
"""How far a move goes where nothing is said, as a fraction of the picture."""
_MARGIN = 0.04
"""Of the picture, left free beside what is put into a corner."""
_MAX_SHARE = 0.6
"""Of the picture's width and height that an added thing takes at most."""
_MAX_ENLARGED = 2.0
_SEATS = frozenset({"sofa", "couch", "chair", "armchair", "bed", "bench", "seat", "lap", "stool", "throne", "swing"})
_GROUNDS = frozenset({
    "grass", "lawn", "floor", "ground", "road", "street", "path", "sand", "beach", "field", "meadow", "water", "sea",
    "lake", "river", "pond", "snow", "carpet", "rug", "mat", "pavement", "sidewalk", "ice", "wall", "sky",
})  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """Where a thing goes: its left top corner and its size in pixels; it may be larger than the picture."""

    left: int
    top: int
    width: int
    height: int

    @property
    def box(self) -> PixelBox:
        """As a box."""
        return self.left, self.top, self.left + self.width, self.top + self.height

    def within(self, width: int, height: int) -> "Frame":
        """Moved into the picture where it sticks out; what is larger than the picture is centred."""
        left = min(max(self.left, 0), width - self.width) if self.width <= width else (width - self.width) // 2
        top = min(max(self.top, 0), height - self.height) if self.height <= height else (height - self.height) // 2
        return Frame(left, top, self.width, self.height)


def moved(
    thing: PixelBox, width: int, height: int, placement: Placement | None, anchor: MaskArray | None,
    place: MaskArray | None,
) -> Frame:  # fmt: skip
    """Where a thing of the picture goes; it keeps its size and stays inside.

    Args:
        thing: Where it is.
        width: Of the picture.
        height: Of the picture.
        placement: Where to, in words.
        anchor: The thing that the words speak of.
        place: Where to, as drawn.
    """
    left, top, right, bottom = thing
    start = Frame(left, top, right - left, bottom - top)
    if place is not None:
        return _centred_on(start, place).within(width, height)
    if isinstance(placement, Shift):
        step_x = placement.right * (placement.amount.of(width) if placement.amount else _USUAL_SHIFT * width)
        step_y = placement.down * (placement.amount.of(height) if placement.amount else _USUAL_SHIFT * height)
        shifted = Frame(left + round(step_x), top + round(step_y), start.width, start.height)
        return shifted.within(width, height)
    if isinstance(placement, Spot):
        return _at_spot(start, placement, width, height)
    assert isinstance(placement, Beside)
    assert anchor is not None
    return _beside(start, placement, anchor, width).within(width, height)


def added(
    thing: tuple[int, int], share: float, width: int, height: int, placement: Placement | None,
    anchor: MaskArray | None, place: MaskArray | None,
) -> Frame:  # fmt: skip
    """Where a thing of another picture goes, and how large it becomes.

    It keeps its share of the picture, unless it would not fit where it goes; it becomes at most twice as large as it
    was.

    Args:
        thing: Its width and height in its own picture.
        share: Of the height of its own picture that it takes.
        width: Of the base.
        height: Of the base.
        placement: Where, in words; None = not said.
        anchor: The thing that the words speak of.
        place: Where, as drawn.
    """
    natural = min(share * height / thing[1], _MAX_ENLARGED)
    limits = (_MAX_SHARE * width, _MAX_SHARE * height)
    if place is not None and (box := mask_box(place)) is not None and _has_extent(box, width, height):
        natural, limits = _MAX_ENLARGED, (float(box[2] - box[0]), float(box[3] - box[1]))
    elif isinstance(placement, Beside) and anchor is not None:
        limits = _room(placement, anchor, limits)
    scale = min(natural, limits[0] / thing[0], limits[1] / thing[1])
    start = Frame(0, 0, max(1, round(thing[0] * scale)), max(1, round(thing[1] * scale)))
    if place is not None:
        return _centred_on(start, place).within(width, height)
    if isinstance(placement, Beside) and anchor is not None:
        return _beside(start, placement, anchor, width).within(width, height)
    spot = placement if isinstance(placement, Spot) else Spot(0.5, 1.0)
    return _at_spot(start, Spot(0.5 if spot.x is None else spot.x, 1.0 if spot.y is None else spot.y), width, height)


def fitted(thing: tuple[int, int], hole: PixelBox) -> Frame:
    """A thing of that width and height fitted into a hole: as large as it fits, in the middle, standing at its foot."""
    left, top, right, bottom = hole
    scale = min((right - left) / thing[0], (bottom - top) / thing[1])
    width, height = max(1, round(thing[0] * scale)), max(1, round(thing[1] * scale))
    return Frame((left + right - width) // 2, bottom - height, width, height)


def stands(placement: Placement | None) -> bool:
    """Whether what is put there stands or lies on something, and so casts a shadow at its foot."""
    return isinstance(placement, Beside) and placement.relation in ("on", "left", "right", "beside", "front")


def _at_spot(start: Frame, spot: Spot, width: int, height: int) -> Frame:
    left = start.left if spot.x is None else round(_between(spot.x, start.width, width))
    top = start.top if spot.y is None else round(_between(spot.y, start.height, height))
    return Frame(left, top, start.width, start.height).within(width, height)


def _between(part: float, size: int, whole: int) -> float:
    margin = min(_MARGIN * whole, max(0.0, (whole - size) / 2))
    return margin + part * (whole - size - 2 * margin)


def _centred_on(start: Frame, place: MaskArray) -> Frame:
    left, top, right, bottom = mask_box(place) or (0, 0, place.shape[1], place.shape[0])
    return Frame((left + right - start.width) // 2, (top + bottom - start.height) // 2, start.width, start.height)


def _has_extent(box: PixelBox, width: int, height: int) -> bool:
    """Whether a drawing says how large, too: a click doesn't."""
    return box[2] - box[0] > 0.05 * width and box[3] - box[1] > 0.05 * height


def _room(placement: Beside, anchor: MaskArray, limits: tuple[float, float]) -> tuple[float, float]:
    """The largest size that looks right by an anchor."""
    left, top, right, bottom = mask_box(anchor) or (0, 0, anchor.shape[1], anchor.shape[0])
    wide, high = right - left, bottom - top
    if placement.relation in ("on", "in"):
        factor = 1.0 if placement.anchor.split()[-1] in _GROUNDS else 1.2
        room = (0.6 * wide, factor * high)
    else:
        room = (1.2 * wide, 1.1 * high)
    return min(limits[0], room[0]), min(limits[1], room[1])


def _beside(start: Frame, placement: Beside, anchor: MaskArray, width: int) -> Frame:
    left, top, right, bottom = mask_box(anchor) or (0, 0, anchor.shape[1], anchor.shape[0])
    wide, high = start.width, start.height
    middle = (left + right - wide) // 2
    gap = max(2, round(0.02 * width))
    roomier_left = left > width - right
    relation = placement.relation
    if relation == "beside":
        relation = "left" if roomier_left else "right"
    corners = {
        "on": (middle, _surface(placement, anchor) - high),
        "in": (middle, (top + bottom - high) // 2),
        "left": (left - gap - wide, bottom - high),
        "right": (right + gap, bottom - high),
        "above": (middle, top - gap - high),
        "below": (middle, bottom + gap),
        "front": (middle, bottom + round(0.12 * (bottom - top)) - high),
        "behind": (
            (left - round(0.6 * wide)) if roomier_left else (right - round(0.4 * wide)),
            bottom - round(0.06 * (bottom - top)) - high,
        ),
    }
    x, y = corners[relation]
    return Frame(x, y, wide, high)


def _surface(placement: Beside, anchor: MaskArray) -> int:
    """The row on which something stands that is on a thing: a seat, the middle of the ground, or the top."""
    left, top, right, bottom = mask_box(anchor) or (0, 0, anchor.shape[1], anchor.shape[0])
    word = placement.anchor.split()[-1]
    if word in _SEATS:
        return top + round(0.65 * (bottom - top))
    if word in _GROUNDS:
        return top + round(0.7 * (bottom - top))
    third = (right - left) // 3
    columns = anchor[:, left + third : max(right - third, left + third + 1)]
    tops = columns.argmax(axis=0)[columns.any(axis=0)]
    edge = round(float(np.median(tops))) if len(tops) else top
    return edge + round(0.12 * (bottom - edge))
