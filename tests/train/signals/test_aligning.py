"""Signal tokens behind steps: read as if all were read at once; and what alignment wants of their queries."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests import tiny
from tests.train.signals.conftest import make_vitron, thing
from vitron_agent.model.llm import LanguageModel
from vitron_agent.model.vitron import VitronModel
from vitron_agent.train.signals.aligning import AlignmentLoss, SignalReader, collate
from vitron_agent.train.signals.phrases import Group, Phrase

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's
SIG = tiny.tokenizer().ids["<|sig|>"]
STEPS = [[5, 90, 7, SIG], [9, 8, 60, 61, 62, 12, 40, 41, SIG], [33, SIG]]
HALF = {"rtol": 2e-2, "atol": 2e-2}
"""Keys and values are kept in half precision."""


def at_once(vitron: VitronModel, step: list[int]) -> Tensor:
    """The states of signal tokens in one pass with what they stand behind."""
    words = vitron.llm.get_input_embeddings()(torch.tensor([step]))
    embedded = torch.cat([words, vitron.signals.tokens[None]], dim=1)
    hidden = vitron.llm(inputs_embeds=embedded, output_hidden_states=True).hidden_states[-1]
    states: Tensor = hidden[0, -len(vitron.signals.tokens) :]
    return states


@torch.no_grad()
def test_steps_are_read_as_the_planner_writes_them_whatever_else_the_model_learned(tmp_path: Path):
    base, _ = tiny.folders(tmp_path)
    make_vitron(str(base)).save_pretrained(tmp_path / "planner")
    planner, seeing = (VitronModel.from_pretrained(tmp_path / "planner").eval() for _ in range(2))
    seeing.add_seeing(tmp_path / "planner", rank=2, alpha=4)
    for name, parameter in seeing.named_parameters():
        if "lora_B" in name:
            parameter.add_(1)
    expected, found = (reader(reader.keep(STEPS)) for reader in (SignalReader(planner), SignalReader(seeing.eval())))
    torch.testing.assert_close(found, expected, **HALF)


@torch.no_grad()
def test_tokens_behind_what_was_kept_read_as_in_the_whole_sequence(vitron: VitronModel):
    reader = SignalReader(vitron)
    for step in STEPS:
        torch.testing.assert_close(reader(reader.keep([step]))[0], at_once(vitron, step), **HALF)


@torch.no_grad()
@pytest.mark.parametrize("steps", [STEPS, [[5, 90, *step] for step in STEPS]], ids=["", "that begin alike"])
def test_steps_of_different_lengths_do_not_see_each_other(vitron: VitronModel, steps: list[list[int]]):
    reader = SignalReader(vitron)
    kept = reader.keep(steps)
    assert [one.shape[3] for one in kept] == [len(step) for step in steps]
    for one, step in zip(kept, steps, strict=True):
        torch.testing.assert_close(one, reader.keep([step])[0], **HALF)
    for states, step in zip(reader(kept), steps, strict=True):
        torch.testing.assert_close(states, at_once(vitron, step), **HALF)


@torch.no_grad()
def test_what_is_kept_is_read_as_often_as_one_likes(vitron: VitronModel):
    reader = SignalReader(vitron)
    kept = reader.keep(STEPS)
    assert torch.equal(reader(kept), reader(kept))


@torch.no_grad()
def test_the_planner_reads_the_same_where_plans_are_made(tmp_path: Path):
    base = tmp_path / "base"
    tiny.model().save_pretrained(base)
    tiny.tokenizer().base.save(str(base / "tokenizer.json"))
    make_vitron(str(base)).save_pretrained(tmp_path / "model")
    reader = SignalReader(VitronModel.from_pretrained(tmp_path / "model"))
    learned = reader.vitron.signals(reader(reader.keep(STEPS[:1])))
    writer = LanguageModel.load(base, tmp_path / "model", device="cpu").open(STEPS[0][:-1])
    writer.look()
    torch.testing.assert_close(writer.signal().together(), learned.together()[0], **HALF)


def test_what_is_learned_are_tokens_and_heads_and_the_llm_stays(vitron: VitronModel):
    reader = SignalReader(vitron)
    vitron.signals(reader(reader.keep(STEPS))).together().square().sum().backward()
    assert vitron.signals.tokens.grad.abs().amax(dim=1).min() > 0
    changed = {name for name, parameter in reader.named_parameters() if parameter.grad is not None}
    assert changed == {f"vitron.signals.{name}" for name, _ in vitron.signals.named_parameters()}


# -- the loss ---------------------------------------------------------------------------------------------------------


class Answer(nn.Module):
    """Says what it is given."""

    def forward(self, given: Tensor) -> tuple[Tensor, Tensor]:
        return given[:, :-1], given[:, -1]


def loss_of(loss: AlignmentLoss, weight: Tensor, bias: Tensor, row: int) -> float:
    batch = collate([{"given": torch.cat([weight, bias[None]]), "labels": [row]}])
    return float(loss(Answer(), batch))


def test_it_is_smallest_at_the_target(targets):
    loss = AlignmentLoss(targets)
    for row in range(len(targets.ids)):
        weight, bias = targets.weights[row], targets.biases[row]
        least = loss_of(loss, weight, bias, row)
        assert least < 1e-2
        for _ in range(20):
            assert loss_of(loss, weight + torch.randn(6), bias, row) > least
        assert loss_of(loss, weight, bias + 1, row) > least
        for other in range(len(targets.ids)):
            if not torch.equal(targets.weights[other], weight):
                assert loss_of(loss, targets.weights[other], targets.biases[other], row) > least + 1


def test_a_dog_need_not_be_told_from_a_poodle_but_from_a_volcano(targets):
    loss = AlignmentLoss(targets)
    assert loss_of(loss, targets.weights[0], targets.biases[0], 0) < 1e-2  # the poodle's query is the same
    targets.weights[2] = targets.weights[0]
    unrelated = AlignmentLoss(targets)
    assert loss_of(unrelated, targets.weights[0], targets.biases[0], 0) == pytest.approx(0.693, abs=0.01)


def test_a_batch_loses_the_mean_of_its_examples(targets):
    loss = AlignmentLoss(targets)
    given = [{"given": torch.randn(7), "labels": [row]} for row in (0, 2, 3, 2)]
    alone = [float(loss(Answer(), collate([one]))) for one in given]
    assert float(loss(Answer(), collate(given))) == pytest.approx(sum(alone) / 4, rel=1e-4)


def test_a_phrase_without_a_target_has_no_row(targets):
    loss = AlignmentLoss(targets)
    for number, word in enumerate(("dog", "poodle", "volcano", "espresso")):
        assert loss.row(Phrase(word, (thing(word).wordnet_id,), Group.TRAIN, described=False)) == number
    assert loss.row(Phrase("cat", (thing("cat").wordnet_id,), Group.TRAIN, described=False)) is None
