"""Closed-form matting (Levin, Lischinski, Weiss; 2008) by scipy, and the colours on both sides of a matte.

The ``pymatting`` package does the same, but compiles for most of a minute when it is first imported; solved here, both
take the same fraction of a second.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]

from vitron_agent.tools.backends.embedded.editing.pixels import UnitArray, resized, stop_if
from vitron_agent.tools.base import MaskArray

_SMOOTHNESS = 1e-7
"""How far the colours of a 3 x 3 window may lie off a line, as a variance."""
_MAX_STEPS = 2000
_TOLERANCE = 1e-5
_MAX_LAYER_PIXELS = 1_000_000
"""Colours vary slowly beside edges: at most so many pixels are solved, and one step is done on the full picture."""
_COLOR_SMOOTHNESS = 1e-5
"""Weight of a neighbour's colours where alpha is even, beside the weight 1 of what a pixel shows."""


def solve_alpha(image: UnitArray, trimap: UnitArray, cancelled: Callable[[], bool]) -> UnitArray:
    """Fills in the unknown alphas so that in each small window they are a linear function of the colours.

    Args:
        image: (H, W, 3), H and W at least 3.
        trimap: (H, W), 1 = the thing, 0 = not, 0.5 = to be solved.
        cancelled: Asked at each step of the solver.

    Raises:
        TurnCancelled: ``cancelled`` said so.
    """
    from scipy.sparse.linalg import LinearOperator, cg  # type: ignore[import-untyped]

    unknown = (trimap == 0.5).ravel()
    laplacian = _laplacian(image, unknown.reshape(trimap.shape))[unknown]
    system = laplacian[:, unknown].tocsr()
    known = trimap.ravel()[~unknown].astype(np.float64)
    scale = 1 / np.maximum(system.diagonal(), 1e-12)
    alpha, _ = cg(
        system,
        -laplacian[:, ~unknown] @ known,
        rtol=_TOLERANCE,
        maxiter=_MAX_STEPS,
        M=LinearOperator(system.shape, lambda vector: scale * vector),
        callback=lambda _: stop_if(cancelled),
    )
    result = trimap.copy()
    result.ravel()[unknown] = np.clip(alpha, 0, 1)
    return result


def split_colors(image: UnitArray, alpha: UnitArray) -> tuple[UnitArray, UnitArray]:
    """Finds the colours that were mixed by a matte, coarse to fine (after Germer et al., 2020).

    Args:
        image: (H, W, 3).
        alpha: (H, W).

    Returns:
        The thing's colours and those behind it, (H, W, 3) each; what cannot be seen is continued from beside it.
    """
    height, width = alpha.shape
    front, back = (_mean_color(image, share) for share in (alpha**2, (1 - alpha) ** 2))
    for level_width, level_height in _sizes(width, height):
        small = resized(image, level_width, level_height)
        weight = resized(alpha, level_width, level_height)
        front, back = (_enlarged(layer, level_width, level_height) for layer in (front, back))
        for _ in range(10 if max(level_width, level_height) <= 32 else 2):
            front, back = _step(small, weight, front, back)
    front, back = (_enlarged(layer, width, height) for layer in (front, back))
    return _unmixed(image, alpha, front, back)


def _laplacian(image: UnitArray, unknown: MaskArray) -> sparse.csr_matrix:
    """(H * W, H * W) matting Laplacian of the 3 x 3 windows that hold an unknown pixel."""
    import cv2

    height, width = unknown.shape
    near = cv2.dilate(unknown.view(np.uint8), np.ones((3, 3), np.uint8)).view(np.bool_)
    near[[0, -1]] = False
    near[:, [0, -1]] = False
    steps = np.arange(-1, 2)
    windows = np.flatnonzero(near)[:, None] + (steps[:, None] * width + steps).ravel()
    colors = image.reshape(-1, 3)[windows].astype(np.float64)
    colors -= colors.mean(axis=1, keepdims=True)
    spread = np.einsum("nki,nkj->nij", colors, colors) / 9 + _SMOOTHNESS / 9 * np.eye(3)
    explained = (1 + colors @ np.linalg.inv(spread) @ colors.transpose(0, 2, 1)) / 9
    values = np.eye(9) - explained
    rows, columns = np.repeat(windows, 9, axis=1), np.tile(windows, (1, 9))
    size = height * width
    return sparse.csr_matrix((values.ravel(), (rows.ravel(), columns.ravel())), shape=(size, size))


def _mean_color(image: UnitArray, share: UnitArray) -> UnitArray:
    """(1, 1, 3), weighted."""
    total = (image * share[..., None]).sum(axis=(0, 1), dtype=np.float64)
    return np.asarray(total / max(float(share.sum(dtype=np.float64)), 1e-6), np.float32)[None, None]


def _sizes(width: int, height: int) -> list[tuple[int, int]]:
    """(width, height) of each level, from a few pixels up to the picture, or to as many pixels as are solved."""
    factor = min(1.0, (_MAX_LAYER_PIXELS / (width * height)) ** 0.5)
    last_width, last_height = max(1, round(width * factor)), max(1, round(height * factor))
    count = int(np.ceil(np.log2(max(last_width, last_height, 2))))
    return [
        (max(1, round(last_width ** (step / count))), max(1, round(last_height ** (step / count))))
        for step in range(count + 1)
    ]


def _step(image: UnitArray, alpha: UnitArray, front: UnitArray, back: UnitArray) -> tuple[UnitArray, UnitArray]:
    """One round: both colours become their neighbours', corrected by what the pixel shows of them.

    Neighbours across the edge count most: where alpha changes, colours must not.
    """
    ties = [_COLOR_SMOOTHNESS + np.abs(alpha - neighbour) for neighbour in _neighbours(alpha)]
    weight = np.asarray(sum(ties), np.float32)
    shares = [(tie / weight)[..., None] for tie in ties]
    front, back = (
        np.asarray(sum(share * near for share, near in zip(shares, _neighbours(layer), strict=True)), np.float32)
        for layer in (front, back)
    )
    return _unmixed(image, alpha, front, back, weight)


def _unmixed(
    image: UnitArray,
    alpha: UnitArray,
    front: UnitArray,
    back: UnitArray,
    weight: UnitArray | float = 4 * _COLOR_SMOOTHNESS,
) -> tuple[UnitArray, UnitArray]:
    """The colours nearest to the given ones whose mixture is what is seen, least squares for each pixel."""
    opposite = 1 - alpha
    missing = image - alpha[..., None] * front - opposite[..., None] * back
    gain = 1 / (alpha**2 + opposite**2 + weight)
    return (
        np.asarray(np.clip(front + (alpha * gain)[..., None] * missing, 0, 1), np.float32),
        np.asarray(np.clip(back + (opposite * gain)[..., None] * missing, 0, 1), np.float32),
    )


def _neighbours(plane: UnitArray) -> list[NDArray[np.float32]]:
    """The plane shifted by a pixel up, down, left and right, its border repeated."""
    padded = np.pad(plane, [(1, 1), (1, 1)] + [(0, 0)] * (plane.ndim - 2), mode="edge")
    return [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]


def _enlarged(layer: UnitArray, width: int, height: int) -> UnitArray:
    import cv2

    return np.asarray(cv2.resize(layer, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
