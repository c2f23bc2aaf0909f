r"""Stage 4, grounding tuning: answers say where, and in a clip when, the things are (paper App. B.4, steps 2.1 to 2.3).

    python -m vitron_agent.train.stage4_grounding --size debug --model /tmp/stage2/model --out /tmp/stage4
    python -m vitron_agent.train.stage4_grounding --size embedded --model runs_output/stage2/model --scenes 9000 \
        --clips 4500 --data runs_output/first.jsonl --features runs_output/features --out runs_output/stage4

Grounded captions, boxes of what is asked for and grounded answers to questions, about pictures and clips, train the
LoRA, the projector and the region encoder. Plans, plain captions and plain answers of stage 2 are rehearsed meanwhile,
so that nothing is forgotten. ``--leave-out video-referring``, or another task, and compare: the paper's Figure 5. The
product is ``OUT/model``; ``benchmarks/seeing.py`` measures it.
"""

import argparse
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

from vitron_agent.config import Settings
from vitron_agent.model.encoders.backbone import load_backbone
from vitron_agent.model.vitron import VitronModel
from vitron_agent.train.data.examples import Eyes, answers, looked
from vitron_agent.train.data.grounded import GROUNDED, grounded
from vitron_agent.train.data.packing import packed
from vitron_agent.train.data.samples import Bad, Sample, Task
from vitron_agent.train.data.showing import Stock
from vitron_agent.train.data.sources import LeftOut, add_source_options, gather
from vitron_agent.train.fit import Schedule, add_options, chosen
from vitron_agent.train.stage2_invocation import requests, tokenise, train_seeing

Part = tuple[Literal["image", "video"], Task]
"""A task with the kind of what it is about."""
PARTS: Mapping[str, Part] = {f"{kind}-{task}": (kind, task) for kind in ("image", "video") for task in GROUNDED}
"""What can be left out, one at a time, by name."""
TASKS = (*GROUNDED, Task.REFERRING, *[Task.QUESTION] * 3, Task.CAPTION, Task.REGION_CAPTION)
"""Of each scene; every other question is answered in plain words."""
_ALL_KNOWN = frozenset({"scenes", "pasted"})
"""Sources that know of all things where they are: where a reply has none, it speaks of nothing that is there."""


@dataclass(frozen=True, kw_only=True)
class Config(Schedule):
    """One run; rank and scale of the LoRA are the model's.

    Attributes:
        dropout: On the LoRA input.
        max_tokens: Longer examples are left out, and counted.
        plans: Share of the examples that are plans; of a model that sees with a LoRA of its own there are none.
        packed: So many questions about one picture at most stand in one sequence, which reads it once.
    """

    dropout: float = 0.05
    max_tokens: int = 512
    plans: float = 0.2
    packed: int = 8


def debug() -> Config:
    """A few steps on a few scenes, to see that everything runs."""
    return Config(batch=4, save_steps=10)


def embedded() -> Config:
    """For the model that ships: minutes on a large GPU."""
    return Config(batch=64, epochs=2, learning_rate=5e-4, bf16=True)


def paper() -> Config:
    """VITRON's own scale, for a 7B base (paper App. C; dropout from the released script)."""
    return Config(batch=90, learning_rate=1e-5, dropout=0.1, max_tokens=2048, bf16=True, recompute=True)


SIZES = {"debug": debug, "embedded": embedded, "paper": paper}


def mixture(
    samples: Iterable[Sample], report: Callable[[Bad], None], leave_out: Part | None = None
) -> Iterator[Sample]:
    """The samples as they are learned here: with boxes, or in plain words to rehearse stage 2.

    Args:
        samples: Of :data:`TASKS`.
        report: Told of every sample that names its things in no words of its reply.
        leave_out: Teaches nothing of this, in plain words neither.
    """
    for sample in samples:
        if (sample.media[-1].kind, sample.task) == leave_out:
            continue
        if sample.task in GROUNDED and not _is_plain(sample):
            yield from grounded([sample], report)
        else:
            yield sample


def _is_plain(sample: Sample) -> bool:
    if not sample.things and sample.source not in _ALL_KNOWN:
        return True
    return sample.task is Task.QUESTION and zlib.crc32(sample.id.encode()) < 2**31


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    from rich.progress import track

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, SIZES)
    parser.add_argument("--model", type=Path, required=True, help="folder of a model of stage 2")
    parser.add_argument("--base", type=Path, help="folder of its base (default: what the model names)")
    parser.add_argument(
        "--data", type=Path, nargs="*", default=[], help="plans as of stage 2; none: a few composed ones"
    )
    parser.add_argument(
        "--exclude", type=Path, nargs="*", default=[], help="evaluation files whose requests stay unseen"
    )
    parser.add_argument("--leave-out", choices=PARTS, help="a task that is not learned (the paper's Figure 5)")
    parser.add_argument("--features", type=Path, help="folder where what the backbone saw is kept")
    add_source_options(parser, scenes=48, clips=48)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    config = chosen(options, SIZES)
    model = VitronModel.from_pretrained(options.model, base=options.base, dropout=config.dropout)
    media = model.sight
    eyes = Eyes(load_backbone(media.backbone, Settings.load().cache), media, options.features, model.proposer)
    left_out = LeftOut()
    samples = mixture(gather(options, TASKS, left_out), left_out, PARTS.get(options.leave_out or ""))
    seen = list(track(looked(samples, eyes, left_out), "looking", total=None))
    words = list(packed(answers(seen, model.tokenizer, config.max_tokens, left_out), config.packed))
    records = list(requests(options.data, config.seed, options.exclude))
    share = 0 if model.planner else config.plans  # plans that another LoRA writes need no rehearsal
    wanted = round(share / (1 - share) * len(words))
    some = Random(config.seed).sample(records, min(wanted, len(records)))  # noqa: S311
    plans, skipped = tokenise(some, model.tokenizer, config.max_tokens, Stock(seen, config.seed))
    sys.stderr.write(
        f"{len(words)} answers, {len(plans)} plans, {skipped} left out as longer than {config.max_tokens} tokens; "
        f"{left_out}\n{config}\n"
    )
    loss = train_seeing(config, words + plans, model, options.out)
    sys.stderr.write(f"mean training loss {loss:.4f}; model in {options.out / 'model'}\n")


if __name__ == "__main__":
    main()
