import numpy as np
import pytest
import torch

from vitron_agent.tools.backends.embedded.mask_decoder import SIDE
from vitron_agent.tools.backends.embedded.windows import Cue, Looks, Window, around, framed, joined, make_patch, whole

RANDOM = np.random.default_rng(0)


def looks(height: int = 10, width: int = 12) -> Looks:
    low = tuple(torch.randn(32, 2 * height * n, 2 * width * n) for n in (1, 2, 3))
    return Looks(low, tuple(torch.randn(160, height * n, width * n) for n in (1, 2, 3)))


def picture(height: int = 90, width: int = 120) -> np.ndarray:
    return RANDOM.integers(0, 256, (height, width, 3), dtype=np.uint8)


CUES = {
    "map": Cue(rough=RANDOM.random((9, 12), np.float32)),
    "box": Cue(box=(0.2, 0.3, 0.6, 0.9)),
    "clicks": Cue(on=[(0.3, 0.4)], off=[(0.8, 0.7), (0.1, 0.1)]),
    "stroke": Cue(stroke=RANDOM.random((45, 60)) > 0.9),
}


def test_the_whole_picture_is_in_its_window():
    assert whole(120, 90).crop(120, 90) == (0, 0, 120, 90)
    assert whole(120, 90).place(120, 90, 64) == (0, 8, 64, 56)


def test_a_window_around_a_box_has_it_in_the_middle():
    window = around((0.25, 0.25, 0.75, 0.75), 120, 80, 0.25)
    assert window == Window(left=15, top=-5, side=90)


@pytest.mark.parametrize("cue", CUES.values(), ids=CUES)
def test_a_window_of_the_mirror_image_is_the_mirror_image_of_the_window(cue):
    seen, image = looks(), picture(96, 96)
    mirrored_cue = Cue(
        rough=None if cue.rough is None else cue.rough[:, ::-1].copy(),
        box=None if cue.box is None else (1 - cue.box[2], cue.box[1], 1 - cue.box[0], cue.box[3]),
        on=[(1 - x, y) for x, y in cue.on],
        off=[(1 - x, y) for x, y in cue.off],
        stroke=None if cue.stroke is None else cue.stroke[:, ::-1],
    )
    window, mirrored_window = Window(8, -16, 64), Window(96 - 8 - 64, -16, 64)
    patch = make_patch(image, seen, cue, window)
    turned = Looks(*(tuple(one.flip(-1) for one in level) for level in (seen.low, seen.things)))
    mirrored = make_patch(image[:, ::-1], turned, mirrored_cue, mirrored_window).flipped()
    assert torch.allclose(mirrored.low, patch.low, atol=1e-4)
    assert torch.allclose(mirrored.things, patch.things, atol=1e-4)
    assert (mirrored.pixels - patch.pixels).abs().max() <= 1 / 127
    assert (mirrored.hints - patch.hints).abs().mean() < 0.01  # a disc may sit one cell off
    assert torch.equal(mirrored.kinds, patch.kinds)
    here, there = (one.spots[one.kinds > 0] for one in (patch, mirrored))
    assert torch.allclose(here, there, atol=1e-5)


@pytest.mark.parametrize("name", CUES)
def test_every_kind_of_prompt_is_written_down(name):
    plain, told = (make_patch(picture(), looks(), cue, whole(120, 90)) for cue in (Cue(), CUES[name]))
    assert not torch.equal(plain.hints, told.hints)
    assert bool(told.kinds.any()) == (name in ("box", "clicks"))
    assert not plain.hints[:, :6].any()


def test_outside_the_picture_there_is_nothing():
    patch = make_patch(picture(), looks(), Cue(rough=np.ones((9, 12), np.float32)), Window(-60, -45, 120))
    left, top = SIDE // 2 - 1, int(SIDE * 45 / 120) - 1
    assert not patch.pixels[..., :left].any()
    assert not patch.pixels[..., :top, :].any()
    assert not patch.things[..., : left // 16].any()
    assert not patch.hints[:, 0, :, : left // 4].any()
    assert patch.hints[0, 6].mean() == pytest.approx(0.5 * 75 / 120, abs=0.02)


def test_one_click_and_nothing_else_is_ambiguous():
    click = [(0.5, 0.5)]
    assert Cue(on=click).ambiguous
    assert not Cue(on=click, off=click).ambiguous
    assert not Cue(on=click * 2).ambiguous
    assert not Cue(on=click, box=(0, 0, 1, 1)).ambiguous


@pytest.mark.parametrize("shape", [(1, 50, 3), (50, 1, 4), (1, 1, 3), (2, 3, 4), (700, 900, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_of_every_size_can_be_read(shape, dtype):
    image = RANDOM.integers(0, 255, shape).astype(dtype)
    height, width = shape[:2]
    cue = Cue(
        np.ones((2, 2), np.float32), (0.0, 0.0, 1.0, 1.0), [(0.999, 0.999)], [(0.0, 0.0)], np.ones((1, 1), np.bool_)
    )
    windows = [whole(width, height), around((0.9, 0.9, 1.0, 1.0), width, height, 0.0), Window(-30, -30, 31)]
    patch = joined(make_patch(image, looks(), cue, window) for window in windows)
    assert patch.pixels.shape == (3, 3, SIDE, SIDE)
    assert patch.things.shape[2:] == (SIDE // 16, SIDE // 16)
    assert all(torch.isfinite(part).all() for part in vars(patch).values())


def test_a_crop_is_framed_where_it_lies():
    crop = np.full((90, 60), 200, np.uint8)
    map_ = framed(crop, Window(60, 0, 90), (120, 90), 30, 7)
    assert (map_[:, :20] == 200).all()
    assert (map_[:, 20:] == 7).all()
