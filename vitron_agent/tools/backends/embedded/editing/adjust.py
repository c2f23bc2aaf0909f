"""Brightness, contrast, saturation, warmth and sharpness, more or less."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from vitron_agent.tools.backends.embedded.editing.colors import from_oklab, to_oklab
from vitron_agent.tools.backends.embedded.editing.pixels import UnitArray, smoothed
from vitron_agent.tools.edit_words import plain, take_amount

Quantity: TypeAlias = Literal["brightness", "contrast", "saturation", "warmth", "sharpness"]

_USUAL = 0.3
"""How much where nothing is said."""
_QUANTITIES: dict[Quantity, str] = {
    "brightness": r"bright\w*|dark\w*|light\w*|exposure|dim\w*",
    "contrast": r"contrast\w*|punch\w*|flat\w*",
    "saturation": r"saturat\w*|desaturat\w*|vivid\w*|vibran\w*|colou?r\w*(?! temp)|dull\w*|muted",
    "warmth": r"warm\w*|cool\w*|cold\w*|temperature",
    "sharpness": r"sharp\w*|crisp\w*|soft\w*|clar\w*|blur\w*",
}
_TOO = r"not (?:so|as|too)|too|overly"
_LESS = re.compile(
    rf"\b(?:{_TOO}|less|lower|reduce\w*|decrease\w*|down|minus|dark\w*|dim\w*|flat\w*|desaturat\w*|dull\w*|muted|cool\w*|cold\w*"
    r"|soft\w*|blur\w*)\b|(?<!\w)-\s*\d"
)
_OPPOSITE = re.compile(r"\b(?:dark\w*|dim\w*|flat\w*|desaturat\w*|dull\w*|muted|cool\w*|cold\w*|soft\w*|blur\w*)\b")
_LESS_OF = re.compile(rf"\b(?:{_TOO}|less|lower|reduce\w*|decrease\w*)\b")
_BARE = re.compile(r"(?<![\w.])(\d+)(?![\w.%]|\s*(?:%|px|\w))")
"""A number that is neither percent nor pixels; editors' sliders run from -100 to 100."""


@dataclass(frozen=True)
class Adjustment:
    """Which quantity, and by how much: 0.3 = 30 % more, -0.3 = 30 % less."""

    quantity: Quantity
    amount: float


def read_adjustment(value: str) -> Adjustment | None:
    """Reads ``brightness more``, ``contrast less 30%``, ``warmer``, ``sharpness +20``; None where it is not one."""
    words = plain(value)
    amount, rest = take_amount(words)
    named = [name for name, word in _QUANTITIES.items() if re.search(rf"\b(?:{word})\b", rest)]
    if len(named) != 1 or (amount is not None and amount.unit == "px"):
        return None
    down = _LESS.search(words) is not None
    if _OPPOSITE.search(rest) and _LESS_OF.search(rest):
        down = False  # "less dull"
    bare = _BARE.search(words)
    usual = float(bare[1]) / 100 if bare else _USUAL
    size = float(np.clip(usual if amount is None else amount.number, 0, 1))
    return Adjustment(named[0], -size if down else size)


def adjust(image: UnitArray, adjustment: Adjustment, scale: float) -> UnitArray:
    """Adjusts a picture or a part of it; mid-tones move most, black and white stay where they are.

    Args:
        image: (H, W, 3).
        adjustment: What.
        scale: How large details are: 1 in a picture of 1000 pixels, so that a photo looks the same at every size.
    """
    amount = adjustment.amount
    if adjustment.quantity == "sharpness":
        return _sharpened(image, amount, scale) if amount > 0 else _softened(image, -amount * scale)
    if adjustment.quantity == "warmth":
        return _warmed(image, amount)
    lab = to_oklab(image)
    if adjustment.quantity == "brightness":
        lab[..., 0] **= 2.0 ** (-1.6 * amount)
    elif adjustment.quantity == "contrast":
        lab[..., 0] = _contrasted(lab[..., 0], amount)
    else:
        lab[..., 1:] *= _saturating(lab, amount)
    return from_oklab(lab)


def _contrasted(light: UnitArray, amount: float) -> UnitArray:
    """An S-curve around the picture's own middle, or its inverse."""
    middle = float(np.clip(np.median(light), 0.25, 0.75))
    if amount < 0:
        return np.asarray(middle + (light - middle) * (1 + amount), np.float32)
    power = 1 + 1.6 * amount
    below = middle * (np.minimum(light, middle) / middle) ** power
    above = (1 - middle) * (1 - ((1 - np.maximum(light, middle)) / (1 - middle)) ** power)
    return np.asarray(np.where(light < middle, below, middle + above), np.float32)


def _saturating(lab: UnitArray, amount: float) -> UnitArray:
    """The factor of each pixel's chroma: what is colourful already gains less, so that nothing clips."""
    if amount < 0:
        return np.full((*lab.shape[:2], 1), 1 + amount, np.float32)
    chroma = np.hypot(lab[..., 1], lab[..., 2])[..., None]
    return np.asarray(1 + 2 * amount * (1 - np.clip(chroma / 0.3, 0, 1)), np.float32)


def _warmed(image: UnitArray, amount: float) -> UnitArray:
    """A white balance towards amber (or, below 0, towards blue) that keeps the lightness."""
    gain = np.array([1 + 0.45 * amount, 1 + 0.08 * amount, 1 - 0.45 * amount], np.float32)
    balanced = to_oklab(np.clip(image * gain, 0, 1))
    balanced[..., 0] = to_oklab(image)[..., 0]
    return from_oklab(balanced)


def _sharpened(image: UnitArray, amount: float, scale: float) -> UnitArray:
    """Unsharp masking of the lightness, at two scales; overshoot at strong edges is held back."""
    lab = to_oklab(image)
    light = np.ascontiguousarray(lab[..., 0])
    for sigma, weight in ((0.8 * scale, 2.5), (2.5 * scale, 1.0)):
        detail = light - smoothed(light, sigma)
        lab[..., 0] += weight * amount * np.tanh(detail / 0.12) * 0.12
    lab[..., 0] = np.clip(lab[..., 0], 0, 1)
    return from_oklab(lab)


def _softened(image: UnitArray, amount: float) -> UnitArray:
    return smoothed(image, max(0.3, 5 * amount))
