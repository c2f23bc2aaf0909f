import dataclasses

import pytest
import torch

from vitron_agent.tools.backends.embedded.localiser import GRID, HEAD_DIMS, Localiser, Scene, query_channels
from vitron_agent.train.grounding.examples import Example, SegmentExample, give_mask, make_target
from vitron_agent.train.grounding.linear import Annotated
from vitron_agent.train.grounding.localiser import Asker, Config, train

ROWS, COLUMNS, KINDS = 24, 32, 3


def example(seed: int, kind: int, box: tuple[float, float, float, float]) -> Example:
    """A picture of noise on which one box looks like one kind."""
    torch.manual_seed(seed)
    valid = torch.zeros(1, 1, GRID, GRID)
    valid[..., :ROWS, :COLUMNS] = 1
    scene = Scene(
        torch.randn(1, 240, GRID, GRID) * valid, torch.randn(1, 32, 2 * GRID, 2 * GRID),
        torch.zeros(1, 3, 2 * GRID, 2 * GRID), valid,
    )  # fmt: skip
    likeness = torch.full((KINDS, 3, GRID, GRID), -3.0)
    left, top, right, bottom = (round(side * size) for side, size in zip(box, (COLUMNS, ROWS) * 2, strict=True))
    likeness[kind, :, top:bottom, left:right] = 3
    maps = {"learned": likeness.half(), "classes": likeness.half()}
    halves = Scene(*(getattr(scene, part.name).half() for part in dataclasses.fields(Scene)))
    return Example((ROWS, COLUMNS), halves, maps, (Annotated(kind, box, False),))


BOXES = [(0.1, 0.1, 0.5, 0.6), (0.5, 0.3, 0.9, 0.9), (0.2, 0.5, 0.8, 0.95), (0.05, 0.2, 0.4, 0.8)]


def test_a_target_says_where_the_box_is_from_each_of_its_places():
    one = example(0, 1, (0.25, 0.25, 0.75, 0.75))
    target = make_target(one, 1)
    rows, columns = torch.nonzero(target.center, as_tuple=True)
    assert len(rows) > 10
    left, top, right, bottom = target.extents[:, rows, columns]
    assert torch.allclose(columns + 0.5 - left, torch.tensor(0.25 * COLUMNS))
    assert torch.allclose(columns + 0.5 + right, torch.tensor(0.75 * COLUMNS))
    assert torch.allclose(rows + 0.5 - top, torch.tensor(0.25 * ROWS))
    assert torch.allclose(rows + 0.5 + bottom, torch.tensor(0.75 * ROWS))
    assert target.boxes == ((16, 12, 48, 36),)


def test_a_kind_that_is_not_there_is_wanted_nowhere():
    target = make_target(example(0, 1, BOXES[0]), 2)
    assert not target.center.any()
    assert not target.mask.any()
    assert target.weight.all()


def test_difficult_things_do_not_count():
    one = dataclasses.replace(example(0, 1, BOXES[0]), things=(Annotated(1, (0.25, 0.25, 0.75, 0.75), True),))
    target = make_target(one, 1)
    assert not target.center.any()
    assert not target.counted[ROWS // 2, COLUMNS // 2]
    assert not target.weight[ROWS, COLUMNS]
    assert one.kinds == frozenset()


def test_an_annotated_mask_is_what_it_learns():
    one = example(0, 1, (0.25, 0.25, 0.75, 0.75))
    mask, counted = torch.zeros(60, 80).bool().numpy(), torch.ones(60, 80).bool().numpy()
    mask[15:30, 20:40], counted[:, 60:] = True, False
    give_mask(one, 1, mask, counted)
    target = make_target(one, 1)
    assert target.boxes == ()
    assert target.mask[12:24, 16:32].min() == 1
    assert target.mask.sum() == 12 * 16
    assert target.weight[: 2 * ROWS, : 2 * COLUMNS][:, 48:].max() == 0
    assert target.weight[: 2 * ROWS, : 2 * COLUMNS][:, :48].min() == 1


@pytest.mark.slow
def test_a_few_steps_teach_it_to_find_boxes_from_maps():
    examples = [example(number, number % 2, box) for number, box in enumerate(BOXES)]
    config = Config(steps=40, batch=4, segments=0, absent=0.2, exemplars=0.0, rate=4e-3)
    torch.manual_seed(0)
    lines: list[str] = []
    localiser = train(Asker(examples, [], frozenset(), config), Localiser(dropout=0.0), config, lines.append)
    assert lines[0].startswith("step 40: mask ")
    one = examples[0]
    scene = Scene(*(getattr(one.scene, part.name).float() for part in dataclasses.fields(Scene)))
    with torch.inference_mode():
        located = localiser(scene, query_channels(one.likeness["learned"][0][None].float(), scene.valid))
    best = int(located.center[0, :ROWS, :COLUMNS].flatten().argmax())
    row, column = divmod(best, COLUMNS)
    assert 0.1 < (column + 0.5) / COLUMNS < 0.5
    assert 0.1 < (row + 0.5) / ROWS < 0.6
    inside = located.mask[0, 2 * 6 : 2 * 12, 2 * 6 : 2 * 14].mean()
    outside = located.mask[0, 2 * 16 : 2 * ROWS, 2 * 20 : 2 * COLUMNS].mean()
    assert float(inside) > float(outside)


def test_the_same_seed_gives_the_same_weights():
    examples = [example(number, number % 2, box) for number, box in enumerate(BOXES)]
    torch.manual_seed(0)
    masks = torch.zeros(1, 2 * GRID, 2 * GRID)
    masks[:, 10:30, 10:40] = 1
    segments = [SegmentExample(examples[0].scene, masks.half(), examples[0].likeness["learned"][:1])]
    config = Config(steps=3, batch=2, segments=1, absent=0.3, exemplars=0.4)
    trained = []
    for _ in range(2):
        torch.manual_seed(0)
        trained.append(train(Asker(examples, segments, frozenset({1}), config), Localiser(), config, lambda _: None))
    for one, other in zip(trained[0].parameters(), trained[1].parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("box", BOXES)
def test_an_exemplar_looks_most_like_itself(box):
    one = example(5, 0, box)
    features = one.scene.features.float()
    left, top, right, bottom = (round(side * size) for side, size in zip(box, (COLUMNS, ROWS) * 2, strict=True))
    features[0, : 3 * HEAD_DIMS : 7, top:bottom, left:right] += 4
    one.scene = dataclasses.replace(one.scene, features=features.half())
    likeness = one.like_exemplar(one.exemplar(box)).mean(dim=0)[:ROWS, :COLUMNS]
    inside = likeness[top:bottom, left:right].mean()
    assert float(inside) > float(likeness.mean()) + 1
