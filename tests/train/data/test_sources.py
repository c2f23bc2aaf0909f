import argparse
import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from vitron_agent.errors import UsageError
from vitron_agent.train.data.samples import Bad, Sample, Task
from vitron_agent.train.data.sources import LeftOut, add_source_options, gather


def gathered(*arguments: str, tasks=(Task.CAPTION, Task.QUESTION)) -> tuple[list[Sample], LeftOut]:
    parser = argparse.ArgumentParser()
    add_source_options(parser, scenes=3, clips=2)
    left_out = LeftOut()
    return list(gather(parser.parse_args(arguments), tasks, left_out)), left_out


def test_scenes_are_there_without_asking():
    samples, _ = gathered()
    assert [sample.media[0].kind for sample in samples] == ["image"] * 3 + ["video"] * 2
    assert {sample.task for sample in samples} == {Task.CAPTION, Task.QUESTION}
    assert gathered("--scenes", "0", "--clips", "0")[0] == []


def test_a_public_set_gives_its_samples_of_the_wanted_tasks_and_names_the_rest(tmp_path: Path):
    iio.imwrite(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))
    turns = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "A square."}]
    rows = [{"id": str(number), "image": "a.png", "conversations": turns} for number in range(4)]
    (tmp_path / "rows.json").write_text(json.dumps([*rows, {"id": "bad", "image": "a.png"}]))
    path = str(tmp_path / "rows.json")
    none = ("--scenes", "0", "--clips", "0")
    samples, left_out = gathered(*none, "--read", "llava", path, tasks=tuple(Task))
    assert [sample.turns[0].reply for sample in samples] == ["A square."] * 4
    assert str(left_out).startswith("1 records left out")
    assert len(gathered(*none, "--read", "llava", path, "--limit", "2", tasks=tuple(Task))[0]) == 2
    assert gathered(*none, "--read", "llava", path, tasks=(Task.EDIT,))[0] == []


def test_of_a_public_set_nothing_is_learned_that_says_a_held_out_word(tmp_path: Path):
    said = [[("human", "What is it?"), ("gpt", name)] for name in ("A chair.", "A rocking chair.")]
    said.append(
        [("human", "Is it one of the rocking chairs?"), ("gpt", "No."), ("human", "Why?"), ("gpt", "It's red.")]
    )
    rows = [{"conversations": [{"from": who, "value": text} for who, text in turns]} for turns in said]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    samples, left_out = gathered("--scenes", "0", "--clips", "0", "--read", "llava", str(path))
    assert [sample.turns[0].reply for sample in samples] == ["A chair."]
    assert str(left_out).splitlines() == ["2 records left out", "  2 x says a held-out word"]


def test_what_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(UsageError, match="no reader for 'imagenet'; there are llava"):
        gathered("--read", "imagenet", str(tmp_path))
    with pytest.raises(UsageError, match="--pasted needs --photos and --cutouts"):
        gathered("--pasted", "5")


def test_the_first_are_named_and_all_are_counted(capsys: pytest.CaptureFixture):
    left_out = LeftOut()
    for number in range(50):
        left_out(Bad(f"set/{number}", "too long" if number % 2 else f"damaged: at {number}"))
    assert len(capsys.readouterr().err.splitlines()) == 20
    assert str(left_out).splitlines() == ["50 records left out", "  25 x damaged", "  25 x too long"]
