"""What an expert's backend is told of the thing that is meant: words, signals or both."""

from pathlib import Path

import numpy as np
import pytest

from vitron_agent.artifacts import ArtifactStore
from vitron_agent.messages import Module, Operation, make_invocation
from vitron_agent.tools.base import Job

SIGNAL = {
    "shared": np.arange(6, dtype=np.float16).reshape(2, 3),
    "private": -np.arange(9, dtype=np.float16).reshape(3, 3),
}


class Reader:
    """A backend that does nothing."""

    name = "reader"
    version = "1"
    operations = frozenset({Operation.DETECT})

    def __init__(self, *, consumes_signals: bool) -> None:
        self.consumes_signals = consumes_signals

    def refuse(self, invocation):
        return None


def job(tmp_path: Path, **options) -> Job:
    invocation = make_invocation(Module.IMAGE_GROUNDING, Operation.DETECT, target="cat")
    return Job(invocation, {}, ArtifactStore(tmp_path), **options)


@pytest.mark.parametrize(
    ("channels", "words", "signals"), [("text", "cat", False), ("signal", "", True), ("hybrid", "cat", True)]
)
def test_the_channels_say_which_halves_are_told(tmp_path, channels, words, signals):
    told = job(tmp_path, signal=SIGNAL, channels=channels).told(Reader(consumes_signals=True))
    assert told.words == words
    assert (told.signals is not None) is signals


def test_shared_signals_come_before_private_ones_in_single_precision(tmp_path):
    signals = job(tmp_path, signal=SIGNAL).told(Reader(consumes_signals=True)).signals
    assert signals is not None
    assert signals.dtype == np.float32
    assert np.array_equal(signals[:2], SIGNAL["shared"])
    assert np.array_equal(signals[2:], SIGNAL["private"])


@pytest.mark.parametrize("channels", ["text", "signal", "hybrid"])
@pytest.mark.parametrize(("consumes", "signal"), [(False, SIGNAL), (True, None), (False, None)])
def test_words_are_all_there_is_without_signals_or_who_reads_them(tmp_path, channels, consumes, signal):
    told = job(tmp_path, signal=signal, channels=channels).told(Reader(consumes_signals=consumes))
    assert (told.words, told.signals) == ("cat", None)
