"""Reads steps with the frozen LLM, and writes down the states of the signal tokens behind them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from vitron_agent.model.tokens import PlannerTokenizer
from vitron_agent.train.signals.aligning import SignalReader
from vitron_agent.train.signals.phrases import Group, Phrase
from vitron_agent.train.signals.states import States, load_states, save_states
from vitron_agent.train.signals.steps import OPERATIONS, draw_phrases, step_ids

_SHARD, _BATCH = 256, 16


def draw_states(
    reader: SignalReader,
    tokenizer: PlannerTokenizer,
    phrases: Sequence[Phrase],
    folder: Path,
    *,
    learned: int,
    tested: int,
    seed: int = 0,
    bf16: bool = False,
    report: Callable[[int, int], None],
) -> None:
    """Reads steps about phrases and writes shards of states; those that are there already stay.

    Args:
        reader: Reads.
        tokenizer: With the added tokens.
        phrases: Of all groups.
        folder: For the shards.
        learned: So many steps about phrases to learn from; each may come several times.
        tested: So many about each of the other groups, at most one a phrase.
        seed: Of the choice and the wording.
        bf16: Reads in mixed precision.
        report: Told how many are done, of how many.
    """
    rng = Random(seed)  # noqa: S311
    train = [phrase for phrase in phrases if phrase.group is Group.TRAIN]
    wanted = draw_phrases(train, learned, rng)
    for group in (Group.NEW_WORD, Group.NEW_THING):
        others = [phrase for phrase in phrases if phrase.group is group]
        wanted += rng.sample(others, min(tested, len(others)))
    rng.shuffle(wanted)
    operations = list(OPERATIONS)
    for start in range(0, len(wanted), _SHARD):
        path = folder / f"{start // _SHARD:04}.safetensors"
        chosen = wanted[start : start + _SHARD]
        if not path.is_file():
            wording = Random(f"{seed}/{start}")  # noqa: S311
            tasks = [wording.randrange(len(operations)) for _ in chosen]
            steps = [
                step_ids(phrase, operations[task], train, tokenizer, wording)
                for phrase, task in zip(chosen, tasks, strict=True)
            ]
            hidden = read_states(reader, steps, bf16=bf16)
            texts = tuple(phrase.text for phrase in chosen)
            save_states(States(hidden, texts, torch.tensor(tasks)), path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)
        report(min(start + _SHARD, len(wanted)), len(wanted))


def load_drawn(folder: Path) -> States:
    """All states that :func:`draw_states` wrote."""
    parts = [load_states(path) for path in sorted(folder.glob("*.safetensors"))]
    texts = tuple(text for part in parts for text in part.texts)
    return States(torch.cat([part.hidden for part in parts]), texts, torch.cat([part.tasks for part in parts]))


@torch.inference_mode()
def read_states(reader: SignalReader, steps: Sequence[Sequence[int]], *, bf16: bool = False) -> Tensor:
    """States [n, n_s + n_p, width] of the signal tokens behind steps, read in batches of like length."""
    order = sorted(range(len(steps)), key=lambda number: len(steps[number]))
    found: dict[int, Tensor] = {}
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            read = reader(reader.keep([steps[number] for number in part]))
        found |= zip(part, read.float(), strict=True)
    return torch.stack([found[number] for number in range(len(steps))])
