"""What the localiser learns from: pictures as it reads them, what to look for in them, and what it should say.

Shape letters as in :mod:`vitron_agent.tools.backends.embedded.localiser`; K kinds of things.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitron_agent.messages import Box
from vitron_agent.model.encoders.dense import GRID as GRID_SCALE
from vitron_agent.tools.backends.embedded.learned import LearnedQuery, padded
from vitron_agent.tools.backends.embedded.localiser import GRID, HEAD_DIMS, SCALES, Scene
from vitron_agent.tools.backends.embedded.vision import View, exemplar_likeness
from vitron_agent.train.grounding.linear import Annotated, cover

_CENTER = 0.6
"""Places in this middle part of a box propose it."""


@dataclass
class Example:
    """A picture with its things.

    Attributes:
        grid: Rows and columns.
        scene: float16.
        likeness: For each source of queries ("learned", "classes") the maps [K, 3, G, G], float16.
        things: What is on it.
        masks: For some kinds the mask and which places of it count, both [2G, 2G] float16.
    """

    grid: tuple[int, int]
    scene: Scene
    likeness: dict[str, Tensor]
    things: tuple[Annotated, ...]
    masks: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    @property
    def kinds(self) -> frozenset[int]:
        """Kinds that can be asked for."""
        return frozenset(thing.kind for thing in self.things if not thing.difficult)

    def exemplar(self, box: Box) -> Tensor:
        """What the thing in a box looks like [64]."""
        middle = torch.from_numpy(cover(box, *self.grid, _CENTER))
        return self._middle_features[:, middle].mean(dim=1)

    def like_exemplar(self, exemplar: Tensor) -> Tensor:
        """[3, G, G]: how much each place looks like an exemplar [64]."""
        things = self.scene.features[0, : SCALES * HEAD_DIMS].float().reshape(SCALES, HEAD_DIMS, GRID, GRID)
        return exemplar_likeness(things, exemplar)

    @property
    def _middle_features(self) -> Tensor:
        rows, columns = self.grid
        return self.scene.features[0, GRID_SCALE * HEAD_DIMS : (GRID_SCALE + 1) * HEAD_DIMS, :rows, :columns].float()


@dataclass(frozen=True)
class SegmentExample:
    """A picture with segments, each looked for by what it looks like.

    Attributes:
        scene: float16.
        masks: [n, 2G, 2G] float16.
        likeness: [n, 3, G, G] float16.
    """

    scene: Scene
    masks: Tensor
    likeness: Tensor


@dataclass(frozen=True)
class Target:
    """What the localiser should say of one kind.

    Attributes:
        center: [G, G], 1 where the thing's box should be proposed.
        extents: [4, G, G], distances to the sides of that box.
        counted: [G, G], 0 on difficult things.
        mask: [2G, 2G].
        weight: [2G, 2G], how much each place of the mask counts.
        boxes: Where the mask is only known to reach from side to side: columns and rows (left, top, right, bottom) in
            half places, right and bottom exclusive.
    """

    center: Tensor
    extents: Tensor
    counted: Tensor
    mask: Tensor
    weight: Tensor
    boxes: tuple[tuple[int, int, int, int], ...]


def make_example(view: View, things: Sequence[Annotated], queries: Sequence[LearnedQuery]) -> Example:
    """An example from a picture that was seen; ``queries`` must not have been learned from its photo."""
    learned = torch.stack([view.like_query(query) for query in queries])
    classes = torch.stack([view.like_classes(query.classes) for query in queries])
    likeness = {"learned": _stored(learned), "classes": _stored(classes)}
    return Example(view.features.grid, _half(view.scene), likeness, tuple(things))


def give_mask(example: Example, kind: int, mask: NDArray[np.bool_], counted: NDArray[np.bool_]) -> None:
    """Notes the annotated pixels (H, W) of a kind, and which pixels count."""
    example.masks[kind] = (
        half_places(mask.astype(np.float32), example.grid)[0],
        half_places(counted.astype(np.float32), example.grid)[0],
    )


def make_segments(view: View, masks: Sequence[NDArray[np.bool_]]) -> SegmentExample:
    """An example from a picture and the masks (H, W) of its segments."""
    rows, columns = view.features.grid
    likeness = []
    for mask in masks:
        weight = cv2.resize(mask.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        likeness.append(view.like_exemplar(view.exemplar(torch.from_numpy(weight) + 1e-6)))
    stored = torch.cat([half_places(mask.astype(np.float32), view.features.grid) for mask in masks])
    return SegmentExample(_half(view.scene), stored, _stored(torch.stack(likeness)))


def half_places(values: NDArray[np.float32], grid: tuple[int, int]) -> Tensor:
    """A map (H, W) of the picture as [1, 2G, 2G] float16."""
    rows, columns = grid
    small = cv2.resize(values, (2 * columns, 2 * rows), interpolation=cv2.INTER_AREA)
    return padded(torch.from_numpy(small)[None], 2 * GRID)[0].half()


def _stored(maps: Tensor) -> Tensor:
    """[n, 3, rows, columns] as [n, 3, G, G] float16."""
    return torch.cat([padded(one, GRID) for one in maps]).half()


def _half(scene: Scene) -> Scene:
    return Scene(scene.features.half(), scene.low.half(), scene.lab.half(), scene.valid.half())


def make_target(example: Example, kind: int) -> Target:
    """What the localiser should say when asked for a kind in an example; that there is none, where there is none."""
    rows, columns = example.grid
    center, counted = torch.zeros(GRID, GRID), torch.ones(GRID, GRID)
    extents = torch.ones(4, GRID, GRID)
    weight, boxes = torch.ones(2 * GRID, 2 * GRID), []
    own = [thing for thing in example.things if thing.kind == kind]
    for thing in sorted(own, key=_area, reverse=True):  # the smaller one wins where two overlap
        middle = torch.from_numpy(cover(thing.box, rows, columns, _CENTER))
        whole = torch.from_numpy(cover(thing.box, rows, columns, 1.0))
        counted[:rows, :columns][whole] = 0 if thing.difficult else 1
        halves = _half_place_box(thing.box, rows, columns)
        weight[halves[1] : halves[3], halves[0] : halves[2]] = 0
        if thing.difficult:
            continue
        center[:rows, :columns][whole] = 0
        center[:rows, :columns][middle] = 1
        extents[:, :rows, :columns][:, whole] = _extents(thing.box, rows, columns)[:, whole]
        boxes.append(halves)
    mask = torch.zeros(2 * GRID, 2 * GRID)
    if kind in example.masks:
        annotated, certain = example.masks[kind]
        return Target(center, extents, counted, annotated.float(), certain.float(), ())
    return Target(center, extents, counted, mask, weight, tuple(boxes))


def _area(thing: Annotated) -> float:
    x_left, y_top, x_right, y_bottom = thing.box
    return (x_right - x_left) * (y_bottom - y_top)


def _extents(box: Box, rows: int, columns: int) -> Tensor:
    """[4, rows, columns]: from each place's middle to the left, top, right and bottom of a box, in places."""
    x, y = torch.arange(columns) + 0.5, torch.arange(rows)[:, None] + 0.5
    x_left, y_top, x_right, y_bottom = box
    sides = (x - x_left * columns, y - y_top * rows, x_right * columns - x, y_bottom * rows - y)
    return torch.stack([side.expand(rows, columns) for side in sides])


def _half_place_box(box: Box, rows: int, columns: int) -> tuple[int, int, int, int]:
    left, top = int(box[0] * 2 * columns + 0.3), int(box[1] * 2 * rows + 0.3)
    right, bottom = int(np.ceil(box[2] * 2 * columns - 0.3)), int(np.ceil(box[3] * 2 * rows - 0.3))
    left, top = min(left, 2 * columns - 1), min(top, 2 * rows - 1)
    return left, top, min(max(right, left + 1), 2 * columns), min(max(bottom, top + 1), 2 * rows)
