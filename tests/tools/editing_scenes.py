"""Pictures for tests of editing: a textured ground with a disc on it, and a segmenter that knows things by colour."""

import numpy as np
from PIL import ImageCms
from scipy import ndimage

from vitron_agent.messages import Finding, Operation
from vitron_agent.tools.image_segmentation import NotFound, Prompt, Segmentation
from vitron_agent.tools.regions import rasterise_all

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# The placeholder is nothing that a profile holds: it tells the time of its making, in any bytes.
EXCHANGED = SRGB.replace(b"rXYZ", b"<red>", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"<red>", b"gXYZ", 1)
"""A colour profile: sRGB with red and green exchanged."""
COLORS = {"red": (200, 30, 30), "green": (40, 170, 60), "blue": (30, 60, 200)}


def ground(height=60, width=80, channels=3, dtype=np.uint8, seed=0):
    """Mottled grey-brown, like earth: detail at two sizes, nothing saturated."""
    rng = np.random.default_rng(seed)
    mottle = sum(ndimage.gaussian_filter(rng.normal(size=(height, width)), size) * size for size in (0.7, 3))
    mottle = 110 + 22 * mottle / max(mottle.std(), 1e-6)
    picture = np.stack([mottle, mottle * 0.93, mottle * 0.85], axis=-1)
    if channels == 4:
        picture = np.dstack([picture, np.full((height, width), 255.0)])
    full = np.iinfo(dtype).max
    return np.clip(np.rint(picture * full / 255), 0, full).astype(dtype)


def disc(height, width, y, x, radius):
    """(H, W) mask; at least one pixel."""
    rows, columns = np.mgrid[:height, :width]
    mask = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
    mask[min(int(y), height - 1), min(int(x), width - 1)] = True
    return mask


def with_thing(picture, mask, color="red"):
    """The picture with a shaded thing of a plain colour where the mask is."""
    full = np.iinfo(picture.dtype).max
    result = picture.copy()
    rows = np.arange(picture.shape[0])[:, None] / max(1, picture.shape[0] - 1)
    shade = (1.1 - 0.3 * np.broadcast_to(rows, mask.shape))[mask]
    tint = np.array(COLORS[color], np.float64) * full / 255
    result[mask, :3] = np.clip(shade[:, None] * tint, 0, full).astype(picture.dtype)
    return result


class ColorSegmentation:
    """Finds what has the colour that a phrase names, within the drawn regions if there are any."""

    name = "color"
    version = "1"
    operations = frozenset({Operation.SEGMENT})
    consumes_signals = False

    def __init__(self):
        self.prompts: list[Prompt] = []

    def refuse(self, invocation):
        return None

    def segment(self, image, prompt, *, image_id, report=None, cancelled=None):
        self.prompts.append(prompt)
        height, width = image.shape[:2]
        unit = image[..., :3].astype(np.float64) / np.iinfo(image.dtype).max
        named = [color for color in COLORS if color in prompt.phrase.split()] or list(COLORS)
        mask = np.zeros((height, width), np.bool_)
        for color in named:
            main = int(np.argmax(COLORS[color]))
            others = np.delete(unit, main, axis=2).max(axis=2)
            mask |= unit[..., main] > 1.5 * others + 0.05
        if prompt.regions:
            mask &= rasterise_all(prompt.regions, width, height)
        if not mask.any():
            return NotFound((f"no {prompt.phrase or 'thing'} here",))
        return Segmentation(mask, findings=(Finding(label=prompt.phrase or "thing", score=0.9),))

    def partition(self, image, *, image_id, report=None, cancelled=None):
        """Not needed for editing."""
        raise NotImplementedError
