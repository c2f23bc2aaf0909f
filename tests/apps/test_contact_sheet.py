import numpy as np
from PIL import Image

from vitron_agent.apps.contact_sheet import Cell, contact_sheet


def test_every_picture_is_on_the_sheet() -> None:
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 0, 255)]
    sheet = contact_sheet([Cell(Image.new("RGB", (500, 300), color), ["a", "b" * 200]) for color in colors], columns=3)
    pixels = np.asarray(sheet).reshape(-1, 3)
    for color in colors:
        assert (pixels == color).all(axis=1).sum() == 360 * 216


def test_transparency_is_a_checkerboard() -> None:
    sheet = contact_sheet([Cell(Image.new("RGBA", (100, 100), (0, 0, 0, 0)), [])])
    assert len({tuple(pixel) for pixel in np.asarray(sheet).reshape(-1, 3)}) == 2
