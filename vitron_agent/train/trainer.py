"""Transformers' Trainer as the stages use it: what is not trained is never written, and nothing depends on luck."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_pt_utils import LengthGroupedSampler, get_length_grouped_indices

from vitron_agent.errors import ConfigError
from vitron_agent.train.shard import Shared

if TYPE_CHECKING:
    from vitron_agent.train.fit import Schedule

_WEIGHTS = "trained.safetensors"


class StageTrainer(Trainer):
    """One run of a stage.

    Args:
        model: In place.
        schedule: The run.
        arguments: The same for Trainer.
        examples: Of which there are some.
        collate: Makes a batch of examples.
        loss: Of a batch.

    Raises:
        ConfigError: The model is to be shared, and there is nobody to share it with.
    """

    def __init__(
        self,
        model: nn.Module,
        schedule: "Schedule",
        arguments: TrainingArguments,
        examples: Any,
        collate: Callable[..., dict[str, Any]],
        loss: Callable[..., Tensor],
    ) -> None:
        if schedule.parallel == "fsdp2" and arguments.world_size == 1:
            raise ConfigError("--parallel fsdp2 is for several processes; start them with torchrun, or leave it out")
        self._whole, self._schedule, self._loss = model, schedule, loss
        self._shared = Shared(model) if schedule.parallel == "fsdp2" else None
        super().__init__(
            model=self._shared.twin if self._shared else model, args=arguments, train_dataset=examples,
            data_collator=collate, callbacks=[Stop(schedule.stop_after)],
        )  # fmt: skip
        if self._shared:
            self.is_distributed_loading_by_transformers = True  # sharded already: no wrapping, no sharding again

    def fit(self, checkpoint: str | None) -> float:
        """Trains, from a checkpoint on where there is one; returns the mean loss of the steps that were made."""
        loss_here = self.train(resume_from_checkpoint=checkpoint).training_loss
        if self._shared:
            self._whole.load_state_dict(self._shared.trained(), strict=False)
        mean = torch.tensor(loss_here, device=self.accelerator.device)
        return float(self.accelerator.reduce(mean, reduction="mean"))

    def compute_loss(
        self, wrapped: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """As the stage's loss says, which must be a number."""
        value = self._loss(wrapped, inputs, num_items_in_batch)
        if not bool(value.isfinite()):
            raise ConfigError(f"the loss is {value.item()} at step {self.state.global_step}; lower --learning-rate")
        if num_items_in_batch is not None:  # it counts the labels of all processes, whose gradients are averaged
            value = value * self.accelerator.num_processes
        return (value, {}) if return_outputs else value

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:  # noqa: ARG002
        lengths = [len(example["input_ids"]) for example in self.train_dataset]  # type: ignore[union-attr]
        batch = self._schedule.batch * self._schedule.accumulate * self.accelerator.num_processes
        return Grouped(lengths, batch, self._schedule.seed, lambda: int(self.state.epoch or 0))

    def create_optimizer(self, *given: Any) -> Any:
        """Trainer's own; of a shared model it tells and takes whole states."""
        made = super().create_optimizer(*given)
        if self._shared:
            self._shared.attend(made)
        return made

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Writes what is trained."""
        place = Path(output_dir or str(self.args.output_dir))
        weights = self._shared.trained() if self._shared else trained(self._whole)
        if self.args.should_save:
            place.mkdir(parents=True, exist_ok=True)
            save_file(weights, place / _WEIGHTS)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if self._shared and self.optimizer and not self.args.should_save:
            self.optimizer.state_dict()  # the process that writes gathers it from all
        super()._save_optimizer_and_scheduler(output_dir)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, _: Any = None) -> None:
        read = load_file(Path(resume_from_checkpoint) / _WEIGHTS)
        if _shapes(read) != _shapes(trained(self._whole)):
            out = Path(resume_from_checkpoint).parents[1]
            raise ConfigError(f"{out} holds a run of another model or stage; name another --out")
        if self._shared:
            self._shared.load(read)
        else:
            self._whole.load_state_dict(read, strict=False)


class Grouped(LengthGroupedSampler):
    """Examples of like length side by side; an epoch's number tells their order, so a run can go on in it.

    Args:
        lengths: Of the examples.
        batch: Examples a step.
        seed: Of the order.
        epoch: Asked when one begins; whoever else would tell does not reach what several processes share.
    """

    def __init__(self, lengths: list[int], batch: int, seed: int, epoch: Callable[[], int]) -> None:
        super().__init__(batch, lengths=lengths)
        self._seed, self._epoch = seed, epoch

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed * 1000 + self._epoch())
        order = get_length_grouped_indices(self.lengths, self.batch_size, generator=generator)  # type: ignore[no-untyped-call]
        return iter(order)


class Stop(TrainerCallback):
    """Ends a run after so many steps; 0 = not before its end."""

    def __init__(self, steps: int) -> None:
        self._steps = steps

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Looks at the number of steps."""
        control.should_training_stop |= 0 < self._steps <= state.global_step


def trained(model: nn.Module) -> dict[str, Tensor]:
    """The parameters that are trained, by name."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters() if parameter.requires_grad}


def last_checkpoint(folder: Path) -> str | None:
    """The last one that is whole: Trainer writes its state when all else is written."""
    states = folder.glob("checkpoint-*/trainer_state.json")
    last = max(states, key=lambda state: int(state.parent.name.partition("-")[2]), default=None)
    return str(last.parent) if last else None


def _shapes(tensors: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
