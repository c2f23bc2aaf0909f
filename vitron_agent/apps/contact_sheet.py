"""A contact sheet: many pictures on one, each with a line below it."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

_CELL = 360
_GAP = 16
_LINE = 18
_CHECKER = 12


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture of a sheet and the words below it, line by line."""

    picture: Image.Image
    caption: Sequence[str]


def contact_sheet(cells: Sequence[Cell], *, columns: int = 3) -> Image.Image:
    """Lays the cells out in rows, each picture at most 360 pixels large; transparency shows as a checkerboard."""
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    thumbnails = {id(cell): _thumbnail(cell.picture) for cell in cells}
    heights = [
        max(thumbnails[id(cell)].height for cell in row) + _LINE * max(len(cell.caption) for cell in row) + _GAP
        for row in rows
    ]
    width = _GAP + min(columns, len(cells)) * (_CELL + _GAP)
    sheet = Image.new("RGB", (width, _GAP + sum(heights) + _GAP * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        for column, cell in enumerate(row):
            left = _GAP + column * (_CELL + _GAP)
            thumbnail = thumbnails[id(cell)]
            sheet.paste(thumbnail, (left, top))
            for number, line in enumerate(cell.caption):
                draw.text((left, top + thumbnail.height + 4 + _LINE * number), _fit(line, draw, font), "black", font)
        top += height + _GAP
    return sheet


def _thumbnail(picture: Image.Image) -> Image.Image:
    small = picture.convert("RGBA")
    small.thumbnail((_CELL, _CELL))
    board = Image.new("RGBA", small.size, "white")
    draw = ImageDraw.Draw(board)
    for y in range(0, small.height, _CHECKER):
        for x in range((y // _CHECKER % 2) * _CHECKER, small.width, 2 * _CHECKER):
            draw.rectangle((x, y, x + _CHECKER - 1, y + _CHECKER - 1), fill="#d8d8d8")
    return Image.alpha_composite(board, small).convert("RGB")


def _fit(line: str, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    if draw.textlength(line, font) <= _CELL:
        return line
    while line and draw.textlength(f"{line}…", font) > _CELL:
        line = line[:-1]
    return f"{line}…"
