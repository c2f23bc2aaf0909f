"""Teaching a proposer: places know whose they are, filling up changes nothing, and things of new pictures are found."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from tests.train.data.test_voc import write
from vitron_agent.messages import Box
from vitron_agent.model.encoders.proposals import Proposer, overlaps
from vitron_agent.train.data.samples import Medium, Sample, Task, Thing, Turn
from vitron_agent.train.data.voc import read_voc
from vitron_agent.train.fit import fit
from vitron_agent.train.proposals import debug
from vitron_agent.train.seeing.proposing import collate, examples, loss, show_photos, show_samples

SIDE = 48


class Blocks:
    """A backbone that sees the mean color of 4 x 4 pixels."""

    name, channels = "blocks", 3

    def features(self, picture):
        height, width = picture.shape[:2]
        blocks = picture.reshape(height // 4, 4, width // 4, 4, 3).mean(axis=(1, 3)) / 255
        return torch.from_numpy(blocks.transpose(2, 0, 1).astype(np.float32))

    def frame_features(self, picture):
        return self.features(picture)


class Odd(Blocks):
    """The same of photos, whose sides four need not divide."""

    def features(self, picture):
        return super().features(picture[: len(picture) // 4 * 4, : picture.shape[1] // 4 * 4])


def picture(seed: int, width: int = SIDE) -> Sample:
    """A red and a green rectangle, apart from each other, on a dark ground."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 40, (SIDE, width, 3), dtype=np.uint8)
    things = []
    for half, channel in enumerate(random.permutation(2)):
        high, wide = random.integers(12, 25), random.integers(10, width // 2 - 6)
        top = random.integers(0, SIDE - high)
        left = half * width // 2 + random.integers(2, width // 2 - wide - 2)
        mask = np.zeros((SIDE, width), np.bool_)
        mask[top : top + high, left : left + wide] = True
        pixels[mask] = np.eye(3)[channel] * 255
        box: Box = (left / width, top / SIDE, (left + wide) / width, (top + high) / SIDE)
        things.append(Thing("thing", {0: box}, {0: mask}))
    medium = Medium("image", str(seed), lambda: pixels)
    return Sample(
        Task.GROUNDED_CAPTION, str(seed), "tests", (medium,), (Turn("what", "two things"),), (), tuple(things)
    )


def test_a_place_belongs_to_what_covers_half_of_it():
    [shown] = show_samples([picture(1)], Blocks())
    assert shown.owner.shape == shown.features.shape[1:] == (12, 12)
    for number, thing in enumerate(picture(1).things):
        covered = thing.masks[0].reshape(12, 4, 12, 4).mean(axis=(1, 3)) >= 0.5
        assert np.array_equal(shown.owner.numpy() == number, covered)


def test_of_a_clip_two_frames_are_learned_from():
    still = picture(2)
    masks = dict.fromkeys(range(4), still.things[0].masks[0])  # it leaves in the middle
    leaves = Thing("thing", dict.fromkeys(masks, still.things[0].boxes[0]), masks)
    clip = Medium("video", "clip", lambda: np.stack([still.media[0].load()] * 8), frames=8)
    moving = Sample(still.task, "1", "tests", (clip,), still.turns, (), (leaves,))
    first, second = show_samples([moving], Blocks())
    assert (len(first.boxes), len(second.boxes)) == (1, 0)
    assert (second.owner == -1).all()


def test_of_a_photo_nobody_knows_what_lies_at_the_rim_of_a_box(tmp_path: Path):
    write(tmp_path, "000001", ("dog", 0, 1, 1, 80, 40), ("cat", 0, 21, 11, 40, 20))
    write(tmp_path, "000002")
    pictured, empty = show_photos(read_voc(tmp_path), Odd())
    owner = pictured.owner
    assert set(owner.unique().tolist()) == {-2, -1, 0, 1}
    assert owner[0, 0] == -2
    assert owner[0, -1] == -1
    assert owner[3, 7] >= 0
    assert pictured.boxes.shape == (2, 4)
    assert empty.boxes.shape == (0, 4)
    batch = collate(examples([empty]))
    assert loss(Proposer(3), batch).isfinite()


def test_pictures_of_several_sizes_lose_what_they_lose_alone():
    torch.manual_seed(0)
    proposer = Proposer(3)
    shown = list(show_samples([picture(1), picture(2, width=64)], Blocks()))
    batch = collate(examples(shown))
    logits, boxes = proposer(batch["maps"].float(), batch["sizes"])
    alone, of_alone = proposer(shown[1].features[None].float())
    torch.testing.assert_close(logits[1], alone[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(boxes[1], of_alone[0], rtol=1e-4, atol=1e-4)
    assert (batch["owners"][0, :, 12:] == -2).all()


def test_things_of_pictures_that_it_never_saw_are_found(tmp_path: Path):
    torch.manual_seed(0)
    proposer = Proposer(3)
    made = examples(show_samples([picture(seed) for seed in range(1, 65)], Blocks()))
    fit(proposer, made, collate, loss, replace(debug(), epochs=20, batch=16, learning_rate=1e-2), tmp_path)
    found = 0
    for seed in range(1000, 1010):
        new = picture(seed)
        boxes = torch.tensor([thing.boxes[0] for thing in new.things])
        surest = proposer.eval().find(Blocks().features(new.media[0].load()), 2)
        found += int((overlaps(surest.boxes, boxes).amax(dim=0) > 0.5).sum())
    assert found >= 18
