"""Steps that the frozen LLM has read, on disk: what it keeps of each, and which phrase it was about."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from vitron_agent.model.tokens import PlannerTokenizer
from vitron_agent.train.signals.aligning import Kept, SignalReader
from vitron_agent.train.signals.phrases import Group, Phrase
from vitron_agent.train.signals.steps import OPERATIONS, draw_phrases, step_ids

_SHARD, _BATCH = 128, 16


@dataclass(frozen=True)
class Step:
    """A step that was read.

    Attributes:
        phrase: What it is about.
        task: Number of its operation among :data:`OPERATIONS`.
        kept: 1 to 2 MB, in a file that is mapped, not read.
    """

    phrase: Phrase
    task: int
    kept: Kept


def keep_steps(
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
    """Reads steps about phrases and writes shards; those that are there already stay.

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
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(wanted), _SHARD):
        path = folder / f"{start // _SHARD:04}.safetensors"
        chosen = wanted[start : start + _SHARD]
        wording = Random(f"{seed}/{start}")  # noqa: S311
        tasks = [wording.randrange(len(operations)) for _ in chosen]
        if not path.is_file():
            steps = [
                step_ids(phrase, operations[task], train, tokenizer, wording)
                for phrase, task in zip(chosen, tasks, strict=True)
            ]
            kept = _read(reader, steps, bf16=bf16)
            about = json.dumps([(phrase.text, task) for phrase, task in zip(chosen, tasks, strict=True)])
            save_file({str(number): one for number, one in enumerate(kept)}, path.with_suffix(".part"), {"made": about})
            path.with_suffix(".part").replace(path)
        report(min(start + _SHARD, len(wanted)), len(wanted))


def _read(reader: SignalReader, steps: Sequence[Sequence[int]], *, bf16: bool) -> list[Kept]:
    """In batches of like length."""
    order = sorted(range(len(steps)), key=lambda number: len(steps[number]))
    found: dict[int, Kept] = {}
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            found |= zip(part, reader.keep([steps[number] for number in part]), strict=True)
    return [found[number] for number in range(len(steps))]


def read_steps(folder: Path, phrases: Sequence[Phrase]) -> list[Step]:
    """All steps of a folder's shards."""
    by_text = {phrase.text: phrase for phrase in phrases}
    steps = []
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            made = json.loads(file.metadata()["made"])
            steps += [
                Step(by_text[text], task, file.get_tensor(str(number))) for number, (text, task) in enumerate(made)
            ]
    return steps
