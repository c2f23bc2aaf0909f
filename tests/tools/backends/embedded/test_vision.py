import numpy as np
import pytest
import torch

from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.tools.backends.embedded.vision import Vision
from vitron_agent.tools.phrases.nouns import load_nouns


def likeness(vision: Vision, image: np.ndarray, word: str) -> torch.Tensor:
    meaning = load_nouns().find(word)
    assert meaning is not None
    return vision.likeness(vision.look(image, "cat"), meaning)


def test_a_cat_looks_more_like_a_cat_than_like_other_things(vision, cat):
    own = likeness(vision, cat, "cat").mean(dim=0).max()
    for other in ("bus", "aeroplane", "pizza", "volcano"):
        assert float(likeness(vision, cat, other).mean(dim=0).max()) < float(own) - 1, other


def test_a_wider_word_is_as_likely_as_the_likeliest_narrower_one(vision, cat):
    animal = likeness(vision, cat, "animal")
    for narrower in ("cat", "dog", "bird"):
        assert bool((animal >= likeness(vision, cat, narrower) - 1e-4).all()), narrower


def test_a_narrower_word_asks_the_learned_query_and_the_classes(vision, cat):
    view = vision.look(cat, "cat")
    poodle = load_nouns().find("poodle")
    assert poodle is not None
    both = vision.likeness(view, poodle)
    assert torch.allclose(both, (likeness(vision, cat, "dog") + view.like_classes(poodle.classes)) / 2, atol=1e-4)


def test_a_view_is_remembered_by_its_id(vision, cat):
    assert vision.look(cat, "cat") is vision.look(cat, "cat")


def test_the_oldest_views_are_forgotten(tmp_path_factory, cat):
    vision = Vision(DenseEncoder(tmp_path_factory.mktemp("encoder"), remember=1))
    strip = np.zeros((4, 400, 3), np.uint8)
    first = vision.look(strip, "0")
    for number in range(1, 7):
        vision.look(strip, str(number))
    assert vision.look(strip, "0") is not first


def test_the_classes_of_a_place_are_those_under_the_weight(vision, two_cats):
    view = vision.look(two_cats, "two")
    rows, columns = view.features.grid
    weight = torch.zeros(rows, columns)
    weight[:, : columns // 2] = 1
    probabilities = view.class_probabilities(weight)
    assert float(probabilities.sum()) == pytest.approx(1, abs=1e-4)
    cats = load_nouns().find("cat")
    assert cats is not None
    assert float(probabilities[list(cats.classes)].sum()) > 0.3
