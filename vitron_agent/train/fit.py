"""One run of any stage, by transformers' Trainer: seeded, resumable bit for bit, logged to TensorBoard."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from vitron_agent.errors import ConfigError

if TYPE_CHECKING:
    import torch
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
        ConfigError: There are no examples; the loss is not finite, and it says at which step; or ``out`` holds a run of
            another model.
    """
    import torch
    from safetensors.torch import load_file, save_file
    from transformers import Trainer, TrainerCallback, TrainingArguments
    from transformers.trainer_pt_utils import LengthGroupedSampler, get_length_grouped_indices

    folder = out / "checkpoints"

    class StageTrainer(Trainer):
        def compute_loss(
            self, wrapped: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            value = loss(wrapped, inputs, num_items_in_batch)
            if not bool(value.isfinite()):
                raise ConfigError(f"the loss is {value.item()} at step {self.state.global_step}; lower --learning-rate")
            if num_items_in_batch is not None:  # it counts the labels of all processes, whose gradients are averaged
                value = value * self.accelerator.num_processes
            return (value, {}) if return_outputs else value

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:  # noqa: ARG002
            lengths = [len(example["input_ids"]) for example in examples]
            return Grouped(lengths, schedule.batch * schedule.accumulate * self.accelerator.num_processes)

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:  # noqa: ARG002
            place = Path(output_dir or str(folder))
            place.mkdir(parents=True, exist_ok=True)
            save_file(trained(model), place / _WEIGHTS)

        def _load_from_checkpoint(self, resume_from_checkpoint: str, _: Any = None) -> None:
            read = load_file(Path(resume_from_checkpoint) / _WEIGHTS)
            if _shapes(read) != _shapes(trained(model)):
                raise ConfigError(f"{out} holds a run of another model or stage; name another --out")
            model.load_state_dict(read, strict=False)

    class Grouped(LengthGroupedSampler):
        """Examples of like length side by side; an epoch's number tells their order, so a run can go on in it."""

        def __init__(self, lengths: list[int], batch: int) -> None:
            super().__init__(batch, lengths=lengths)
            self._epoch = 0

        def set_epoch(self, epoch: int) -> None:
            self._epoch = epoch

        def __iter__(self) -> Iterator[int]:
            generator = torch.Generator().manual_seed(schedule.seed * 1000 + self._epoch)
            order = get_length_grouped_indices(self.lengths, self.batch_size, generator=generator)  # type: ignore[no-untyped-call]
            return iter(order)

    class Stop(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            control.should_training_stop |= 0 < schedule.stop_after <= state.global_step

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
    trainer = StageTrainer(
        model=model, args=arguments, train_dataset=_some(examples), data_collator=collate, callbacks=[Stop()]
    )
    loss_here = trainer.train(resume_from_checkpoint=_last_checkpoint(folder)).training_loss
    mean = torch.tensor(loss_here, device=trainer.accelerator.device)
    return float(trainer.accelerator.reduce(mean, reduction="mean"))


_WEIGHTS = "trained.safetensors"


def _some(examples: Any) -> Any:
    if not examples:
        raise ConfigError("there is nothing to learn from; name data that holds some examples of this stage")
    return examples


def _last_checkpoint(folder: Path) -> str | None:
    """The last one that is whole: Trainer writes its state when all else is written."""
    states = folder.glob("checkpoint-*/trainer_state.json")
    last = max(states, key=lambda state: int(state.parent.name.partition("-")[2]), default=None)
    return str(last.parent) if last else None


def _shapes(tensors: "dict[str, torch.Tensor]") -> "dict[str, torch.Size]":
    return {name: tensor.shape for name, tensor in tensors.items()}


def is_main_process() -> bool:
    """Whether this process writes the product; True where there is only one."""
    from accelerate import PartialState  # type: ignore[import-untyped]

    return bool(PartialState().is_main_process)


def trained(model: "nn.Module") -> "dict[str, torch.Tensor]":
    """The parameters that are trained, by name."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters() if parameter.requires_grad}


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
