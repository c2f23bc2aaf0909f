"""Where the task of a step can be told from: by a discriminator that comes afterwards, and by linear probes.

The discriminator that signals were hidden from is no witness: it lost a game. So a new one of the same sizes is
taught on signals that no longer change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from vitron_agent.model.signals import Signals
from vitron_agent.train.fit import Schedule, fit
from vitron_agent.train.metrics.probes import linear_probe
from vitron_agent.train.signals.states import States
from vitron_agent.train.synergy.discriminator import Discriminator, DiscriminatorConfig
from vitron_agent.train.synergy.experts import TASKS, Experts
from vitron_agent.train.synergy.joint import Joint


@dataclass(frozen=True)
class Telling:
    """Accuracies of telling the task.

    Attributes:
        met: By the discriminator that learned along, from v_s of held-out steps; None if there was none.
        fresh: By one that was taught afterwards, likewise.
        shared: By a linear probe of the mean of v_s.
        private: By a linear probe of the mean of v_p.
    """

    met: float | None
    fresh: float
    shared: float
    private: float


@torch.inference_mode()
def read_signals(experts: Experts, states: States) -> Signals:
    """v_s [n, n_s, d] and v_p [n, n_p, d] of steps."""
    experts.eval()
    return experts.signals(states.hidden, states.tasks)


def watch(
    joint: Joint,
    states: States,
    learned: Sequence[int],
    held_out: Sequence[int],
    sizes: DiscriminatorConfig,
    schedule: Schedule,
    out: Path,
) -> Telling:
    """Tries to tell tasks from the signals of experts that have learned.

    Args:
        joint: The experts, with the discriminator that they met.
        states: Of all steps.
        learned: Rows of the steps that a new discriminator is taught on.
        held_out: Rows of those that discriminators are judged by.
        sizes: Of the new discriminator.
        schedule: Of its training.
        out: Folder for that.
    """
    signals = read_signals(joint.experts, states)
    shared = signals.shared.clone()
    fresh = Discriminator(sizes, shared.shape[1], shared.shape[2], TASKS)
    rows = torch.tensor(held_out)
    examples = [
        {"input_ids": range(shared.shape[1]), "labels": [int(states.tasks[row])], "given": shared[row]}
        for row in learned
    ]
    fit(fresh, examples, _collate, _guess_loss, schedule, out)
    return Telling(
        met=None if joint.discriminator is None else accuracy(joint.discriminator, shared[rows], states.tasks[rows]),
        fresh=accuracy(fresh, shared[rows], states.tasks[rows]),
        shared=linear_probe(shared.mean(dim=1), states.tasks),
        private=linear_probe(signals.private.mean(dim=1), states.tasks),
    )


@torch.inference_mode()
def accuracy(discriminator: Discriminator, shared: Tensor, tasks: Tensor) -> float:
    """Share of steps whose task it guesses from v_s [n, n_s, d]."""
    return float((discriminator.eval()(shared).argmax(dim=1) == tasks).float().mean())


def _collate(batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "given": torch.stack([one["given"] for one in batch]),
        "labels": torch.tensor([one["labels"][0] for one in batch]),
    }


def _guess_loss(model: Any, inputs: dict[str, Any], num_labels: Tensor | int | None = None) -> Tensor:  # noqa: ARG001
    return F.cross_entropy(model(inputs["given"]).float(), inputs["labels"])
