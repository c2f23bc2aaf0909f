"""How well captions and answers about drawn scenes are, whose right wording follows from the scene and the request."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from vitron_agent.grounded import read_grounded
from vitron_agent.train.data.samples import Sample
from vitron_agent.train.data.scenes.model import COLORS, PATTERNS, SHAPES
from vitron_agent.train.data.scenes.phrases import NUMBERS
from vitron_agent.train.metrics.claims import read_claims, scene_of


@dataclass(frozen=True, slots=True)
class Answered:
    """What one text is worth; each 0 or 1.

    Attributes:
        exact: It is the right one, word for word.
        short: What it answers is right (:func:`short`), however it is worded.
        contradicts: It says something of the scene that is not so, be it asked for or not.
        unread: Some of it has no meaning that the reader of claims knows.
    """

    exact: float
    short: float
    contradicts: float
    unread: float


def judge(text: str, sample: Sample) -> Answered:
    """The worth of a caption or an answer; boxes in it do not count.

    Raises:
        UsageError: The sample shows no drawn scene.
    """
    wanted, read = sample.turns[-1].reply, read_claims(text, scene_of(sample))
    return Answered(
        exact=float(_words(text) == _words(wanted)),
        short=float(short(text) == short(wanted)),
        contradicts=float(read.contradicts),
        unread=float(bool(read.unread)),
    )


def short(text: str) -> str:
    """The words that answer: ``yes``, ``two``, ``red``, ``striped``, ``ball``; elsewhere the whole text."""
    words = _words(text)
    if found := re.match(r"(yes|no), ", words):
        return found[1]
    if found := re.match(rf"there (?:is|are) ({'|'.join(NUMBERS)}) ", words):
        return found[1]
    if found := re.fullmatch(rf".* is (?:an? )?({'|'.join([*COLORS, *PATTERNS, *SHAPES])})\.", words):
        return found[1]
    return words


class Majority:
    """Who knows what kind of question it is, and no more: the short answer that is most often right.

    Args:
        samples: Questions to learn from.
    """

    def __init__(self, samples: Iterable[Sample]) -> None:
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for sample in samples:
            counts[_kind(sample)][short(sample.turns[-1].reply)] += 1
        self._answers = {kind: count.most_common(1)[0][0] for kind, count in counts.items()}

    def is_right(self, sample: Sample) -> bool:
        """Whether its answer to this question is the right one."""
        return self._answers.get(_kind(sample)) == short(sample.turns[-1].reply)


def _kind(sample: Sample) -> str:
    return sample.id.rpartition("-")[2]


def _words(text: str) -> str:
    return " ".join(read_grounded(text).text.split()).casefold()
