"""The paper's invocation data: conversations in which the LLM calls the modules (paper App. B.1, Table 14).

Layout (SkyworkAI/Vitron, ``data/README.md``)::

    [{"idx": 0, "image": "data/coco2017/1.jpg",     or "video", or neither
      "bbox": [0, 0, 500, 332],                     what the user drew, in pixels; the whole picture = nothing
      "conversations": [{"from": "human", "value": "<image> Could you mark the zebra?"},
                        {"from": "gpt", "value": "Sure. <module>B</module> <instruction>segmentation: zebra"
                                                 "</instruction>"}]}]
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import FiniteFloat

from vitron_agent.artifacts import HANDLE_STEMS, Kind
from vitron_agent.errors import InvocationError
from vitron_agent.messages import Handle, Input, Invocation, Module, Plan, Region, Role, needs_base, output_kind
from vitron_agent.train.data.readers.common import Found, Unusable, each, inside, parse, rows, to_box
from vitron_agent.train.data.readers.conversations import Conversation, in_place, media_of, turns_of
from vitron_agent.train.data.readers.media import NUM_FRAMES, file_clip, picture_size
from vitron_agent.train.data.samples import Medium, Sample, Task, Turn
from vitron_agent.wire import TAGS, complete, read_plan, write_plan

_DRAWN = re.compile(r"<objs>")
_NEARLY_ALL = 0.01
"""A box that leaves out less than this at every side is the whole picture: nothing was drawn."""
_TAG = re.compile(r"</?\s*([A-Za-z]\w*)\s*>")


class _Record(Conversation):
    bbox: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] | None = None


def read_invocations(path: Path, media: Path | None = None, *, num_frames: int = NUM_FRAMES) -> Found:
    """Requests and plans, the plans rewritten in our wire form with inputs, outputs and ``region-1``.

    Args:
        path: ``data.json``.
        media: Folder that the names of media start from; the file's by default.
        num_frames: To take of a clip.

    Raises:
        UsageError: The file is not in that layout.
    """
    folder = media or path.parent

    def build(name: str, raw: object) -> Iterator[Sample]:
        record = parse(_Record, raw)
        shown = media_of(record, folder, num_frames)
        regions = _drawn(record, folder)
        for said in record.conversations:
            if regions:
                said.value = _DRAWN.sub(lambda match: in_place(match, "region-1"), said.value)
            else:
                said.value = re.sub(rf" ?{_DRAWN.pattern}", "", said.value)
        turns = _planned(turns_of(record.conversations, shown), shown, regions)
        yield Sample(Task.INVOCATION, name, "vitron", shown, turns, regions)

    return each(path.name, rows(path), build)


def _drawn(record: _Record, folder: Path) -> tuple[Region, ...]:
    """What the user drew on the first medium."""
    names = record.image or record.video
    if record.bbox is None or not names:
        return ()
    kind = "image" if record.image else "video"
    path = inside(folder, names if isinstance(names, str) else names[0])
    box = to_box(record.bbox, picture_size(path) if kind == "image" else file_clip(path, 1).size)
    if max(box[0], box[1], 1 - box[2], 1 - box[3]) < _NEARLY_ALL:
        return ()
    return (Region.box(*box, source=f"{kind}-1").model_copy(update={"name": "region-1"}),)


def _planned(turns: Sequence[Turn], media: Sequence[Medium], regions: tuple[Region, ...]) -> tuple[Turn, ...]:
    """The turns with their replies in our wire form; what one plan makes, the next may work on."""
    known: list[tuple[Handle, Kind]] = []
    for medium in media:
        known.append((f"{medium.kind}-{1 + sum(kind == medium.kind for _, kind in known)}", medium.kind))
    num_given = len(known)
    planned = []
    for number, turn in enumerate(turns):
        plan = _read(turn.reply, regions if number == 0 else ())
        if plan.invocations:
            plan = _with_reference(plan, known)
            # What came first is worked on until something is made; what came with it was shown for comparison.
            current = known[0][0] if known and len(known) == num_given else None
            stems = [HANDLE_STEMS[kind] for _, kind in known]
            plan = complete(plan, known, current, {stem: 1 + stems.count(stem) for stem in stems})
            for step in plan.invocations:
                _check(step, known)
                kind = output_kind(step)
                if kind and step.output:
                    known.append((step.output, kind))
        planned.append(Turn(turn.user, write_plan(plan)))
    return tuple(planned)


def _read(reply: str, regions: tuple[Region, ...]) -> Plan:
    """The plan of a reply in the released form; the user's drawing takes the place of coordinates."""
    allowed = {tag.lower() for tag in TAGS}
    if unknown := next((tag for tag in _TAG.finditer(reply) if tag[1].lower() not in allowed), None):
        raise Unusable(f"unknown tag: {unknown[0]}")
    try:
        plan = read_plan(reply, regions)
    except InvocationError as error:
        raise Unusable(f"reply that cannot be read: {error}") from error
    if not plan.invocations and _TAG.search(reply):
        raise Unusable("reply that cannot be read: it has tags but no module")
    if not regions:
        if dropped := next((note for note in plan.notes if note.startswith("region")), None):
            raise Unusable(f"region that is no box: {dropped}")
        return plan
    steps = (
        step.model_copy(update={"regions": regions}) if needs_base(step.module) else step for step in plan.invocations
    )
    return plan.model_copy(update={"invocations": tuple(steps)})


def _with_reference(plan: Plan, known: Sequence[tuple[Handle, Kind]]) -> Plan:
    """Of two pictures to segment the second one shows what is meant (paper, Table 14)."""
    if [kind for _, kind in known] != ["image", "image"] or plan.invocations[0].module is not Module.IMAGE_SEGMENTATION:
        return plan
    first, *rest = plan.invocations
    inputs = (Input(handle="image-1"), Input(role=Role.REFERENCE, handle="image-2"))
    return plan.model_copy(update={"invocations": (first.model_copy(update={"inputs": inputs}), *rest)})


def _check(step: Invocation, known: Sequence[tuple[Handle, Kind]]) -> None:
    if needs_base(step.module) and step.input(Role.BASE) is None:
        raise Unusable(f"module without what it works on: {step.module.wire_name}")
    handles = {handle for handle, _ in known}
    if missing := next((item.handle for item in step.inputs if item.handle not in handles), None):
        raise Unusable(f"input that does not exist: {missing}")
