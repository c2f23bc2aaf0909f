"""Makes one model of two that stand on the same planner: the signals of one, and what the other sees.

    python -m vitron_agent.train.join --signals runs_output/stage3/model --seeing runs_output/stage4/model --out DIR

Signals are read while plans are written, answers are written while something is looked at: neither needs the other, so
each is learned on the frozen planner, and either can be learned anew without the other. The product is what ships.
"""

import argparse
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from vitron_agent.errors import ConfigError
from vitron_agent.model.adapter import copy_adapter, read_lora
from vitron_agent.model.saved import MODULES, SEEING, read_config, save_config


def join(signals: Path, seeing: Path, out: Path) -> None:
    """Writes the joined model.

    Args:
        signals: Folder of a model of stage 3.
        seeing: Folder of a model of stage 2 or 4, with a LoRA of its own for what is seen.
        out: Folder to write.

    Raises:
        ConfigError: They stand on different planners, or the second has no LoRA of its own.
        WeightsError: One of them is no model.
    """
    if not (seeing / SEEING).is_dir():
        raise ConfigError(f"{seeing} has no LoRA of its own for what is seen; train it with --seeing-rank")
    ours, theirs = (read_lora(folder) for folder in (signals, seeing))
    if ours.keys() != theirs.keys() or any(
        not mine.equal(other) for name in ours for mine, other in zip(ours[name], theirs[name], strict=True)
    ):
        raise ConfigError(f"{signals} and {seeing} stand on different planners; train both on one")
    config = read_config(signals).model_copy(update={"media": read_config(seeing).media})
    parts = _part(signals, "signals.") | _part(seeing, "media.")
    copy_adapter(signals, out)
    copy_adapter(seeing / SEEING, out / SEEING)
    save_file(parts, out / MODULES, metadata={"format": "pt"})
    save_config(config, out)


def _part(folder: Path, prefix: str) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in load_file(folder / MODULES).items() if name.startswith(prefix)}


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signals", type=Path, required=True, help="folder of a model of stage 3")
    parser.add_argument("--seeing", type=Path, required=True, help="folder of a model of stage 2 or 4")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    join(options.signals, options.seeing, options.out)


if __name__ == "__main__":
    main()
