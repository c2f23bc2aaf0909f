"""Colours by name and number, and the space in which they are changed.

The space is Oklab (Ottosson, 2020): L from 0 (black) to 1 (white), a and b around 0. Changing its lightness or
chroma leaves the hue as people see it, which CIE Lab does not do for blues.
"""

import re
from difflib import get_close_matches
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vitron_agent.tools.backends.embedded.editing.pixels import UnitArray
from vitron_agent.tools.edit_words import bare, plain

RGB = tuple[float, float, float]
"""sRGB, each in [0, 1]."""

_EVERYDAY = {
    "amber": "#ffbf00", "apricot": "#fbceb1", "auburn": "#a52a2a", "baby blue": "#89cff0", "baby pink": "#f4c2c2",
    "blond": "#e6c887", "blonde": "#e6c887", "brick": "#b0412e", "brick red": "#b0412e", "bronze": "#a97142",
    "burgundy": "#800020", "burnt orange": "#cc5500", "camel": "#c19a6b", "caramel": "#c68e4f",
    "champagne": "#f7e7ce", "charcoal": "#36454f", "cherry": "#c2183a", "cobalt": "#0047ab",
    "cobalt blue": "#0047ab", "copper": "#b87333", "cream": "#fffdd0", "denim": "#3b5f8a", "ebony": "#332c28",
    "electric blue": "#2f7dff", "emerald": "#2e9e62", "emerald green": "#2e9e62", "flamingo": "#fc8eac",
    "forest green": "#228b22", "fuchsia": "#ff00ff", "golden": "#e6b422", "grass green": "#4c9a2a",
    "hot pink": "#ff4fa3", "ice blue": "#c9e9f2", "jade": "#00a86b", "jet black": "#0a0a0a", "lemon": "#fff44f",
    "lemon yellow": "#fff44f", "lilac": "#c8a2c8", "lime green": "#32cd32", "mahogany": "#7a2e1d",
    "mauve": "#b784a7", "midnight blue": "#191970", "mint": "#98e0b4", "mint green": "#98e0b4",
    "mustard": "#d9a520", "mustard yellow": "#d9a520", "navy blue": "#000080", "neon green": "#39ff14",
    "neon orange": "#ff6a1a", "neon pink": "#ff3fa4", "neon yellow": "#e7ff1a", "ochre": "#cc7722",
    "off white": "#f6f2e7", "olive green": "#6b7a2a", "peach": "#ffcba4", "petrol": "#005f6a",
    "pine green": "#1d5b45", "pitch black": "#0a0a0a", "platinum": "#e0dedb", "rose": "#e3677f",
    "rose gold": "#c9807a", "ruby": "#a5102f", "ruby red": "#a5102f", "rust": "#b7410e", "sage": "#9caf88",
    "sage green": "#9caf88", "sand": "#d9c6a0", "sapphire": "#1f4fa8", "scarlet": "#e0281c",
    "slate grey": "#708090", "slate": "#66727f", "snow white": "#fcfcfc", "strawberry": "#e24a5e",
    "sunflower yellow": "#ffcf24", "taupe": "#8b7d70", "terracotta": "#c8663f", "ultramarine": "#2a2aa5",
    "vanilla": "#f5e8c0", "vermilion": "#e34234", "walnut": "#5d4432", "wine": "#6d1b33", "wine red": "#6d1b33",
}  # fmt: skip
"""What people call colours beyond the names of CSS."""

_MODIFIERS: dict[str, tuple[float, float]] = {
    "light": (0.45, 0.75), "lighter": (0.45, 0.75), "pale": (0.6, 0.5), "pastel": (0.6, 0.6), "soft": (0.3, 0.65),
    "dark": (-0.33, 0.9), "darker": (-0.33, 0.9), "deep": (-0.25, 1.05), "medium": (-0.1, 0.95),
    "bright": (0.1, 1.2), "brilliant": (0.1, 1.2), "vivid": (0.0, 1.3), "strong": (0.0, 1.15), "neon": (0.15, 1.5),
    "hot": (0.0, 1.25), "electric": (0.05, 1.4), "rich": (-0.1, 1.15), "muted": (0.0, 0.6), "dull": (-0.05, 0.5),
    "dusty": (0.1, 0.5), "faded": (0.25, 0.5), "warm": (0.0, 1.0), "cool": (0.0, 1.0), "shiny": (0.0, 1.0),
    "matte": (0.0, 1.0), "metallic": (0.0, 1.0), "glossy": (0.0, 1.0), "plain": (0.0, 1.0), "solid": (0.0, 1.0),
    "pure": (0.0, 1.0), "very": (0.0, 1.0), "nice": (0.0, 1.0),
}  # fmt: skip
"""Part of the way to white (or, below 0, to black), and factor of the chroma."""

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
_FROM_LAB = np.linalg.inv(_TO_LAB).astype(np.float32)
_FROM_LMS = np.linalg.inv(_TO_LMS).astype(np.float32)


def read_color(words: str) -> RGB | None:
    """Reads a colour: a name of CSS or of every day, with modifiers, two names mixed, ``#rrggbb`` or ``rgb(...)``.

    Returns:
        None where no such colour is known.
    """
    text = _bare_color(words)
    if (number := _number(text)) is not None:
        return number
    if (named := _named(text)) is not None:
        return named
    first, _, rest = text.partition(" ")
    if not rest:
        stem = re.fullmatch(r"(\w{3,}?)d?ish", text)
        return None if stem is None else _named(stem[1]) or _named(stem[1] + "e")
    base = read_color(rest)
    if base is None:
        return None
    if first in _MODIFIERS:
        lightness, chroma = _MODIFIERS[first]
        return base if (lightness, chroma) == (0, 1) else _modified(base, lightness, chroma)
    tint = read_color(first)
    return None if tint is None else _mean(tint, base)


def nearest_names(words: str, count: int = 5) -> list[str]:
    """Known colours whose names are most like what was said; the plain ones where nothing is."""
    text = _bare_color(words)
    found = get_close_matches(text, _names(), count, 0.6)
    for word in text.split():
        found += [name for name in get_close_matches(word, _names(), count, 0.7) if name not in found]
    return found[:count] or ["red", "orange", "yellow", "green", "blue", "purple", "brown", "black", "white", "grey"]


def to_oklab(image: UnitArray) -> UnitArray:
    """(..., 3) sRGB in [0, 1] to Oklab."""
    linear = np.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _TO_LMS.T) @ _TO_LAB.T, np.float32)


def from_oklab(lab: UnitArray) -> UnitArray:
    """(..., 3) Oklab to sRGB in [0, 1]; a colour that no screen shows loses chroma, not lightness or hue."""
    linear = _linear(lab)
    outside = ((linear < -1e-4) | (linear > 1 + 1e-4)).any(axis=-1)
    if outside.any():
        linear[outside] = _linear(_into_gamut(lab[outside]))
    linear = np.clip(linear, 0, 1)
    return np.asarray(np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055), np.float32)


def lab_of(color: RGB) -> NDArray[np.float32]:
    """One colour as (3,) Oklab."""
    return to_oklab(np.array(color, np.float32))


def _linear(lab: UnitArray) -> UnitArray:
    return np.asarray((lab @ _FROM_LAB.T) ** 3 @ _FROM_LMS.T, np.float32)


def _into_gamut(lab: UnitArray) -> UnitArray:
    """(n, 3) with as much chroma as can be shown, by bisection."""
    lab = np.concatenate([np.clip(lab[:, :1], 0, 1), lab[:, 1:]], axis=1)
    low, high = np.zeros((len(lab), 1), np.float32), np.ones((len(lab), 1), np.float32)
    for _ in range(7):
        middle = (low + high) / 2
        linear = _linear(np.concatenate([lab[:, :1], lab[:, 1:] * middle], axis=1))
        fits = ((linear >= -1e-4) & (linear <= 1 + 1e-4)).all(axis=1, keepdims=True)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return np.concatenate([lab[:, :1], lab[:, 1:] * low], axis=1)


def _bare_color(words: str) -> str:
    text = bare(plain(words)).replace("-", " ").replace("gray", "grey")
    return re.sub(r"\b(?:colou?r(?:ed)?|shade of|hue|tone|in colou?r)\b", "", text).strip()


def _number(text: str) -> RGB | None:
    from PIL import ImageColor

    if re.fullmatch(r"#?(?:[0-9a-f]{6})|#[0-9a-f]{3}", text):
        text = "#" + text.removeprefix("#")
    elif not re.match(r"(?:rgb|hsl|hsv)\s*\(", text):
        return None
    try:
        red, green, blue = ImageColor.getrgb(text)[:3]
    except ValueError:
        return None
    return red / 255, green / 255, blue / 255


def _named(text: str) -> RGB | None:
    if match := re.fullmatch(r"grey ?(\d{1,2}|100)", text):
        return (int(match[1]) / 100,) * 3
    code = _names().get(text) or _names().get(text.replace(" ", ""))
    return None if code is None else _number(code)


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    from PIL import ImageColor

    # Not the values of the map: Pillow replaces each by a tuple once somebody has used its name.
    css = {name: "#{:02x}{:02x}{:02x}".format(*ImageColor.getrgb(name)) for name in tuple(ImageColor.colormap)}
    return {name.replace("gray", "grey"): code for name, code in css.items()} | _EVERYDAY


def _modified(color: RGB, lightness: float, chroma: float) -> RGB:
    light, *opponents = lab_of(color).tolist()
    light = light + lightness * (0.97 - light) if lightness > 0 else light * (1 + lightness)
    return _rgb([light, *(value * chroma for value in opponents)])


def _mean(first: RGB, second: RGB) -> RGB:
    return _rgb(((lab_of(first) + lab_of(second)) / 2).tolist())


def _rgb(lab: list[float]) -> RGB:
    red, green, blue = from_oklab(np.array([lab], np.float32))[0].tolist()
    return red, green, blue
