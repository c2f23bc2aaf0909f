"""What may tell an expert what is meant; each arm answers in the same form."""

import pytest
import torch

from tests import tiny
from vitron_agent.model.signals import SignalHeads
from vitron_agent.tools.backends.embedded.query import QueryAdapter, QueryShape
from vitron_agent.train.signals.arms import SignalArm, WordArm, word_ids

SHAPE = QueryShape(tokens=5, signal_dims=6, dims=7, channels=12)
TOKENIZER = tiny.tokenizer()


def word_arm(known: bool = False) -> WordArm:
    torch.manual_seed(0)
    return WordArm(QueryAdapter(SHAPE), len(TOKENIZER), torch.randn(len(TOKENIZER), 32) if known else None).eval()


def ids(text: str) -> torch.Tensor:
    return word_ids(text, TOKENIZER.encode_text)


def test_words_are_read_as_the_llm_spells_them():
    assert ids("cat").tolist() == [*TOKENIZER.encode_text(" cat"), *[-1] * (24 - len(TOKENIZER.encode_text(" cat")))]
    long = ids("something that is used for boiling water in a kitchen")
    assert long.shape == (24,)
    assert bool((long >= 0).all())


@pytest.mark.parametrize("known", [False, True])
def test_what_stands_beside_a_phrase_in_a_batch_or_is_missing_says_nothing(known):
    arm = word_arm(known)
    texts = ["cat", "a large pot", "the red image"]
    weights, biases = arm(torch.stack([ids(text) for text in texts]))
    assert weights.shape == (3, SHAPE.dims)
    assert biases.shape == (3,)
    for number, text in enumerate(texts):
        weight, bias = arm(ids(text)[None])
        torch.testing.assert_close(weights[number], weight[0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(biases[number], bias[0], atol=1e-5, rtol=1e-4)


def test_the_order_of_words_is_read():
    arm = word_arm()
    assert not torch.allclose(arm(ids("red cat")[None])[0], arm(ids("cat red")[None])[0], atol=1e-4)


@pytest.mark.parametrize("known", [False, True])
def test_all_of_the_word_arm_learns_but_the_llms_own_words(known):
    arm = word_arm(known)
    frozen = {name for name, value in arm.named_parameters() if not value.requires_grad}
    assert frozen == ({"words.0.weight"} if known else set())
    sum(part.square().sum() for part in arm(ids("a red cat")[None])).backward()
    still = {name for name, value in arm.named_parameters() if value.grad is None}
    assert still == frozen | {"adapter.gate"}


def test_the_signal_arm_is_heads_and_adapter_on_states():
    torch.manual_seed(0)
    arm = SignalArm(SignalHeads(tiny.SIGNALS, 32), QueryAdapter(SHAPE))
    states = torch.randn(3, 5, 32)
    weights, biases = arm(states)
    wanted = arm.adapter.coefficients(arm.heads(states).together())
    assert torch.equal(weights, wanted[0])
    assert torch.equal(biases, wanted[1])
    (weights.square().sum() + biases.square().sum()).backward()
    still = {name for name, value in arm.named_parameters() if value.grad is None}
    assert still == {"heads.tokens", "adapter.gate"}
