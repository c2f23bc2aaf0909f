import numpy as np

from vitron_agent.train.masks.paste import cut_outs, paste
from vitron_agent.train.masks.things import Thing


def test_only_whole_and_known_things_are_cut_out(sources):
    image = sources[0].image
    things = [*sources[0].things, Thing((0, 0, 20, 20), np.ones((20, 20), np.bool_)), Thing((5, 5, 20, 20), None)]
    cuts = cut_outs(image, things)
    assert len(cuts) == 2
    assert (cuts[0].pixels[cuts[0].alpha > 0] == (200, 40, 40)).all()


def test_pasted_things_are_where_their_masks_say(sources):
    background = np.full((100, 160, 3), 128, np.uint8)
    stock = cut_outs(sources[0].image, sources[0].things)
    for seed in range(6):
        picture, things = paste(background, stock, np.random.default_rng(seed))
        height, width = picture.shape[:2]
        assert max(height, width) == 480
        masks = [thing.mask(width, height) for thing in things]
        assert (np.sum(masks, axis=0) <= 1).all()
        changed = np.abs(picture.astype(int) - 128).max(axis=2) > 40
        assert (changed & ~np.any(masks, axis=0)).mean() < 0.01
        for mask in masks:
            assert changed[mask].mean() > 0.8


def test_the_same_seed_pastes_the_same(sources):
    stock = cut_outs(sources[0].image, sources[0].things)
    first, second = (paste(sources[1].image, stock, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert [thing.box for thing in first[1]] == [thing.box for thing in second[1]]
