"""Samples as what the LLM reads and writes: the planner's own prompt, with media tokens behind the handles."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from vitron_agent.errors import InvocationError, VitronError
from vitron_agent.messages import Handle, Plan
from vitron_agent.model.encoders.backbone import VisionBackbone
from vitron_agent.model.encoders.proposals import Proposer
from vitron_agent.model.encoders.video import VideoFeatures, encode_clip
from vitron_agent.model.media import (
    Drawn,
    MediaConfig,
    Places,
    Prepared,
    count_tokens,
    prepare,
    prepare_region,
)
from vitron_agent.model.tokens import PlannerTokenizer
from vitron_agent.planners.base import Medium, PastTurn, PlanRequest
from vitron_agent.planners.prompt import IGNORED, build_example
from vitron_agent.tools.regions import rasterise
from vitron_agent.train.data.packing import sees, segments
from vitron_agent.train.data.samples import Bad, Pixels, Sample
from vitron_agent.train.data.samples import Medium as SeenMedium
from vitron_agent.wire import read_plan

Example = dict[str, Any]
"""``input_ids``, ``labels`` and, for a model that sees, ``media``: the items whose tokens its negative ids are."""
Looked = tuple[Sample, list[Prepared]]
"""A sample, and what was seen of it: its media, then its drawings."""


class Eyes:
    """Looks at samples with a frozen backbone, and keeps what it saw.

    Args:
        backbone: Sees.
        config: How media become tokens.
        folder: Where prepared features are kept, 30 to 360 KB a sample; None = nowhere.
        proposer: The model's own, if it has one.
    """

    def __init__(
        self,
        backbone: VisionBackbone,
        config: MediaConfig,
        folder: Path | None = None,
        proposer: Proposer | None = None,
    ) -> None:
        self.config = config
        self._backbone = backbone
        self._folder = folder
        self._proposer = proposer
        self._eyes = _fingerprint(proposer) if proposer else ""
        self._seen: tuple[str, Tensor | VideoFeatures] | None = None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)

    def look(self, sample: Sample) -> list[Prepared]:
        """What the sample shows, in the order of its handles: its media, then its drawings."""
        if self._folder is None:
            return self._look(sample)
        path = self._folder / f"{self._key(sample)}.safetensors"
        if not path.is_file():
            part = path.with_suffix(f".{os.getpid()}.part")
            save_file(_as_tensors(self._look(sample)), part)
            part.replace(path)
        return _as_items(load_file(path))

    def _look(self, sample: Sample) -> list[Prepared]:
        pixels = [medium.load() for medium in sample.media]
        maps = [self._features(medium, shown) for medium, shown in zip(sample.media, pixels, strict=True)]
        seen: list[Prepared] = [prepare(each, self.config, self._proposer) for each in maps]
        names = handles(sample)
        for region in sample.regions:
            position = names.index(region.source) if region.source else len(maps) - 1
            height, width = pixels[position].shape[-3:-1]
            seen.append(prepare_region(maps[position], rasterise(region, width, height), region.frames))
        return seen

    def _features(self, medium: SeenMedium, pixels: Pixels) -> Tensor | VideoFeatures:
        """Of the samples of one scene, which come one after another, the first one looks."""
        if self._seen is None or self._seen[0] != medium.name:
            found = (
                encode_clip(self._backbone, pixels, len(pixels), self.config.num_frames)
                if medium.kind == "video"
                else self._backbone.features(pixels)
            )
            self._seen = medium.name, found
        return self._seen[1]

    def _key(self, sample: Sample) -> str:
        told = {
            "config": self.config.model_dump(),
            "proposer": self._eyes,
            "media": [medium.name for medium in sample.media],
            "regions": [region.model_dump(mode="json") for region in sample.regions],
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def handles(sample: Sample) -> list[Handle]:
    """The handles of a sample's media: numbered by kind, as a conversation does."""
    counts: dict[str, int] = {}
    names = []
    for medium in sample.media:
        counts[medium.kind] = counts.get(medium.kind, 0) + 1
        names.append(f"{medium.kind}-{counts[medium.kind]}")
    return names


def as_request(sample: Sample) -> PlanRequest:
    """What a planner would be asked: the last turn, after the others, about media that came just now."""
    names = handles(sample)
    return PlanRequest(
        text=sample.turns[-1].user,
        media=tuple(Medium(handle=name, kind=each.kind) for name, each in zip(names, sample.media, strict=True)),
        attached=tuple(names),
        current=names[-1] if names else None,
        regions=sample.regions,
        history=tuple(PastTurn(text=turn.user, plan=read_plan(turn.reply)) for turn in sample.turns[:-1]),
    )


def build(sample: Sample, items: Sequence[Prepared], tokenizer: PlannerTokenizer, reply: Plan) -> Example:
    """One example of a sample, of which ``items`` were seen."""
    names = [*handles(sample), *(f"region-{number}" for number in range(1, len(sample.regions) + 1))]
    return example(as_request(sample), reply, tokenizer, dict(zip(names, items, strict=True)))


def example(request: PlanRequest, reply: Plan, tokenizer: PlannerTokenizer, seen: Mapping[Handle, Prepared]) -> Example:
    """One example; its media tokens are numbered from -1 down, item by item."""
    ids, start = {}, 0
    for name, item in seen.items():
        ids[name] = range(-1 - start, -1 - start - count_tokens(item), -1)
        start += count_tokens(item)
    input_ids, labels = build_example(request, reply, tokenizer, ids)
    return {"input_ids": input_ids, "labels": labels, "media": list(seen.values())}


def looked(samples: Iterable[Sample], eyes: Eyes, report: Callable[[Bad], None]) -> Iterator[Looked]:
    """Samples with what was seen of them; ``report`` is told of every other one, whose media cannot be read."""
    for sample in samples:
        try:
            items = eyes.look(sample)
        except (OSError, ValueError, InvocationError) as error:  # one bad record ends no run
            report(Bad(f"{sample.source}/{sample.id}", f"its media cannot be read: {error}"))
        else:
            yield sample, items


def answers(
    seen: Iterable[Looked],
    tokenizer: PlannerTokenizer,
    max_tokens: int,
    report: Callable[[Bad], None],
    written: Callable[[Sample], str] = lambda sample: sample.turns[-1].reply,
) -> Iterator[Example]:
    """Examples whose replies are words.

    Args:
        seen: Of any task that is answered in words.
        tokenizer: With the added tokens.
        max_tokens: Longer examples are left out.
        report: Told of every sample that is left out, and why.
        written: The reply that is to be learned.
    """
    for sample, items in seen:
        where = f"{sample.source}/{sample.id}"
        try:
            made = build(sample, items, tokenizer, Plan(text=written(sample)))
        except VitronError as error:
            report(Bad(where, f"nothing that a planner reads: {error}"))
            continue
        if len(made["input_ids"]) > max_tokens:
            report(Bad(where, f"longer than {max_tokens} tokens"))
        else:
            yield made


def collate(batch: Sequence[Example]) -> dict[str, Any]:
    """Pads to the longest example, and numbers media tokens through the whole batch.

    On the right, because a padded position then still attends to its own text: one that attends to nothing is NaN in
    some attention kernels. Padding carries no loss and nothing attends to it. Examples without ``media``, for a model
    that reads text alone, give a batch without.
    """
    longest = max(len(each["input_ids"]) for each in batch)
    ids, labels, mask = [], [], []
    media: list[Prepared] = []
    shown = 0
    for each in batch:
        padding = longest - len(each["input_ids"])
        ids.append([token - shown if token < 0 else token for token in each["input_ids"]] + [0] * padding)
        labels.append(each["labels"] + [IGNORED] * padding)
        mask.append([1] * len(each["input_ids"]) + [0] * padding)
        media += each.get("media", [])
        shown += sum(map(count_tokens, each.get("media", [])))
    made = {"input_ids": torch.tensor(ids), "labels": torch.tensor(labels), "attention_mask": torch.tensor(mask)}
    if any("parts" in each for each in batch):
        made["attention_mask"], made["position_ids"] = sees([segments(each) for each in batch], longest)
    return {**made, "media": media} if "media" in batch[0] else made


def _fingerprint(proposer: Proposer) -> str:
    weights = b"".join(tensor.numpy().tobytes() for tensor in proposer.state_dict().values())
    return hashlib.sha256(weights).hexdigest()[:16]


def _as_tensors(items: Sequence[Prepared]) -> dict[str, Tensor]:
    tensors = {}
    for number, item in enumerate(items):
        tensors[f"{number:03}.features"] = item.features.half().contiguous()
        if isinstance(item, Places):
            tensors[f"{number:03}.positions"] = item.positions.contiguous()
        else:
            tensors[f"{number:03}.shape"] = item.shape.contiguous()
    return tensors


def _as_items(tensors: dict[str, Tensor]) -> list[Prepared]:
    numbers = sorted({name.partition(".")[0] for name in tensors})
    return [
        Places(tensors[f"{number}.features"], tensors[f"{number}.positions"])
        if f"{number}.positions" in tensors
        else Drawn(tensors[f"{number}.features"], tensors[f"{number}.shape"])
        for number in numbers
    ]
