"""Writes the adapter that stage 1 begins with on a base of one's own.

    python -m vitron_agent.train.begin --base BASE --rank 128 --alpha 256 --out runs_output/begin

Its LoRA changes nothing yet, and each added token begins as the mean of the words that it is written with. The base
that ships needs none of this: its planner's adapter comes with the package.
"""

import argparse
from pathlib import Path

from vitron_agent.model.adapter import add_adapter, save_adapter
from vitron_agent.model.base import BASE, load_base


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default=BASE, help="folder or repository of the LLM (default: %(default)s)")
    parser.add_argument("--rank", type=int, default=16, help="of the LoRA (default: %(default)s)")
    parser.add_argument("--alpha", type=int, default=32, help="LoRA scale = alpha / rank (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    base, tokenizer = load_base(options.base)
    save_adapter(add_adapter(base, tokenizer, rank=options.rank, alpha=options.alpha), options.out, base=options.base)


if __name__ == "__main__":
    main()
