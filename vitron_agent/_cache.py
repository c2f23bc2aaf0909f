"""Decoded pictures in memory."""

import threading
from collections import OrderedDict
from typing import Any, TypeAlias

from numpy.typing import NDArray

Key: TypeAlias = tuple[str, str]
"""Artifact id and kind."""


class ArrayCache:
    """Least recently used arrays, bounded by their bytes; safe for several threads.

    Args:
        limit: Bytes that may be held; a larger array is not kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0
        self._arrays: OrderedDict[Key, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> NDArray[Any] | None:
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
            return self._arrays.get(key)

    def put(self, key: Key, array: NDArray[Any]) -> None:
        with self._lock:
            if key in self._arrays or array.nbytes > self._limit:
                return
            self._arrays[key] = array
            self._held += array.nbytes
            while self._held > self._limit:
                self._held -= self._arrays.popitem(last=False)[1].nbytes

    def drop(self, artifact_id: str) -> None:
        with self._lock:
            for key in [key for key in self._arrays if key[0] == artifact_id]:
                self._held -= self._arrays.pop(key).nbytes
