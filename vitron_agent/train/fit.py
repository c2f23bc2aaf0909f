"""One run of any stage, by transformers' Trainer: seeded, resumable bit for bit, logged to TensorBoard."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from vitron_agent.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What the runs of all stages have in common.

    Attributes:
        learning_rate: Peak; cosine decay after a linear warm-up.
        warmup: Fraction of all steps.
        epochs: Passes over the data.
        batch: Examples a step, on each device.
        accumulate: Batches a step; the gradient is that of ``batch * accumulate`` examples.
        bf16: Mixed precision; faster on a GPU, and on a CPU that has AVX512-BF16.
        recompute: Gradient checkpointing: less memory for a third more time.
        seed: Of order, dropout and initial weights.
        save_steps: Checkpoint interval.
        stop_after: Ends the run after so many steps, in the middle of its learning-rate schedule; 0 = at its end.
        parallel: What each of several processes (``torchrun``) holds: ``ddp`` the whole model, ``fsdp2`` a part of each
            weight, which makes room for a large base.
    """

    learning_rate: float = 1e-3
    warmup: float = 0.03
    epochs: float = 1
    batch: int = 32
    accumulate: int = 1
    bf16: bool = False
    recompute: bool = False
    seed: int = 1
    save_steps: int = 500
    stop_after: int = 0
    parallel: Literal["ddp", "fsdp2"] = "ddp"


ScheduleT = TypeVar("ScheduleT", bound=Schedule)
Loss = Callable[[Any, "dict[str, Any]", "Tensor | int | None"], "Tensor"]
"""(model, batch, number of labelled tokens of the whole step or None) to the loss."""


def fit(
    model: "nn.Module",
    examples: Any,
    collate: Callable[[Sequence[Any]], dict[str, Any]],
    loss: Loss,
    schedule: Schedule,
    out: Path,
) -> float:
    """Trains what requires a gradient; returns the mean loss of the steps that it made.

    A run goes on from its last checkpoint when it is started again with the same ``out``; only what is trained is
    written there. Started by ``torchrun``, several processes share each step.

    Args:
        model: In place.
        examples: A map-style dataset of dictionaries with ``input_ids`` and ``labels``.
        collate: Makes a batch of examples.
        loss: Of a batch.
        schedule: The run.
        out: Folder of checkpoints and logs.

    Raises:
        ConfigError: There are no examples; the loss is not finite, and it says at which step; ``out`` holds a run of
            another model; or there is one process, and nobody to share with.
    """
    import torch
    from transformers import TrainingArguments

    from vitron_agent.train.trainer import StageTrainer, last_checkpoint

    if not examples:
        raise ConfigError("there is nothing to learn from; name data that holds some examples of this stage")
    folder = out / "checkpoints"
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=schedule.batch,
        gradient_accumulation_steps=schedule.accumulate,
        activation_checkpointing=schedule.recompute,
        num_train_epochs=schedule.epochs,
        learning_rate=schedule.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=schedule.warmup,
        weight_decay=0.0,
        bf16=schedule.bf16,
        use_cpu=not torch.cuda.is_available(),
        seed=schedule.seed,
        data_seed=schedule.seed,
        logging_steps=20,
        save_steps=schedule.save_steps,
        save_total_limit=1,
        logging_nan_inf_filter=False,
        report_to=["tensorboard"],
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,
    )
    trainer = StageTrainer(model, schedule, arguments, examples, collate, loss)
    return trainer.fit(last_checkpoint(folder))


def is_main_process() -> bool:
    """Whether this process writes the product; True where there is only one."""
    from accelerate import PartialState  # type: ignore[import-untyped]

    return bool(PartialState().is_main_process)


def add_options(parser: argparse.ArgumentParser, sizes: dict[str, Callable[[], ScheduleT]]) -> None:
    """Adds ``--size``, and an option for every number and word of its configuration."""
    parser.add_argument("--size", choices=sizes, default="debug", help="which configuration (default: %(default)s)")
    for field in fields(next(iter(sizes.values()))()):
        if field.type is bool:
            continue
        words = get_args(field.type)
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            type=str if words else field.type,
            choices=words or None,
            help=", ".join(f"{name}: {getattr(make(), field.name)}" for name, make in sizes.items()),
        )


def chosen(options: argparse.Namespace, sizes: dict[str, Callable[[], ScheduleT]]) -> ScheduleT:
    """The configuration of the chosen size with what the options override."""
    config = sizes[options.size]()
    given = {field.name: getattr(options, field.name, None) for field in fields(config)}
    return replace(config, **{name: value for name, value in given.items() if value is not None})
