"""Plain names for colours."""

import numpy as np
from numpy.typing import NDArray

COLORS = ("black", "gray", "white", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
"""The eleven basic colour terms of English."""
_HUES = ((16, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (255, "blue"), (292, "purple"), (338, "pink"))
"""Where each hue ends, in degrees; beyond the last it is red again."""


def color_shares(pixels: NDArray[np.uint8]) -> dict[str, float]:
    """How much of some pixels has each basic colour.

    Args:
        pixels: (..., 3) RGB, at least one pixel.

    Returns:
        Every name of ``COLORS`` with its share; the shares add up to 1.
    """
    names = name_pixels(pixels.reshape(-1, 3))
    counts = np.bincount(names, minlength=len(COLORS))
    return dict(zip(COLORS, (counts / len(names)).tolist(), strict=True))


def name_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """The number in ``COLORS`` of each of (n, 3) RGB pixels."""
    rgb = pixels / 255.0
    value, low = rgb.max(axis=1), rgb.min(axis=1)
    chroma = value - low
    saturation = chroma / np.maximum(value, 1e-6)
    hue = _hue(rgb, value, chroma)
    hues = np.array([COLORS.index(name) for _, name in _HUES] + [COLORS.index("red")])
    names = hues[np.searchsorted([end for end, _ in _HUES], hue, side="right")]
    warm = (hue < 46) | (hue > 345)
    names[warm & (value < 0.62) & (hue > 8) & (hue < 46)] = COLORS.index("brown")
    names[warm & (saturation < 0.45) & (value <= 0.75)] = COLORS.index("brown")
    names[((hue < 16) | (hue > 338)) & (saturation < 0.55) & (value > 0.75)] = COLORS.index("pink")
    dull = (saturation < 0.16) | (chroma < 0.07)
    names[dull] = np.where(value[dull] > 0.78, COLORS.index("white"), COLORS.index("gray"))
    names[(value < 0.2) | ((value < 0.3) & (saturation < 0.4) & (saturation > 0.1))] = COLORS.index("black")
    return names


def _hue(rgb: NDArray[np.float64], value: NDArray[np.float64], chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    red, green, blue = rgb.T
    safe = np.maximum(chroma, 1e-6)
    sectors = [(green - blue) / safe % 6, (blue - red) / safe + 2, (red - green) / safe + 4]
    hue: NDArray[np.float64] = np.where(value == red, sectors[0], np.where(value == green, sectors[1], sectors[2]))
    return 60 * hue
