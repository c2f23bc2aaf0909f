"""Another background behind a subject: out of focus, a colour, a gradient, another picture, or none."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitron_agent.tools.backends.embedded.editing.colors import RGB, from_oklab, lab_of, read_color
from vitron_agent.tools.backends.embedded.editing.matte import layers, matte
from vitron_agent.tools.backends.embedded.editing.pixels import UnitArray, around, crop_of, mixed, resized, stop_if
from vitron_agent.tools.base import MaskArray
from vitron_agent.tools.edit_words import Amount, plain, take_amount

_BLUR = 0.022
"""Radius of the blur where none is said, as a fraction of the picture's larger side."""
_BLUR_WORDS = re.compile(r"\b(?:blur\w*|bokeh|out of focus|defocus\w*|unsharp|soft\w*|fuzzy)\b")
_HOW_BLURRED = frozenset({
    "a", "an", "the", "it", "of", "with", "and", "very", "more", "less", "quite", "really", "strong", "heavy",
    "heavily", "light", "lightly", "gentle", "gently", "nice", "nicely", "smooth", "creamy", "gaussian", "lens",
    "effect", "focus",
})  # fmt: skip
"""What may be said beside; any other word names what is to be seen there instead."""
_WORKING_RADIUS = 12
"""Blurs of a larger radius are made on a smaller picture, where they have this one."""
_LIGHTS = 2.6
"""Exponent by which lights outweigh their surroundings when a lens spreads them."""


@dataclass(frozen=True)
class Blur:
    """Out of focus; ``radius`` in pixels, or as a fraction of the larger side."""

    radius: Amount


@dataclass(frozen=True)
class Fill:
    """A colour, or a gradient from the top to the bottom."""

    top: RGB
    bottom: RGB


def read_background(value: str) -> Blur | Fill | None:
    """Reads what to put behind the subject; None where the words name a scene, or nothing that is known."""
    words = re.sub(r"\bbackground\b", "", plain(value)).strip()
    amount, rest = take_amount(words)
    unblurred = _BLUR_WORDS.sub("", rest)
    if unblurred != rest and _HOW_BLURRED.issuperset(re.findall(r"\w+", unblurred)):
        return Blur(_radius(amount))
    if "gradient" in words or "fade" in words:
        return _read_gradient(words)
    color = read_color(words)
    return None if color is None else Fill(color, color)


def _radius(amount: Amount | None) -> Amount:
    """``a bit`` and ``a lot`` are of the usual blur; percentages of the picture are not what people mean."""
    if amount is None:
        return Amount(_BLUR)
    return amount if amount.unit == "px" else Amount(_BLUR * float(np.clip(0.5 + 2.5 * amount.number, 0.5, 3)))


def _read_gradient(words: str) -> Fill | None:
    text = re.sub(r"\b(?:gradient|fade|fading|from|a|an|the|of|vertical)\b", " ", words)
    names = [" ".join(part.split()) for part in re.split(r"\bto\b|\binto\b|\band\b|,|-", text)]
    colors = [read_color(name) for name in names if name]
    if not colors or colors[0] is None or colors[-1] is None:
        return None
    if len(colors) > 1:
        return Fill(colors[0], colors[-1])
    pale = read_color(f"pale {names[0]}")
    return None if pale is None else Fill(colors[0], pale)


@dataclass(frozen=True)
class Subject:
    """A subject cut out of its picture.

    Attributes:
        color: (H, W, 3), its own colours where it is, also under soft edges.
        alpha: (H, W), how much of each pixel it covers.
        behind: (H, W, 3), the picture with the colours of the background at its edges.
    """

    color: UnitArray
    alpha: UnitArray
    behind: UnitArray


def cut_subject(image: UnitArray, mask: MaskArray, radius: int, cancelled: Callable[[], bool]) -> Subject:
    """Mattes a subject; ``radius`` as for :func:`matte`."""
    part = crop_of(around(mask, 3 * radius + 4))
    alpha = mask.astype(np.float32)
    alpha[part] = matte(image[part], mask[part], radius, cancelled)
    stop_if(cancelled)
    color, behind = image.copy(), image.copy()
    color[part], behind[part] = layers(image[part], alpha[part])
    return Subject(color, alpha, behind)


def blurred(subject: Subject, radius: float, cancelled: Callable[[], bool]) -> UnitArray:
    """The subject before its own background, out of focus as behind a fast lens.

    The subject does not bleed into the blur: only background is averaged.

    Args:
        subject: As cut out.
        radius: Of the disc into which a point spreads, in pixels.
        cancelled: Asked between the steps.
    """
    import cv2

    height, width = subject.alpha.shape
    factor = min(1.0, _WORKING_RADIUS / max(radius, 1e-6))
    small_size = max(1, round(width * factor)), max(1, round(height * factor))
    weight = resized(np.asarray((1 - subject.alpha) ** 2, np.float32), *small_size)
    light = resized(subject.behind, *small_size) ** _LIGHTS
    disc = _disc(radius * factor)
    stop_if(cancelled)
    total = cv2.filter2D(light * weight[..., None], -1, disc, borderType=cv2.BORDER_REFLECT)
    share = cv2.filter2D(weight, -1, disc, borderType=cv2.BORDER_REFLECT)
    stop_if(cancelled)
    # Deep inside the subject there is no background to average; nothing of it shows there either.
    spread = np.clip(total / np.maximum(share, 1e-4)[..., None], 0, 1) ** (1 / _LIGHTS)
    return mixed(resized(np.asarray(spread, np.float32), width, height), subject.color, subject.alpha)


def filled(subject: Subject, fill: Fill, seed: int) -> UnitArray:
    """The subject before a colour or gradient; a gradient is dithered by less than a level, so that it doesn't band."""
    height, width = subject.alpha.shape
    across = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    top, bottom = lab_of(fill.top), lab_of(fill.bottom)
    column = from_oklab(np.asarray(top + (bottom - top) * across, np.float32))
    behind = np.repeat(column[:, None], width, axis=1)
    if fill.top != fill.bottom:
        noise: NDArray[np.float32] = np.random.default_rng(seed).random((height, width, 1), np.float32) - 0.5
        behind = np.clip(behind + noise / 255, 0, 1)
    return mixed(behind, subject.color, subject.alpha)


def before_picture(subject: Subject, picture: UnitArray) -> UnitArray:
    """The subject before another picture, which is cropped at the sides or above and below to fill the frame."""
    height, width = subject.alpha.shape
    return mixed(covering(picture[..., :3], width, height), subject.color, subject.alpha)


def covering(picture: UnitArray, width: int, height: int) -> UnitArray:
    """The middle of a picture, scaled to cover width x height."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    shown_width, shown_height = max(1, round(width / scale)), max(1, round(height / scale))
    left, top = max(0, picture.shape[1] - shown_width) // 2, max(0, picture.shape[0] - shown_height) // 2
    return resized(picture[top : top + shown_height, left : left + shown_width], width, height)


def transparent(subject: Subject, alpha: UnitArray | None) -> UnitArray:
    """The subject alone: (H, W, 4); ``alpha`` is what the picture had before."""
    own = subject.alpha if alpha is None else subject.alpha * alpha
    return np.dstack([subject.color, own])


def _disc(radius: float) -> NDArray[np.float32]:
    """A disc of that radius with a soft rim, summing to 1."""
    reach = int(np.ceil(radius)) + 1
    rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(rows, columns), 0, 1)
    return np.asarray(disc / disc.sum(), np.float32)
