import re
from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pytest

from vitron_agent.errors import UsageError
from vitron_agent.tools.phrases.nouns import load_nouns
from vitron_agent.tools.regions import mask_box, normalised, rasterise
from vitron_agent.train.data.photos import paste
from vitron_agent.train.data.photos.__main__ import main
from vitron_agent.train.data.photos.cutouts import Cutouts
from vitron_agent.train.data.photos.making import TASKS, Pasted, photo_samples
from vitron_agent.train.data.photos.paste import compose, look, paint
from vitron_agent.train.data.photos.phrases import Phrases, Way
from vitron_agent.train.data.photos.sheet import draw_sheet
from vitron_agent.train.data.photos.split import Part, held_out, mentions_held_out
from vitron_agent.train.data.readers.media import read_picture
from vitron_agent.train.data.samples import Task


@pytest.fixture(scope="module")
def pasted(photos, kinds, cutouts) -> Pasted:
    return Pasted(photos, kinds, cutouts, Part.TRAIN)


@pytest.fixture(scope="module")
def samples(pasted):
    return list(pasted.samples(TASKS, 60 * len(TASKS)))


@pytest.fixture(scope="module")
def scenes(photos, kinds, cutouts):
    """(scene, kinds of its things), with whatever finds a place."""
    usable = cutouts.usable(Part.TRAIN)
    found = []
    for number in range(30):
        rng = Random(number)
        scene = compose(rng, rng.choice(photos), [rng.choice(usable) for _ in range(4)], cutouts)
        found.append((scene, [kinds.kind(one.cutout.wordnet_id) for one in scene.placements]))
    return found


def dump(sample):
    masks = [thing.masks[0].tobytes() for thing in sample.things]
    return (repr(sample), [medium.load().tobytes() for medium in sample.media], masks)


def test_outside_of_what_is_pasted_the_photo_is_untouched(scenes, cutouts):
    for scene, _ in scenes:
        photo, image = read_picture(scene.background.path), paint(scene, cutouts)
        covered = np.logical_or.reduce([one.mask for one in look(scene, cutouts)])
        assert np.array_equal(image[~covered], photo[~covered])
        assert (image[covered] != photo[covered]).any()


def test_masks_are_the_visible_pixels_and_boxes_are_tight(scenes, cutouts):
    for scene, _ in scenes:
        seen = look(scene, cutouts)
        assert not any((one.mask & other.mask).any() for one, other in combinations(seen, 2))
        for one in seen:
            assert one.box == normalised(mask_box(one.mask), one.mask.shape[1], one.mask.shape[0])


def test_taking_a_thing_away_changes_its_pixels_alone(scenes, cutouts):
    """Where it is seen, and the soft edge of what lies on it; nothing that it covers is lost."""
    for scene, _ in scenes:
        before, seen = paint(scene, cutouts), look(scene, cutouts)
        for number, one in enumerate(seen):
            after = paint(scene, cutouts, without=number)
            changed = (before != after).any(axis=2)
            above = np.logical_or.reduce([other.mask for other in seen[number + 1 :]] or [np.zeros_like(one.mask)])
            assert not (changed & ~one.mask & ~above).any()
            assert changed[one.mask].mean() > 0.9


def test_no_thing_is_hidden_by_more_than_a_third(scenes, cutouts):
    for scene, _ in scenes:
        for number, one in enumerate(look(scene, cutouts)):
            alone = type(scene)(scene.background, scene.placements[number : number + 1])
            whole = look(alone, cutouts)[0].mask
            assert not (one.mask & ~whole).any()
            assert one.mask.sum() >= 2 / 3 * whole.sum()


def test_in_front_of_another_is_what_hides_a_noticeable_part(scenes, cutouts):
    for scene, _ in scenes:
        alone = [replace(scene, placements=(one,)) for one in scene.placements]
        whole = [look(one, cutouts)[0].mask for one in alone]
        for number, one in enumerate(look(scene, cutouts)):
            for other in range(number):
                shared = (whole[other] & whole[number]).sum() / min(whole[other].sum(), whole[number].sum())
                assert (other in one.covers) == (shared >= 0.05)


def test_phrases_name_exactly_one_thing(scenes, cutouts):
    ways = Counter()
    for scene, kinds in scenes:
        found = Phrases(kinds, look(scene, cutouts), scene.background.kind).all()
        meant = {}
        for way, phrases in found.items():
            ways[way] += len(phrases)
            for phrase in phrases:
                assert (len(phrase.things) > 1) is (way is Way.SEVERAL)
                assert meant.setdefault(phrase.text, phrase.things) == phrase.things
    assert set(ways) >= set(Way) - {Way.COLOR}


def test_words_of_the_background_are_not_said(scenes, cutouts):
    for scene, kinds in scenes:
        background = scene.background.kind
        said = Phrases(kinds, look(scene, cutouts), background).words
        assert not any(background.fits(word) for word in said)


def test_positions_and_sizes_are_true(scenes, cutouts):
    for scene, kinds in scenes:
        seen = look(scene, cutouts)
        said = Phrases(kinds, seen, scene.background.kind)
        found = said.all()
        for phrase in found.get(Way.POSITION, []):
            x, y = said.middle(phrase.things[0])
            noun = re.sub(r"^the (?:left|right)most |^the | (?:on|at) the \w+$", "", phrase.text)
            word = next(word for word in said.words if word.text == noun)
            others = [said.middle(one) for one in said.meant(word) if one != phrase.things[0]]
            if "left" in phrase.text:
                assert all(x < other[0] for other in others)
            if "top" in phrase.text:
                assert all(y < other[1] for other in others)
        for phrase in found.get(Way.RELATION, []):
            noun, how, anchor = re.match(
                r"the (.*?) (to the \w+ of|above|below|in front of|behind) (.*)", phrase.text
            ).groups()
            other = next(one for one in range(len(kinds)) if said.alone(one) and said.alone(one)[0].definite == anchor)
            assert how in said.relation(phrase.things[0], other)


def test_the_same_seed_gives_the_same_bytes(photos, kinds, cutouts, samples):
    again = Pasted(photos, kinds, cutouts, Part.TRAIN)
    for index in (0, 7, 25, 3):  # in any order
        assert dump(again.sample(TASKS, index)) == dump(samples[index])
    other = Pasted(photos, kinds, cutouts, Part.TRAIN, seed=1)
    assert dump(other.sample(TASKS, 0)) != dump(samples[0])


def test_the_same_name_means_the_same_pixels(tmp_path, photos, kinds, cutouts, samples):
    fewer = Cutouts(tmp_path)
    for one in cutouts.usable(Part.TRAIN)[::2]:
        fewer.add(one, read_picture(Path(one.photo)), cutouts.mask(one))
    others = Pasted(photos, kinds, fewer, Part.TRAIN).samples(TASKS, 60)
    names = {}
    for medium in (medium for sample in (*samples[:60], *others) for medium in sample.media):
        assert names.setdefault(medium.name, medium.load().tobytes()) == medium.load().tobytes()


def test_samples_are_of_their_task_and_have_ids_of_their_own(samples):
    assert [sample.task for sample in samples] == list(TASKS) * 60
    assert len({sample.id for sample in samples}) == len(samples)


def test_what_a_reply_names_stands_in_it_in_order(samples):
    for sample in samples:
        place = 0
        for thing in sample.things:
            place = sample.turns[-1].reply.find(thing.phrase, place)
            assert place >= 0, sample
            assert thing.boxes.keys() == thing.masks.keys() == {0}


def test_grounded_captions_name_every_thing_once(pasted):
    for sample in pasted.samples([Task.EDIT, Task.GROUNDED_CAPTION], 60):
        if sample.task is Task.GROUNDED_CAPTION:
            empty = sample.media[0].load.args[0].background.path
            covered = np.logical_or.reduce([thing.masks[0] for thing in sample.things])
            assert not ((sample.media[0].load() != read_picture(empty)).any(axis=2) & ~covered).any()
            assert not any((one.masks[0] & other.masks[0]).any() for one, other in combinations(sample.things, 2))


def test_drawings_are_on_their_thing(samples):
    kinds = Counter()
    for sample in samples:
        if sample.regions:
            (region,), (thing,) = sample.regions, sample.things
            kinds[region.kind] += 1
            area, mask = rasterise(region, thing.masks[0].shape[1], thing.masks[0].shape[0]), thing.masks[0]
            assert (area & mask).sum() > 0.5 * area.sum() or region.kind in ("box", "polygon")
            assert (area & mask).any()
    assert set(kinds) == {"points", "box", "polygon", "scribble"}


def test_yes_and_no_are_balanced(pasted):
    replies = [sample.turns[0].reply.split(",")[0] for sample in pasted.samples([Task.QUESTION], 240)]
    counts = Counter(replies)
    assert counts["Yes"] > 25
    assert 0.6 < counts["Yes"] / counts["No"] < 1.6


def test_edits_show_the_thing_and_then_the_photo_without_it(samples):
    for sample in samples:
        if sample.task is Task.EDIT:
            before, after = (medium.load() for medium in sample.media)
            (thing,) = sample.things
            assert before.shape == after.shape
            assert (before != after).any(axis=2)[thing.masks[0]].mean() > 0.9


def test_training_says_no_held_out_word(samples, photos, cutouts):
    texts = [f"{turn.user} {turn.reply}" for sample in samples for turn in sample.turns]
    for sample in photo_samples(photos, cutouts, Part.TRAIN):
        texts += [f"{turn.user} {turn.reply}" for turn in sample.turns]
    assert not [text for text in texts if mentions_held_out(text)]


def test_the_test_of_new_words_shows_held_out_things_alone(photos, kinds, cutouts, new_words):
    assert all(held_out(one.wordnet_id) for one in cutouts.usable(Part.TEST_NEW))
    new = Pasted(photos, kinds, cutouts, Part.TEST_NEW)
    texts = [sample.turns[0].reply for sample in new.samples([Task.REGION_CAPTION], 20)]
    names = {thing.name for thing in load_nouns().classes if held_out(thing.wordnet_id)}
    assert any(name in text or name.capitalize() in text for name in names for text in texts)


def test_photos_of_one_part_never_stand_in_another(photos, kinds, cutouts):
    names = {}
    for part in Part:
        made = photo_samples(photos, cutouts, part)
        names[part] = {medium.name for sample in made for medium in sample.media}
    assert all(names.values())
    assert not any(names[one] & names[other] for one, other in combinations(Part, 2))


def test_photos_are_captioned_and_referred_to_in_every_way(photos, cutouts):
    made = list(photo_samples(photos, cutouts, Part.TRAIN))
    assert {sample.task for sample in made} == {Task.CAPTION, Task.REFERRING}
    assert {sample.id.rpartition("-")[2] for sample in made if sample.things} == {"name", "family", "description"}
    for sample in made:
        for thing in sample.things:
            assert thing.phrase in sample.turns[0].reply
            assert thing.phrase in sample.turns[0].user
            assert thing.boxes[0] == normalised(mask_box(thing.masks[0]), 160, 120)


@pytest.mark.parametrize("way", [Way.RELATION, Way.DESCRIPTION])
def test_a_benchmark_asks_in_one_way_alone(photos, kinds, cutouts, way):
    asked = Pasted(photos, kinds, cutouts, Part.TEST_NEW, ways={way}).samples([Task.REFERRING], 10)
    assert {sample.id.rpartition("-")[2] for sample in asked} == {way}


def test_nothing_is_pasted_on_what_was_learned_from(photos, kinds, cutouts, monkeypatch):
    parts = {photo.path: photo.part for photo in photos}
    read = []
    monkeypatch.setattr(paste, "read_picture", lambda path: read.append(path) or read_picture(path))
    for part in Part:
        read.clear()
        list(Pasted(photos, kinds, cutouts, part).samples([Task.CAPTION], 6))
        assert read
        assert all((parts[path] is Part.TRAIN) is (part is Part.TRAIN) for path in read)
        assert part is Part.TEST_NEW or all(parts[path] is not Part.TEST_NEW for path in read)


def test_tasks_that_photos_cannot_teach_are_refused(pasted):
    for tasks in ([], [Task.GENERATION]):
        with pytest.raises(UsageError, match="teach"):
            pasted.sample(tasks, 0)


def test_without_cutouts_it_is_said_how_to_make_them(tmp_path, photos, kinds, pasted):
    with pytest.raises(UsageError, match="--cutouts"):
        Pasted(photos, kinds, Cutouts(tmp_path), Part.TRAIN)
    with pytest.raises(UsageError, match="--segments"):
        pasted.unnamed(0)


def test_a_sheet_has_a_tile_for_each_sample(samples):
    assert draw_sheet(samples[:7]).size == (6 * 320, 2 * 380)


def test_what_nobody_named_is_asked_for_by_drawing(tmp_path, photos, kinds, cutouts):
    mixed = Cutouts(tmp_path)
    one = cutouts.usable(Part.TRAIN)[0]
    for cutout in (one, replace(one, name="segment-1", wordnet_id="")):
        mixed.add(cutout, read_picture(Path(one.photo)), cutouts.mask(one))
    pasted = Pasted(photos, kinds, mixed, Part.TRAIN)
    for index in range(5):
        sample = pasted.unnamed(index)
        assert (sample.task, sample.regions[0].name) == (Task.REFERRING, "region-1")
        (thing,) = sample.things
        assert thing.phrase in sample.turns[0].reply
        assert (rasterise(sample.regions[0], 160, 120) & thing.masks[0]).any()


def test_the_command_draws_a_sheet(tmp_path, folder, cutouts, wordnet, monkeypatch):
    arguments = [str(folder), "--cutouts", str(cutouts.folder), "--wordnet", str(wordnet), "--count", "6"]
    monkeypatch.setattr("sys.argv", ["photos", *arguments, "--sheet", str(tmp_path / "sheet.png")])
    main()
    assert (tmp_path / "sheet.png").stat().st_size > 0
