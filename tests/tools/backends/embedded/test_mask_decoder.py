from dataclasses import replace

import pytest
import torch

from vitron_agent.errors import WeightsError
from vitron_agent.tools.backends.embedded.mask_decoder import (
    AMBIGUOUS,
    CLEAR,
    HINTS,
    LOW_DIMS,
    SCALES,
    SIDE,
    THING_DIMS,
    WEIGHTS,
    MaskDecoder,
    Patch,
    Shape,
    load_decoder,
    save_adapter,
    save_decoder,
)

SMALL = Shape(width=16, layers=1, heads=2, signal_dims=24)


def make_patch(batch: int = 1) -> Patch:
    random = torch.Generator().manual_seed(0)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(batch, *shape, generator=random)

    hints = torch.zeros(batch, HINTS, SIDE // 4, SIDE // 4)
    hints[:, 6] = 1
    return Patch(
        noise(3, SIDE, SIDE),
        noise(SCALES * LOW_DIMS, SIDE // 8, SIDE // 8),
        noise(SCALES * THING_DIMS, SIDE // 16, SIDE // 16),
        hints,
        torch.zeros(batch, 8, 2),
        torch.zeros(batch, 8, dtype=torch.long),
    )


@pytest.fixture(scope="module")
def decoder() -> MaskDecoder:
    torch.manual_seed(0)
    return MaskDecoder(SMALL).eval()


def test_masks_and_what_they_are_worth(decoder):
    decoded = decoder(make_patch(2))
    assert decoded.masks.shape == (2, 4, SIDE // 2, SIDE // 2)
    assert decoded.quality.shape == (2, 4)
    assert 0 <= decoded.quality.min() <= decoded.quality.max() <= 1
    assert sorted([*range(4)[CLEAR], *range(4)[AMBIGUOUS]]) == [0, 1, 2, 3]


@torch.inference_mode()
def test_an_untrained_adapter_changes_nothing(decoder):
    patch = make_patch()
    without, with_signals = decoder(patch), decoder(patch, torch.randn(1, 8, 24))
    assert torch.equal(without.masks, with_signals.masks)
    assert torch.equal(without.quality, with_signals.quality)


def test_an_open_gate_changes_the_mask_and_gradients_reach_the_signals():
    torch.manual_seed(0)
    decoder = MaskDecoder(SMALL).eval()
    torch.nn.init.constant_(decoder.adapter.gate, 1.0)
    signals = torch.randn(1, 8, 24, requires_grad=True)
    without, with_signals = decoder(make_patch()), decoder(make_patch(), signals)
    assert not torch.allclose(without.masks, with_signals.masks)
    with_signals.masks.square().mean().backward()
    assert signals.grad.abs().max() > 0
    assert decoder.adapter.gate.grad.abs() > 0


@pytest.mark.parametrize("channel", range(HINTS))
@torch.inference_mode()
def test_every_hint_counts(decoder, channel):
    patch = make_patch()
    hints = patch.hints.clone()
    hints[:, channel, 20:40, 10:30] = 1 - hints[:, channel, 20:40, 10:30]
    assert not torch.allclose(decoder(patch).masks, decoder(replace(patch, hints=hints)).masks)


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
@torch.inference_mode()
def test_every_kind_of_spot_counts_and_so_does_its_place(decoder, kind):
    patch = make_patch()
    kinds, spots = patch.kinds.clone(), patch.spots.clone()
    kinds[0, 0] = kind
    here = decoder(replace(patch, kinds=kinds))
    spots[0, 0] = torch.tensor([0.7, 0.2])
    there = decoder(replace(patch, kinds=kinds, spots=spots))
    assert not torch.allclose(decoder(patch).masks, here.masks)
    assert not torch.allclose(here.masks, there.masks)


@torch.inference_mode()
def test_where_there_is_no_spot_its_place_means_nothing(decoder):
    patch = make_patch()
    moved = replace(patch, spots=torch.rand(1, 8, 2))
    assert torch.equal(decoder(patch).masks, decoder(moved).masks)


@torch.inference_mode()
def test_windows_of_a_batch_do_not_see_each_other(decoder):
    both = make_patch(2)
    second = Patch(*(part[1:] for part in vars(both).values()))
    assert torch.allclose(decoder(both).masks[1:], decoder(second).masks, atol=1e-4)


@torch.inference_mode()
def test_weights_come_back_in_half_precision_with_a_fresh_adapter(tmp_path):
    torch.manual_seed(1)
    decoder = MaskDecoder(SMALL).eval()
    decoder.half().float()
    torch.nn.init.constant_(decoder.adapter.gate, 1.0)
    path = tmp_path / "decoder.safetensors"
    save_decoder(decoder, path, {"seed": "1"})
    loaded = load_decoder(path)
    assert loaded.shape == SMALL
    assert not loaded.training
    assert loaded.adapter.gate == 0
    assert torch.equal(loaded(make_patch()).masks, decoder(make_patch()).masks)


@torch.inference_mode()
def test_an_adapter_comes_back_on_its_own_and_changes_masks_with_signals_alone(tmp_path):
    torch.manual_seed(2)
    decoder = MaskDecoder(SMALL).eval()
    decoder.half().float()
    torch.nn.init.constant_(decoder.adapter.gate, 1.0)
    save_decoder(decoder, tmp_path / "decoder.safetensors", {})
    save_adapter(decoder, tmp_path / "adapter.safetensors", {"seed": "2"})
    loaded = load_decoder(tmp_path / "decoder.safetensors", tmp_path / "adapter.safetensors")
    patch, signals = make_patch(), torch.randn(1, 8, 24)
    assert torch.equal(loaded(patch, signals).masks, decoder(patch, signals).masks)
    assert not torch.allclose(loaded(patch, signals).masks, loaded(patch).masks)
    assert torch.equal(loaded(patch).masks, load_decoder(tmp_path / "decoder.safetensors")(patch).masks)


def test_damaged_weights_say_so(tmp_path):
    path = tmp_path / "decoder.safetensors"
    with pytest.raises(WeightsError, match="missing or damaged"):
        load_decoder(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(WeightsError, match="missing or damaged"):
        load_decoder(path)
    with pytest.raises(WeightsError, match=r"decoder\.safetensors is missing or damaged"):
        load_decoder(adapter=path)
    save_adapter(MaskDecoder(SMALL), path, {})
    with pytest.raises(WeightsError, match=r"decoder\.safetensors is missing or damaged"):
        load_decoder(adapter=path)  # of another size


def test_the_shipped_weights_are_small():
    assert WEIGHTS.stat().st_size < 8e6
    decoder = load_decoder()
    assert 1.5e6 < sum(value.numel() for value in decoder.parameters()) < 4e6
