"""Grounded text: answers that say, behind their phrases, where the things are (DESIGN §3; the paper's App. B.2).

::

    A red ball (0.120, 0.300, 0.400, 0.580) and two stars (0.500, ...); (0.700, ...) on a beige background.
    Here is the red ball (0.120, 0.300, 0.400, 0.580 | 0, 5).

Boxes are those of the wire form. Several behind one phrase are several instances, from left to right. In a clip, a box
is the thing's in the middle one of the frames behind the bar.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from vitron_agent.errors import UsageError, WireSyntaxError
from vitron_agent.messages import Region
from vitron_agent.wire import read_box, write_region

_BOX = r"(?:[a-z]+-[0-9]+)?\(\s*-?[0-9.]+\s*,[^()]*(?:\)|$)"
"""What begins like a box, be it one or not."""
_BOXES = re.compile(rf"\s?({_BOX}(?:;\s?{_BOX})*)")


@dataclass(frozen=True, slots=True)
class Mention:
    """A phrase and where its things are.

    Attributes:
        words: The phrase, as it stands in the text. As read: all words between the boxes before it and its own, whose
            end is the phrase.
        regions: One for each thing.
    """

    words: str
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Grounded:
    """A grounded text as it was read.

    Attributes:
        text: Without the boxes.
        mentions: In the order of the text.
        unread: What begins like a box and is none.
    """

    text: str
    mentions: tuple[Mention, ...]
    unread: tuple[str, ...]


def write_grounded(text: str, mentions: Iterable[Mention]) -> str:
    """The text with boxes behind its phrases.

    Args:
        text: Without boxes.
        mentions: In the order of their phrases in the text.

    Raises:
        UsageError: A phrase is not in the text, or not in that order.
    """
    parts, rest = [], text
    for mention in mentions:
        found = re.search(rf"(?<!\w){re.escape(mention.words)}(?!\w)", rest)
        if found is None:
            raise UsageError(f"{mention.words!r} isn't in the text, or isn't in the order of the mentions: {text!r}")
        parts += [rest[: found.end()], " ", "; ".join(map(write_region, mention.regions))]
        rest = rest[found.end() :]
    return "".join([*parts, rest])


def read_grounded(text: str) -> Grounded:
    """What :func:`write_grounded` or a model wrote."""
    plain, mentions, unread, end = "", [], [], 0
    for found in _BOXES.finditer(text):
        words = text[end : found.start()]
        regions = []
        for item in re.findall(_BOX, found[1]):
            try:
                regions.append(read_box(item))
            except WireSyntaxError:
                unread.append(item)
        plain, end = plain + words, found.end()
        mentions.append(Mention(words.strip(), tuple(regions)))
    return Grounded(plain + text[end:], tuple(mentions), tuple(unread))
