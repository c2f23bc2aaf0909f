"""Laws of all readers, and the command that checks a download."""

import contextlib
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest

from tests.train.data.readers.sets import HEIGHT, SETS, WIDTH
from vitron_agent.errors import UsageError
from vitron_agent.train.data.readers import READERS
from vitron_agent.train.data.readers.__main__ import main
from vitron_agent.train.data.samples import Bad, Sample, Task


@pytest.fixture(scope="module", params=SETS)
def records(request, tmp_path_factory) -> list[Sample | Bad]:
    path = SETS[request.param](tmp_path_factory.mktemp(request.param))
    return list(READERS[request.param](path))


@pytest.fixture
def samples(records) -> list[Sample]:
    return [record for record in records if isinstance(record, Sample)]


def texts(sample: Sample) -> Iterator[str]:
    return (text for turn in sample.turns for text in (turn.user, turn.reply))


def test_every_reader_has_its_tiny_set() -> None:
    assert SETS.keys() == READERS.keys()


def test_every_set_gives_samples_and_names_what_is_damaged(records, samples) -> None:
    bad = [record for record in records if isinstance(record, Bad)]
    assert samples
    assert bad
    assert all(record.where and record.why for record in bad)


def test_ids_are_unique(samples) -> None:
    assert len({(sample.source, sample.id) for sample in samples}) == len(samples)


def test_samples_go_from_process_to_process(samples) -> None:
    assert pickle.loads(pickle.dumps(samples)) == samples


def test_media_are_read_as_they_are_described(samples) -> None:
    for medium in (medium for sample in samples for medium in sample.media):
        pixels = medium.load()
        assert pixels.dtype == np.uint8
        assert pixels.ndim == (3 if medium.kind == "image" else 4)
        assert pixels.shape[-3:] == (HEIGHT, WIDTH, 3)
        assert (medium.fps is None) == (medium.kind == "image")


def test_boxes_lie_in_their_medium_and_masks_fit_it(samples) -> None:
    for sample in samples:
        for thing in sample.things:
            shape = sample.media[thing.medium].load().shape
            num_frames = 1 if len(shape) == 3 else shape[0]
            assert thing.boxes
            assert thing.masks.keys() <= thing.boxes.keys() <= set(range(num_frames))
            for x_left, y_top, x_right, y_bottom in thing.boxes.values():
                assert 0 <= x_left < x_right <= 1
                assert 0 <= y_top < y_bottom <= 1
            for mask in thing.masks.values():
                assert mask.dtype == bool
                assert mask.shape == shape[-3:-1]
                assert mask.any()
            assert thing.phrase in sample.turns[-1].reply


def test_texts_name_only_what_is_there_and_hold_no_placeholder(samples) -> None:
    for sample in samples:
        handles = {f"{kind}-{n}" for kind in ("image", "video") for n in range(1, 3)}
        there = {f"{medium.kind}-{n}" for n in (1, 2) for medium in sample.media}
        for text in texts(sample):
            assert not any(left in text for left in ("<image>", "<video>", "<objs>", "<|sig|>", "\ufffd"))
            if sample.task is not Task.INVOCATION:
                assert not {handle for handle in handles if handle in text} - there
        assert all(text.strip() == text for text in texts(sample))
        assert all(turn.user for turn in sample.turns)
        assert all(turn.reply for turn in sample.turns) or sample.task in (Task.EDIT, Task.GENERATION)


@pytest.mark.parametrize("name", READERS)
def test_what_is_not_the_set_is_refused_with_what_is_expected(name, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing|needs|cannot be read|holds no"):
        next(READERS[name](tmp_path / "nowhere"))
    wrong = tmp_path / "wrong.json"
    wrong.write_text("3")
    with pytest.raises(UsageError):
        next(READERS[name](wrong))


@pytest.mark.parametrize("name", READERS)
def test_whatever_happens_to_a_file_no_record_raises(name, tmp_path: Path) -> None:
    path = SETS[name](tmp_path)
    rng = Random(name)
    files = sorted(file for file in tmp_path.rglob("*") if file.is_file())
    for _ in range(20):
        file = rng.choice(files)
        before = file.read_bytes()
        start = rng.randrange(len(before) + 1)
        junk = rng.choice([b"", b"\xff", b"\n", b"-1", b"<image>", b'"', b"null", b"9" * 400])
        file.write_bytes(before[:start] + junk + before[start + rng.randrange(8) :])
        with contextlib.suppress(UsageError):
            list(READERS[name](path))
        file.write_bytes(before)


def test_the_command_counts_tasks_and_reasons_and_shows_samples(tmp_path: Path, capsys) -> None:
    main(["flickr30k", str(SETS["flickr30k"](tmp_path)), "--split", "train"])
    shown = capsys.readouterr().out
    assert "1 grounded_caption" in shown
    assert "6 bad records" in shown
    assert "1   no phrase has a box; first picture 100, caption 2" in shown
    assert "'a pink dress' (0.250, 0.250, 0.500, 0.750 | 0, 0), 0 masks" in shown


def test_the_command_shows_names_that_are_no_text(tmp_path: Path) -> None:
    path = SETS["hcstvg"](tmp_path)
    path.write_text('{"\\ud800.mp4": {}}')
    said = subprocess.run([sys.executable, "-m", main.__module__, "hcstvg", path], capture_output=True, check=True)
    assert rb"first train.json \ud800.mp4: Field required" in said.stdout


def test_the_command_stops_at_its_limit(tmp_path: Path, capsys) -> None:
    main(["cc3m", str(SETS["cc3m"](tmp_path)), "--limit", "2"])
    shown = capsys.readouterr().out
    assert "1 caption" in shown
    assert "1 bad records" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [(["got10k", "--split", "test"], "takes no --split"), (["lasot"], "holds no clips"), (["coco"], "cannot be read")],
)
def test_the_command_says_what_is_wrong(options, message, tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit):
        main([options[0], str(tmp_path), *options[1:]])
    assert message in capsys.readouterr().err
