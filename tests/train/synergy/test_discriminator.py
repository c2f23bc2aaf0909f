"""It learns what can be told, and nothing else."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vitron_agent.train.synergy.discriminator import Discriminator, DiscriminatorConfig

SMALL = DiscriminatorConfig(layers=2, hidden=16)
TASKS, TOKENS, DIM = 4, 3, 16


def taught(shared: Tensor, tasks: Tensor) -> Discriminator:
    torch.manual_seed(0)
    made = Discriminator(SMALL, TOKENS, DIM, TASKS)
    optimizer = torch.optim.Adam(made.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(made(shared), tasks).backward()
        optimizer.step()
    return made.eval()


@torch.no_grad()
def accuracy(discriminator: Discriminator, shared: Tensor, tasks: Tensor) -> float:
    return float((discriminator(shared).argmax(dim=1) == tasks).float().mean())


def test_it_learns_tasks_that_differ():
    torch.manual_seed(1)
    tasks, marks = torch.arange(400) % TASKS, torch.randn(TASKS, TOKENS, DIM)
    shared = torch.randn(400, TOKENS, DIM) + 2 * marks[tasks]
    assert accuracy(taught(shared[:200], tasks[:200]), shared[200:], tasks[200:]) > 0.95


def test_it_stays_at_chance_where_tasks_are_alike():
    torch.manual_seed(1)
    tasks, shared = torch.arange(1200) % TASKS, torch.randn(1200, TOKENS, DIM)
    assert abs(accuracy(taught(shared[:200], tasks[:200]), shared[200:], tasks[200:]) - 1 / TASKS) < 0.06


def test_what_differs_in_length_alone_is_not_seen():
    torch.manual_seed(1)
    shared = torch.randn(8, TOKENS, DIM)
    shared -= shared.mean(dim=2, keepdim=True)
    made = Discriminator(SMALL, TOKENS, DIM, TASKS).eval()
    torch.testing.assert_close(made(shared * 100), made(shared * 10), rtol=1e-4, atol=1e-4)


def test_the_default_is_the_papers():
    made = Discriminator(DiscriminatorConfig(), 4, 768, TASKS)
    assert len(made.layers.layers) == 4
    assert made.guess.in_features == 768
