"""FSDP2: several processes hold one model together, each a part of every weight; for what no one alone has room for.

Accelerate knows FSDP2 on accelerators alone (its ``AcceleratorState`` drops the plugin where processes are on CPUs), so
torch's ``fully_shard`` is used itself: the same path everywhere.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

_WHOLE = ("step",)
"""What an optimizer keeps of a parameter that has not its shape."""


class Shared:
    """A model, and a twin of it that is sharded and learns; the model stays whole, where it was loaded to.

    Weights and optimizer states are told, and taken, whole: checkpoints are those of a run that shares nothing. All
    processes must ask at once.

    Args:
        model: Each layer of a transformers model in it is gathered by itself, what is left as a whole.
    """

    def __init__(self, model: nn.Module) -> None:
        self._shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
        own = {
            # A single number becomes a row of one: FSDP2 shards rows.
            id(one): nn.Parameter(one.detach().view(one.shape or (1,)), one.requires_grad)
            for one in model.parameters()
        }
        self.twin: nn.Module = copy.deepcopy(model, own)
        names = {name for module in model.modules() for name in getattr(module, "_no_split_modules", None) or ()}
        for layer in [module for module in self.twin.modules() if type(module).__name__ in names]:
            fully_shard(layer)
        fully_shard(self.twin)

    def trained(self) -> dict[str, Tensor]:
        """What is trained, by name, on the CPU."""
        return {
            name: _whole(parameter, self._shapes[name])
            for name, parameter in self.twin.named_parameters()
            if parameter.requires_grad
        }

    @torch.no_grad()
    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Gives the twin what :meth:`trained` told."""
        for name, parameter in self.twin.named_parameters():
            if name in weights:
                parameter.copy_(_like(weights[name], parameter))

    def attend(self, optimizer: torch.optim.Optimizer) -> None:
        """Has an optimizer of the twin tell, and take, whole states."""
        names = {id(parameter): name for name, parameter in self.twin.named_parameters()}
        parameters = [one for group in optimizer.param_groups for one in group["params"]]

        def tell(_: Any, state: dict[str, Any]) -> dict[str, Any]:
            shapes = [self._shapes[names[id(one)]] for one in parameters]
            return state | {"state": _each(state, lambda number, value: _whole(value, shapes[number]))}

        def take(_: Any, state: dict[str, Any]) -> dict[str, Any]:
            return state | {"state": _each(state, lambda number, value: _like(value, parameters[number]))}

        optimizer.register_state_dict_post_hook(tell)
        optimizer.register_load_state_dict_pre_hook(take)


def _each(state: Mapping[str, Any], change: Any) -> dict[int, dict[str, Any]]:
    return {
        number: {name: value if name in _WHOLE else change(number, value) for name, value in kept.items()}
        for number, kept in state["state"].items()
    }


def _whole(tensor: Tensor, shape: torch.Size) -> Tensor:
    given = tensor.detach()
    gathered: Tensor = given.full_tensor() if isinstance(given, DTensor) else given
    return gathered.cpu().view(shape)


def _like(value: Tensor, parameter: Tensor) -> Tensor:
    """A whole tensor, shared as a parameter of a twin is."""
    assert isinstance(parameter, DTensor)
    placed = value.to(parameter.device).view(parameter.shape)
    return distribute_tensor(placed, parameter.device_mesh, parameter.placements)
