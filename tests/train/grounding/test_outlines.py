import dataclasses

import numpy as np
import torch

from vitron_agent.tools.backends.embedded.localiser import GRID, Localiser, Scene
from vitron_agent.train.grounding.examples import Example
from vitron_agent.train.grounding.linear import Annotated
from vitron_agent.train.grounding.outlines import find_outline, give_outline

ROWS, COLUMNS = 24, 32


def example(window: tuple[float, float, float, float], *things: Annotated) -> Example:
    valid = torch.zeros(1, 1, GRID, GRID)
    valid[..., :ROWS, :COLUMNS] = 1
    scene = Scene(
        torch.zeros(1, 240, GRID, GRID), torch.zeros(1, 32, 2 * GRID, 2 * GRID),
        torch.zeros(1, 3, 2 * GRID, 2 * GRID), valid,
    )  # fmt: skip
    halves = Scene(*(getattr(scene, part.name).half() for part in dataclasses.fields(Scene)))
    maps = {"learned": torch.zeros(2, 3, GRID, GRID).half()}
    return Example(0, window, (ROWS, COLUMNS), halves, maps, things)


def test_an_outline_stays_in_its_boxes_and_difficult_things_count_nothing():
    torch.manual_seed(0)
    image = np.full((240, 320, 3), (40, 150, 60), np.uint8)
    image[60:180, 80:200] = (200, 40, 40)
    clear, hard = Annotated(0, (0.2, 0.2, 0.7, 0.8), False), Annotated(0, (0.8, 0.0, 1.0, 0.2), True)
    mask, certainty = find_outline(Localiser().eval(), example((0, 0, 1, 1), clear, hard), 0, image)
    assert mask.shape == certainty.shape == (240, 320)
    assert not mask[:48].any()
    assert not mask[192:].any()
    assert not mask[:, :64].any()
    assert not mask[:, 224:].any()
    assert (certainty[:48, 256:] == 0).all()
    assert certainty[230, 10] == 1
    assert set(np.unique(certainty)) <= {np.float32(0), np.float32(0.3), np.float32(1)}


def test_a_part_of_the_photo_gets_its_part_of_the_outline():
    thing = Annotated(1, (0.0, 0.0, 1.0, 1.0), False)
    whole, right, other = example((0, 0, 1, 1), thing), example((0.5, 0, 1, 1), thing), example((0, 0, 1, 1), thing)
    other.photo = 1
    mask = np.zeros((100, 200), np.float32)
    mask[:, 100:] = 1
    give_outline([whole, right, other], 0, 1, (mask, np.ones_like(mask)))
    assert float(whole.outlines[1][0][: 2 * ROWS, : 2 * COLUMNS].float().mean()) == 0.5
    assert float(right.outlines[1][0][: 2 * ROWS, : 2 * COLUMNS].float().mean()) == 1
    assert not other.outlines
