"""Samples on one picture, for people to judge: boxes, masks, drawings and words."""

from collections.abc import Iterable
from textwrap import wrap

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vitron_agent.messages import Region
from vitron_agent.tools.regions import pixel_points
from vitron_agent.train.data.samples import Pixels, Sample

_TILE = 320
_TEXT, _LINE = 60, 14
_COLUMNS = 6
_COLORS = ((255, 60, 60), (60, 220, 60), (80, 140, 255), (255, 210, 40))


def draw_sheet(samples: Iterable[Sample]) -> Image.Image:
    """A tile for each sample: its first picture (both of an edit), what is said, and what the reply names."""
    tiles = [_tile(sample) for sample in samples]
    rows = -(-len(tiles) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _TILE, rows * (_TILE + _TEXT)), "white")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % _COLUMNS * _TILE, number // _COLUMNS * (_TILE + _TEXT)))
    return sheet


def _tile(sample: Sample) -> Image.Image:
    tile = Image.new("RGB", (_TILE, _TILE + _TEXT), "white")
    pictures = [Image.fromarray(_marked(sample, number)) for number in range(len(sample.media))]
    side = (_TILE - 4) // len(pictures)
    for number, picture in enumerate(pictures):
        picture.thumbnail((side, _TILE - 4))
        tile.paste(picture, (number * side, _TEXT))
    words = f"[{sample.task} {sample.id.rpartition('-')[2]}] {sample.turns[0].user} > {sample.turns[0].reply}"
    for line, text in enumerate(wrap(words, 52)[: _TEXT // _LINE]):
        ImageDraw.Draw(tile).text((2, line * _LINE), text, fill="black", font=ImageFont.load_default(12))
    return tile


def _marked(sample: Sample, medium: int) -> Pixels:
    image = sample.media[medium].load().copy()
    height, width = image.shape[:2]
    for number, thing in enumerate(one for one in sample.things if one.medium == medium):
        color = _COLORS[number % len(_COLORS)]
        outline, _ = cv2.findContours(thing.masks[0].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, outline, -1, color, 1)
        left, top, right, bottom = (np.array(thing.boxes[0]) * (width, height, width, height)).round().astype(int)
        cv2.rectangle(image, (left, top), (right - 1, bottom - 1), color, 1)
    for region in sample.regions:
        _draw(image, region)
    return image


def _draw(image: Pixels, region: Region) -> None:
    points = pixel_points(region.coordinates, image.shape[1], image.shape[0]).astype(np.int32)
    if region.kind == "box":
        cv2.rectangle(image, points[0].tolist(), points[1].tolist(), (255, 255, 255), 2)
    elif region.kind == "points":
        for point in points:
            cv2.circle(image, point.tolist(), 5, (255, 255, 255), 2)
    else:
        cv2.polylines(image, [points[:, None]], region.kind == "polygon", (255, 255, 255), 2)
