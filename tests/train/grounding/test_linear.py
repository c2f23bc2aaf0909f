import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from vitron_agent.train.grounding.linear import Annotated, Places, activations_of, cover, fit, label_places

unit = st.floats(0, 1, allow_nan=False)


@given(unit, unit, unit, unit, st.integers(1, 40), st.integers(1, 40), st.floats(0.1, 1))
def test_every_box_covers_a_place(x, y, wide, high, rows, columns, share):
    box = (x * 0.9, y * 0.9, min(1.0, x * 0.9 + wide * 0.1 + 1e-3), min(1.0, y * 0.9 + high * 0.1 + 1e-3))
    covered = cover(box, rows, columns, share)
    assert covered.shape == (rows, columns)
    assert covered.any()


def test_every_thing_weighs_alike_and_difficult_things_count_as_nothing():
    things = [Annotated(0, (0.0, 0.0, 0.5, 1.0), False), Annotated(1, (0.5, 0.0, 1.0, 1.0), True)]
    positive, negative = label_places(things, 2, 10, 10)
    assert np.isclose((positive[0] ** 2).sum(), 1)
    assert not positive[1].any()
    assert not negative[0][:, :5].any()
    assert negative[0][:, 5:].all()
    assert not negative[1][:, 5:].any()


def test_activations_are_the_strongest_class_of_each_kind():
    logits = torch.arange(1000.0)[:, None, None].expand(1000, 2, 2)
    assert activations_of(logits, [(3, 7), ()])[:, 0, 0].tolist() == [7, 0]


def test_a_fit_separates_kinds_and_gives_the_same_again():
    torch.manual_seed(0)
    kind = torch.randint(0, 3, (600,))  # the third is neither
    features = torch.randn(600, 1280)
    for number in range(3):  # each kind shows in forty of the features
        features[kind == number, 40 * number : 40 * number + 40] += 2
    positive = torch.nn.functional.one_hot(kind, 3)[:, :2].float()
    places = Places(features.half(), torch.zeros(600, 2), positive, 1 - positive, torch.arange(600) % 6)
    fitted = fit(places, [0, 1, 2], epochs=30, batch=128)
    held_out = places.picture > 2
    scores = features[held_out] @ fitted.weight + fitted.bias
    wanted = positive[held_out] > 0
    for number in range(2):
        own, other = scores[wanted[:, number], number], scores[~wanted[:, number], number]
        assert (own[:, None] > other[None]).float().mean() > 0.95
    again = fit(places, [0, 1, 2], epochs=30, batch=128)
    assert torch.equal(again.weight, fitted.weight)
