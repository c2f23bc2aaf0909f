import time

import numpy as np
import pytest

from vitron_agent.errors import TurnCancelled
from vitron_agent.tools.backends.embedded.outliner import Outliner
from vitron_agent.tools.backends.embedded.windows import Cue


@pytest.fixture(scope="module")
def outliner() -> Outliner:
    return Outliner()


@pytest.fixture(scope="module")
def disc() -> tuple[np.ndarray, np.ndarray]:
    """A red disc on green, and where it is."""
    y, x = np.mgrid[:220, :300]
    inside = ((y - 110) / 220) ** 2 + ((x - 120) / 300) ** 2 < 0.05
    noise = np.random.default_rng(0).integers(-12, 12, (220, 300, 3))
    return (np.where(inside[..., None], (200, 40, 40), (40, 160, 60)) + noise).astype(np.uint8), inside


def cues(inside: np.ndarray) -> dict[str, Cue]:
    import cv2

    rows, columns = np.nonzero(inside)
    height, width = inside.shape
    box = (columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height)
    stroke = np.zeros_like(inside)
    stroke[105:112, 90:150] = True
    rough = cv2.GaussianBlur(cv2.resize(inside.astype(np.float32), (24, 20), interpolation=cv2.INTER_AREA), (3, 3), 1)
    return {
        "box": Cue(box=box),
        "click": Cue(on=[(0.4, 0.5)]),
        "clicks": Cue(on=[(0.35, 0.45), (0.45, 0.55)], off=[(0.9, 0.9)]),
        "stroke": Cue(stroke=stroke),
        "map": Cue(rough=rough),
    }


@pytest.mark.parametrize("kind", ["box", "click", "clicks", "stroke", "map"])
def test_every_kind_of_prompt_finds_a_plain_things_outline(outliner, vision, disc, kind):
    image, inside = disc
    mask = outliner.cut(image, vision.look(image, "disc"), cues(inside)[kind])
    assert mask.shape == inside.shape
    assert mask.dtype == np.bool_
    assert (mask & inside).sum() / (mask | inside).sum() > 0.9


def test_the_same_cue_gives_the_same_mask(outliner, vision, disc):
    image, inside = disc
    first, second = (outliner.cut(image, vision.look(image, "disc"), cues(inside)["click"]) for _ in range(2))
    assert np.array_equal(first, second)


SIGNALS = np.random.default_rng(0).normal(size=(8, 768)).astype(np.float32)


def test_signals_change_nothing_before_their_adapter_is_trained(outliner, vision, disc):
    image, inside = disc
    view, cue = vision.look(image, "disc"), cues(inside)["box"]
    assert np.array_equal(outliner.cut(image, view, cue, signals=SIGNALS), outliner.cut(image, view, cue))


def test_with_an_open_gate_signals_change_the_mask(outliner, mask_signals, vision, disc):
    image, inside = disc
    told, view, cue = Outliner(adapter=mask_signals), vision.look(image, "disc"), cues(inside)["box"]
    assert not np.array_equal(told.cut(image, view, cue, signals=SIGNALS), outliner.cut(image, view, cue))
    assert np.array_equal(told.cut(image, view, cue), outliner.cut(image, view, cue))


def test_a_map_of_nothing_gives_an_empty_mask(outliner, vision, disc):
    image, _ = disc
    assert not outliner.cut(image, vision.look(image, "disc"), Cue(rough=np.full((4, 6), 0.1, np.float32))).any()


@pytest.mark.parametrize("shape", [(1, 50, 3), (50, 1, 4), (1, 1, 3), (2, 3, 4)])
@pytest.mark.parametrize(
    "cue", [Cue(box=(0.0, 0.0, 1.0, 1.0)), Cue(on=[(0.5, 0.5)]), Cue(rough=np.ones((2, 2), np.float32))]
)
def test_thin_pictures_can_be_cut(outliner, vision, shape, cue):
    image = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    assert outliner.cut(image, vision.look(image, f"thin {shape}"), cue).shape == shape[:2]


def test_a_large_picture_takes_hardly_longer(outliner, vision, disc):
    image, inside = disc
    large = np.kron(image, np.ones((8, 8, 1), np.uint8))
    view = vision.look(large, "large disc")
    outliner.cut(large, view, cues(inside)["box"])
    begin = time.process_time()
    mask = outliner.cut(large, view, cues(inside)["box"])
    assert time.process_time() - begin < 2  # 0.2 where nothing else runs
    wanted = np.kron(inside, np.ones((8, 8), np.bool_))
    assert (mask & wanted).sum() / (mask | wanted).sum() > 0.9


def test_a_cancelled_turn_stops(outliner, vision, disc):
    image, inside = disc
    with pytest.raises(TurnCancelled):
        outliner.cut(image, vision.look(image, "disc"), cues(inside)["box"], lambda: True)
