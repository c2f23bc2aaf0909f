"""Pickles become safetensors of the same tensors, and nothing in them is run."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests import released
from vitron_agent.errors import WeightsError
from vitron_agent.model.pickles import convert, main


class Evil:
    def __reduce__(self):
        return Path.touch, (Path("it-ran"),)


def test_tensors_and_places_stay(tmp_path: Path):
    base = released.publish_base(released.llama(), tmp_path / "base")
    before = {path.name: path.read_bytes() for path in base.iterdir()}
    written = convert(base)
    assert [path.name for path in written] == [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    index = json.loads((base / "model.safetensors.index.json").read_text())
    for new in written:
        old = torch.load(base / f"pytorch_{new.stem}.bin", weights_only=True)
        found = load_file(new)
        assert found.keys() == old.keys() == {key for key, place in index["weight_map"].items() if place == new.name}
        assert all(torch.equal(found[name], old[name]) for name in found)
    assert {name: (base / name).read_bytes() for name in before} == before
    assert len(list(base.iterdir())) == len(before) + 3


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
def test_the_command_takes_several_folders_and_leaves_the_pixels_weights(tmp_path: Path):
    base = released.publish_base(released.llama(), tmp_path / "base")
    lora = released.publish_lora(released.adapted(released.llama()), tmp_path / "lora")
    main([str(base), str(lora)])
    assert (base / "model.safetensors.index.json").is_file()
    assert [path.name for path in lora.glob("*.safetensors*")] == ["adapter_model.safetensors"]


def test_a_pickle_of_more_than_tensors_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Evil()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="holds more than tensors"):
        convert(tmp_path)
    torch.save([torch.ones(2)], tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="holds more than tensors"):
        convert(tmp_path)
    torch.save({"weight": torch.ones(2), "step": 3}, tmp_path / "pytorch_model.bin")
    with pytest.raises(WeightsError, match="holds more than tensors"):
        convert(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pytorch_model.bin"]


@pytest.mark.parametrize("size", [0, 20, 900])
def test_a_damaged_pickle_is_refused(size: int, tmp_path: Path):
    torch.save({"weight": torch.ones(200)}, tmp_path / "adapter_model.bin")
    whole = (tmp_path / "adapter_model.bin").read_bytes()
    (tmp_path / "adapter_model.bin").write_bytes(whole[:size])
    with pytest.raises(WeightsError, match="cannot be converted"):
        convert(tmp_path)


def test_a_folder_without_pickles_is_refused(tmp_path: Path):
    with pytest.raises(WeightsError, match=r"no pytorch_model\*\.bin"):
        convert(tmp_path)
