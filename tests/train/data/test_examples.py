"""Samples to examples with a backbone of two features; and batches whose media tokens find their rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests import tiny
from vitron_agent.messages import Plan, Region
from vitron_agent.model.media import Drawn, MediaConfig, MediaEncoder, Places, count_tokens
from vitron_agent.planners.prompt import IGNORED
from vitron_agent.train.data.examples import Eyes, answers, as_request, build, collate, handles, looked
from vitron_agent.train.data.samples import Bad, Medium, Sample, Task, Turn

CONFIG = MediaConfig(backbone="two", channels=2, width=8, image_side=2, frame_side=1, num_frames=3)


class TwoFeatures:
    """Red and green of 4 x 4 places; counts its looks."""

    name, channels = "two", 2

    def __init__(self):
        self.looks = 0

    def features(self, picture):
        self.looks += 1
        height, width = picture.shape[:2]
        places = picture.reshape(4, height // 4, 4, width // 4, 3).mean(axis=(1, 3))[..., :2]
        return torch.from_numpy(places.transpose(2, 0, 1).astype(np.float32))

    frame_features = features


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (16, 24, 3), dtype=np.uint8)


def sample(*, clip: bool = False, regions=(), text: str = "make it red", seed: int = 0) -> Sample:
    media = [Medium("image", f"picture {seed}", lambda: picture(seed))]
    if clip:
        media.append(Medium("video", "clip", lambda: np.stack([picture(number) for number in range(9)]), fps=8))
    turns = (Turn("what is it", "a cat"), Turn(text, "a red cat"))
    return Sample(Task.CAPTION, str(seed), "tests", tuple(media), turns, tuple(regions))


DRAWN = (
    Region.box(0.0, 0.0, 0.25, 0.25, source="image-1"),
    Region.points([(0.9, 0.9)], source="video-1", frames=(7, 8)),
)


def test_what_is_seen_is_in_the_order_of_the_handles():
    items = Eyes(TwoFeatures(), CONFIG).look(sample(clip=True, regions=DRAWN))
    assert [type(item) for item in items] == [Places, Places, Drawn, Drawn]
    assert [count_tokens(item) for item in items] == [4, 3, 1, 1]
    first = TwoFeatures().features(picture(0))[:, 0, 0]
    torch.testing.assert_close(items[2].features, first)
    torch.testing.assert_close(
        items[3].features, TwoFeatures().features(picture(7))[:, 3, 3]
    )  # of the nearest seen frame


def test_what_was_seen_once_is_kept(tmp_path: Path):
    backbone = TwoFeatures()
    shown, other = sample(clip=True, regions=DRAWN), sample(clip=True, regions=DRAWN[:1])
    fresh = Eyes(TwoFeatures(), CONFIG).look(shown)
    for _ in range(2):
        kept = Eyes(backbone, CONFIG, tmp_path).look(shown)
        assert backbone.looks == 4
        for one, two in zip(fresh, kept, strict=True):
            torch.testing.assert_close(one.features, two.features.float(), rtol=1e-3, atol=0.1)
    assert len(Eyes(backbone, CONFIG, tmp_path).look(other)) == 3
    Eyes(backbone, CONFIG.model_copy(update={"image_side": 1}), tmp_path).look(shown)
    assert backbone.looks == 12


def test_the_conversation_is_the_planners():
    request = as_request(sample(clip=True, regions=DRAWN))
    assert (request.text, request.current, request.attached) == ("make it red", "video-1", ("image-1", "video-1"))
    assert [(turn.text, turn.plan.text) for turn in request.history] == [("what is it", "a cat")]
    two = Sample(Task.QUESTION, "1", "tests", sample(clip=True).media * 2, (Turn("a", "b"),))
    assert handles(two) == ["image-1", "video-1", "image-2", "video-2"]


def test_media_tokens_follow_their_handles_and_carry_no_loss():
    tokenizer, shown = tiny.tokenizer(), sample(clip=True, regions=DRAWN)
    items = Eyes(TwoFeatures(), CONFIG).look(shown)
    example = build(shown, items, tokenizer, Plan(text="a red cat"))
    ids, labels = example["input_ids"], example["labels"]
    assert [token for token in ids if token < 0] == list(range(-1, -10, -1))
    for handle, first in (("image-1", -1), ("video-1", -5), ("region-1", -8), ("region-2", -9)):
        before = tokenizer.encode_mentions(handle)
        assert ids[ids.index(first) - len(before) : ids.index(first)] == before
    assert all(label == IGNORED for token, label in zip(ids, labels, strict=True) if token < 0)
    assert tokenizer.decode_wire(label for label in labels if label != IGNORED) == "a red cat<|im_end|>"


def test_in_a_batch_every_token_finds_its_own_row():
    torch.manual_seed(0)
    tokenizer, eyes, encoder = tiny.tokenizer(), Eyes(TwoFeatures(), CONFIG), MediaEncoder(CONFIG)
    shown = [sample(seed=0), sample(seed=1, clip=True, regions=DRAWN), sample(seed=2, text="remove this cat now")]
    examples = [build(each, eyes.look(each), tokenizer, Plan(text="a")) for each in shown]
    batch = collate(examples)
    rows = encoder(batch["media"])
    for number, example in enumerate(examples):
        alone = encoder(example["media"])
        for position, token in enumerate(example["input_ids"]):
            told = int(batch["input_ids"][number, position])
            if token < 0:
                torch.testing.assert_close(rows[-1 - told], alone[-1 - token])
            else:
                assert told == token
    assert batch["attention_mask"].sum(dim=1).tolist() == [len(example["input_ids"]) for example in examples]
    assert (batch["labels"][batch["attention_mask"] == 0] == IGNORED).all()


def test_what_cannot_be_used_is_named_and_the_rest_goes_on():
    def missing():
        raise FileNotFoundError("gone.jpg")

    gone = Sample(Task.CAPTION, "gone", "tests", (Medium("image", "gone.jpg", missing),), (Turn("what", "a cat"),))
    long = sample(seed=3, text="the cat " * 200)
    endless = sample(seed=4, text="the cat " * 3000)
    open_tag = replace(sample(seed=5), turns=(Turn("what is it", "<module>"), Turn("really", "a cat")))
    reports: list[Bad] = []
    samples = [gone, sample(), long, endless, open_tag]
    seen = looked(samples, Eyes(TwoFeatures(), CONFIG), reports.append)
    made = list(answers(seen, tiny.tokenizer(), 200, reports.append))
    assert len(made) == 1
    assert [(bad.where, bad.why.split(":")[0]) for bad in reports] == [
        ("tests/gone", "its media cannot be read"), ("tests/3", "longer than 200 tokens"),
        ("tests/4", "nothing that a planner reads"), ("tests/5", "nothing that a planner reads"),
    ]  # fmt: skip


def test_the_reply_can_be_written_by_the_stage():
    seen = looked([sample()], Eyes(TwoFeatures(), CONFIG), pytest.fail)
    [example] = answers(seen, tiny.tokenizer(), 500, pytest.fail, lambda each: each.id)
    assert tiny.tokenizer().decode_wire(label for label in example["labels"] if label != IGNORED) == "0<|im_end|>"
