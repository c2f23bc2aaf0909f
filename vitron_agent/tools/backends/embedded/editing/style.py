"""Other looks for a picture, made by filters.

Each style takes (H, W, 3) in [0, 1] and a :class:`Brush`, and gives the same shape back. Sizes are in units of the
brush's scale, so that a photo looks the same at every resolution.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitron_agent.tools.backends.embedded.editing.colors import from_oklab, to_oklab
from vitron_agent.tools.backends.embedded.editing.pixels import (
    UnitArray,
    resized,
    scaled_to,
    smoothed,
    stop_if,
    to_unit,
)
from vitron_agent.tools.edit_words import bare, plain

_PAINTED_PIXELS = 3_000_000
"""Brush strokes are painted at this many pixels at most; larger pictures are enlarged from it, as a painting is."""


@dataclass(frozen=True)
class Brush:
    """What a style may know beside the picture.

    Attributes:
        scale: Pixels of the whole picture's larger side, by 1000.
        block: Side of a block for ``pixelate``, in pixels.
        whole: Whether the whole picture is styled, rather than a part.
        seed: For paper and grain.
        cancelled: Asked between steps.
    """

    scale: float
    block: int
    whole: bool
    seed: int
    cancelled: Callable[[], bool]


Style = Callable[[UnitArray, Brush], UnitArray]


def read_style(value: str) -> str | None:
    """The name of the style that is meant; None for one that filters cannot make."""
    words = bare(plain(value)).replace("-", " ").replace("grey", "gray").replace("colour", "color")
    for suffix in (" style", " effect", " filter", " look", " image", " picture", " photo", " version"):
        words = words.removesuffix(suffix)
    if words in STYLES:
        return words
    return _SYNONYMS.get(words)


def monochrome(image: UnitArray, brush: Brush) -> UnitArray:  # noqa: ARG001 - every style takes a brush
    """Black and white, as bright as the colours looked."""
    lab = to_oklab(image)
    lab[..., 1:] = 0
    return from_oklab(lab)


def sepia(image: UnitArray, brush: Brush) -> UnitArray:  # noqa: ARG001 - every style takes a brush
    """An old brown print."""
    lab = to_oklab(image)
    light = 0.06 + 0.9 * lab[..., 0]
    tint = 4 * light * (1 - light)
    return from_oklab(np.dstack([light, 0.028 * tint, 0.07 * tint]).astype(np.float32))


def negative(image: UnitArray, brush: Brush) -> UnitArray:  # noqa: ARG001 - every style takes a brush
    """Every channel inverted."""
    return np.asarray(1 - image, np.float32)


def pixelate(image: UnitArray, brush: Brush) -> UnitArray:
    """Blocks of one colour."""
    import cv2

    height, width = image.shape[:2]
    columns, rows = max(1, round(width / brush.block)), max(1, round(height / brush.block))
    small = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST), np.float32)


def posterize(image: UnitArray, brush: Brush) -> UnitArray:
    """A few flat tones, as printed with few inks."""
    lab = to_oklab(_flattened(image, brush))
    levels = 5
    lab[..., 0] = (np.floor(np.clip(lab[..., 0], 0, 0.999) * levels) + 0.5) / levels
    lab[..., 1:] = np.round(lab[..., 1:] * 1.35 / 0.06) * 0.06
    return from_oklab(lab)


def emboss(image: UnitArray, brush: Brush) -> UnitArray:
    """Grey relief, lit from the top left."""
    return _grey(0.5 + 1.8 * _relief(smoothed(_light(image), 0.6 * brush.scale), brush.scale))


def pencil(image: UnitArray, brush: Brush) -> UnitArray:
    """Graphite on paper: outlines from the picture divided by its own blur, and shading in the dark parts."""
    import cv2

    light = np.asarray(cv2.bilateralFilter(_light(image), 7, 0.06, 2 * max(1.0, brush.scale)), np.float32)
    outline = np.clip(light / np.maximum(smoothed(light, 6 * brush.scale), 1e-3), 0, 1) ** 2.2
    fine = np.clip(light / np.maximum(smoothed(light, 1.5 * brush.scale), 1e-3), 0, 1) ** 2.5
    stop_if(brush.cancelled)
    grain = _noise(light.shape, 0.8 * brush.scale, brush.seed)
    shade = 1 - 0.42 * np.clip(0.62 - smoothed(light, 2 * brush.scale), 0, 1) * (1 + 0.4 * grain)
    paper = 0.97 + 0.015 * _noise(light.shape, 1.6 * brush.scale, brush.seed + 1)
    return _grey(outline * fine * shade * paper)


def watercolor(image: UnitArray, brush: Brush) -> UnitArray:
    """Washes of light colour whose pigment gathers at the edges and in the grain of the paper."""
    small = scaled_to(image, _PAINTED_PIXELS)
    scale = brush.scale * small.shape[0] / image.shape[0]
    wash = _edge_preserving(small, 30 * scale, 0.45)
    stop_if(brush.cancelled)
    lab = to_oklab(wash)
    light = np.ascontiguousarray(lab[..., 0])
    pooled = np.abs(light - smoothed(light, 2.5 * scale))
    grain = _noise(light.shape, 1.2 * scale, brush.seed) + 0.7 * _noise(light.shape, 14 * scale, brush.seed + 1)
    pale = 0.16 + 0.86 * light
    lab[..., 0] = np.clip(pale - 1.1 * pooled + 0.018 * grain * (1.1 - pale), 0, 0.99)
    lab[..., 1:] *= 1.25
    return resized(from_oklab(lab), image.shape[1], image.shape[0])


def cartoon(image: UnitArray, brush: Brush) -> UnitArray:
    """Flat, strong colours with ink lines."""
    flat = _flattened(image, brush)
    stop_if(brush.cancelled)
    lab = to_oklab(flat)
    levels = 7.0
    steps = lab[..., 0] * levels
    # Soft steps: a hard quantisation would draw borders of its own into skies and cheeks.
    lab[..., 0] = (np.floor(steps) + 0.5 + 0.5 * np.tanh(3.5 * (steps - np.floor(steps) - 0.5))) / levels
    lab[..., 1:] *= 1.45
    return np.asarray(from_oklab(lab) * _ink(_light(flat), brush.scale)[..., None], np.float32)


def oil(image: UnitArray, brush: Brush) -> UnitArray:
    """Dabs of thick paint that catch the light."""
    import cv2

    small = scaled_to(image, _PAINTED_PIXELS)
    scale = brush.scale * small.shape[0] / image.shape[0]
    strokes = cv2.xphoto.oilPainting(np.rint(small * 255).astype(np.uint8), max(3, round(7 * scale)), 1)
    stop_if(brush.cancelled)
    painted = smoothed(to_unit(np.asarray(strokes, np.uint8)), 0.6 * scale)
    lab = to_oklab(painted)
    lab[..., 0] = np.clip(lab[..., 0] + 0.5 * np.tanh(_relief(lab[..., 0], scale)), 0, 1)
    lab[..., 1:] *= 1.25
    return resized(from_oklab(lab), image.shape[1], image.shape[0])


def vintage(image: UnitArray, brush: Brush) -> UnitArray:
    """A faded colour print: lifted blacks, yellowed whites, grain, and dark corners on a whole picture."""
    lab = to_oklab(image)
    light = 0.12 + 0.8 * lab[..., 0]
    if brush.whole:
        light = light * _vignette(*light.shape)
    lab[..., 0] = np.clip(light + 0.012 * _noise(light.shape, 0.7 * brush.scale, brush.seed), 0, 1)
    lab[..., 1] = 0.72 * lab[..., 1] + 0.006 + 0.008 * (1 - light)
    lab[..., 2] = 0.72 * lab[..., 2] + 0.03 * light
    return from_oklab(lab)


STYLES: dict[str, Style] = {
    "monochrome": monochrome, "sepia": sepia, "negative": negative, "pixelate": pixelate, "posterize": posterize,
    "emboss": emboss, "pencil": pencil, "watercolor": watercolor, "cartoon": cartoon, "oil": oil, "vintage": vintage,
}  # fmt: skip
"""By canonical name."""

_SYNONYMS = {
    word: name
    for name, words in {
        "monochrome": (
            "black and white", "black & white", "b&w", "bw", "b/w", "grayscale", "gray scale", "gray", "noir",
            "film noir", "desaturated", "shades of gray",
        ),
        "sepia": ("sepia tone", "sepia toned", "brown tone"),
        "negative": ("inverted", "invert", "inverted colors", "film negative", "color negative", "invert colors"),
        "pixelate": ("pixelated", "pixel", "pixels", "pixel art", "mosaic", "8 bit", "blocky", "censored", "censor"),
        "posterize": ("posterized", "poster", "posterise", "posterised", "screen print", "flat colors"),
        "emboss": ("embossed", "relief", "engraved"),
        "pencil": (
            "pencil sketch", "pencil drawing", "sketch", "drawing", "line drawing", "graphite", "charcoal",
            "charcoal drawing", "drawn", "hand drawn", "drawn in pencil",
        ),
        "watercolor": ("watercolor painting", "water color", "watercolors", "aquarelle", "painted in watercolor"),
        "cartoon": ("comic", "comic book", "cartoonish", "toon", "cel shaded", "cel shading", "graphic novel"),
        "oil": ("oil painting", "oil paint", "oils", "painting", "painted", "impasto", "oil on canvas"),
        "vintage": ("retro", "old photo", "old fashioned", "faded", "aged", "antique"),
    }.items()
    for word in words
}  # fmt: skip


def _light(image: UnitArray) -> UnitArray:
    """(H, W) brightness as it looks, without leaving sRGB."""
    import cv2

    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)


def _relief(light: UnitArray, scale: float) -> UnitArray:
    """(H, W) slope of the brightness, as seen with light from the top left."""
    step = max(1, round(1.2 * scale))
    padded = np.pad(light, step, mode="edge")
    return np.asarray(padded[2 * step :, 2 * step :] - padded[: -2 * step, : -2 * step], np.float32)


def _grey(light: NDArray[np.floating]) -> UnitArray:
    return np.repeat(np.clip(light, 0, 1).astype(np.float32)[..., None], 3, axis=2)


def _edge_preserving(image: UnitArray, sigma: float, contrast: float) -> UnitArray:
    """Smooths what differs by less than ``contrast``, across ``sigma`` pixels."""
    import cv2

    pixels = np.rint(image * 255).astype(np.uint8)
    smooth = cv2.edgePreservingFilter(pixels, flags=cv2.RECURS_FILTER, sigma_s=max(1.0, sigma), sigma_r=contrast)
    return to_unit(np.asarray(smooth, np.uint8))


def _flattened(image: UnitArray, brush: Brush) -> UnitArray:
    """Areas of even colour with sharp borders, by repeated bilateral filtering of a smaller picture."""
    import cv2

    small = scaled_to(image, _PAINTED_PIXELS // 3)
    scale = brush.scale * small.shape[0] / image.shape[0]
    for _ in range(4):
        stop_if(brush.cancelled)
        small = np.asarray(cv2.bilateralFilter(small, 9, 0.09, max(2.0, 4 * scale)), np.float32)
    return resized(small, image.shape[1], image.shape[0])


def _ink(light: UnitArray, scale: float) -> UnitArray:
    """Lines where the brightness drops (extended difference of Gaussians): 0 = ink, 1 = none."""
    sigma = 1.1 * scale
    difference = smoothed(light, sigma) - 0.985 * smoothed(light, 1.6 * sigma)
    return np.asarray(np.clip(1 + np.tanh(55 * difference), 0.08, 1), np.float32)


def _noise(shape: tuple[int, ...], size: float, seed: int) -> UnitArray:
    """Noise of unit deviation whose grains are ``size`` pixels wide."""
    import cv2

    step = max(1.0, size)
    small = (max(2, round(shape[0] / step)), max(2, round(shape[1] / step)))
    grains = np.random.default_rng(seed).standard_normal(small, np.float32)
    return np.asarray(cv2.resize(grains, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def _vignette(height: int, width: int) -> UnitArray:
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None]
    return np.asarray(1 - 0.2 * np.clip(rows**2 + columns**2 - 0.5, 0, None), np.float32)
