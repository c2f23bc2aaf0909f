"""What is written is read back; what only begins like a box is named; and the paper's own lines are read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitron_agent.errors import UsageError, WireSyntaxError
from vitron_agent.grounded import Mention, read_grounded, write_grounded
from vitron_agent.messages import Region
from vitron_agent.wire import read_box, write_region

CORNER = st.tuples(st.integers(0, 998), st.integers(1, 1000)).filter(lambda pair: pair[0] < pair[1])
SPAN = st.none() | st.tuples(st.integers(0, 300), st.integers(0, 300)).map(sorted).map(tuple)


@st.composite
def regions(draw: st.DrawFn) -> Region:
    (left, right), (top, bottom) = draw(CORNER), draw(CORNER)
    source = draw(st.sampled_from([None, "image-2", "video-1"]))
    return Region.box(left / 1000, top / 1000, right / 1000, bottom / 1000, source=source, frames=draw(SPAN))


PHRASES = ("A red ball", "two stars", "the ball", "the ball on the left", "a thing")


@given(st.lists(st.tuples(st.sampled_from(PHRASES), st.lists(regions(), min_size=1, max_size=3)), max_size=4))
def test_what_is_written_is_read_back(named: list[tuple[str, list[Region]]]):
    text = "Here is " + ", ".join(phrase for phrase, _ in named) + " (and no more), on a plain (2) background."
    mentions = [Mention(phrase, tuple(boxes)) for phrase, boxes in named]
    read = read_grounded(write_grounded(text, mentions))
    assert read.text == text
    assert not read.unread
    assert [mention.regions for mention in read.mentions] == [mention.regions for mention in mentions]
    for got, wanted in zip(read.mentions, mentions, strict=True):
        assert got.words.endswith(wanted.words)


@given(regions())
def test_a_box_alone_is_read_back(region: Region):
    assert read_box(write_region(region)) == region


def test_the_paper_s_forms_are_read():
    """App. B.2: a colon behind the phrase, spaces around the bar."""
    read = read_grounded("girl: (0.1, 0.2, 0.35, .9), rope (0.1,0.2,0.3,0.4|12,40) and the person (0, 0, 1, 1 | 0, 3)")
    assert [len(mention.regions) for mention in read.mentions] == [1, 1, 1]
    assert read.mentions[1].regions[0].frames == (12, 40)
    assert read.text == "girl:, rope and the person"


@pytest.mark.parametrize(
    "box",
    ["(0.4, 0.2, 0.3, 0.9)", "(0.1, 0.2, 0.3)", "(12, 30, 40, 50)", "(0.1, 0.2, 0.3, 0.4 | 5, 2)", "(0.1, 0.2, 0"],
)
def test_what_only_begins_like_a_box_is_named_and_the_rest_is_read(box: str):
    read = read_grounded(f"A cat (0.1, 0.1, 0.2, 0.2) and a dog {box}")
    assert read.unread == (box,)
    assert read.text == "A cat and a dog"
    assert [mention.regions for mention in read.mentions] == [(Region.box(0.1, 0.1, 0.2, 0.2),), ()]
    with pytest.raises(WireSyntaxError):
        read_box(box)


def test_a_phrase_that_is_not_in_the_text_is_said():
    here = (Region.box(0.1, 0.1, 0.2, 0.2),)
    with pytest.raises(UsageError, match=re.escape("'a ball' isn't in the text")):
        write_grounded("A star and a balloon.", [Mention("a ball", here)])
    with pytest.raises(UsageError, match="order"):
        write_grounded("A star and a ball.", [Mention("a ball", here), Mention("A star", here)])
