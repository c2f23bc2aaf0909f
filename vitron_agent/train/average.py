"""Averages two planner adapters of the same shape, weight by weight.

    python -m vitron_agent.train.average runs_output/second/adapter runs_output/fifth/adapter --share 0.25 --out DIR

Two runs that began from the same weights lie in one valley, and a point between them often does better on unseen
requests than either (model soups, Wortsman et al. 2022; the mean of LoRA factors stands for that of the matrices).
"""

import argparse
import shutil
from pathlib import Path


def average(first: Path, second: Path, share: float, out: Path) -> None:
    """Writes ``(1 - share) * first + share * second`` in float16.

    Args:
        first: Adapter folder.
        second: Another, of the same rank and vocabulary.
        share: Of the second, in [0, 1].
        out: Folder to write.

    Raises:
        ValueError: The adapters differ in shape, or ``share`` is not in [0, 1].
    """
    from safetensors.torch import load_file, save_file

    ours, theirs = (load_file(folder / "adapter_model.safetensors") for folder in (first, second))
    if {name: tensor.shape for name, tensor in ours.items()} != {name: tensor.shape for name, tensor in theirs.items()}:
        raise ValueError(f"{first} and {second} are adapters of different shape; train both from one beginning")
    if not 0 <= share <= 1:
        raise ValueError(f"the second adapter's share is {share}; give one from 0 to 1")
    mean = {name: ours[name].float().lerp(theirs[name].float(), share).half() for name in ours}
    out.mkdir(parents=True, exist_ok=True)
    save_file(mean, out / "adapter_model.safetensors", metadata={"format": "pt"})
    for name in ("adapter_config.json", "tokens.json"):
        shutil.copyfile(second / name, out / name)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the second (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    average(options.first, options.second, options.share, options.out)


if __name__ == "__main__":
    main()
