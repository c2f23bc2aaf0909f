"""One expert a task, and what they have in common.

A task is an operation (:data:`vitron_agent.train.signals.steps.OPERATIONS`), and each has an adapter of its own, as
y_k <- M_k(v) in the paper (App. B.3), not one a module: removing and recolouring are tasks that the discriminator tells
apart, so each needs somewhere to keep what is its own. All adapters are of one size in all arms; so arms differ by
nothing but what is shared in front of them.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum

import torch
from torch import Tensor, nn

from vitron_agent.model.signals import SignalConfig, SignalHeads, Signals
from vitron_agent.tools.backends.embedded.query import QueryAdapter
from vitron_agent.train.signals.steps import OPERATIONS

TASKS = len(OPERATIONS)


class Arm(StrEnum):
    """What experts have in common."""

    SYNERGY = "synergy"
    """The heads, of which v_s must not tell the task (discriminator) and v_p must say something else (difference)."""
    SHARED = "shared"
    """The heads, and nothing is demanded of them."""
    PRIVATE = "private"
    """Nothing: each task has heads of its own, so narrow that all together have as many parameters as shared ones."""
    WITHOUT = "without"
    """Nothing: each task has heads of its own of full size, as if stage 3 had been run for it alone."""
    ONE = "one"
    """Heads and adapter: one expert for all tasks, which is stage 3 as it is."""

    @property
    def shares_heads(self) -> bool:
        """Whether the heads learn from all tasks."""
        return self not in (Arm.PRIVATE, Arm.WITHOUT)


class Experts(nn.Module):
    """From states of steps to queries, by the task of each step.

    Args:
        heads: One for all tasks, or one for each.
        adapters: Likewise.
    """

    def __init__(self, heads: Sequence[SignalHeads], adapters: Sequence[QueryAdapter]) -> None:
        super().__init__()
        self.config = heads[0].config
        self.heads, self.adapters = nn.ModuleList(heads), nn.ModuleList(adapters)
        for one in heads:
            one.tokens.requires_grad = False  # the states were read with them

    @classmethod
    def of(cls, arm: Arm, heads: Callable[[], SignalHeads], adapter: Callable[[], QueryAdapter]) -> "Experts":
        """Those of an arm.

        Args:
            arm: What they have in common.
            heads: Makes heads of full size.
            adapter: Makes an adapter.
        """
        if arm.shares_heads:
            made = [heads()]
        elif arm is Arm.WITHOUT:
            made = [heads() for _ in range(TASKS)]
        else:
            made = [narrowed(heads(), TASKS) for _ in range(TASKS)]
        return cls(made, [adapter() for _ in range(1 if arm is Arm.ONE else TASKS)])

    @property
    def size(self) -> int:
        """Parameters that are learned, without what is taken away after training."""
        return sum(one.numel() for one in self.parameters() if one.requires_grad)

    def signals(self, given: Tensor, tasks: Tensor) -> Signals:
        """v_s [b, n_s, d] and v_p [b, n_p, d] of states [b, n_s + n_p, width] and tasks [b]."""
        both = _by_task(self.heads, lambda heads, states: heads(states).together(), given, tasks)
        return Signals(*torch.split(both, [self.config.num_shared, self.config.num_private], dim=1))

    def queries(self, signals: Signals, tasks: Tensor) -> tuple[Tensor, Tensor]:
        """Weights [b, dims] and biases [b] of what each task's expert looks for; it reads both halves."""
        found = _by_task(self.adapters, _coefficients, signals.together(), tasks)
        return found[:, :-1], found[:, -1]

    def forward(self, given: Tensor, tasks: Tensor) -> tuple[Tensor, Tensor]:
        """Weights and biases of states and tasks."""
        return self.queries(self.signals(given, tasks), tasks)


def narrowed(heads: SignalHeads, times: int) -> SignalHeads:
    """Heads of the same outputs with about ``1 / times`` of the parameters."""
    narrow = max(1, heads.config.dim // 3 // times)
    return SignalHeads(SignalConfig(**dict(heads.config)), heads.tokens.shape[1], narrow=narrow)


def _coefficients(adapter: nn.Module, signals: Tensor) -> Tensor:
    assert isinstance(adapter, QueryAdapter)
    weights, biases = adapter.coefficients(signals)
    return torch.cat([weights, biases[:, None]], dim=1)


def _by_task(
    modules: nn.ModuleList, read: Callable[[nn.Module, Tensor], Tensor], given: Tensor, tasks: Tensor
) -> Tensor:
    """What each row's module makes of it."""
    if len(modules) == 1:
        return read(modules[0], given)
    rows = [(tasks == number).nonzero().flatten() for number in range(len(modules))]
    parts = [read(module, given[row]) for module, row in zip(modules, rows, strict=True)]
    return torch.cat(parts)[torch.cat(rows).argsort()]
