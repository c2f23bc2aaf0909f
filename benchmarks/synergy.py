"""Do experts learn from one another, and does v_s tell whose it is?

The paper's "w/o syng." rows, with the controls that it lacks.

    python benchmarks/synergy.py --states STATES --targets TARGETS [--seeds 3] [--epochs 8] [--json]

STATES and TARGETS are what ``python -m vitron_agent.train.stage3_decoder`` left: states of the frozen LLM, and the
queries that phrases should become. Heads, adapters and discriminators are learned here anew, from each seed; every arm
sees the same steps, as often, in the same batches. Arms (:class:`vitron_agent.train.synergy.experts.Arm`):

- synergy: shared heads; v_s is hidden from the discriminator, v_p must differ from it; an adapter for each task.
- shared: the same without discriminator and difference.
- private: heads for each task, a quarter as large: as many parameters as synergy, nothing shared.
- without: heads of full size for each task, which see its own steps alone: four times stage 3 for one task. Side by
  side in one run they make as many updates as the shared ones, each on its quarter of a batch.
- one: heads and one adapter for all tasks, as stage 3 makes them.

*New words* are words of known things that were not learned: at which place, from 0, is the right thing's query among
those of unrelated things? The mean over the tasks of each one's median, and of its share in the first ten.
*Discriminator*: accuracy on held-out steps, of the one that v_s was hidden from (met), and of a new one that is taught
on v_s as it is at the end (fresh). *Probe*: linear, in five folds of all steps. Mean ± standard deviation over seeds.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from vitron_agent.model.signals import SignalConfig, SignalHeads
from vitron_agent.train.fit import add_options, chosen
from vitron_agent.train.metrics.probes import chance, linear_probe
from vitron_agent.train.signals.aligning import AlignmentLoss
from vitron_agent.train.signals.phrases import Group, read_phrases
from vitron_agent.train.signals.states import States, load_states
from vitron_agent.train.signals.targets import Targets, load_targets
from vitron_agent.train.stage3_decoder import new_adapter
from vitron_agent.train.stage5_synergy import SIZES, Config, groups, learn, rows_of
from vitron_agent.train.synergy.experts import TASKS, Arm, Experts
from vitron_agent.train.synergy.watching import watch

COLUMNS = {
    "median": "new words: median",
    "first10": "first ten",
    "met": "discriminator met",
    "fresh": "fresh",
    "shared": "probe v_s",
    "private": "v_p",
}


@dataclass(frozen=True)
class Material:
    """What all arms learn from, and are judged by.

    Attributes:
        states: Of all steps.
        rows: Target of each.
        learned: Steps that may be learned from.
        held_out: All others.
        new_words: Those of them that are ranked.
        targets: The queries.
        alignment: The loss.
    """

    states: States
    rows: list[int | None]
    learned: list[int]
    held_out: list[int]
    new_words: list[int]
    targets: Targets
    alignment: AlignmentLoss


def load(states_at: Path, targets_at: Path) -> Material:
    """Reads stage 3's files."""
    states, targets, phrases = load_states(states_at), load_targets(targets_at), read_phrases()
    alignment = AlignmentLoss(targets)
    rows, kinds = rows_of(states, phrases, alignment), groups(states, phrases)
    of = {group: [number for number, kind in enumerate(kinds) if kind is group] for group in Group}
    return Material(
        states, rows, of[Group.TRAIN], [*of[Group.NEW_WORD], *of[Group.NEW_THING]],
        [number for number in of[Group.NEW_WORD] if rows[number] is not None], targets, alignment,
    )  # fmt: skip


def measure(arm: Arm, config: Config, material: Material) -> tuple[dict[str, float], int]:
    """One arm from one seed: its scores, and how many parameters were learned."""
    config = config.of(arm)
    width = material.states.hidden.shape[2]
    torch.manual_seed(config.seed)
    experts = Experts.of(
        arm, lambda: SignalHeads(SignalConfig(), width), lambda: new_adapter(SignalConfig(), material.targets)
    )
    with tempfile.TemporaryDirectory() as folder:
        joint = learn(
            config, experts, material.states, material.rows, material.learned, material.alignment, Path(folder, "joint")
        )
        telling = watch(
            joint, material.states, material.learned, material.held_out, config.discriminator, config.watching,
            Path(folder, "discriminator"),
        )  # fmt: skip
    scores = {name: math.nan if value is None else value for name, value in asdict(telling).items()}
    return ranked(experts, material) | scores, experts.size


@torch.inference_mode()
def ranked(experts: Experts, material: Material) -> dict[str, float]:
    """Ranks of new words, as means over tasks."""
    chosen_rows = torch.tensor(material.new_words)
    tasks = material.states.tasks[chosen_rows]
    rows = torch.tensor([material.rows[number] for number in material.new_words])
    weights, _ = experts.eval()(material.states.hidden[chosen_rows], tasks)
    found = material.alignment.ranks(weights, rows).float()
    each = [found[tasks == task] for task in range(TASKS) if (tasks == task).any()]
    return {
        "median": float(torch.stack([one.median() for one in each]).mean()),
        "first10": float(torch.stack([(one < 10).float().mean() for one in each]).mean()),
    }


def by_chance(material: Material) -> dict[str, float]:
    """What who knows nothing gets."""
    rivals = material.alignment.rivals(torch.tensor([material.rows[number] for number in material.new_words])).float()
    tasks = chance(material.states.tasks)
    held_out = chance(material.states.tasks[torch.tensor(material.held_out)])
    first10 = (10 / (rivals + 1)).clamp_max(1).mean()
    found = {"median": float(rivals.median() / 2), "first10": float(first10)}
    return {**found, "met": held_out, "fresh": held_out, "shared": tasks, "private": tasks}


def of_states(material: Material) -> dict[str, float]:
    """How well the LLM's own states tell the task, before any head."""
    halves = material.states.hidden.split([SignalConfig().num_shared, SignalConfig().num_private], dim=1)
    shared, private = (linear_probe(half.mean(dim=1), material.states.tasks) for half in halves)
    return {"shared": shared, "private": private}


def spread(found: Sequence[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of each score."""
    both = torch.tensor([[one[name] for name in COLUMNS] for one in found], dtype=torch.float64)
    deviation = both.std(dim=0) if len(found) > 1 else torch.zeros(len(COLUMNS))
    return dict(zip(COLUMNS, zip(both.mean(dim=0).tolist(), deviation.tolist(), strict=True), strict=True))


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, SIZES)
    parser.set_defaults(size="embedded")
    parser.add_argument("--states", type=Path, required=True)
    parser.add_argument("--targets", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3, help="so many runs of each arm (default: %(default)s)")
    parser.add_argument("--arms", type=Arm, nargs="+", choices=list(Arm), default=list(Arm))
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    config, material = chosen(options, SIZES), load(options.states, options.targets)
    found: dict[str, list[dict[str, float]]] = {arm.value: [] for arm in options.arms}
    sizes: dict[str, int] = {}
    for seed in range(config.seed, config.seed + options.seeds):
        for arm in options.arms:
            started = time.perf_counter()
            scores, sizes[arm.value] = measure(arm, replace(config, seed=seed), material)
            found[arm.value].append(scores)
            sys.stderr.write(f"{arm.value}, seed {seed}, {time.perf_counter() - started:.0f} s: {json.dumps(scores)}\n")
    rows = {arm: spread(scores) for arm, scores in found.items()}
    if options.json:
        rows = {arm: _without_nan(scores) for arm, scores in rows.items()}
        print(json.dumps({"arms": rows, "parameters": sizes, "chance": by_chance(material)}, indent=2))
    else:
        _print(rows, sizes, material)


def _without_nan(scores: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return {name: both for name, both in scores.items() if not math.isnan(both[0])}


def _print(rows: dict[str, dict[str, tuple[float, float]]], sizes: dict[str, int], material: Material) -> None:
    title = (
        f"{len(material.learned)} steps learned, {len(material.held_out)} held out; {len(material.new_words)} ranked"
    )
    table = Table("arm", "parameters", *COLUMNS.values(), title=title)
    for arm, scores in rows.items():
        cells = ("-" if math.isnan(mean) else f"{mean:.3g} ± {by:.2g}" for mean, by in scores.values())
        table.add_row(arm, f"{sizes[arm]:,}", *cells)
    for name, plain in (("chance", by_chance(material)), ("the LLM's states", of_states(material))):
        table.add_row(name, "", *(f"{plain[column]:.3g}" if column in plain else "-" for column in COLUMNS))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
