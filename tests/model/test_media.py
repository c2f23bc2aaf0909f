import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vitron_agent.model.encoders.video import VideoFeatures
from vitron_agent.model.media import (
    MediaConfig,
    MediaEncoder,
    MediaTable,
    Prepared,
    count_tokens,
    prepare_clip,
    prepare_image,
    prepare_region,
)

CONFIG = MediaConfig(backbone="tiny", channels=6, width=8, image_side=3, frame_side=2, num_frames=4)


@pytest.fixture(scope="module")
def encoder() -> MediaEncoder:
    torch.manual_seed(0)
    return MediaEncoder(CONFIG).eval()


def items(seed: int = 0) -> dict[str, Prepared]:
    torch.manual_seed(seed)
    clip = VideoFeatures(torch.randn(4, 6, 5, 9), (1, 3, 5, 7), 8)
    return {
        "image": prepare_image(torch.randn(6, 12, 7), CONFIG),
        "clip": prepare_clip(clip, CONFIG),
        "mean clip": prepare_clip(clip, CONFIG.model_copy(update={"temporal": "mean"})),
        "drawing": prepare_region(torch.randn(6, 5, 5), torch.eye(20, dtype=torch.bool).numpy()),
    }


def test_tokens_keep_to_the_budget():
    counts = {name: count_tokens(item) for name, item in items().items()}
    assert counts == {"image": 9, "clip": 4 * 4, "mean clip": 9, "drawing": 1}
    embedded = MediaConfig(backbone="", channels=1, width=1)
    assert embedded.image_side**2 <= 49
    assert embedded.num_frames * embedded.frame_side**2 <= 8 * 16


@given(st.permutations(["image", "clip", "drawing", "mean clip", "image", "drawing"]))
def test_a_batch_is_what_its_items_are_one_by_one(encoder, order):
    given_items = [items()[name] for name in order]
    together = encoder(given_items)
    torch.testing.assert_close(together, torch.cat([encoder([item]) for item in given_items]))
    assert len(together) == sum(count_tokens(item) for item in given_items)


def test_nothing_seen_is_no_tokens(encoder):
    assert encoder([]).shape == (0, 8)


def test_frames_are_told_apart_by_their_times(encoder):
    still = torch.randn(6, 5, 5)
    clip = VideoFeatures(torch.stack([still] * 4), (1, 3, 5, 7), 8)
    frames = encoder([prepare_clip(clip, CONFIG)]).reshape(4, 4, 8)
    assert not any(torch.allclose(frames[0], later) for later in frames[1:])


def test_a_clip_by_its_mean_is_the_mean_of_its_frames():
    maps = torch.randn(4, 6, 5, 5)
    clip = VideoFeatures(maps, (0, 1, 2, 3), 4)
    told = prepare_clip(clip, CONFIG.model_copy(update={"temporal": "mean"}))
    torch.testing.assert_close(told.features, prepare_image(maps.mean(dim=0), CONFIG).features)


def test_gradients_reach_projector_and_region_encoder():
    encoder = MediaEncoder(CONFIG)
    encoder(list(items().values())).square().sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_a_medium_keeps_its_ids_as_long_as_it_is_kept():
    table, made = MediaTable(), []

    def embed(number: int):
        made.append(number)
        return torch.full((3, 8), float(number))

    first = table.ids("photo", lambda: embed(0))
    assert table.ids("photo", lambda: embed(1)) == first
    assert made == [0]
    assert all(number < 0 and table[number].eq(0).all() for number in first)
    others = [table.ids(f"photo {number}", lambda number=number: embed(number)) for number in range(1, 80)]
    assert len({number for ids in [first, *others] for number in ids}) == 3 * 80  # never the same id for two
    with pytest.raises(KeyError):
        table[first[0]]
    assert table.ids("photo", lambda: embed(0)) != first  # what a cache read under the old ids is not taken for this


def test_features_that_were_kept_in_half_precision_train_in_mixed_precision():
    encoder = MediaEncoder(CONFIG)
    kept = [
        type(item)(**{name: value.half() if name == "features" else value for name, value in vars(item).items()})
        for item in items().values()
    ]
    expected = encoder(list(items().values()))
    with torch.autocast("cpu", torch.bfloat16):
        tokens = encoder(kept)
    torch.testing.assert_close(tokens.float(), expected, rtol=0.1, atol=0.1)
    tokens.float().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in encoder.parameters())
