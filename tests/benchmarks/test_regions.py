"""Drawings lie on the thing that they are made from; captions are compared by noun, color and words."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from vitron_agent.tools.regions import rasterise, tight_box
from vitron_agent.train.data.scenes.telling import region_caption


@pytest.fixture
def regions(load_benchmark: Callable[[str], ModuleType]) -> ModuleType:
    return load_benchmark("regions")


def test_drawings_are_on_their_thing(regions):
    for number, (thing, _, _) in enumerate(regions.scene_things(12, "test")):
        drawn = regions.drawings(thing.mask, np.random.default_rng(number))
        assert tuple(drawn) == regions.KINDS
        height, width = thing.mask.shape
        covered = {kind: rasterise(one, width, height, lambda _, mask=thing.mask: mask) for kind, one in drawn.items()}
        for kind in ("click", "three clicks"):
            assert all(thing.mask[int(y * height), int(x * width)] for x, y in drawn[kind].coordinates)
        assert (covered["mask"] == thing.mask).all()
        assert not (thing.mask & ~covered["box"]).any()
        assert not (covered["box"] & ~covered["loose box"]).any()
        assert covered["loose box"].sum() > covered["box"].sum()
        assert covered["click"].sum() < covered["three clicks"].sum()
        assert (covered["scribble"] & thing.mask).sum() > 0.5 * covered["scribble"].sum()


def test_captions_are_worth_what_they_say(regions):
    _, scene, body = next(regions.scene_things(1, "test"))
    one = scene.bodies[body]
    told = region_caption(regions.see(scene), body)[0]
    worth = regions.caption_worth
    assert worth(told, told, one) == {"noun": 1, "color": 1, "exact": 1}
    assert worth(f"A {one.color} {one.shape}.", told, one) == {"noun": 1, "color": 1, "exact": 0}
    assert worth(f"A {one.color} thing.", told, one) == {"noun": 0, "color": 1, "exact": 0}


def test_every_kind_of_drawing_is_measured(regions, monkeypatch, capsys):
    class Cutter:
        def __init__(self, weights: Path) -> None: ...

        def segment(self, thing, region):
            made = rasterise(region, *thing.mask.shape[::-1], lambda _: thing.mask)
            iou = float((made & thing.mask).sum() / (made | thing.mask).sum())
            return {"iou": iou, "half": float(iou > 0.5)}

    monkeypatch.setattr(regions, "Experts", Cutter)
    regions.main(["--count", "3", "--json"])
    found = json.loads(capsys.readouterr().out)["segmentation, scenes"]
    assert tuple(found) == regions.KINDS
    assert found["mask"]["iou"]["mean"] == 1
    assert found["polygon"]["iou"]["mean"] > 0.7 > found["click"]["iou"]["mean"]
    regions.main(["--count", "1"])
    assert "three clicks" in capsys.readouterr().out


def test_a_thing_is_in_its_box(regions):
    mask = np.zeros((40, 60), np.bool_)
    mask[10:20, 5:9] = True
    drawn = regions.drawings(mask, np.random.default_rng(0))
    assert drawn["box"].bounds == pytest.approx(tight_box(mask))
