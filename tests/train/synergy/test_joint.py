"""The sum of what is wanted: each term pulls where it should, and one that is switched off leaves no trace."""

from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.train.signals.conftest import targets  # noqa: F401
from tests.train.synergy.test_experts import CONFIG, TASK_OF, adapter, heads
from vitron_agent.model.signals import Signals
from vitron_agent.train.signals.aligning import AlignmentLoss
from vitron_agent.train.signals.targets import Targets
from vitron_agent.train.synergy.discriminator import Discriminator, DiscriminatorConfig
from vitron_agent.train.synergy.experts import TASKS, Arm, Experts
from vitron_agent.train.synergy.joint import Joint, JointLoss, collate, difference
from vitron_agent.train.synergy.reversal import GradientReversal, reverse

SMALL = DiscriminatorConfig(layers=1, hidden=8, dropout=0)


def joint(*, adversary: bool, passed: int = 0) -> Joint:
    torch.manual_seed(0)
    experts = Experts.of(Arm.SYNERGY, heads, adapter)
    discriminator = Discriminator(SMALL, CONFIG.num_shared, CONFIG.dim, TASKS)
    made = Joint(experts, GradientReversal(10, 2.0), discriminator if adversary else None)
    nn.init.constant_(made.reversal.passed, passed)
    return made


@pytest.fixture
def batch() -> dict[str, Tensor]:
    torch.manual_seed(3)
    given = torch.randn(9, 5, 10)
    return collate([{"given": given[row], "task": int(task), "labels": [row % 4]} for row, task in enumerate(TASK_OF)])


def gradients(model: Joint, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: one.grad for name, one in model.experts.named_parameters() if one.grad is not None}


def tasks_alone(model: Joint, batch: dict[str, Tensor], alignment: AlignmentLoss) -> Tensor:
    weights, biases = model.experts(batch["given"], batch["tasks"])
    losses = []
    for task in range(TASKS):
        mine = batch["tasks"] == task
        losses.append(
            alignment(lambda given: given, {"given": (weights[mine], biases[mine]), "labels": batch["labels"][mine]})
        )
    return torch.stack(losses).sum()


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


# -- switches ---------------------------------------------------------------------------------------------------------


def test_without_adversary_and_difference_the_tasks_losses_remain(targets: Targets, batch: dict[str, Tensor]):  # noqa: F811
    alignment, model = AlignmentLoss(targets), joint(adversary=False)
    plain = gradients(model, tasks_alone(model, batch, alignment))
    assert equal(gradients(model, JointLoss(alignment, difference=0)(model, batch)), plain)


def test_an_adversary_of_strength_nothing_pushes_nobody(targets: Targets, batch: dict[str, Tensor]):  # noqa: F811
    alignment, model = AlignmentLoss(targets), joint(adversary=True)
    plain = gradients(model, tasks_alone(model, batch, alignment))
    assert equal(gradients(model, JointLoss(alignment, difference=0)(model, batch)), plain)
    assert model.discriminator is not None
    assert all(one.grad is not None for one in model.discriminator.parameters())


@pytest.mark.parametrize(("adversary", "weight"), [(True, 0.0), (False, 0.5)])
def test_what_is_switched_on_pulls(targets: Targets, batch: dict[str, Tensor], adversary: bool, weight: float):  # noqa: F811
    alignment, model = AlignmentLoss(targets), joint(adversary=adversary, passed=9)
    plain = gradients(model, tasks_alone(model, batch, alignment))
    found = gradients(model, JointLoss(alignment, difference=weight)(model, batch))
    moved = {name for name, value in found.items() if not torch.equal(value, plain[name])}
    assert any(name.startswith("heads.0.shared") for name in moved)
    assert any(name.startswith("heads.0.private") for name in moved) == bool(weight)
    assert not any(name.startswith("adapters") for name in moved)


def test_the_adversary_pulls_v_s_against_the_discriminator(targets: Targets, batch: dict[str, Tensor]):  # noqa: F811
    alignment, model = AlignmentLoss(targets), joint(adversary=True, passed=9)
    strength = model.reversal.strength
    plain = gradients(model, tasks_alone(model, batch, alignment))
    assert model.discriminator is not None
    signals = model.experts.signals(batch["given"], batch["tasks"])
    guess = gradients(model, F.cross_entropy(model.discriminator(signals.shared), batch["tasks"]))
    both = gradients(model, JointLoss(alignment, difference=0)(model, batch))
    for name, value in guess.items():
        torch.testing.assert_close(both[name], plain[name] - strength * value, rtol=1e-4, atol=1e-4)


def test_terms_are_reported_with_what_they_weigh(targets: Targets, batch: dict[str, Tensor]):  # noqa: F811
    told: list[tuple[int, dict[str, float]]] = []
    model = joint(adversary=True, passed=9)
    loss = JointLoss(AlignmentLoss(targets), difference=0.5, report=lambda *both: told.append(both))
    total = float(loss(model, batch).detach())
    ((passed, terms),) = told
    assert passed == 10
    assert set(terms) == {"tasks", "discriminator", "difference"}
    assert sum(terms.values()) == pytest.approx(total)


def test_each_task_counts_the_same_however_many_steps_it_has(targets: Targets, batch: dict[str, Tensor]):  # noqa: F811
    loss, model = JointLoss(AlignmentLoss(targets), difference=0), joint(adversary=False)
    once = float(loss(model, batch).detach())
    again = {name: torch.cat([value, value[TASK_OF == 2]]) for name, value in batch.items()}
    assert float(loss(model, again).detach()) == pytest.approx(once, rel=1e-4)


# -- the difference ---------------------------------------------------------------------------------------------------

SIGNS = torch.tensor(list(product([-1.0, 1.0], repeat=2)))


def tokens(values: Tensor, count: int) -> Tensor:
    """[b, count, 5] that go with values [b]."""
    torch.manual_seed(4)
    return values[:, None, None] * torch.randn(count, 5)


def test_it_is_nothing_where_no_direction_goes_with_another():
    independent = Signals(tokens(SIGNS[:, 0], 2), tokens(SIGNS[:, 1], 3))
    assert float(difference(independent)) == pytest.approx(0, abs=1e-6)


def test_it_is_most_where_one_repeats_the_other():
    assert float(difference(Signals(tokens(SIGNS[:, 0], 2), tokens(SIGNS[:, 0], 3)))) == pytest.approx(1, abs=1e-6)
    values = torch.randn(6, 2, 5)
    assert float(difference(Signals(values, values))) > float(difference(Signals(values, torch.randn(6, 2, 5)))) > 0


def test_it_is_the_norm_of_the_cross_product():
    shared, private = torch.randn(6, 2, 5), torch.randn(6, 3, 5)
    rows = [F.normalize((one - one.mean(dim=0)).flatten(1), dim=1) for one in (shared, private)]
    wanted = (rows[0].T @ rows[1]).square().sum() / 36
    torch.testing.assert_close(difference(Signals(shared, private)), wanted)


def test_neither_length_nor_what_all_steps_have_counts():
    shared, private = torch.randn(6, 2, 5), torch.randn(6, 3, 5)
    plain = difference(Signals(shared, private))
    torch.testing.assert_close(difference(Signals(shared * 7 + torch.randn(2, 5), private)), plain)
    assert torch.isfinite(difference(Signals(shared[:1], private[:1])))


# -- both players -----------------------------------------------------------------------------------------------------


def test_v_s_is_hidden_from_its_adversary_and_keeps_what_the_expert_needs():
    torch.manual_seed(0)
    tasks = torch.arange(256) % TASKS
    content = torch.randn(256, 2)
    given = torch.cat([content, F.one_hot(tasks, TASKS).float() + 0.05 * torch.randn(256, TASKS)], dim=1)
    lost = {}
    for strength in (0.0, 1.0):
        torch.manual_seed(1)
        head, expert = nn.Linear(6, 6), nn.Linear(6, 2)
        adversary = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, TASKS))
        optimizer = torch.optim.Adam(nn.ModuleList([head, expert, adversary]).parameters(), 1e-2)
        losses = []
        for _ in range(200):
            shared = head(given)
            guess = F.cross_entropy(adversary(reverse(shared, strength)), tasks)
            losses.append(float(guess.detach()))
            optimizer.zero_grad()
            (F.mse_loss(expert(shared), content) + guess).backward()
            optimizer.step()
        lost[strength] = sum(losses[-100:]) / 100
        assert float(F.mse_loss(expert(head(given)), content).detach()) < 0.1
    assert lost[0.0] < 0.05
    assert lost[1.0] > 0.7  # who knows nothing loses log 4 = 1.39; the game has no end, so it comes and goes
