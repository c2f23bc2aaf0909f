"""Procedural scenes: the same from the same seed, kept apart by split, and seen as they are drawn."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vitron_agent.errors import ConfigError, UsageError
from vitron_agent.train.data.samples import Pixels
from vitron_agent.train.data.scenes import DEFAULT, HELD_OUT, SPLITS, Media, Recipe, Scene, draw, scene, see, split_of
from vitron_agent.train.data.scenes.model import COLORS, SHAPES
from vitron_agent.train.data.scenes.outlines import OUTLINES
from vitron_agent.train.data.scenes.splits import SEEDS

MEDIA: tuple[Media, ...] = ("image", "video")
FEW = 25


def frames(one: Scene) -> Pixels:
    pixels = draw(one)
    return pixels if one.media == "video" else pixels[None]


def grown(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    size = 2 * pixels + 1
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((size, size), np.uint8)) > 0)


@pytest.fixture(params=MEDIA)
def scenes(request: pytest.FixtureRequest) -> list[Scene]:
    return [scene(seed, media=request.param) for split in SPLITS for seed in SEEDS[split][: FEW // 4]]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(scenes: list[Scene]) -> None:
    drawn = [draw(one).tobytes() for one in scenes]
    again = [draw(scene(one.seed, Recipe(), one.media)).tobytes() for one in scenes]
    assert drawn == again
    assert len(set(drawn)) == len(drawn)


def test_pixels_are_what_the_recipe_says() -> None:
    recipe = Recipe(side=96, frames=5)
    assert draw(scene(3, recipe)).shape == (96, 96, 3)
    clip = draw(scene(3, recipe, "video"))
    assert clip.shape == (5, 96, 96, 3)
    assert clip.dtype == np.uint8


def test_every_scene_holds_what_its_recipe_allows(scenes: list[Scene]) -> None:
    for one in scenes:
        assert DEFAULT.bodies[0] <= len(one.bodies) <= DEFAULT.bodies[1]
        for body in one.bodies:
            low, high = getattr(DEFAULT, body.size)
            assert low <= body.radius <= high
            for x, y, radius in (body.pose(frame) for frame in range(one.num_frames)):
                assert radius <= DEFAULT.large[1] + 1e-9
                assert radius <= min(x, y, 1 - x, 1 - y)
        seen = see(one)
        for place, body in enumerate(one.bodies):
            alone = see(replace(one, bodies=(body,)))
            shares = [seen.mask(place, frame).sum() / alone.mask(0, frame).sum() for frame in seen.boxes[place]]
            # Judged on a coarser grid when it was composed.
            assert min(shares[0], shares[-1]) > 1 - DEFAULT.hidden - 0.1
            assert set(seen.boxes[place]) == set(range(body.frames[0], body.frames[1] + 1))


def test_boxes_are_tight_around_visible_masks_which_do_not_overlap(scenes: list[Scene]) -> None:
    for one in scenes:
        seen = see(one)
        for frame in range(one.num_frames):
            shown = [body for body in range(len(one.bodies)) if frame in seen.boxes[body]]
            assert sum(seen.mask(body, frame).astype(int) for body in shown).max() <= 1  # type: ignore[union-attr]
            for body in shown:
                rows, columns = seen.mask(body, frame).nonzero()
                pixels = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                assert seen.boxes[body][frame] == pytest.approx([value / DEFAULT.side for value in pixels])


def test_masks_are_the_pixels_that_a_body_makes(scenes: list[Scene]) -> None:
    for one in scenes:
        seen, whole = see(one), frames(one)
        for body in range(len(one.bodies)):
            without = frames(replace(one, bodies=one.bodies[:body] + one.bodies[body + 1 :]))
            for frame in range(one.num_frames):
                changed = (whole[frame] != without[frame]).any(axis=-1)
                mask = seen.mask(body, frame)
                assert (mask & ~changed).sum() <= 0.05 * mask.sum()  # white on white
                # It tints the pixels at its edge and at the edges of what hides it, a little also beyond thin tips.
                alone = see(replace(one, bodies=(one.bodies[body],))).mask(0, frame)
                assert not (changed & ~grown(alone, 4)).any()
                for other in range(body + 1, len(one.bodies)):
                    assert not (changed & ~grown(~seen.mask(other, frame), 2)).any()


def test_a_body_behind_another_one_is_seen_whole_without_it(scenes: list[Scene]) -> None:
    hidden = 0
    for one in scenes:
        seen = see(one)
        for front, behind in seen.overlap:
            fewer = see(replace(one, bodies=one.bodies[:front] + one.bodies[front + 1 :]))
            for frame in seen.overlap[front, behind]:
                assert fewer.mask(behind, frame).sum() >= seen.mask(behind, frame).sum()
            hidden += seen.related("behind", behind, front) is True
    assert hidden


def test_opposite_relations_exclude_each_other(scenes: list[Scene]) -> None:
    for one in scenes:
        seen, bodies = see(one), range(len(one.bodies))
        for relation, opposite in (("left", "right"), ("above", "below"), ("front", "behind")):
            for pair in ((first, other) for first in bodies for other in bodies if first != other):
                assert seen.related(relation, *pair) == seen.related(opposite, *reversed(pair))
                assert not (seen.related(relation, *pair) and seen.related(opposite, *pair))


def test_events_are_seen(scenes: list[Scene]) -> None:
    for one in scenes:
        seen = see(one)
        for place, body in enumerate(one.bodies):
            alone = see(replace(one, bodies=(body,)))
            first, last = min(alone.boxes[0]), max(alone.boxes[0])
            dx, dy = np.subtract(alone.center(0, last), alone.center(0, first))
            areas = alone.mask(0, first).sum(), alone.mask(0, last).sum()
            told = {
                "left": dx < -0.2,
                "right": dx > 0.2,
                "up": dy < -0.2,
                "down": dy > 0.2,
                "grows": areas[1] > 2 * areas[0],
                "appears": first > 0,
                "disappears": last < one.num_frames - 1,
                "still": True,
            }
            event = seen.scene.event(place)
            assert told[event]
            assert not any(right for other, right in told.items() if other not in (event, "still"))


def test_splits_own_disjoint_seeds() -> None:
    for split in SPLITS:
        assert {split_of(seed) for seed in (SEEDS[split][0], SEEDS[split][-1])} == {split}
    assert sum(len(seeds) for seeds in SEEDS.values()) == max(seeds.stop for seeds in SEEDS.values())
    with pytest.raises(UsageError, match="seeds of scenes"):
        scene(max(seeds.stop for seeds in SEEDS.values()))


@pytest.mark.parametrize("media", MEDIA)
def test_held_out_looks_are_in_every_scene_of_the_new_split_and_in_no_other(media: Media) -> None:
    for split in SPLITS:
        for seed in SEEDS[split][:60]:
            new = [body for body in scene(seed, media=media).bodies if (body.shape, body.color) in HELD_OUT]
            assert bool(new) == (split == "test_new")


def test_every_shape_and_color_is_learnt_in_most_pairs() -> None:
    for shape in SHAPES:
        assert sum((shape, color) in HELD_OUT for color in COLORS) == 2
    for color in COLORS:
        assert 1 <= sum((shape, color) in HELD_OUT for shape in SHAPES) <= 3
    assert set(OUTLINES) == set(SHAPES)


@pytest.mark.parametrize(
    "change", [{"side": 64}, {"frames": 9}, {"overlaps": 0.1}, {"travel": (0.3, 0.4)}, {"bodies": (1, 2)}]
)
def test_the_hash_follows_the_recipe(change: dict[str, Any]) -> None:
    assert Recipe().hash == DEFAULT.hash
    assert Recipe(**change).hash != DEFAULT.hash
    assert replace(Recipe(**change), **{name: getattr(DEFAULT, name) for name in change}).hash == DEFAULT.hash


def test_the_hash_follows_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = DEFAULT.hash
    monkeypatch.setattr("vitron_agent.train.data.scenes.recipe.VERSION", 10**6)
    assert DEFAULT.hash != before


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Recipe(bodies=(3, 2)), "least <= most"),
        (lambda: Recipe(side=32), "64 pixels"),
        (lambda: Recipe(small=(0.1, 0.21)), "smaller than large"),
        (lambda: Recipe(travel=(0.3, 0.9)), "to travel"),
        (lambda: Recipe(bodies=(3, 10)), "nine"),
        (lambda: scene(1, Recipe(bodies=(9, 9), small=(0.18, 0.19), large=(0.2, 0.21), overlaps=0)), "find no room"),
    ],
)
def test_recipes_that_cannot_be_are_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make()


def test_photos_are_backgrounds_and_some_are_kept_for_measuring(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no photos"):
        Recipe(photos=tmp_path / "..")
    folder = tmp_path / "photos"
    folder.mkdir()
    for place in range(10):
        gray = np.full((150, 200, 3), 20 * place + 30, np.uint8)
        Image.fromarray(gray).save(folder / f"{place}.jpg", quality=100)
    recipe = Recipe(photos=folder)
    assert recipe.hash != DEFAULT.hash
    corners: dict[str, set[int]] = {}
    for split in ("train", "test"):
        made = [scene(seed, recipe) for seed in SEEDS[split][:60]]
        photos = [one for one in made if one.background.ground == "photo"]
        assert len(photos) > 15
        corners[split] = {int(draw(one)[0, 0, 0]) for one in photos}
    assert corners["test"] == {30, 130}
    assert corners["train"]
    assert not corners["train"] & corners["test"]
