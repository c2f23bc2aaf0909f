"""Tokens of things are told the words for what they show, and come to lie where these words lie."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from tests import tiny
from vitron_agent.messages import Box, Region
from vitron_agent.model.media import Drawn, MediaConfig, Places
from vitron_agent.model.projector import box_positions, grid_positions
from vitron_agent.model.saved import VitronConfig
from vitron_agent.model.vitron import VitronModel
from vitron_agent.train.data.samples import Medium, Sample, Task, Thing, Turn
from vitron_agent.train.seeing import words
from vitron_agent.train.stage1_alignment import debug, learn_words

MEDIA = MediaConfig(backbone="two", channels=4, width=32, image_side=2, things=2)
LEFT: Box = (0.1, 0.2, 0.4, 0.8)
RIGHT: Box = (0.5, 0.3, 0.9, 0.9)


def medium(**told) -> Medium:
    return Medium(told.pop("kind", "image"), "one", lambda: pytest.fail("nobody needs to look"), **told)


def sample(*things: Thing, task: Task = Task.GROUNDED_CAPTION, about: Medium | None = None, regions=()) -> Sample:
    return Sample(task, "1", "tests", (about or medium(),), (Turn("what", "that"),), regions, things)


def places(*boxes: Box, times=0.5, features=None) -> Places:
    """A grid of four, then things."""
    count = 4 + len(boxes)
    told = torch.full((len(boxes),), times) if isinstance(times, float) else torch.tensor(times)
    positions = torch.cat([grid_positions(2), box_positions(torch.tensor(boxes), told)])
    return Places(torch.randn(count, 4) if features is None else features, positions)


def of(*spoken: str) -> list[int]:
    """Each is one token."""
    return tiny.tokenizer().encode_text("".join(spoken))


def test_a_thing_is_named_by_the_token_whose_box_it_is():
    shown = sample(Thing("the cat", {0: LEFT}), Thing("red image", {0: RIGHT}))
    near, far = (0.12, 0.2, 0.4, 0.78), (0.6, 0.0, 0.7, 0.1)
    [made] = words.named([(shown, [places(far, near, RIGHT)])], tiny.tokenizer())
    assert dict(zip(made["rows"], made["wanted"], strict=True)) == {
        5: of(" cat"),
        6: of(" red", " image"),
    }
    assert len(made["input_ids"]) == 7


def test_what_nothing_names_teaches_nothing():
    nowhere = sample(Thing("cat", {0: (0.8, 0.0, 0.9, 0.1)}))
    wordless = sample(Thing("the other one", {0: LEFT}))
    assert not list(words.named([(nowhere, [places(LEFT)]), (wordless, [places(LEFT)])], tiny.tokenizer()))


def test_a_thing_of_a_clip_is_named_where_it_is_at_that_time():
    moving = Thing("cat", {frame: LEFT if frame < 5 else RIGHT for frame in range(10)})
    item = places(LEFT, RIGHT, LEFT, times=(0.05, 0.95, 0.95))
    [made] = words.named([(sample(moving, about=medium(kind="video", frames=10)), [item])], tiny.tokenizer())
    assert made["rows"] == [4, 5]


def test_a_drawing_is_named_by_what_it_marks():
    shown = sample(Thing("the red cat", {0: LEFT}), task=Task.REGION_CAPTION, regions=(Region.box(*LEFT),))
    drawn = Drawn(torch.randn(4), torch.randn(261))
    picture, mark = words.named([(shown, [places(LEFT), drawn])], tiny.tokenizer())
    assert picture["rows"] == [4]
    assert (mark["item"], mark["rows"], mark["wanted"]) == (drawn, [0], [of(" red", " cat")])


def test_rows_are_counted_through_a_batch():
    batch = words.collate([
        {"item": "a", "input_ids": range(5), "rows": [4], "wanted": [[1]]},
        {"item": "b", "input_ids": range(6), "rows": [4, 5], "wanted": [[2], [3, 4]]},
    ])  # fmt: skip
    assert batch["rows"].tolist() == [4, 9, 10]
    assert batch["wanted"] == [[1], [2], [3, 4]]


def test_several_words_are_equally_right():
    vectors = functional.normalize(torch.eye(3), dim=1)
    loss = words.WordLoss(vectors, [{"wanted": [[0, 1], [2]]}])

    def worth(token, wanted):
        return float(
            loss(lambda _: torch.tensor([token]), {"items": [], "rows": torch.tensor([0]), "wanted": [wanted]})
        )

    assert worth([1.0, 1, 0], [0, 1]) < worth([1.0, 0, 0], [0, 1]) < worth([0.0, 0, 1], [0, 1])
    assert worth([1.0, 0, 0], [0]) < 1e-6


def test_tokens_come_to_lie_at_their_words_and_the_llm_stays(tmp_path: Path):
    torch.manual_seed(1)
    model = VitronModel.on(tiny.model(), tiny.tokenizer(), VitronConfig(base="tiny", media=MEDIA), rank=2, alpha=4)
    before = {name: tensor.clone() for name, tensor in model.llm.state_dict().items()}
    kinds = {" cat": torch.tensor([4.0, 0, 0, 0]), " red": torch.tensor([0, 4.0, 0, 0])}
    seen = []
    for number in range(16):
        [name, other] = sorted(kinds, reverse=bool(number % 2))
        looks = torch.stack([*torch.randn(4, 4), kinds[name], kinds[other]])
        shown = sample(Thing(name, {0: LEFT}), Thing(other, {0: RIGHT}))
        seen.append((shown, [places(LEFT, RIGHT, features=looks + 0.1 * torch.randn(6, 4))]))
    made = list(words.named(seen, model.tokenizer))
    config = replace(debug(), word_epochs=120, word_rate=1e-2)
    learn_words(config, model, made, tmp_path)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.llm.state_dict().items())
    vocabulary = functional.normalize(model.llm.get_input_embeddings().weight, dim=1)
    either = of(*kinds)
    for one in made:
        tokens = functional.normalize(model.media([one["item"]])[one["rows"]], dim=1)
        nearest = (tokens @ vocabulary[either].T).argmax(dim=1).tolist()
        assert [[either[word]] for word in nearest] == one["wanted"]
