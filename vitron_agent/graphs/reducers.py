"""How channels that several parallel tasks write are merged."""

from collections.abc import Mapping
from typing import TypeVar

ValueT = TypeVar("ValueT")


def keep_first(left: Mapping[str, ValueT], right: Mapping[str, ValueT]) -> dict[str, ValueT]:
    """Merges by invocation id; what is there stays, as in the ledger, so a replay changes nothing.

    Associative and idempotent; tasks of one wave write different ids, so their order doesn't matter but for the order
    of keys.
    """
    return {**left, **{key: value for key, value in right.items() if key not in left}}
