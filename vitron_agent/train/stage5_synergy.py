r"""Stage 5, adversarial synergy: what one expert learns of a thing helps the others too (paper §3.4, App. B.3).

    python -m vitron_agent.train.stage5_synergy --size debug --model runs_output/stage3/model \
        --states runs_output/stage3/states.safetensors --targets runs_output/stage3/targets.safetensors \
        --out /tmp/stage5
    python -m vitron_agent.train.stage5_synergy --size embedded --model runs_output/stage3/model \
        --states runs_output/stage3/states.safetensors --targets runs_output/stage3/targets.safetensors \
        --adapter runs_output/stage3/grounding_signals.safetensors --out runs_output/stage5

Each task's expert predicts from v = [v_s; v_p]; a discriminator guesses the task from v_s alone, and its gradient is
reversed. The loss is the sum of the tasks' losses, the discriminator's, and that of saying the same in v_s and v_p;
``--adversary 0`` and ``--difference 0`` leave these out. The LLM and the signal tokens stay as they are: what is
learned, heads and adapters, reads the states that stage 3 wrote. TensorBoard shows each term (``OUT/terms``).

The products are ``OUT/model``, and an adapter for each task: that of ``detect`` is
``OUT/grounding_signals.safetensors``, which embedded grounding reads (and segmentation through it); the others are
``OUT/experts/*.safetensors``, for backends that have one each.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from vitron_agent.messages import Operation
from vitron_agent.model.signals import SignalConfig
from vitron_agent.model.vitron import VitronModel
from vitron_agent.tools.backends.embedded.query import QueryAdapter, load_adapter, save_adapter
from vitron_agent.train.data.photos.kinds import WORDNET
from vitron_agent.train.fit import Schedule, add_options, chosen, fit
from vitron_agent.train.metrics.probes import chance
from vitron_agent.train.signals.aligning import AlignmentLoss
from vitron_agent.train.signals.phrases import Group, Phrase, read_phrases
from vitron_agent.train.signals.states import States, load_states
from vitron_agent.train.signals.steps import OPERATIONS
from vitron_agent.train.signals.targets import load_targets
from vitron_agent.train.stage3_decoder import new_adapter
from vitron_agent.train.synergy.discriminator import Discriminator, DiscriminatorConfig
from vitron_agent.train.synergy.experts import TASKS, Arm, Experts
from vitron_agent.train.synergy.joint import Joint, JointLoss, Report, collate
from vitron_agent.train.synergy.reversal import GradientReversal
from vitron_agent.train.synergy.watching import Telling, watch

_LOG_EVERY = 20


@dataclass(frozen=True, kw_only=True)
class Config(Schedule):
    """One run.

    Attributes:
        adversary: How strongly v_s is hidden from the discriminator at the run's end; 0 = there is none. The tasks'
            losses sum to some 35 at first, so 1 pushed hardly anything (docs/results.md).
        difference: Weight of the difference between v_s and v_p; 0 = none is demanded.
        layers: Of the discriminator.
        hidden: Of its MLPs.
        watch_epochs: Passes for the discriminator that is taught afterwards.
        watch_rate: Its learning rate.
    """

    adversary: float = 10.0
    difference: float = 1.0
    layers: int = 4
    hidden: int = 768
    watch_epochs: float = 1
    watch_rate: float = 1e-4

    @property
    def discriminator(self) -> DiscriminatorConfig:
        """Its sizes."""
        return DiscriminatorConfig(layers=self.layers, hidden=self.hidden)

    def of(self, arm: Arm) -> "Config":
        """The same run without what only synergy has, for all other arms."""
        return self if arm is Arm.SYNERGY else replace(self, adversary=0, difference=0)

    @property
    def watching(self) -> Schedule:
        """Of the discriminator that is taught afterwards."""
        own = {field: getattr(self, field) for field in Schedule.__dataclass_fields__}
        return replace(Schedule(**own), epochs=self.watch_epochs, learning_rate=self.watch_rate, stop_after=0)


def debug() -> Config:
    """A few steps with a small discriminator, to see that everything runs."""
    return Config(batch=8, epochs=1, layers=1, hidden=16, watch_epochs=1)


def embedded() -> Config:
    """Some minutes on a CPU core.

    At a rate of 1e-3 heads of full size that see a single task learn worse than at this one, and shared heads do not;
    sharing would be credited with that.
    """
    return Config(batch=64, epochs=8, learning_rate=3e-4, bf16=True, save_steps=5000)


def paper() -> Config:
    """The paper's batch and learning rate for its 7B model (App. C)."""
    return Config(batch=128, epochs=1, learning_rate=1e-5, bf16=True, hidden=3072)


SIZES = {"debug": debug, "embedded": embedded, "paper": paper}


def groups(states: States, phrases: Sequence[Phrase]) -> list[Group]:
    """What each step is for.

    Raises:
        ValueError: A step is about something that is no phrase.
    """
    by_text = {phrase.text: phrase.group for phrase in phrases}
    unknown = sorted({text for text in states.texts if text not in by_text})
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no phrase of this WordNet; read the states with the one that made them")
    return [by_text[text] for text in states.texts]


def rows_of(states: States, phrases: Sequence[Phrase], alignment: AlignmentLoss) -> list[int | None]:
    """The number of each step's target; None if it has none."""
    by_text = {phrase.text: phrase for phrase in phrases}
    return [alignment.row(by_text[text]) for text in states.texts]


def learn(
    config: Config,
    experts: Experts,
    states: States,
    rows: Sequence[int | None],
    learned: Sequence[int],
    alignment: AlignmentLoss,
    out: Path,
    report: Report | None = None,
) -> Joint:
    """Teaches experts together.

    Args:
        config: The run.
        experts: In place.
        states: Of all steps.
        rows: Of :func:`rows_of`.
        learned: Which steps may be learned from; those without a target teach nothing.
        alignment: Loss of each task.
        out: Folder of checkpoints.
        report: Told the terms of the loss.
    """
    examples = [
        {
            "input_ids": range(states.hidden.shape[1]),
            "labels": [rows[number]],
            "task": int(states.tasks[number]),
            "given": states.hidden[number],
        }
        for number in learned
        if rows[number] is not None
    ]
    passes = math.ceil(math.ceil(len(examples) / config.batch) * config.epochs)
    sizes = experts.config
    discriminator = (
        Discriminator(config.discriminator, sizes.num_shared, sizes.dim, TASKS) if config.adversary else None
    )
    joint = Joint(experts, GradientReversal(passes, config.adversary), discriminator)
    fit(joint, examples, collate, JointLoss(alignment, difference=config.difference, report=report), config, out)
    return joint


def term_log(folder: Path) -> Report:
    """Writes every 20th batch's terms for TensorBoard."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))

    def report(passed: int, terms: dict[str, float]) -> None:
        if passed % _LOG_EVERY == 0:
            for name, value in terms.items():
                writer.add_scalar(f"terms/{name}", value, passed)

    return report


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, SIZES)
    parser.add_argument("--model", type=Path, required=True, help="folder of stage 3's model, whose tokens were read")
    parser.add_argument("--states", type=Path, required=True, help="stage 3's states.safetensors")
    parser.add_argument("--targets", type=Path, required=True, help="stage 3's targets.safetensors")
    parser.add_argument("--adapter", type=Path, help="what all adapters begin as (default: as new ones)")
    parser.add_argument("--wordnet", type=Path, default=WORDNET, help="folder of WordNet 3.0 (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    config = chosen(options, SIZES)
    sys.stderr.write(f"{config}\n")
    model = VitronModel.from_pretrained(options.model)
    states, phrases = load_states(options.states), read_phrases(options.wordnet)
    alignment = AlignmentLoss(load_targets(options.targets))
    torch.manual_seed(config.seed)
    experts = Experts([model.signals], [_first_adapter(options, model.signals.config) for _ in OPERATIONS])
    kinds = groups(states, phrases)
    learned = [number for number, kind in enumerate(kinds) if kind is Group.TRAIN]
    held_out = [number for number, kind in enumerate(kinds) if kind is not Group.TRAIN]
    log = term_log(options.out / "terms")
    rows = rows_of(states, phrases, alignment)
    joint = learn(config, experts, states, rows, learned, alignment, options.out / "joint", log)
    telling = watch(
        joint, states, learned, held_out, config.discriminator, config.watching, options.out / "discriminator"
    )
    sys.stderr.write(f"{describe(telling, chance(states.tasks))}\n")
    model.save_pretrained(options.out / "model")
    facts = {"steps": str(len(learned)), "seed": str(config.seed), "adversary": str(config.adversary)}
    for operation, adapter in zip(OPERATIONS, experts.adapters, strict=True):
        assert isinstance(adapter, QueryAdapter)
        save_adapter(adapter, place_of(operation, options.out), facts)
    sys.stderr.write(f"wrote {options.out / 'model'} and {place_of(Operation.DETECT, options.out)}\n")


def place_of(operation: Operation, out: Path) -> Path:
    """Where a task's adapter is written."""
    if operation is Operation.DETECT:
        return out / "grounding_signals.safetensors"
    return out / "experts" / f"{operation.value}.safetensors"


def describe(telling: Telling, by_chance: float) -> str:
    """For people."""
    met = "none" if telling.met is None else f"{telling.met:.3f}"
    return (
        f"tells the task (chance {by_chance:.3f}): the discriminator that v_s was hidden from {met}, "
        f"one taught afterwards {telling.fresh:.3f}, linear probes of v_s {telling.shared:.3f}, "
        f"v_p {telling.private:.3f}"
    )


def _first_adapter(options: argparse.Namespace, config: SignalConfig) -> QueryAdapter:
    if options.adapter:
        return load_adapter(options.adapter).requires_grad_()
    return new_adapter(config, load_targets(options.targets))


if __name__ == "__main__":
    main()
