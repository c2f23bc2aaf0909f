import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import LlamaForCausalLM, PreTrainedModel

from tests import tiny
from vitron_agent.errors import WeightsError
from vitron_agent.model.adapter import (
    EMBEDDINGS,
    add_adapter,
    add_seeing,
    continue_adapter,
    continue_seeing,
    merge_adapter,
    save_adapter,
)
from vitron_agent.model.tokens import extend


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, Path]:
    return tiny.folders(tmp_path)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
def test_merged_weights_compute_what_peft_computes(saved):
    base, adapter = saved
    weights = load_file(base / "model.safetensors")
    merge_adapter(weights, adapter)
    model = tiny.model()
    extend(tiny.tokenizer(), model)
    ids = torch.tensor([[5, 300 - 40, len(tiny.tokenizer()) - 1, 7]])
    expected = PeftModel.from_pretrained(model, adapter)(ids).logits
    plain = tiny.model()
    extend(tiny.tokenizer(), plain)
    plain.load_state_dict(weights, strict=False)
    torch.testing.assert_close(plain(ids).logits, expected, rtol=1e-4, atol=1e-4)


def test_only_lora_and_new_rows_are_saved_in_half_precision(saved):
    base, adapter = saved
    tensors = load_file(adapter / "adapter_model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert len(load_file(base / "model.safetensors")[EMBEDDINGS]) not in {len(tensor) for tensor in tensors.values()}
    assert str(base) not in (adapter / "adapter_config.json").read_text()


def test_training_goes_on_where_an_adapter_stands(saved, tmp_path):
    _, adapter = saved
    continued = continue_adapter(tiny.model(), tiny.tokenizer(), adapter)
    save_adapter(continued, tmp_path / "again", base="tiny")
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in (adapter, tmp_path / "again"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("tied", [True, False])
def test_what_was_trained_computes_the_same_when_it_is_read_again(tied: bool, tmp_path: Path):
    def base(seed: int) -> PreTrainedModel:
        config = tiny.model().config
        config.tie_word_embeddings = tied
        torch.manual_seed(0)
        made = LlamaForCausalLM(config).eval()
        torch.manual_seed(seed)  # what an adapter begins with differs from run to run
        return made

    tokenizer = tiny.tokenizer()
    ids = torch.tensor([[5, 90, *tokenizer.ids.values()]])
    adapted = add_adapter(base(1), tokenizer, rank=2, alpha=4, dropout=0.0)
    optimizer = torch.optim.SGD([each for each in adapted.parameters() if each.requires_grad], lr=0.5)
    adapted(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    save_adapter(adapted, tmp_path, base="tiny")
    again = continue_adapter(base(2), tokenizer, tmp_path, dropout=0.0)
    torch.testing.assert_close(again(ids).logits, adapted(ids).logits, rtol=0, atol=0.1)


def test_training_cannot_go_on_with_an_adapter_of_another_base(saved):
    _, adapter = saved
    path = adapter / "adapter_model.safetensors"
    save_file({name: tensor[:1].clone() for name, tensor in load_file(path).items()}, path)
    with pytest.raises(WeightsError, match="does not fit"):
        continue_adapter(tiny.model(), tiny.tokenizer(), adapter)


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors", "tokens.json"])
def test_an_incomplete_adapter_is_named(saved, name: str):
    base, adapter = saved
    (adapter / name).unlink()
    with pytest.raises(WeightsError, match=f"{name} is missing"):
        merge_adapter(load_file(base / "model.safetensors"), adapter)


def test_an_adapter_for_other_tokens_is_refused(saved):
    base, adapter = saved
    (adapter / "tokens.json").write_text(json.dumps(["<Module>"]))
    with pytest.raises(WeightsError, match="other added tokens"):
        merge_adapter(load_file(base / "model.safetensors"), adapter)


def test_an_adapter_of_another_base_is_refused(saved):
    base, adapter = saved
    weights = load_file(base / "model.safetensors")
    with pytest.raises(WeightsError, match="does not fit"):
        merge_adapter({name: tensor[:3] for name, tensor in weights.items()}, adapter)
    with pytest.raises(WeightsError, match="does not fit"):
        merge_adapter({EMBEDDINGS: weights[EMBEDDINGS]}, adapter)


def test_what_is_not_a_plain_lora_is_refused(saved):
    base, adapter = saved
    path = adapter / "adapter_model.safetensors"
    save_file(load_file(path) | {"base_model.model.lm_head.bias": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"not known.*lm_head"):
        merge_adapter(load_file(base / "model.safetensors"), adapter)
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"use_dora": True}))
    with pytest.raises(WeightsError, match="not a plain LoRA"):
        merge_adapter(load_file(base / "model.safetensors"), adapter)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
def test_a_second_lora_begins_as_the_planner_and_never_changes_it(saved, tmp_path: Path):
    _, adapter = saved
    ids = torch.tensor([[5, 90, *tiny.tokenizer().ids.values()]])
    planner = continue_adapter(tiny.model(), tiny.tokenizer(), adapter, dropout=0.0).eval()
    expected = planner(ids).logits
    seeing = add_seeing(planner, rank=2, alpha=4, dropout=0.0)
    torch.testing.assert_close(seeing(ids).logits, expected, rtol=1e-4, atol=1e-4)
    optimizer = torch.optim.SGD([each for each in seeing.parameters() if each.requires_grad], lr=0.5)
    for _ in range(2):  # the first step moves one of each pair of matrices alone
        seeing(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
    save_adapter(seeing, tmp_path / "seeing", base="tiny")
    assert not any("embed" in name for name in load_file(tmp_path / "seeing" / "adapter_model.safetensors"))
    planner = continue_adapter(tiny.model(), tiny.tokenizer(), adapter, dropout=0.0)
    again = continue_seeing(planner, tmp_path / "seeing", dropout=0.0).eval()
    torch.testing.assert_close(again(ids).logits, seeing(ids).logits, rtol=0, atol=0.1)
    with again.disable_adapter():
        torch.testing.assert_close(again(ids).logits, expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(again(ids).logits, expected, atol=0.01)
