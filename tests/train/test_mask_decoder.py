from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

from tests.train.masks.conftest import FakeEncoder, draw
from vitron_agent.tools.backends.embedded.mask_decoder import MaskDecoder, Reader, load_decoder
from vitron_agent.train import mask_decoder
from vitron_agent.train.mask_decoder import Folders, Trainer, debug, embedded, gather, learn_reader, schedule, train
from vitron_agent.train.masks.examples import Asker, see

CONFIG = replace(debug(), steps=4, batch=2)


@pytest.fixture
def folder(tmp_path):
    """Photos in the layout of BSDS500."""
    for number in range(2):
        image, masks = draw(number)
        labels = (masks[0] + 2 * masks[1]).astype(np.uint8)
        Image.fromarray(image).save(tmp_path / f"{number}.jpg")
        Image.fromarray(labels).save(tmp_path / f"{number}_0.png")
    return tmp_path


@pytest.fixture
def pictures(folder):
    encoder = FakeEncoder()
    sources = gather(Folders(segments=folder), CONFIG)[0]
    return [see(source, encoder.look(source.image, source.name), Reader()) for source in sources]


def trainer(pictures) -> Trainer:
    torch.manual_seed(0)
    return Trainer(MaskDecoder(CONFIG.shape), Asker([(pictures, 1.0)], 0), CONFIG)


def test_a_run_that_goes_on_gives_the_same_weights_bit_for_bit(pictures, tmp_path):
    straight = trainer(pictures)
    losses = [straight.train_step() for _ in range(3)]
    first = trainer(pictures)
    assert [first.train_step() for _ in range(2)] == losses[:2]
    first.save(tmp_path / "checkpoint.safetensors")
    second = trainer(pictures)
    second.resume(tmp_path / "checkpoint.safetensors")
    assert [second.train_step()] == losses[2:]
    wanted = straight.decoder.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in second.decoder.state_dict().items())


def test_it_learns(pictures):
    config = replace(CONFIG, steps=16, rate=4e-3)
    torch.manual_seed(0)
    learner = Trainer(MaskDecoder(config.shape), Asker([(pictures, 1.0)], 0), config)
    losses = [learner.train_step()[0] for _ in range(16)]
    assert np.mean(losses[-4:]) < 0.85 * np.mean(losses[:3])


def test_the_gate_for_signals_stays_shut(pictures):
    learner = trainer(pictures)
    before = {name: value.clone() for name, value in learner.decoder.adapter.state_dict().items()}
    learner.train_step()
    assert all(torch.equal(value, before[name]) for name, value in learner.decoder.adapter.state_dict().items())


def test_things_are_pasted_on_photos(folder):
    groups = gather(Folders(segments=folder, photos=folder), CONFIG)
    assert [len(group) for group in groups] == [2, 0, 2, 0]
    assert len({source.name for group in groups for source in group}) == 4


def test_the_reader_whitens_what_it_reads(folder):
    encoder = FakeEncoder()
    sources = gather(Folders(segments=folder), CONFIG)[0]
    reader = learn_reader(sources, encoder, 0, Console(quiet=True))
    low, things = reader(encoder.look(sources[0].image, "").scales[1])
    assert low.std() == pytest.approx(1, abs=0.3)
    assert things[:64].std() == pytest.approx(1, abs=0.3)


def test_the_rate_rises_falls_and_ends_at_nothing():
    rates = [schedule(step / 100) for step in range(101)]
    assert max(rates) == pytest.approx(1, abs=0.05)
    assert rates[0] < 0.1
    assert rates[-1] == pytest.approx(0, abs=1e-6)


def test_a_finished_run_starts_no_step(pictures, tmp_path):
    config = replace(CONFIG, steps=1, save_steps=1)
    lines = []
    log = Console(quiet=True)
    log.print = lines.append  # type: ignore[method-assign]
    groups = [pictures, [], [], []]
    first = train(groups, Reader(), config, tmp_path, log)
    second = train(groups, Reader(), config, tmp_path, log)
    assert len(lines) == 1
    assert lines[0].startswith("step 1/1: masks ")
    assert torch.equal(first.edges.weight, second.edges.weight)


def test_the_command_writes_weights_that_load(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(mask_decoder, "Sight", lambda *_: FakeEncoder())
    out = tmp_path / "run"
    mask_decoder.main(["--size", "debug", "--steps", "1", "--segments", str(folder), "--out", str(out)])
    assert load_decoder(out / "mask_decoder.safetensors").shape == debug().shape
    assert embedded().shape.width > debug().shape.width
