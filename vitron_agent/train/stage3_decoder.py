r"""Stage 3, decoder alignment: signals come to mean to an expert what the words mean to it (paper App. B.4, step 1.3).

    python -m vitron_agent.train.stage3_decoder --size debug --out /tmp/stage3        # a minute on a CPU
    python -m vitron_agent.train.stage3_decoder --size embedded --model runs_output/stage2/model \
        --photos photos --voc VOC2007 --out runs_output/stage3

1. *Targets*: the linear query of each thing that the word channel of grounding amounts to.
2. *Steps*: the frozen LLM reads requests with plans that name a phrase; what it keeps of them is written down.
3. *Tokens*: signal tokens, which begin as the words of ``--begin``, heads and adapter are learned through the LLM.
4. *Heads*: heads and adapter are learned anew, for longer, on the states of the tokens as they are now.

The loss is L2 between a step's query and its thing's, and cross-entropy of telling that from the queries of other
things. ``<|sig|>`` is never chosen by the LLM, it closes every step; so it has no NLL. The products are ``OUT/model``
and ``OUT/grounding_signals.safetensors``.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vitron_agent.config import Settings
from vitron_agent.model.adapter import PACKAGED
from vitron_agent.model.encoders.dense import DenseEncoder
from vitron_agent.model.signals import SignalHeads
from vitron_agent.model.vitron import VitronModel
from vitron_agent.tools.backends.embedded.learned import WEIGHTS
from vitron_agent.tools.backends.embedded.query import QueryAdapter, QueryShape, save_adapter
from vitron_agent.tools.backends.embedded.vision import Vision
from vitron_agent.train.data.photos.kinds import WORDNET
from vitron_agent.train.fit import Schedule, add_options, chosen, fit
from vitron_agent.train.signals.aligning import Aligned, AlignmentLoss, SignalReader, collate
from vitron_agent.train.signals.arms import SignalArm
from vitron_agent.train.signals.keeping import Step, keep_steps, read_steps
from vitron_agent.train.signals.phrases import Group, Phrase, read_phrases
from vitron_agent.train.signals.pictures import bank_pictures
from vitron_agent.train.signals.targets import Targets, draw_bank, load_targets, make_targets, save_targets


@dataclass(frozen=True, kw_only=True)
class Config(Schedule):
    """One run.

    Attributes:
        begin: Words whose embeddings the signal tokens begin as; as many tokens as there are signals.
        learned: Steps about phrases to learn from.
        tested: Steps about phrases of each other group.
        pictures: Whose places the targets are fitted to, of each source.
        head_epochs: Passes over all states, for heads and adapter.
        head_rate: Their learning rate.
        head_batch: Their batch.
    """

    begin: str = " and it looks like a kind of a"
    learned: int = 4000
    tested: int = 400
    pictures: int = 250
    head_epochs: float = 30
    head_rate: float = 1e-3
    head_batch: int = 64


def debug() -> Config:
    """A few steps, to see that everything runs."""
    return Config(batch=4, learned=24, tested=4, pictures=2, epochs=1, head_epochs=1, head_batch=8, save_steps=100)


def embedded() -> Config:
    """What ships: two hours on a CPU core."""
    return Config(batch=16, epochs=3, learning_rate=3e-4, bf16=True)


def paper() -> Config:
    """The paper's learning rate for its 7B model (App. C)."""
    return Config(batch=32, learned=60_000, tested=1_000, epochs=1, learning_rate=1e-5, bf16=True, recompute=False)


SIZES = {"debug": debug, "embedded": embedded, "paper": paper}


def begin_tokens(model: VitronModel, words: str) -> None:
    """Sets the signal tokens to the embeddings of words.

    Raises:
        ValueError: There are not as many tokens in the words as there are signals.
    """
    ids = model.tokenizer.encode_text(words)
    count = model.vitron_config.signals.num_tokens
    if len(ids) != count:
        raise ValueError(f"{words!r} has {len(ids)} tokens and a step has {count} signals; say it in {count}")
    with torch.no_grad():
        model.signals.tokens.copy_(model.llm.get_input_embeddings().weight[ids])


def examples(steps: Sequence[Step], given: Sequence[Tensor], loss: AlignmentLoss) -> list[dict[str, Any]]:
    """Of the steps about phrases to learn from whose things have a target."""
    rows = [loss.row(step.phrase) if step.phrase.group is Group.TRAIN else None for step in steps]
    return [
        {"input_ids": range(each.shape[-2]), "labels": [row], "given": each}
        for each, row in zip(given, rows, strict=True)
        if row is not None
    ]


def learn_tokens(config: Config, reader: SignalReader, steps: Sequence[Step], targets: Targets, out: Path) -> float:
    """Learns the signal tokens through the LLM; returns the mean loss."""
    loss = AlignmentLoss(targets)
    model = Aligned(reader, new_adapter(reader.vitron, targets))
    return fit(model, examples(steps, [step.kept for step in steps], loss), collate, loss, config, out)


@torch.inference_mode()
def read_states(reader: SignalReader, steps: Sequence[Step], *, bf16: bool, batch: int = 32) -> Tensor:
    """States [n, n_s + n_p, width] of the signal tokens behind steps."""
    found = []
    for start in range(0, len(steps), batch):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            found.append(reader([step.kept for step in steps[start : start + batch]]).float())
    return torch.cat(found)


def learn_heads(
    config: Config, heads: SignalHeads, steps: Sequence[Step], states: Tensor, targets: Targets, out: Path
) -> QueryAdapter:
    """Learns heads and an adapter on states; the heads in place."""
    loss = AlignmentLoss(targets)
    arm = SignalArm(heads, QueryAdapter(_shape(heads, targets), targets.basis))
    fit(arm, examples(steps, list(states), loss), collate, loss, head_schedule(config), out)
    return arm.adapter


def head_schedule(config: Config) -> Schedule:
    """The schedule of what is learned on states."""
    own = {field: getattr(config, field) for field in Schedule.__dataclass_fields__}
    return replace(
        Schedule(**own), epochs=config.head_epochs, learning_rate=config.head_rate, batch=config.head_batch, bf16=False
    )


def new_adapter(model: VitronModel, targets: Targets) -> QueryAdapter:
    """One that knows nothing yet."""
    return QueryAdapter(_shape(model.signals, targets), targets.basis)


def _shape(heads: SignalHeads, targets: Targets) -> QueryShape:
    channels, dims = targets.basis.matrix.shape
    return QueryShape(tokens=heads.config.num_tokens, signal_dims=heads.config.dim, dims=dims, channels=channels)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, SIZES)
    parser.add_argument("--model", type=Path, help="folder of a model of stage 1 or 2 (default: the one that ships)")
    parser.add_argument("--photos", type=Path, help="folder of photos of one thing each, named or sorted by class")
    parser.add_argument("--voc", type=Path, help="photos in the layout of Pascal VOC 2007")
    parser.add_argument("--holdout", help="K/N: leave out every N-th photo of --voc from the K-th on")
    parser.add_argument("--grounding", type=Path, help="weights of the word channel (default: those that ship)")
    parser.add_argument("--wordnet", type=Path, default=WORDNET, help="folder of WordNet 3.0 (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    if not (options.photos or options.voc):
        parser.error("name --photos or --voc: queries are fitted to what is seen on them")
    config = chosen(options, SIZES)
    sys.stderr.write(f"{config}\n")
    options.out.mkdir(parents=True, exist_ok=True)
    targets = _targets(options, config)
    model = VitronModel.from_pretrained(options.model or PACKAGED)
    phrases = read_phrases(options.wordnet)
    begin_tokens(model, config.begin)
    reader = SignalReader(model)
    _keep(options.out / "kept", config, reader, phrases)
    steps = read_steps(options.out / "kept", phrases)
    if config.epochs:
        mean = learn_tokens(config, reader, steps, targets, options.out / "tokens")
        sys.stderr.write(f"tokens: mean training loss {mean:.4f}\n")
    states = read_states(reader, steps, bf16=config.bf16)
    adapter = learn_heads(config, model.signals, steps, states, targets, options.out / "heads")
    model.save_pretrained(options.out / "model")
    facts = {"phrases": str(len(steps)), "seed": str(config.seed), "begin": config.begin}
    save_adapter(adapter, options.out / "grounding_signals.safetensors", facts)
    sys.stderr.write(f"wrote {options.out / 'model'} and {options.out / 'grounding_signals.safetensors'}\n")


def _targets(options: argparse.Namespace, config: Config) -> Targets:
    """Those of an earlier start of the same run, or new ones."""
    from rich.progress import track

    path = options.out / "targets.safetensors"
    if not path.is_file():
        encoder = DenseEncoder(Settings.load().cache, remember=1)
        pictures = bank_pictures(options.photos, options.voc, config.pictures, options.holdout)
        bank = draw_bank(track(pictures, "looking at photos", total=None), encoder, config.seed)
        save_targets(make_targets(bank, Vision(encoder, options.grounding or WEIGHTS), encoder), path)
    return load_targets(path)


def _keep(folder: Path, config: Config, reader: SignalReader, phrases: Sequence[Phrase]) -> None:
    from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task("reading steps")
        keep_steps(
            reader, reader.vitron.tokenizer, phrases, folder,
            learned=config.learned, tested=config.tested, seed=config.seed, bf16=config.bf16,
            report=lambda done, of: bar.update(task, completed=done, total=of),
        )  # fmt: skip


if __name__ == "__main__":
    main()
