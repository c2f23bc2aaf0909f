import numpy as np
import pytest
import torch

from vitron_agent.tools.backends.embedded.mask_decoder import Reader
from vitron_agent.train.masks.examples import Asker, see


@pytest.fixture
def asker(sources, boxed, encoder) -> Asker:
    groups = [
        [see(source, encoder.look(source.image, source.name), Reader()) for source in group]
        for group in (sources, boxed)
    ]
    return Asker([(groups[0], 0.7), ([], 0.1), (groups[1], 0.2)], seed=5)


def test_a_step_always_gives_the_same_examples(asker):
    first, second = asker.batch(7, 4), asker.batch(7, 4)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one.patch.pixels, other.patch.pixels)
        assert torch.equal(one.target, other.target)
    assert not torch.equal(first[0].patch.pixels, asker.batch(8, 4)[0].patch.pixels)


def test_targets_lie_on_the_thing_in_the_window(asker):
    """The things are red and blue on green, whatever the window, the light and the side."""
    for question in asker.batch(1, 12):
        if question.reach is not None:
            continue
        red, green, blue = torch.nn.functional.avg_pool2d(question.patch.pixels, 2)[0]
        if float((red - green).abs().mean()) < 1e-3:
            continue  # in grey
        thing = (question.target == 1) & (question.weight > 0)
        rest = (question.target == 0) & (question.weight > 0)
        greenish = green - torch.maximum(red, blue)
        assert float(greenish[thing].mean()) < float(greenish[rest].mean())


def test_of_boxes_only_the_outside_and_the_reach_are_known(asker):
    weak = [question for step in range(6) for question in asker.batch(step, 4) if question.reach is not None]
    assert weak
    for question in weak:
        left, top, right, bottom = question.reach
        assert not question.weight[top + 1 : bottom - 1, left + 1 : right - 1].any()
        assert not question.target.any()
        assert not question.ambiguous


def test_kinds_of_prompts_are_mixed(asker):
    questions = [question for step in range(10) for question in asker.batch(step, 4)]
    hints = torch.cat([question.patch.hints for question in questions])
    used = hints.flatten(2).amax(dim=2) > 0
    assert (used.float().mean(dim=0)[[1, 3, 4, 5]] > 0.02).all()
    assert 0 < np.mean([question.ambiguous for question in questions]) < 0.5
