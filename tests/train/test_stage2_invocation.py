"""The stage on a tiny random Llama with the real tokenizer class and the real trainer."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from tests import tiny
from tests.train.data.test_examples import CONFIG, DRAWN, TwoFeatures, sample
from vitron_agent.model.saved import VitronConfig
from vitron_agent.model.tokens import PlannerTokenizer
from vitron_agent.model.vitron import VitronModel
from vitron_agent.planners.prompt import IGNORED
from vitron_agent.train.data.examples import Eyes, answers, collate, looked
from vitron_agent.train.data.invocations import compose
from vitron_agent.train.data.showing import Stock
from vitron_agent.train.losses import plan_loss
from vitron_agent.train.stage2_invocation import Config, debug, tokenise, train, train_seeing

MEDIA = CONFIG.model_copy(update={"width": 32})


@pytest.fixture
def tokenizer() -> PlannerTokenizer:
    """Bytes as words, and the two marks of a chat."""
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    vocabulary = {token: index for index, token in enumerate(["<|im_start|>", "<|im_end|>", *sorted(alphabet)])}
    base = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return PlannerTokenizer(base)


@pytest.fixture
def model(tokenizer: PlannerTokenizer) -> PreTrainedModel:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokenizer.num_base,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
        )
    )


def test_the_short_loss_is_the_loss_of_the_whole_sequence(tokenizer: PlannerTokenizer, model: PreTrainedModel) -> None:
    model.resize_token_embeddings(len(tokenizer))
    examples, _ = tokenise(compose(6, seed=1), tokenizer, max_tokens=1000)
    batch = collate(examples)
    whole = model(**batch).loss
    short = plan_loss(model, batch, None)
    torch.testing.assert_close(short, whole)
    short.backward()
    assert model.get_input_embeddings().weight.grad.abs().sum() > 0


def test_the_wording_of_answers_can_count_less_than_plans(tokenizer: PlannerTokenizer, model: PreTrainedModel) -> None:
    model.resize_token_embeddings(len(tokenizer))
    module = tokenizer.ids["<Module>"]
    records = list(compose(40, seed=1))
    for record in [next(r for r in records if r.plan().invocations), next(r for r in records if r.plan().text)]:
        batch = collate(tokenise([record], tokenizer, max_tokens=2000)[0])
        labels = batch["labels"]
        whole = plan_loss(model, batch, 1)
        first = labels.clone()
        first[0, int((labels[0] != IGNORED).nonzero()[0]) + 1 :] = IGNORED
        deciding = plan_loss(model, {**batch, "labels": first}, 1)
        less = plan_loss(model, batch, 1, module_token=module, answer_weight=0.25)
        wanted = whole if record.plan().invocations else deciding + 0.25 * (whole - deciding)
        torch.testing.assert_close(less, wanted)


def test_prompts_carry_no_loss_and_answers_do(tokenizer: PlannerTokenizer) -> None:
    examples, _ = tokenise(compose(20, seed=2), tokenizer, max_tokens=2000)
    for example in examples:
        labelled = [index for index, label in enumerate(example["labels"]) if label != IGNORED]
        assert labelled
        assert labelled[-1] == len(example["labels"]) - 1
        assert all(example["input_ids"][index] == example["labels"][index] for index in labelled)


def test_too_long_records_are_counted_not_cut(tokenizer: PlannerTokenizer) -> None:
    records = list(compose(30, seed=3))
    lengths = sorted(len(example["input_ids"]) for example in tokenise(records, tokenizer, max_tokens=10_000)[0])
    examples, skipped = tokenise(records, tokenizer, max_tokens=lengths[20])
    assert len(examples) + skipped == 30
    assert skipped == sum(length > lengths[20] for length in lengths) > 0
    assert all(len(example["input_ids"]) <= lengths[20] for example in examples)


class Interrupted(list[dict[str, list[int]]]):
    """Examples whose reading is interrupted after a while, as by Ctrl-C."""

    reads = 0

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        self.reads += 1
        if self.reads > 28:
            raise KeyboardInterrupt
        return super().__getitem__(index)


def test_a_run_that_was_interrupted_ends_bit_for_bit_like_one_that_was_not(
    tokenizer: PlannerTokenizer, model: PreTrainedModel, tmp_path: Path
) -> None:
    examples, _ = tokenise(compose(40, seed=5), tokenizer, max_tokens=2000)
    config = replace(debug(), save_steps=5)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(config, examples, deepcopy(model), tokenizer, whole, base="tiny")
    with pytest.raises(KeyboardInterrupt):
        train(config, Interrupted(examples), deepcopy(model), tokenizer, broken, base="tiny")
    assert not (broken / "adapter").exists()
    train(config, examples, deepcopy(model), tokenizer, broken, base="tiny")
    first, second = (load_file(out / "adapter" / "adapter_model.safetensors") for out in (whole, broken))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_that_is_stopped_on_its_way_can_go_on(
    tokenizer: PlannerTokenizer, model: PreTrainedModel, tmp_path: Path
) -> None:
    examples, _ = tokenise(compose(20, seed=5), tokenizer, max_tokens=2000)
    config = replace(debug(), save_steps=3)

    def run(config: Config, out: Path) -> dict[str, torch.Tensor]:
        train(config, examples, deepcopy(model), tokenizer, out, base="tiny")
        return load_file(out / "adapter" / "adapter_model.safetensors")

    whole = run(config, tmp_path / "whole")
    stopped = run(replace(config, stop_after=3), tmp_path / "part")
    assert any(not torch.equal(whole[name], stopped[name]) for name in whole)
    resumed = run(config, tmp_path / "part")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
def test_a_model_that_sees_learns_plans_with_its_projector_and_keeps_its_signals(tmp_path: Path) -> None:
    stock = Stock(looked([sample(clip=True, regions=DRAWN)], Eyes(TwoFeatures(), MEDIA), pytest.fail), seed=1)
    examples, _ = tokenise(compose(12, seed=5), tiny.tokenizer(), 2000, stock)
    made = VitronModel.on(tiny.model(), tiny.tokenizer(), VitronConfig(base="tiny", media=MEDIA), rank=2, alpha=4)
    before = deepcopy(made.state_dict())
    train_seeing(replace(debug(), epochs=2), examples, made, tmp_path)
    changed = {name for name, tensor in made.state_dict().items() if not torch.equal(tensor, before[name])}
    assert all("lora" in name or "token_adapter" in name or name.startswith("media.") for name in changed)
    assert any("lora_B" in name for name in changed)
    assert {"media.projector.layers.0.weight", "media.regions.content.1.weight"} <= changed
    assert (tmp_path / "model" / "vitron.safetensors").is_file()


def test_answers_can_be_learned_beside_the_planner(tmp_path: Path) -> None:
    (base, _), model = tiny.folders(tmp_path), tmp_path / "stage1"
    VitronModel.on(
        tiny.model(), tiny.tokenizer(), VitronConfig(base=str(base), media=MEDIA), rank=2, alpha=4
    ).save_pretrained(model)
    made = VitronModel.from_pretrained(model)
    made.add_seeing(model, rank=2, alpha=4)
    seen = list(looked([sample(clip=True, regions=DRAWN)], Eyes(TwoFeatures(), MEDIA), pytest.fail))
    examples = list(answers(seen, tiny.tokenizer(), 2000, pytest.fail))
    train_seeing(replace(debug(), epochs=8), examples, made, tmp_path)
    planner = (tmp_path / "model" / "adapter_model.safetensors").read_bytes()
    assert planner == (model / "adapter_model.safetensors").read_bytes()
    learned = load_file(tmp_path / "model" / "seeing" / "adapter_model.safetensors")
    assert any(tensor.any() for name, tensor in learned.items() if "lora_B" in name)
