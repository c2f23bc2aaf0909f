"""What stage 5 minimises: the tasks' losses, the adversary's, and how much v_s and v_p say the same (paper §3.4)."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vitron_agent.model.signals import Signals
from vitron_agent.train.signals.aligning import AlignmentLoss
from vitron_agent.train.synergy.discriminator import Discriminator
from vitron_agent.train.synergy.experts import Experts
from vitron_agent.train.synergy.reversal import GradientReversal

Report = Callable[[int, dict[str, float]], None]
"""Told how many batches were learned from so far, and the terms of the loss of the last one."""


class Told(NamedTuple):
    """What came of a batch.

    Attributes:
        weights: [b, dims] of the queries.
        biases: [b] of the queries.
        shared: v_s.
        private: v_p.
        guesses: [b, tasks], the discriminator's logits; None without one.
        passed: Batches that were learned from so far.
    """

    weights: Tensor
    biases: Tensor
    shared: Tensor
    private: Tensor
    guesses: Tensor | None
    passed: int


class Joint(nn.Module):
    """Experts, and the discriminator that v_s is to be hidden from.

    Args:
        experts: Learn together.
        reversal: Between them and the discriminator.
        discriminator: None = nothing is hidden.
    """

    def __init__(
        self, experts: Experts, reversal: GradientReversal, discriminator: Discriminator | None = None
    ) -> None:
        super().__init__()
        self.experts, self.reversal, self.discriminator = experts, reversal, discriminator

    def forward(self, given: Tensor, tasks: Tensor) -> Told:
        """Of states [b, n_s + n_p, width] and tasks [b]."""
        signals = self.experts.signals(given, tasks)
        shown = self.reversal(signals.shared)
        guesses = self.discriminator(shown) if self.discriminator is not None else None
        queries = self.experts.queries(signals, tasks)
        return Told(*queries, signals.shared, signals.private, guesses, int(self.reversal.passed.detach()))


def difference(signals: Signals) -> Tensor:
    """How much v_p repeats v_s, in [0, 1]: soft orthogonality as in domain separation networks (Bousmalis et al. 2016).

    It is ||V_s^T V_p||_F^2 / b^2, where the rows of V_s and V_p are the steps of a batch, centred and of unit length: 0
    if over the batch no direction of v_s goes with one of v_p. The product of V's own Gram matrices is the same number,
    for any n_s and n_p.
    """
    shared, private = _gram(signals.shared), _gram(signals.private)
    return (shared * private).mean()


def _gram(tokens: Tensor) -> Tensor:
    steps = tokens.float().flatten(1)
    rows = F.normalize(steps - steps.mean(dim=0), dim=1)
    return rows @ rows.T


class JointLoss:
    """The sum of the tasks' losses, L_syn, and the difference.

    Args:
        alignment: Of one task's queries.
        difference: Weight of :func:`difference`; 0 = without it.
        report: Told the terms.
    """

    def __init__(self, alignment: AlignmentLoss, *, difference: float, report: Report | None = None) -> None:
        self._alignment, self._difference, self._report = alignment, difference, report

    def __call__(self, model: Any, inputs: dict[str, Any], num_labels: Tensor | int | None = None) -> Tensor:  # noqa: ARG002
        """Of a batch of :func:`collate`, as :func:`vitron_agent.train.fit.fit` wants it."""
        tasks = inputs["tasks"]
        told: Told = model(inputs["given"], tasks)
        terms = {"tasks": self._tasks(told, inputs["labels"], tasks)}
        if told.guesses is not None:
            terms["discriminator"] = F.cross_entropy(told.guesses.float(), tasks)
        if self._difference:
            terms["difference"] = self._difference * difference(Signals(told.shared, told.private))
        if self._report is not None:
            self._report(told.passed, {name: float(term.detach()) for name, term in terms.items()})
        return torch.stack(list(terms.values())).sum()

    def _tasks(self, told: Told, labels: Tensor, tasks: Tensor) -> Tensor:
        """Sum over the tasks of a batch of each one's mean loss."""
        losses = []
        for task in sorted(set(tasks.tolist())):
            rows = tasks == task
            found = {"given": (told.weights[rows], told.biases[rows]), "labels": labels[rows]}
            losses.append(self._alignment(lambda given: given, found))
        return torch.stack(losses).sum()


def collate(batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """States, tasks, and the rows of their targets as labels."""
    return {
        "given": torch.stack([one["given"] for one in batch]),
        "tasks": torch.tensor([one["task"] for one in batch]),
        "labels": torch.tensor([one["labels"][0] for one in batch]),
    }
