"""The desk on which a conversation is made up: what lies there, what was said, and what a wish does to it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from vitron_agent.artifacts import HANDLE_STEMS, Kind
from vitron_agent.messages import (
    Handle,
    Input,
    Operation,
    Plan,
    Region,
    Role,
    input_kinds,
    make_invocation,
    needs_base,
    output_kind,
)
from vitron_agent.planners.base import Medium, PastTurn, PlanRequest
from vitron_agent.train.data import wording
from vitron_agent.train.data.noise import dress, scuff
from vitron_agent.train.data.text import sections
from vitron_agent.train.data.things import thing
from vitron_agent.train.data.wording import Step

ORDINALS = ("first", "second", "third", "fourth")


@dataclass
class Desk:
    """The state of one conversation while it is made up.

    Attributes:
        media: Handles and kinds, oldest first.
        current: What "it" means.
        attached: Handles of the newest message.
        history: Turns so far.
        earlier: ``current`` before each turn that made something, oldest first.
    """

    media: list[tuple[Handle, Kind]] = field(default_factory=list)
    current: Handle | None = None
    attached: list[Handle] = field(default_factory=list)
    history: list[PastTurn] = field(default_factory=list)
    earlier: list[Handle | None] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def put(self, kind: Kind) -> Handle:
        """Lays a new artifact on the desk."""
        stem = HANDLE_STEMS[kind]
        number = self.numbers[stem] = self.numbers.get(stem, 0) + 1
        handle = f"{stem}-{number}"
        self.media.append((handle, kind))
        if kind in ("image", "video"):
            self.current = handle
        return handle

    def attach(self, kind: Kind) -> Handle:
        """A file that comes with the message."""
        handle = self.put(kind)
        self.attached.append(handle)
        return handle

    def back(self, turns: int) -> Handle | None:
        """What was current so many turns ago."""
        return self.earlier[-turns] if len(self.earlier) >= turns else None

    def kind(self, handle: Handle | None) -> Kind | None:
        """The kind of a handle."""
        return dict(self.media).get(handle) if handle else None

    def newest(self, kind: Kind) -> Handle | None:
        """What is meant by the picture (the clip): the current one where it is of that kind, else the newest."""
        if self.kind(self.current) == kind:
            return self.current
        return next((handle for handle, other in reversed(self.media) if other == kind), None)


def plan(desk: Desk, steps: Sequence[Step], regions: Sequence[Region]) -> Plan:
    """Works out inputs and outputs and lays the outputs on the desk."""
    invocations = []
    outputs: list[Handle | None] = []
    for step in steps:
        inputs = []
        if needs_base(step.module):
            wanted: Kind = "video" if "video" in input_kinds(step.module, Role.BASE) else "image"
            base = step.base or desk.newest(wanted)
            if base is None:
                raise ValueError(f"{step.operation} needs a {wanted}")
            inputs.append(Input(handle=base))
        elif step.base:
            inputs.append(Input(handle=step.base))
        mask = step.mask or (outputs[step.mask_of] if step.mask_of is not None else None)
        for role, handle in ((Role.MASK, mask), (Role.SOURCE, step.source), (Role.REFERENCE, step.reference)):
            if handle:
                inputs.append(Input(role=role, handle=handle))
        drawn = tuple(regions[number - 1].model_copy(update={"name": f"region-{number}"}) for number in step.regions)
        invocation = make_invocation(
            step.module, step.operation, target=step.target, value=step.value, inputs=tuple(inputs), regions=drawn
        )
        kind = output_kind(invocation)
        outputs.append(desk.put(kind) if kind else None)
        if step.operation is Operation.SELECT and step.base:
            desk.current = step.base
        if step.operation is Operation.UNDO and (handle := desk.back(int(step.value or 1))):
            desk.current = handle
        invocations.append(invocation.model_copy(update={"output": outputs[-1]}))
    return Plan(invocations=tuple(invocations))


def draw_regions(desk: Desk, rng: Random, count: int) -> tuple[Region, ...]:
    """Drawings of mixed kinds on the current picture."""
    source = desk.current
    made = []
    for number in range(count):
        x, y = 0.1 + 0.2 * number, 0.2
        shapes = (
            Region.box(x, y, x + 0.3, y + 0.4, source=source),
            Region.points([(x, y)], source=source),
            Region.scribble([(x, y), (x + 0.2, y + 0.1)], source=source),
            Region.polygon([(x, y), (x + 0.2, y), (x + 0.1, y + 0.2)], source=source),
        )
        made.append(rng.choice(shapes))
    return tuple(made)


def _request(desk: Desk, text: str, regions: Sequence[Region] = ()) -> PlanRequest:
    return PlanRequest(
        text=text,
        media=tuple(Medium(handle=handle, kind=kind) for handle, kind in desk.media),
        attached=tuple(desk.attached),
        current=desk.current,
        regions=tuple(regions),
        history=tuple(desk.history[-3:]),
        next_numbers=tuple((stem, number + 1) for stem, number in desk.numbers.items()),
    )


def say(
    desk: Desk, rng: Random, text: str, steps: Sequence[Step], regions: Sequence[Region] = ()
) -> tuple[PlanRequest, Plan]:
    """Turns a wish into the request as it is typed and the plan to write; the desk moves on."""
    request = _request(desk, scuff(dress(text, rng), rng), regions)
    before = desk.current
    made = plan(desk, steps, regions)
    if made.invocations:
        desk.earlier.append(before)
    _remember(desk, request.text, made)
    return request, made


def reply(desk: Desk, rng: Random, text: str, answer: str) -> tuple[PlanRequest, Plan]:
    """A request that is answered in words."""
    request = _request(desk, scuff(text, rng))
    made = Plan(text=answer)
    _remember(desk, request.text, made)
    return request, made


def _remember(desk: Desk, text: str, made: Plan) -> None:
    desk.history.append(PastTurn(text=text, plan=made))
    desk.attached.clear()


def join(rng: Random, texts: Sequence[str]) -> str:
    """Several wishes in one message."""
    parts = [text.rstrip(".!") for text in texts]
    roll = rng.random()
    if roll < 0.08:
        return rng.choice(("\n", " ")).join(f"{number}. {part}" for number, part in enumerate(parts, 1))
    if roll < 0.12:
        return " ".join(f"{number}) {part}" for number, part in enumerate(parts, 1))
    if roll < 0.17:
        return ". ".join(part[0].upper() + part[1:] for part in parts) + "."
    if roll < 0.22:
        return ", ".join(parts)
    if roll < 0.42:
        first, *middle, last = parts
        opening = rng.choice(("first", "first,", "start with this:", "to begin with,", "firstly"))
        links = [rng.choice(("then", "next,", "after that", "then please", "secondly")) for _ in middle]
        closing = rng.choice(("then", "finally", "and then", "and finally", "and after that", "last,", "lastly"))
        return ", ".join(
            [f"{opening} {first}", *(f"{a} {b}" for a, b in zip(links, middle, strict=True)), f"{closing} {last}"]
        )
    text = parts[0]
    for part in parts[1:]:
        link = rng.choice(sections("lexicon")["link"])
        text += f"{link} {part}" if link[0] in ".,;" else f" {link} {part}"
    return text


def picture_name(rng: Random, handle: Handle, place: int, count: int) -> str:
    """How somebody calls one of several pictures: by place or by handle."""
    words = sections("lexicon")["medium"]
    names = [
        f"the {ORDINALS[min(place, 3)]} {rng.choice(words)}",
        handle,
        f"{rng.choice(('photo', 'picture', 'image', 'pic'))} {place + 1}",
    ]
    if count == 2:
        names.append(f"the other {rng.choice(words)}")
    if place == count - 1 and count > 2:
        names.append(f"the last {rng.choice(words)}")
    return rng.choice(names)


def answer(desk: Desk, rng: Random, section: str) -> tuple[PlanRequest, Plan]:
    """A request of a section that is answered in words."""
    lines = sections("phrasings")[section]
    question, answer = rng.choice(lines).split(" ||| ")
    about = thing(rng, simple=rng.random() < 0.5)
    slots = {
        "T": about.definite, "t": about.bare, "ts": about.bare if about.bare.endswith("s") else f"{about.bare}s",
        "A": about.indefinite, "C": wording.color(rng), "V": rng.choice(sections("lexicon")["clip"]),
        "medium": rng.choice(sections("lexicon")["medium"]),
    }  # fmt: skip
    return reply(desk, rng, _fill(question, slots), _fill(answer, slots))


def _fill(text: str, slots: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: slots[match[1]], text)
