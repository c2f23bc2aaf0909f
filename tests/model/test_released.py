"""The text half of the released layout: what is loaded equals base + LoRA; what does not belong is refused."""

import contextlib
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM

from tests import released
from vitron_agent.errors import TurnCancelled, UsageError, WeightsError, WireSyntaxError
from vitron_agent.model.pickles import convert
from vitron_agent.model.released import ReleasedModel

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
TALK = ["A chat. USER: hello ASSISTANT:"]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``base`` and ``lora``, converted, the pickles gone."""
    root = tmp_path_factory.mktemp("released")
    for folder in (
        released.publish_base(released.llama(), root / "base"),
        released.publish_lora(released.adapted(released.llama()), root / "lora"),
    ):
        convert(folder)
        for pickle in folder.glob("*.bin*"):
            pickle.unlink()
    return root


@pytest.fixture
def copy(published: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(published, tmp_path / "copy"))


@pytest.fixture(scope="module")
def model(published: Path) -> ReleasedModel:
    return ReleasedModel.load(published / "base", published / "lora", "cpu")


@pytest.fixture(scope="module")
def expected() -> PeftModel:
    return released.adapted(released.llama()).eval()


def test_it_is_the_base_with_its_lora(model: ReleasedModel, expected: PeftModel):
    ids = torch.tensor([model.encode(TALK)])
    with torch.inference_mode():
        torch.testing.assert_close(model.llama(ids).logits, expected(ids).logits, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(model.llama(ids).logits, released.llama().eval()(ids).logits, atol=0.1)


def told(model: ReleasedModel, **how: float) -> str:
    """The first words that it says; random weights come to no end."""
    pieces: list[str] = []
    with contextlib.suppress(WireSyntaxError):
        model.write(TALK, pieces.append, max_tokens=30, **how)
    return "".join(pieces)


def test_a_merged_checkpoint_needs_no_lora(model: ReleasedModel, tmp_path: Path):
    model.llama.save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)  # as tokenizer.json
    again = ReleasedModel.load(str(tmp_path), None, "cpu")
    assert again.encode(TALK) == model.encode(TALK)
    assert told(again) == told(model)
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]


def test_weights_keep_the_precision_that_they_were_saved_in(published: Path, tmp_path: Path):
    base = released.publish_base(released.llama().half(), tmp_path / "base")
    convert(base)
    assert ReleasedModel.load(base, published / "lora", "cpu").llama.dtype is torch.float16


def test_the_log_says_what_was_left_aside(published: Path, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        ReleasedModel.load(published / "base", None, "cpu")
    assert "left aside: model.image_tower (1), model.mm_projector (1), model.video_tower (1)" in caplog.text


def test_turns_are_closed_and_what_people_say_closes_none(model: ReleasedModel):
    (first, second) = (model.encode([text])[1:] for text in ("USER: a ASSISTANT: b", "USER: </s><s> ASSISTANT:"))
    assert model.encode(["USER: a ASSISTANT: b", "USER: </s><s> ASSISTANT:"]) == [1, *first, 2, *second]
    assert not {1, 2} & {*first, *second}


def test_sampling_follows_its_seed_and_leaves_other_chance_alone(model: ReleasedModel):
    torch.manual_seed(5)
    assert told(model, temperature=2.0, seed=1) == told(model, temperature=2.0, seed=1)
    assert len({told(model), told(model, temperature=2.0, seed=1), told(model, temperature=2.0, seed=2)}) == 3
    drawn = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), drawn)


def test_who_listens_may_stop_the_writing(model: ReleasedModel):
    expected = told(model)

    def stop(text: str) -> None:
        raise TurnCancelled(text)

    with pytest.raises(TurnCancelled):
        model.write(TALK, stop)
    assert told(model) == expected


def test_what_is_too_long_or_has_no_end_is_an_error(model: ReleasedModel):
    with pytest.raises(UsageError, match=r"reads at most 1536; shorten it"):
        model.write(["x" * 1600])
    with pytest.raises(WireSyntaxError, match="within 2 tokens"):
        model.write(TALK, max_tokens=2)


def edit(**values: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (path,) = {folder / "config.json", folder / "adapter_config.json"} & set(folder.iterdir())
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return damage


def truncate(folder: Path) -> None:
    path = max(folder.glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:-100])


def drop_a_tensor(folder: Path) -> None:
    path = max(folder.glob("*.safetensors"))
    tensors = load_file(path)
    tensors.pop(next(name for name in tensors if "layers" in name))
    save_file(tensors, path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("part", "damage", "message"),
    [
        ("base", truncate, "is damaged"),
        ("base", drop_a_tensor, "is in one of them only"),
        ("base", edit(num_hidden_layers=1), "is in one of them only"),
        ("base", edit(hidden_size=32), "is damaged"),
        ("base", edit(architectures=["MistralForCausalLM"]), "holds a MistralForCausalLM"),
        ("base", edit(vocab_size="many"), "is damaged"),
        ("base", lambda folder: (folder / "config.json").unlink(), "is damaged"),
        ("base", lambda folder: (folder / "tokenizer.model").unlink(), "no SentencePiece model"),
        ("lora", truncate, "does not fit the base"),
        ("lora", drop_a_tensor, "for another base"),
        ("lora", edit(r=4), "does not fit the base"),
        ("lora", edit(target_modules=["q_proj"]), "for another base"),
        ("lora", edit(target_modules=["c_attn"]), "does not fit the base"),
        ("lora", edit(peft_type="IA3"), "an adapter of kind IA3"),
        ("lora", lambda folder: (folder / "adapter_config.json").unlink(), "does not fit the base"),
    ],
)
def test_what_is_damaged_or_does_not_fit_is_refused(
    part: str, damage: Callable[[Path], None], message: str, copy: Path
):
    damage(copy / part)
    with pytest.raises(WeightsError, match=message):
        ReleasedModel.load(copy / "base", copy / "lora", "cpu")


@pytest.mark.parametrize("other", [released.llama(width=32), released.llama(layers=3), released.llama(layers=1)])
def test_a_lora_for_another_base_is_refused(other: LlamaForCausalLM, published: Path, tmp_path: Path):
    lora = released.publish_lora(released.adapted(other), tmp_path / "lora")
    convert(lora)
    with pytest.raises(WeightsError, match=r"does not fit the base|for another base"):
        ReleasedModel.load(published / "base", lora, "cpu")


def test_a_vocabulary_larger_than_the_model_is_refused(copy: Path):
    small = LlamaForCausalLM(
        released.llama().config.__class__(**{**released.llama().config.to_dict(), "vocab_size": 9})
    )
    small.save_pretrained(other := copy / "small")
    shutil.copy(copy / "base" / "tokenizer.model", other)
    with pytest.raises(WeightsError, match="the model has 9 tokens"):
        ReleasedModel.load(other, None, "cpu")


def test_pickles_are_not_opened_and_the_way_to_convert_them_is_said(published: Path, tmp_path: Path):
    base = released.publish_base(released.llama(), tmp_path / "base")
    lora = released.publish_lora(released.adapted(released.llama()), tmp_path / "lora")
    with pytest.raises(WeightsError, match=r"no model\*\.safetensors.*python -m vitron_agent\.model\.pickles FOLDER"):
        ReleasedModel.load(base, lora)
    with pytest.raises(WeightsError, match=r"no adapter_model\.safetensors.*python -m vitron_agent\.model\.pickles"):
        ReleasedModel.load(published / "base", lora)


@pytest.mark.parametrize("place", [Path("/nowhere/base"), "/nowhere/base", "nobody/vitron-base", "a/b/c"])
def test_what_is_not_there_is_said_with_the_way_to_get_it(place: Path | str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="hf download"):
        ReleasedModel.load(place, None)


def test_a_repository_is_fetched_without_its_pickles(published: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def fetch(name: str, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns))
        return str(published / name.split("-")[1])

    monkeypatch.setattr("vitron_agent.model.released.snapshot_download", fetch)
    ReleasedModel.load("Vitron/vitron-base", "Vitron/vitron-lora", "cpu")
    assert asked == [
        (f"Vitron/vitron-{part}", ["*.json", "*.safetensors", "tokenizer.model"]) for part in ("base", "lora")
    ]
