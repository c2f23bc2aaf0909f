r"""Stage 2, invocation tuning: teaches the planner LLM to write plans (paper App. B.4, step 1.2).

    python -m vitron_agent.train.data.invocations --count 120000 --seed 1 --out runs_output/composed.jsonl
    python -m vitron_agent.train.stage2_invocation --size embedded --data runs_output/composed.jsonl --out runs_output
    python -m vitron_agent.train.stage2_invocation --size debug --out /tmp/stage2     # seconds on a CPU, its own data
    python -m vitron_agent.train.stage2_invocation --size embedded --data mine.jsonl --out runs_output/more \
        --adapter vitron_agent/model/adapters/planner --learning-rate 3e-4 --epochs 1 # goes on from the shipped one

LoRA on every linear layer and the rows of the added tokens are trained; prompts carry no loss. A run goes on from its
last checkpoint when it is started again with the same ``--out``; losses go to TensorBoard in that folder. The
product, ``OUT/adapter``, is what ``VitronPlanner(adapter=...)`` loads.

With ``--model STAGE_1_OUT/model`` the model that sees is trained: something stands behind the handles of each request,
and captions and questions about scenes keep it answering. The product is ``OUT/model``. With ``--seeing-rank`` the
planner's LoRA stays as it is, and a second one learns the answers alone: plans are then written without looking.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitron_agent.config import Settings
from vitron_agent.model.adapter import add_adapter, continue_adapter, save_adapter
from vitron_agent.model.base import BASE, load_base
from vitron_agent.model.encoders.backbone import load_backbone
from vitron_agent.model.tokens import PlannerTokenizer
from vitron_agent.model.vitron import VitronModel
from vitron_agent.train.data.examples import Example, Eyes, answers, collate, example, looked
from vitron_agent.train.data.invocations import Record, bare, compose, read_records, without
from vitron_agent.train.data.packing import packed
from vitron_agent.train.data.samples import Task
from vitron_agent.train.data.showing import Stock
from vitron_agent.train.data.sources import LeftOut, add_source_options, gather
from vitron_agent.train.fit import Loss, Schedule, add_options, chosen, fit, is_main_process
from vitron_agent.train.losses import plan_loss

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


@dataclass(frozen=True, kw_only=True)
class Config(Schedule):
    """One run.

    Attributes:
        rank: Of the LoRA matrices.
        alpha: LoRA scale = alpha / rank.
        dropout: On the LoRA input.
        max_tokens: Longer examples are left out, and counted.
        answer_weight: Of the loss on answers in words, but for their first token, which tells them from plans. Below 1,
            the wording of small talk, half of all loss, does not drown the plans.
        seeing_rank: Of a second LoRA, of a model that sees, for answers about what is seen; 0 = the planner's learns
            them too.
        packed: So many questions about one picture at most stand in one sequence, which reads it once.
    """

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    epochs: float = 2
    batch: int = 192
    max_tokens: int = 512
    answer_weight: float = 1.0
    seeing_rank: int = 0
    packed: int = 8


def debug() -> Config:
    """A few steps on a few examples, to see that everything runs."""
    return Config(rank=4, alpha=8, epochs=1, batch=4, max_tokens=384, save_steps=10)


def embedded() -> Config:
    """The adapter that ships: minutes on a large GPU."""
    return Config(bf16=True, epochs=2.25, max_tokens=256)


def paper() -> Config:
    """VITRON's own scale, for a 7B base (paper App. C; rank and alpha from the released script)."""
    return Config(rank=128, alpha=256, dropout=0.1, learning_rate=3e-4, epochs=1, batch=128, max_tokens=2048, bf16=True)


ANSWERED = (Task.REGION_CAPTION, Task.CAPTION, *[Task.QUESTION] * 4)
"""What is answered in words beside the plans: so much of each scene."""
SIZES = {"debug": debug, "embedded": embedded, "paper": paper}


def tokenise(
    records: Iterable[Record], tokenizer: PlannerTokenizer, max_tokens: int, stock: Stock | None = None
) -> tuple[list[Example], int]:
    """Examples with labels, and the number of records that were left out because they are too long.

    Args:
        records: Requests and plans.
        tokenizer: With the added tokens.
        max_tokens: Longer ones are left out.
        stock: What stands behind handles, for a model that sees.
    """
    examples, skipped = [], 0
    for record in records:
        made = example(record.request, record.plan(), tokenizer, stock.behind(record.request) if stock else {})
        if len(made["input_ids"]) > max_tokens:
            skipped += 1
        else:
            examples.append(made if stock else {name: made[name] for name in ("input_ids", "labels")})
    return examples, skipped


def train(
    config: Config,
    examples: Sequence[Example],
    model: "PreTrainedModel",
    tokenizer: PlannerTokenizer,
    out: Path,
    base: str = BASE,
    adapter: Path | None = None,
) -> float:
    """Trains, saves ``out/adapter`` and returns the mean training loss.

    Args:
        config: The run.
        examples: As made by :func:`tokenise`.
        model: The frozen base, without the added tokens.
        tokenizer: With the added tokens.
        out: Folder for checkpoints, logs and the adapter; a run found there is continued.
        base: Name of the base for the adapter's configuration.
        adapter: Folder of an adapter to begin with, whose rank and scale hold; None = a new one.
    """
    from transformers import set_seed

    set_seed(config.seed)
    if adapter:
        adapted = continue_adapter(model, tokenizer, adapter, dropout=config.dropout)
    else:
        adapted = add_adapter(model, tokenizer, rank=config.rank, alpha=config.alpha, dropout=config.dropout)
    mean = fit(adapted, examples, collate, _loss(config, tokenizer), config, out)
    if is_main_process():
        save_adapter(adapted, out / "adapter", base=base)
    return mean


def train_seeing(
    config: Schedule, examples: Sequence[Example], model: VitronModel, out: Path, loss: Loss = plan_loss
) -> float:
    """Trains the LoRA, projector and region encoder of a model, saves ``out/model`` and returns the mean training loss.

    Args:
        config: The run; rank, alpha and dropout are the model's.
        examples: With media.
        model: Of the stage before.
        out: Folder for checkpoints, logs and the model; a run found there is continued.
        loss: Of a batch.
    """
    from transformers import set_seed

    set_seed(config.seed)
    model.signals.requires_grad_(requires_grad=False)
    mean = fit(model, examples, collate, loss, config, out)
    if is_main_process():
        model.save_pretrained(out / "model")
    return mean


def _loss(config: Config, tokenizer: PlannerTokenizer) -> Loss:
    return partial(plan_loss, module_token=tokenizer.ids["<Module>"], answer_weight=config.answer_weight)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, SIZES)
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="JSONL files; none: a few composed records")
    parser.add_argument(
        "--exclude", type=Path, nargs="*", default=[], help="evaluation files whose requests stay unseen"
    )
    parser.add_argument("--base", type=Path, help="folder of the base model (default: the one that was pulled)")
    parser.add_argument("--adapter", type=Path, help="folder of an adapter to begin with (default: a new one)")
    parser.add_argument("--model", type=Path, help="folder of a model of stage 1: plans are learned with media tokens")
    parser.add_argument("--features", type=Path, help="with --model: folder where what the backbone saw is kept")
    add_source_options(parser, scenes=48, clips=16)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--evaluate", type=Path, nargs="*", default=[], help="evaluation files to score afterwards")
    options = parser.parse_args(arguments)
    if options.adapter and (options.rank or options.alpha):
        parser.error("--adapter brings its own rank and scale; leave out --rank and --alpha")
    if options.model and (options.adapter or options.rank or options.alpha):
        parser.error("--model brings its own adapter, rank and scale; leave out --adapter, --rank and --alpha")
    config = chosen(options, SIZES)
    records = requests(options.data, config.seed, options.exclude)
    if options.model:
        _main_seeing(options, config, records)
        return
    model, tokenizer = load_base(options.base or BASE)
    examples, skipped = tokenise(records, tokenizer, config.max_tokens)
    sys.stderr.write(
        f"{len(examples)} examples, {skipped} left out as longer than {config.max_tokens} tokens\n{config}\n"
    )
    name = options.base.name if options.base else BASE
    loss = train(config, examples, model, tokenizer, options.out, base=name, adapter=options.adapter)
    sys.stderr.write(f"mean training loss {loss:.4f}; adapter in {options.out / 'adapter'}\n")
    for path in options.evaluate:
        evaluate(model, tokenizer, path, options.out)


def _main_seeing(options: argparse.Namespace, config: Config, records: Iterator[Record]) -> None:
    model = VitronModel.from_pretrained(options.model, base=options.base, dropout=config.dropout)
    if config.seeing_rank and not model.planner:
        model.add_seeing(options.model, rank=config.seeing_rank, alpha=2 * config.seeing_rank, dropout=config.dropout)
    media = model.sight
    eyes = Eyes(load_backbone(media.backbone, Settings.load().cache), media, options.features, model.proposer)
    left_out = LeftOut()
    seen = list(looked(gather(options, ANSWERED, left_out), eyes, left_out))
    learned = [] if model.planner else records
    plans, skipped = tokenise(learned, model.tokenizer, config.max_tokens, Stock(seen, config.seed))
    words = list(packed(answers(seen, model.tokenizer, config.max_tokens, left_out), config.packed))
    sys.stderr.write(
        f"{len(plans)} plans, {skipped} left out as longer than {config.max_tokens} tokens; "
        f"{len(words)} answers; {left_out}\n{config}\n"
    )
    loss = train_seeing(config, plans + words, model, options.out, _loss(config, model.tokenizer))
    sys.stderr.write(f"mean training loss {loss:.4f}; model in {options.out / 'model'}\n")
    for path in options.evaluate:
        evaluate(model.llm, model.tokenizer, path, options.out)


def evaluate(model: "PreTrainedModel | PeftModel", tokenizer: PlannerTokenizer, path: Path, out: Path) -> None:
    """Prints the scores of an evaluation file and writes each row's plan to ``out/eval-<file>``."""
    from vitron_agent.train.metrics.generate import judge_texts, write_plans
    from vitron_agent.train.metrics.planner import read_rows, scores

    rows = read_rows(path)
    texts = write_plans(model, tokenizer, [row.request for row in rows])
    judged = judge_texts(rows, texts)
    sys.stderr.write(f"{path.name}: {json.dumps(scores(verdict for verdict, _ in judged))}\n")
    with (out / f"eval-{path.name}").open("w", encoding="utf-8") as lines:
        for row, text, (verdict, _) in zip(rows, texts, judged, strict=True):
            lines.write(json.dumps({"id": row.id, "written": text, **asdict(verdict)}, ensure_ascii=False) + "\n")


def requests(files: Sequence[Path], seed: int, exclude: Sequence[Path]) -> Iterator[Record]:
    """Requests with their plans: of files, or a few composed ones; none whose words stand in an evaluation file."""
    from vitron_agent.train.metrics.planner import read_rows

    records: Any = (record for path in files for record in read_records(path)) if files else compose(64, seed)
    return without(records, {bare(row.request.text) for path in exclude for row in read_rows(path)})


if __name__ == "__main__":
    main()
