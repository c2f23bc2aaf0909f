"""Which scenes are for learning and which for measuring: every split owns a range of seeds.

Some pairs of shape and color never occur in ``train``, ``val`` and ``test``, neither in pixels nor in words. Every
scene of ``test_new`` has one, and what is asked there is about it.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

from vitron_agent.errors import UsageError
from vitron_agent.train.data.scenes.model import COLORS, SHAPES

Split: TypeAlias = Literal["train", "val", "test", "test_new"]
SPLITS: tuple[Split, ...] = get_args(Split)
SEEDS_PER_SPLIT = 10**9
SEEDS: Mapping[Split, range] = {
    split: range(start * SEEDS_PER_SPLIT, (start + 1) * SEEDS_PER_SPLIT) for start, split in enumerate(SPLITS)
}

HELD_OUT = frozenset(
    (shape, color)
    for row, shape in enumerate(SHAPES)
    for column, color in enumerate(COLORS)
    if (5 * row + column) % len(COLORS) in (3, 8)
)
"""Two colors of every shape; every color is missing from two or three shapes."""


def split_of(seed: int) -> Split:
    """The split that owns a seed.

    Raises:
        UsageError: None does.
    """
    for split, seeds in SEEDS.items():
        if seed in seeds:
            return split
    raise UsageError(f"seeds of scenes are 0 to {len(SPLITS) * SEEDS_PER_SPLIT - 1}, got {seed}")
