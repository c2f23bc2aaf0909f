"""The extra query of signals: its scale, its basis, its file, and the gate that is shut until it is trained."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vitron_agent.errors import WeightsError
from vitron_agent.tools.backends.embedded.query import (
    Basis,
    Query,
    QueryAdapter,
    QueryShape,
    as_likeness,
    as_logit,
    load_adapter,
    save_adapter,
)

SHAPE = QueryShape(tokens=5, signal_dims=6, narrow=4, hidden=7, dims=3, channels=12)


def features(seed: int = 0) -> torch.Tensor:
    """[400, 12], of which some directions hold more than others, around a mean that is not 0."""
    torch.manual_seed(seed)
    return torch.randn(400, 12) @ torch.randn(12, 12) + torch.randn(12)


def make_adapter(seed: int = 0) -> QueryAdapter:
    adapter = QueryAdapter(SHAPE, Basis.of(features(seed), SHAPE.dims))
    torch.manual_seed(seed)
    return adapter


finite = st.floats(-60, 60, width=32)


@given(finite, finite)
def test_likeness_and_logit_are_inverses(value: float, evidence: float):
    one, total = torch.tensor(value), torch.tensor(evidence)
    torch.testing.assert_close(as_logit(as_likeness(one, total), total), one, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(as_likeness(as_logit(one, total), total), one, atol=1e-4, rtol=1e-5)


def test_coordinates_have_no_mean_and_unit_variance():
    given_ = features()
    found = Basis.of(given_, 5).coordinates(given_)
    assert found.shape == (400, 5)
    torch.testing.assert_close(found.mean(dim=0), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.T @ found / len(found), torch.eye(5), atol=1e-3, rtol=0)


def test_a_basis_holds_the_directions_of_the_largest_variance():
    torch.manual_seed(0)
    given_ = torch.randn(2000, 6) * torch.tensor([0.1, 5.0, 0.2, 3.0, 0.1, 0.3])
    strength = Basis.of(given_, 2).matrix.abs().amax(dim=1)
    assert set(strength.topk(2).indices.tolist()) == {1, 3}


def test_directions_in_which_nothing_varies_do_no_harm():
    flat = features()
    flat[:, 4:] = flat[:1, 4:]
    basis = Basis.of(flat, 12)
    assert bool(basis.matrix.isfinite().all())
    assert basis.coordinates(flat)[:, :8].abs().max() < 0.1


@pytest.mark.parametrize("seed", range(5))
def test_the_folded_query_says_what_its_coefficients_say(seed: int):
    adapter, signals, places = make_adapter(seed), torch.randn(SHAPE.tokens, SHAPE.signal_dims), features(seed)
    weight, bias = adapter.coefficients(signals[None])
    in_basis = Basis(adapter.mean, adapter.matrix).coordinates(places) @ weight[0] + bias[0]
    query = adapter(signals)
    torch.testing.assert_close(places @ query.weight + query.bias, in_basis, atol=1e-4, rtol=1e-4)
    evidence = torch.randn(20, 20)
    head = places.T.reshape(SHAPE.channels, 20, 20)
    likeness = query.likeness(head, evidence)
    torch.testing.assert_close(likeness, as_likeness(in_basis.reshape(20, 20), evidence), atol=1e-4, rtol=1e-4)


def test_a_class_of_the_classifier_is_such_a_query():
    weight, bias, head = torch.randn(12), torch.randn(()), torch.randn(12, 4, 5)
    evidence = torch.randn(4, 5)
    logits = torch.einsum("c,chw->hw", weight, head) + bias
    torch.testing.assert_close(Query(weight, bias).likeness(head, evidence), as_likeness(logits, evidence))


# -- known things -----------------------------------------------------------------------------------------------------

KNOWN = SHAPE.model_copy(update={"known": 4})


def knowing(seed: int = 0) -> tuple[QueryAdapter, torch.Tensor, torch.Tensor]:
    """An adapter, and the four queries that it knows."""
    torch.manual_seed(seed)
    weights, biases = torch.randn(4, SHAPE.dims), torch.randn(4)
    return QueryAdapter(KNOWN, Basis.of(features(), SHAPE.dims), (weights, biases)), weights, biases


def test_who_aims_at_a_known_thing_gets_its_query_whatever_the_aims_length():
    weights, biases = torch.cat([torch.eye(3), -torch.ones(1, 3)]) * 5, torch.randn(4)
    adapter = QueryAdapter(KNOWN, Basis.of(features(), SHAPE.dims), (weights, biases))
    found, bias = adapter.mixed(weights * 0.01, torch.zeros(4))
    torch.testing.assert_close(found, weights, atol=0.1, rtol=0.05)
    torch.testing.assert_close(bias, biases, atol=0.1, rtol=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_a_query_lies_among_the_known_ones(seed: int):
    adapter, weights, biases = knowing(seed)
    found, bias = adapter.mixed(torch.randn(20, SHAPE.dims) * 9, torch.randn(20))
    for mixture, known in ((found, weights), (bias[:, None], biases[:, None])):
        assert bool((mixture <= known.amax(dim=0) + 1e-5).all())
        assert bool((mixture >= known.amin(dim=0) - 1e-5).all())


def test_without_known_things_the_aim_is_the_query():
    weights, biases = torch.randn(2, SHAPE.dims), torch.randn(2)
    found = make_adapter().mixed(weights, biases)
    assert torch.equal(found[0], weights)
    assert torch.equal(found[1], biases)


def test_known_things_are_saved(tmp_path: Path):
    adapter, weights, _ = knowing()
    save_adapter(adapter, tmp_path / "adapter.safetensors", {})
    torch.testing.assert_close(
        load_adapter(tmp_path / "adapter.safetensors").known_weights, weights, atol=1e-2, rtol=1e-2
    )


# -- the file ---------------------------------------------------------------------------------------------------------


def test_what_is_saved_comes_back_in_half_precision_and_frozen(tmp_path: Path):
    adapter, signals = make_adapter(), torch.randn(SHAPE.tokens, SHAPE.signal_dims)
    with torch.no_grad():
        adapter.gate.fill_(0.25)
    adapter.present.fill_(1.5)
    path = tmp_path / "new" / "adapter.safetensors"
    save_adapter(adapter, path, {"seed": "1"})
    again = load_adapter(path)
    assert again.shape == SHAPE
    assert all(
        torch.equal(value.half().float(), again.state_dict()[name]) for name, value in adapter.state_dict().items()
    )
    assert (float(again.gate), float(again.present)) == (0.25, 1.5)
    assert not any(parameter.requires_grad for parameter in again.parameters())
    torch.testing.assert_close(again(signals).weight, adapter(signals).weight, atol=1e-2, rtol=1e-2)


def test_saved_twice_is_the_same(tmp_path: Path):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    save_adapter(make_adapter(), first, {})
    save_adapter(load_adapter(first), second, {})
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("damage", ["missing", "cut", "no safetensors", "other sizes"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, damage: str):
    path = tmp_path / "adapter.safetensors"
    adapter = make_adapter()
    if damage == "other sizes":
        adapter.shape = SHAPE.model_copy(update={"dims": 4})
    if damage != "missing":
        save_adapter(adapter, path, {})
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    if damage == "no safetensors":
        path.write_bytes(b"none")
    with pytest.raises(WeightsError, match=r"(?s)adapter\.safetensors is missing or damaged .* reinstall"):
        load_adapter(path)


# -- the gate ---------------------------------------------------------------------------------------------------------


def likenesses() -> tuple[torch.Tensor, torch.Tensor]:
    """[3, 4, 5] of the words, and of signals that know nothing and say it loudly."""
    torch.manual_seed(3)
    return torch.randn(3, 4, 5), torch.randn(3, 4, 5) * 1e6


def test_an_untrained_adapter_leaves_the_words_likeness_as_it_is_bit_for_bit():
    words, signals = likenesses()
    assert torch.equal(make_adapter().blend(words, signals), words)


@pytest.mark.parametrize("gate", [-0.3, 1e-3, 0.5])
def test_a_trained_gate_changes_it_by_its_share(gate: float):
    adapter, (words, signals) = make_adapter(), likenesses()
    torch.nn.init.constant_(adapter.gate, gate)
    blended = adapter.blend(words, signals)
    assert not torch.equal(blended, words)
    share = torch.tensor(gate).tanh()
    torch.testing.assert_close(blended, (1 - share) * words + share * signals)


def task_loss(adapter: QueryAdapter) -> torch.Tensor:
    """Of a map that is blended of words and of what signals ask for."""
    torch.manual_seed(4)
    head, evidence, words = torch.randn(SHAPE.channels, 4, 5), torch.randn(4, 5), torch.randn(4, 5)
    likeness = adapter(torch.randn(SHAPE.tokens, SHAPE.signal_dims)).likeness(head, evidence)
    wanted = torch.zeros(4, 5)
    wanted[1:3, 1:3] = 1
    return torch.nn.functional.binary_cross_entropy_with_logits(adapter.blend(words, likeness), wanted)


def test_only_the_gate_learns_while_it_is_shut():
    adapter = make_adapter()
    task_loss(adapter).backward()
    assert adapter.gate.grad.abs() > 0
    assert all(value.grad.abs().max() == 0 for name, value in adapter.named_parameters() if name != "gate")


def test_an_open_gate_lets_the_whole_adapter_learn():
    adapter = make_adapter()
    torch.nn.init.constant_(adapter.gate, 0.5)
    task_loss(adapter).backward()
    assert all(value.grad.abs().max() > 0 for value in adapter.parameters())


def test_it_learns_although_its_gate_begins_shut():
    adapter = make_adapter()
    learner = torch.optim.Adam(adapter.parameters(), lr=0.05)
    first = float(task_loss(adapter).detach())
    for _ in range(60):
        learner.zero_grad()
        loss = task_loss(adapter)
        loss.backward()
        learner.step()
    assert float(loss.detach()) < 0.7 * first
    assert adapter.gate != 0
