"""Slips change words, never what a plan is read from."""

import re
from random import Random

from vitron_agent.train.data.noise import scuff

TEXT = "Paint the picket fence #ff8800 in image-2 like region-1, 25% and 12 fps"


def test_handles_numbers_and_colours_stay_readable() -> None:
    kept = re.findall(r"#\w+|\w+-\d|\d+%?", TEXT)
    rng = Random(1)
    for _ in range(500):
        assert re.findall(r"#\w+|\w+-\d|\d+%?", scuff(TEXT, rng).lower()) == kept


def test_some_are_spelt_by_ear_and_most_are_not() -> None:
    rng = Random(2)
    scuffed = [scuff("paint the picket fence green", rng).lower().strip(".!?") for _ in range(1000)]
    whole = sum(text == "paint the picket fence green" for text in scuffed)
    heard = {word for text in scuffed for word in text.split()} & {"fens", "paynt", "de", "gren", "grean"}
    assert 400 < whole < 800
    assert len(heard) >= 4
