"""Builds the invocation-instruction set: requests in context, each with the plan to write (paper App. B.1, Table 14).

    python -m vitron_agent.train.data.invocations --count 60000 --seed 1 --out invocations.jsonl
    python -m vitron_agent.train.data.invocations --count 2000 --out x.jsonl --rewrite-with openai:gpt-4o-mini

Each line is one record::

    {"request": {PlanRequest}, "output": "<wire form of the plan, or the answer>", "source": "composed"}

Besides the composed ones the set holds the requests in ``written/``, each of which a person would say just so; they
come several times, with other slips of the keyboard and other things in them. With ``--refusals`` some come once more
with a first plan that could not be run, and why.

Records of your own, for your backends' abilities or your users' way of speaking, go into a file of the same form: the
trainer takes any number of them. The modules are a closed set (docs/decisions.md).
"""

import argparse
import json
import re
import sys
from collections.abc import Container, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import Literal

from pydantic import BaseModel, ConfigDict

from vitron_agent.config import Settings
from vitron_agent.messages import Plan
from vitron_agent.planners.base import PlanRequest
from vitron_agent.profiles import EMBEDDED, load_profile
from vitron_agent.train.data.dialogues import dialogue
from vitron_agent.train.data.noise import scuff
from vitron_agent.train.data.refusals import refused
from vitron_agent.train.data.swap import phrases, swap
from vitron_agent.train.metrics.planner import read_rows
from vitron_agent.wire import read_plan, write_plan


class Record(BaseModel):
    """One training example."""

    model_config = ConfigDict(frozen=True)

    request: PlanRequest
    output: str
    source: Literal["composed", "rewritten", "written"] = "written"

    def plan(self) -> Plan:
        """The plan to write.

        Raises:
            InvocationError: ``output`` is not a plan.
        """
        return read_plan(self.output, self.request.regions)


def compose(count: int, seed: int) -> Iterator[Record]:
    """Composed records, all different; the same for the same seed."""
    rng = Random(seed)  # noqa: S311 (not for secrets)
    seen: set[str] = set()
    while len(seen) < count:
        request, plan = dialogue(rng)
        record = Record(request=request, output=write_plan(plan), source="composed")
        line = record.model_dump_json()
        if line not in seen:
            seen.add(line)
            yield record


def written(
    repeats: int, seed: int, held_out: Container[str] = (), names: Container[str] | None = None
) -> Iterator[Record]:
    """The hand-written records: once as they are, then misspelt, some of them with another thing in the place of one.

    Args:
        repeats: How many times.
        seed: Of the changes.
        held_out: Requests of an evaluation, as :func:`bare` gives them; left out with all their changed copies.
        names: Of the files in ``written/`` to take; None = all.
    """
    rng = Random(seed)  # noqa: S311
    files = sorted((Path(__file__).parent / "written").glob("*.jsonl"))
    chosen = (path for path in files if names is None or path.stem in names)
    rows = [row for path in chosen for row in read_rows(path) if bare(row.request.text) not in held_out]
    known = phrases(row.plan() for row in rows)
    for repeat in range(repeats):
        for row in rows:
            request, plan = row.request, row.plan()
            if repeat:
                if rng.random() < 0.4:
                    request, plan = swap(request, plan, known, rng) or (request, plan)
                request = request.model_copy(update={"text": scuff(request.text, rng)})
            yield Record(request=request, output=write_plan(plan), source="written")


def refusals(records: Iterable[Record], count: int, seed: int) -> Iterator[Record]:
    """So many of the records again, in any order, each with a refused plan before the one to write."""
    rng = Random(seed)  # noqa: S311
    pool = sorted(records, key=lambda _: rng.random())
    profile = load_profile(Settings(profile=EMBEDDED))
    again = refused(((record.request, record.plan()) for record in pool), profile, rng)
    for request, plan in islice(again, count):
        yield Record(request=request, output=write_plan(plan), source="composed")


def without(records: Iterable[Record], held_out: Container[str]) -> Iterator[Record]:
    """Leaves out records whose request is, but for case and punctuation, held out (:func:`bare`)."""
    return (record for record in records if bare(record.request.text) not in held_out)


def bare(text: str) -> str:
    """A request without case and punctuation, by which two are the same."""
    return " ".join(re.findall(r"\w+", text.lower()))


def read_records(path: Path) -> Iterator[Record]:
    """The records of a JSONL file.

    Raises:
        ValueError: A line is no record; names file and line.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = Record.model_validate_json(line)
                record.plan()
            except Exception as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
            yield record


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60_000, help="number of composed records (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=8, help="of the written records (default: %(default)s)")
    parser.add_argument("--written", nargs="*", metavar="NAME", help="files of written/ to take (default: all)")
    parser.add_argument("--sample", type=int, help="take so many of the written records, at random (default: all)")
    parser.add_argument("--refusals", type=int, default=0, help="number of records that come after a refused plan")
    parser.add_argument("--out", type=Path, required=True, help="JSONL file to write")
    parser.add_argument(
        "--exclude", type=Path, nargs="*", default=[], help="evaluation files whose requests stay unseen"
    )
    parser.add_argument(
        "--rewrite-with",
        metavar="MODEL",
        help="a LangChain chat model that rewords each composed request, "
        "such as openai:gpt-4o-mini or ollama:qwen3 (needs the package langchain and that provider's)",
    )
    options = parser.parse_args(arguments)
    held_out = {bare(row.request.text) for path in options.exclude for row in read_rows(path)}
    records = without(compose(options.count, options.seed), held_out)
    if options.rewrite_with:
        from vitron_agent.train.data.rewrite import load_model, reworded

        records = reworded(records, load_model(options.rewrite_with))
    by_hand = list(written(options.repeats, options.seed, held_out, options.written))
    if options.sample is not None:
        by_hand = Random(options.seed).sample(by_hand, options.sample)  # noqa: S311
    sources: list[Iterable[Record]] = [records, by_hand]
    if options.refusals:
        pool = chain(without(compose(options.refusals, options.seed + 1), held_out), by_hand)
        sources.append(refusals(pool, options.refusals, options.seed))
    records = chain.from_iterable(sources)
    with options.out.open("w", encoding="utf-8") as out:
        for number, record in enumerate(records, start=1):
            out.write(json.dumps(record.model_dump(mode="json", exclude_unset=True), ensure_ascii=False) + "\n")
            if number % 5000 == 0:
                sys.stderr.write(f"{number} of {options.count}\n")


if __name__ == "__main__":
    main()
