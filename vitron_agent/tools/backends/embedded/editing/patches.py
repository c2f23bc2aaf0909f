"""Fills holes with texture and structure from the rest of the picture.

Non-local patch-based completion after Wexler et al. (2007) and Newson et al. (2014): coarse to fine, each pixel of the
hole looks for the patch of the known part that looks most like its own surroundings, and the patches found vote on
the colours. Nearest patches are found exactly where the picture is small, by PatchMatch (Barnes et al., 2009) where
it is larger; above that the places that were found are carried over, so that detail is copied at full resolution.

Shapes: H, W of the level with its border; C channels (three colours and two of texture); T targets, that is pixels
whose patch overlaps the hole; S sources, pixels whose patch is wholly known; K = 49 pixels of a patch. Positions are
flat indices into the H x W level.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vitron_agent.tools.backends.embedded.editing.pixels import UnitArray, stop_if
from vitron_agent.tools.base import MaskArray, Progress

RADIUS = 3
SIDE = 2 * RADIUS + 1

_EXACT = 6_000_000
"""Up to so many pairs of target and source, all are compared; for a first guess, this many of them."""
_MAX_SEARCHED = 30_000
"""Levels whose hole has more pixels take over what was found on coarser ones."""
_NEAR_PX = 8
"""How far around the match from the coarser level finer ones look for a better."""
_VOTES = (8, 4, 3, 2)
"""Rounds of search and vote, coarsest level first; the last number holds for all finer ones."""
_TEXTURE_WINDOW = 9
_TEXTURE_WEIGHT = 5.0
_CHUNK = 256

Positions = NDArray[np.intp]


@dataclass
class _Level:
    """One size of the picture, with a border of RADIUS on each side so that every patch is whole."""

    pixels: UnitArray
    hole: MaskArray
    source: Positions = field(init=False)
    target: Positions = field(init=False)
    inside: Positions = field(init=False)
    """Pixels of the hole itself."""
    target_index: Positions = field(init=False)
    """(H * W) index into ``target``, or -1."""
    offsets: Positions = field(init=False)
    """(K) from a patch's middle to its pixels."""

    def __post_init__(self) -> None:
        import cv2

        self.pixels = np.pad(self.pixels, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="edge")
        self.hole = np.pad(self.hole, RADIUS, mode="edge")
        self.height, self.width = self.hole.shape
        near = cv2.dilate(self.hole.view(np.uint8), np.ones((SIDE, SIDE), np.uint8)).view(np.bool_)
        inner = self._framed(RADIUS)
        self.source = np.flatnonzero(self._framed(2 * RADIUS) & ~near)
        self.target = np.flatnonzero(inner & near)
        self.inside = np.flatnonzero(inner & self.hole)
        self.target_index = np.full(self.hole.size, -1, np.intp)
        self.target_index[self.target] = np.arange(len(self.target))
        steps = np.arange(-RADIUS, RADIUS + 1)
        self.offsets = (steps[:, None] * self.width + steps).ravel()

    def _framed(self, border: int) -> MaskArray:
        frame = np.zeros(self.hole.shape, np.bool_)
        frame[border:-border, border:-border] = True
        return frame

    @property
    def flat(self) -> UnitArray:
        """The pixels as (H * W, C), a view."""
        return self.pixels.reshape(-1, self.pixels.shape[2])

    def patches(self, positions: Positions) -> UnitArray:
        """The patches around positions: (n, K * C)."""
        patches: UnitArray = self.flat[positions[:, None] + self.offsets].reshape(len(positions), -1)
        return patches

    def repeat_border(self) -> None:
        """Gives the border the colours of the pixels beside it again."""
        inner = self.pixels[RADIUS:-RADIUS, RADIUS:-RADIUS]
        self.pixels = np.pad(inner, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)), mode="edge")


def can_complete(hole: MaskArray) -> bool:
    """Whether enough whole patches are known to fill from."""
    return min(hole.shape) > 2 * SIDE and len(_Level(np.zeros((*hole.shape, 1), np.float32), hole).source) >= SIDE**2


def complete(
    image: UnitArray,
    hole: MaskArray,
    *,
    seed: int,
    report: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> UnitArray:
    """Fills a hole.

    Args:
        image: (H, W, 3); what lies in the hole is ignored.
        hole: (H, W), with enough known patches around it (:func:`can_complete`).
        seed: Of the random search.
        report: Receives a step for each level.
        cancelled: Asked between rounds.

    Returns:
        (H, W, 3), a new picture, equal to ``image`` outside the hole.

    Raises:
        TurnCancelled: ``cancelled`` said so.
    """
    rng = np.random.default_rng(seed)
    pyramid = _pyramid(image, hole)
    found = np.empty(0, np.intp)
    level: _Level | None = None
    for step, (pixels, gap) in enumerate(pyramid):
        report(Progress("filling the gap", step, len(pyramid)))
        searched = step == 0 or np.count_nonzero(gap) <= _MAX_SEARCHED
        parent, level = level, _Level(np.dstack([pixels, _texture(pixels, gap)]) if searched else pixels, gap)
        if parent is None:
            _peel(level, cancelled)
        else:
            found = _carried_over(parent, found, level)
            _vote(level, found, np.zeros(len(found), np.float32), cancelled)
        if searched:
            search = _Search(_VOTES[min(step, len(_VOTES) - 1)], max(gap.shape) if step < 3 else _NEAR_PX, rng)
            found = search.run(level, found, cancelled, sharp=step == len(pyramid) - 1)
    assert level is not None
    filled = level.pixels[RADIUS:-RADIUS, RADIUS:-RADIUS, :3]
    return np.where(hole[..., None], np.clip(filled, 0, 1), image)


def _pyramid(image: UnitArray, hole: MaskArray) -> list[tuple[UnitArray, MaskArray]]:
    """Pictures and holes, coarsest first, down to where the hole is about a patch wide."""
    import cv2

    depth = cv2.distanceTransform(np.pad(hole, 1).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max()
    levels = [(image, hole)]
    while 2 * depth > SIDE:
        smaller, smaller_hole = _halved(*levels[-1])
        if not can_complete(smaller_hole):
            break
        levels.append((smaller, smaller_hole))
        depth /= 2
    return levels[::-1]


def _halved(image: UnitArray, hole: MaskArray) -> tuple[UnitArray, MaskArray]:
    """Half the size; only known pixels count, and a pixel is a hole if most of what it covers is."""
    import cv2

    known = (~hole).astype(np.float32)
    weight = np.asarray(cv2.pyrDown(known), np.float32)
    total = np.asarray(cv2.pyrDown(image * known[..., None]), np.float32)
    return np.asarray(total / np.maximum(weight, 1e-6)[..., None], np.float32), weight < 0.5


def _texture(image: UnitArray, hole: MaskArray) -> UnitArray:
    """(H, W, 2) how much the brightness varies across and down around each pixel.

    Without it, smooth patches win over textured ones that fit a little less exactly.
    """
    import cv2

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    known = cv2.erode((~hole).view(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    window = (_TEXTURE_WINDOW, _TEXTURE_WINDOW)
    weight = cv2.blur(known, window) + 1e-6
    slopes = (np.abs(cv2.Scharr(grey, cv2.CV_32F, *axis)) / 16 for axis in ((1, 0), (0, 1)))
    return np.dstack([_TEXTURE_WEIGHT * cv2.blur(slope * known, window) / weight for slope in slopes])


def _peel(level: _Level, cancelled: Callable[[], bool]) -> None:
    """First colours for the coarsest level: from the rim inwards, each from the best match of what is known around."""
    import cv2

    todo = level.hole.copy()
    sources = level.source[:: max(1, len(level.source) * len(level.inside) // _EXACT)]
    while len(inner := np.flatnonzero(todo.ravel()[level.inside])):
        stop_if(cancelled)
        core = cv2.erode(todo.view(np.uint8), np.ones((3, 3), np.uint8), borderValue=1).view(np.bool_)
        remaining = level.inside[inner]
        rim = remaining[~core.ravel()[remaining]]
        rim = rim if len(rim) else remaining
        known = ~todo.ravel()[rim[:, None] + level.offsets]
        matches = _exact(level, rim, sources, known.astype(np.float32))[0]
        level.flat[rim] = level.flat[matches]
        todo.ravel()[rim] = False
        todo = np.pad(todo[RADIUS:-RADIUS, RADIUS:-RADIUS], RADIUS, mode="edge")
        level.repeat_border()


@dataclass(frozen=True)
class _Search:
    """How hard a level is searched.

    Attributes:
        rounds: Of search and vote in turn.
        reach_px: How far off the best match so far random ones are tried.
        rng: Where they come from.
    """

    rounds: int
    reach_px: int
    rng: np.random.Generator

    def run(self, level: _Level, found: Positions, cancelled: Callable[[], bool], *, sharp: bool) -> Positions:
        """Searches and votes; the last vote takes each pixel from one patch if ``sharp``, so nothing is averaged."""
        exact = len(level.target) * len(level.source) <= _EXACT
        if not len(found):
            found = self.rng.choice(level.source, len(level.target))
        for number in range(self.rounds):
            stop_if(cancelled)
            if exact:
                found, distances = _exact(level, level.target, level.source)
            else:
                found, distances = _patch_match(level, found, self, cancelled)
            _vote(level, found, distances, cancelled, sharp=sharp and number == self.rounds - 1)
        return found


def _exact(
    level: _Level, positions: Positions, candidates: Positions, known: UnitArray | None = None
) -> tuple[Positions, UnitArray]:
    """The nearest of the candidates to each position, and its squared distance; ``known`` (n, K) says what counts."""
    sources = level.patches(candidates)
    matches = np.empty(len(positions), np.intp)
    distances = np.empty(len(positions), np.float32)
    squares = sources * sources
    for start in range(0, len(positions), _CHUNK):
        part = slice(start, start + _CHUNK)
        patches = level.patches(positions[part])
        if known is None:
            scores = squares.sum(axis=1) - 2 * patches @ sources.T
            own = (patches * patches).sum(axis=1)
        else:
            weights = np.repeat(known[part], level.pixels.shape[2], axis=1)
            scores = weights @ squares.T - 2 * (weights * patches) @ sources.T
            own = (weights * patches * patches).sum(axis=1)
        best = scores.argmin(axis=1)
        matches[part] = candidates[best]
        distances[part] = np.maximum(scores[np.arange(len(best)), best] + own, 0)
    return matches, distances


def _patch_match(
    level: _Level, found: Positions, search: _Search, cancelled: Callable[[], bool]
) -> tuple[Positions, UnitArray]:
    """Four rounds of PatchMatch, all targets at once: try the neighbours' matches, then random ones ever nearer."""
    patches = level.patches(level.target)
    is_source = np.zeros(level.hole.size, np.bool_)
    is_source[level.source] = True
    found = found.copy()
    distances = _distances(level, found, patches)

    def attempt(candidates: Positions, valid: MaskArray) -> None:
        candidates = np.where(valid, candidates, level.source[0])
        chosen = np.flatnonzero(is_source[candidates] & valid & (candidates != found))
        tried = _distances(level, candidates[chosen], patches[chosen])
        better = tried < distances[chosen]
        found[chosen[better]] = candidates[chosen[better]]
        distances[chosen[better]] = tried[better]

    for reach in (1, 4, 2, 1):
        stop_if(cancelled)
        for step in (-reach, reach, -reach * level.width, reach * level.width):
            beside = level.target + step
            index = level.target_index[np.clip(beside, 0, level.hole.size - 1)]
            candidates = found[index] - step
            attempt(candidates, (index >= 0) & (candidates >= 0) & (candidates < level.hole.size))
        radius = search.reach_px
        while radius >= 1:
            rows, columns = np.divmod(found, level.width)
            rows = rows + search.rng.integers(-radius, radius + 1, len(found))
            columns = columns + search.rng.integers(-radius, radius + 1, len(found))
            valid = (rows >= 0) & (rows < level.height) & (columns >= 0) & (columns < level.width)
            attempt(rows * level.width + columns, valid)
            radius //= 2 if radius > 8 else 4
    return found, distances


def _distances(level: _Level, matches: Positions, patches: UnitArray) -> UnitArray:
    """Squared distance between each patch and the one at its match."""
    difference = level.patches(matches) - patches
    return np.asarray(np.einsum("ij,ij->i", difference, difference), np.float32)


def _vote(
    level: _Level, found: Positions, distances: UnitArray, cancelled: Callable[[], bool], *, sharp: bool = False
) -> None:
    """Gives each pixel of the hole the mean of what the patches over it say; if ``sharp``, what the best one says."""
    inside, flat = level.inside, level.flat
    scale = 2 * np.percentile(distances, 75) + 1e-8
    weights = np.exp(-np.minimum(distances / scale, 60)).astype(np.float32)
    total = np.zeros((len(inside), flat.shape[1]), np.float32)
    weight = np.zeros(len(inside), np.float32)
    # A third of the voters is enough for a large hole: neighbours there say the same.
    for offset in level.offsets[:: 1 if len(inside) <= _MAX_SEARCHED else 3]:
        stop_if(cancelled)
        index = level.target_index[inside + offset]
        votes = np.where(index >= 0, weights[index], 0)
        colors = flat[found[index] - offset]
        if sharp:
            better = votes > weight
            total[better], weight[better] = colors[better], votes[better]
        else:
            total += votes[:, None] * colors
            weight += votes
    flat[inside] = total if sharp else total / weight[:, None]
    level.repeat_border()


def _carried_over(parent: _Level, found: Positions, level: _Level) -> Positions:
    """The matches of a level from those of the next coarser one: the same way off, twice as far."""
    rows, columns = (axis - RADIUS for axis in np.divmod(level.target, level.width))
    parent_rows = np.minimum(rows // 2, parent.height - SIDE) + RADIUS
    parent_columns = np.minimum(columns // 2, parent.width - SIDE) + RADIUS
    index = parent.target_index[parent_rows * parent.width + parent_columns]
    match_rows, match_columns = np.divmod(found[index], parent.width)
    down = np.where(index >= 0, 2 * (match_rows - parent_rows), 0)
    right = np.where(index >= 0, 2 * (match_columns - parent_columns), 0)
    rows = np.clip(rows + RADIUS + down, 0, level.height - 1)
    columns = np.clip(columns + RADIUS + right, 0, level.width - 1)
    return _nearest_source(level, rows * level.width + columns)


def _nearest_source(level: _Level, positions: Positions) -> Positions:
    """Each position that is no source, moved to the nearest one."""
    import cv2

    nothing = np.ones(level.hole.size, np.uint8)
    nothing[level.source] = 0
    _, labels = cv2.distanceTransformWithLabels(
        nothing.reshape(level.hole.shape), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels = labels.ravel()
    source_of = np.zeros(labels.max() + 1, np.intp)
    source_of[labels[level.source]] = level.source
    nearest: Positions = source_of[labels[positions]]
    return nearest
