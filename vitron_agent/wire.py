r"""The wire form of a plan: what the LLM writes and what is read back (DESIGN §4).

    plan    = answer | block+
    block   = "<Module>" name "</Module>" "<Instruction>" op [":" target] ["=>" value] "</Instruction>"
              ["<Region>" region (";" region)* "</Region>"]
              ["<Input>" [role "="] handle ("," [role "="] handle)* "</Input>"]
              ["<Output>" handle "</Output>"] ["<|sig|>"]
    region  = [handle] "(" x "," y "," x "," y ["|" first "," last] ")" | "region-" n

Inside target and value a backslash escapes ``\``, ``<``, ``:`` and ``=>``. The reader also takes the form of the paper
(App. B.1: spaces around names, a preface before the tags) and of the released code (letters A-G, lower-case tags,
``segmentation:``, two instructions for video editing).
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, groupby

from pydantic import ValidationError

from vitron_agent.artifacts import HANDLE_STEMS, Kind
from vitron_agent.errors import UnknownTargetError, WireSyntaxError
from vitron_agent.messages import (
    OPERATIONS,
    Handle,
    Input,
    Invocation,
    Module,
    Operation,
    Plan,
    Region,
    Role,
    input_kinds,
    make_invocation,
    needs_base,
    output_kind,
)  # fmt: skip

SIGNAL = "<|sig|>"
TAGS = ("Module", "Instruction", "Region", "Input", "Output")
LETTERS = {
    "A": Module.IMAGE_GENERATION,
    "B": Module.IMAGE_SEGMENTATION,
    "C": Module.IMAGE_EDITING,
    "D": Module.VIDEO_GENERATION,
    "E": Module.VIDEO_SEGMENTATION,
    "F": Module.VIDEO_EDITING,
    "G": Module.IMAGE_TO_VIDEO,
    "H": Module.IMAGE_GROUNDING,
}
"""A-G are the letters of the released VITRON; H is ours."""

_NAMES = {module.wire_name.lower(): module for module in Module} | {
    key.lower(): value for key, value in LETTERS.items()
}
_FOREIGN_OPERATIONS: dict[str, tuple[Operation, ...]] = {
    "segmentation": (Operation.SEGMENT, Operation.TRACK),
    "segment": (Operation.TRACK,),
    "tracking": (Operation.TRACK, Operation.SEGMENT),
    "generation": (Operation.GENERATE, Operation.ANIMATE),
    "generate": (Operation.ANIMATE,),
    "detection": (Operation.DETECT,),
}
"""Names of operations in others' text, each with what it means in a module that has that operation."""
_PROMPTED = frozenset({Operation.GENERATE, Operation.ANIMATE})

_TAG = rf"/?\s*(?:{'|'.join(TAGS)})\s*>|\|sig\|>"
_SCAN = re.compile(rf"\\.|<(?P<close>/?)\s*(?P<tag>{'|'.join(TAGS)})\s*>|<\|sig\|>", re.IGNORECASE | re.DOTALL)
_FIRST_MODULE = re.compile(r"(?<!\\)<\s*module\s*>", re.IGNORECASE)
_HANDLE = re.compile(r"[a-z]+-[0-9]+")
_NUMBER = r"\s*(-?[0-9]*\.?[0-9]+)\s*"
_BOX = re.compile(
    rf"([a-z]+-[0-9]+)?\s*\({_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}(?:\|\s*([0-9]+)\s*,\s*([0-9]+)\s*)?\)"
)


def write_plan(plan: Plan) -> str:
    """The plan's text; ``read_plan`` gives the plan back (boxes to three decimals).

    Drawings without a name that only a name can stand for (in another model's tool calls) get the next ``region-n``.
    """
    if plan.invocations:
        names = _new_names(plan)
        return "".join(write_invocation(_with_names(step, names)) for step in plan.invocations)
    return re.sub(rf"\\*<(?={_TAG})", lambda match: "\\" + match[0], plan.text, flags=re.IGNORECASE)


def write_invocation(invocation: Invocation) -> str:
    """One block."""
    target = f": {_escape(invocation.target)}" if invocation.target else ""
    value = f" => {_escape(invocation.value)}" if invocation.value else ""
    parts = [
        f"<Module>{invocation.module.wire_name}</Module>",
        f"<Instruction>{invocation.operation.value}{target}{value}</Instruction>",
    ]
    if invocation.regions:
        parts.append(f"<Region>{'; '.join(map(write_region, invocation.regions))}</Region>")
    if invocation.inputs:
        parts.append(f"<Input>{', '.join(_write_inputs(invocation.inputs))}</Input>")
    if invocation.output:
        parts.append(f"<Output>{invocation.output}</Output>")
    if invocation.signal:
        parts.append(SIGNAL)
    return "".join(parts)


def _new_names(plan: Plan) -> Iterator[str]:
    """``region-n`` for all n that the plan's drawings leave free."""
    taken = {region.name for step in plan.invocations for region in step.regions}
    return (name for name in map("region-{}".format, count(1)) if name not in taken)


def _with_names(step: Invocation, names: Iterator[str]) -> Invocation:
    regions = tuple(
        region if region.name or region.kind == "box" else region.model_copy(update={"name": next(names)})
        for region in step.regions
    )
    return step.model_copy(update={"regions": regions})


def write_region(region: Region) -> str:
    """``region-1`` for a user's drawing, else ``[handle](x, y, x, y[ | first, last])`` with three decimals."""
    if region.name:
        return region.name
    if region.kind != "box":
        raise ValueError(f"a {region.kind} can only be written by its name (region-n); a box by its coordinates")
    x_left, y_top, x_right, y_bottom = region.bounds
    corners = (*_ordered(x_left, x_right), *_ordered(y_top, y_bottom))
    numbers = ", ".join(f"{corners[index]:.3f}" for index in (0, 2, 1, 3))
    frames = f" | {region.frames[0]}, {region.frames[1]}" if region.frames else ""
    return f"{region.source or ''}({numbers}{frames})"


def read_box(text: str) -> Region:
    """What :func:`write_region` wrote of a box.

    Raises:
        WireSyntaxError: It is none.
    """
    match = _BOX.fullmatch(text.strip().lower())
    if match is None:
        raise WireSyntaxError(
            f"a box is (x_left, y_top, x_right, y_bottom), with | first, last in a clip; got {text!r}"
        )
    try:
        return _box(match)
    except ValidationError as error:
        raise WireSyntaxError(f"{text} is no box: {error.errors()[0]['msg']}") from error


def read_plan(text: str, regions: Sequence[Region] = ()) -> Plan:
    """Reads what an LLM wrote: blocks in order, or an answer where there is no module.

    Args:
        text: Our form, the paper's or the released code's.
        regions: The user's drawings, for ``region-n``.

    Raises:
        WireSyntaxError: It has a module tag but cannot be read to the end; says where.
        UnknownTargetError: It names a drawing that does not exist.
    """
    start = _FIRST_MODULE.search(text)
    if start is None:
        return Plan(text=re.sub(rf"\\(\\*<(?={_TAG}))", r"\1", text, flags=re.IGNORECASE).strip())
    notes = (
        [f"text before the first module was dropped: {preface!r}"] if (preface := text[: start.start()].strip()) else []
    )
    invocations = [
        _read_invocation(block, operand, regions, notes)
        for block in _blocks(text[start.start() :])
        for operand in _instructions(block)
    ]
    return Plan(invocations=tuple(invocations), notes=tuple(notes))


def complete(
    plan: Plan,
    media: Sequence[tuple[Handle, Kind]],
    current: Handle | None = None,
    next_numbers: Mapping[str, int] | None = None,
) -> Plan:
    """Fills in what the text left out: the base input and the output handles.

    A missing base becomes the newest artifact of the right kind: an earlier step's output, then ``current``, then the
    newest of ``media``. Outputs always get the next free number of their kind; later inputs that name an output
    as the planner wrote it follow it to its real handle.

    Args:
        plan: As read.
        media: Handles and kinds of what the conversation has, oldest first.
        current: What the user is working on.
        next_numbers: Next free number by handle stem (``image``, ``mask``, …); 1 where absent.
    """
    kinds = dict(media)
    by_age = [handle for handle, _ in media]
    if current in kinds:
        by_age = [handle for handle in by_age if handle != current] + [current]
    numbers = dict(next_numbers or {})
    renamed: dict[Handle, Handle] = {}
    steps: list[Invocation] = []
    for step in plan.invocations:
        inputs = tuple(
            item.model_copy(update={"handle": renamed.get(item.handle, item.handle)}) for item in step.inputs
        )
        if needs_base(step.module) and not any(item.role is Role.BASE for item in inputs):
            wanted = input_kinds(step.module, Role.BASE)
            base = next((handle for handle in reversed(by_age) if kinds[handle] in wanted), None)
            inputs = (*((Input(handle=base),) if base else ()), *inputs)
        drawn = tuple(
            region.model_copy(update={"source": renamed.get(region.source, region.source)}) if region.source else region
            for region in step.regions
        )
        output = None
        if kind := output_kind(step):
            stem = HANDLE_STEMS[kind]
            number = numbers.get(stem, 1)
            numbers[stem] = number + 1
            output = f"{stem}-{number}"
            kinds[output] = kind
            by_age.append(output)
            if step.output:
                renamed[step.output] = output
        steps.append(step.model_copy(update={"inputs": inputs, "regions": drawn, "output": output}))
    return plan.model_copy(update={"invocations": tuple(steps)})


def _write_inputs(inputs: Sequence[Input]) -> Iterator[str]:
    only_base = len(inputs) == 1 and inputs[0].role is Role.BASE
    for item in inputs:
        yield item.handle if only_base else f"{item.role.value}={item.handle}"


def _ordered(low: float, high: float) -> tuple[float, float]:
    """Both to three decimals, moved apart where rounding would make them one."""
    if round(low, 3) < round(high, 3):
        return round(low, 3), round(high, 3)
    floor = min(math.floor(low * 1000), 999)
    return floor / 1000, (floor + 1) / 1000


def _escape(text: str) -> str:
    return re.sub(r"=>|[\\<:]", lambda match: "\\" + match[0], text)


def _unescape(text: str) -> str:
    return re.sub(r"\\(=>|[\\<:])", r"\1", text)


def _blocks(text: str) -> Iterator[list[tuple[str, str]]]:
    """Each block as its (tag, raw content) pairs."""
    opened: re.Match[str] | None = None
    pairs: list[tuple[str, str]] = []
    for match in _SCAN.finditer(text):
        if match["tag"] is None:
            continue
        tag = match["tag"].lower()
        if not match["close"]:
            if opened is not None:
                raise WireSyntaxError(f"<{opened['tag']}> is not closed before {match[0]} at character {match.start()}")
            opened = match
        elif opened is None or opened["tag"].lower() != tag:
            raise WireSyntaxError(f"{match[0]} at character {match.start()} closes nothing")
        else:
            if tag == "module" and pairs:
                yield pairs
                pairs = []
            pairs.append((tag, text[opened.end() : match.start()].strip()))
            opened = None
    if opened is not None:
        raise WireSyntaxError(f"<{opened['tag']}> is not closed at the end of the text")
    yield pairs


def _instructions(block: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Operation, target and value of each instruction (our writer gives one a block; the released code two for F)."""
    texts = [content for tag, content in block if tag == "instruction"]
    if not texts:
        raise WireSyntaxError(f"<Module>{block[0][1]}</Module> has no <Instruction>")
    for position, text in enumerate(texts):
        head, _, value = _split(text, "=>")
        name, colon, target = _split(head, ":")
        if len(texts) == 2 and not colon and not value and _module(block[0][1]) is Module.VIDEO_EDITING:
            # The released video editor takes a prompt for the foreground, then one for the background.
            yield ("replace", "foreground", text) if position == 0 else ("background", "", text)
        else:
            yield name.strip().lower(), target, value


def _split(text: str, mark: str) -> tuple[str, str, str]:
    """Like ``str.partition``, at the first mark that no backslash escapes."""
    for match in re.finditer(rf"\\=>|\\.|{mark}", text, re.DOTALL):
        if match[0] == mark:
            return text[: match.start()], mark, text[match.end() :]
    return text, "", ""


def _module(name: str) -> Module:
    try:
        return _NAMES[re.sub(r"[\s_]+", " ", name).lower()]
    except KeyError:
        known = ", ".join(module.wire_name for module in Module)
        raise WireSyntaxError(f"unknown module {name!r}; the modules are {known}") from None


def _operation(module: Module, name: str) -> Operation:
    allowed = OPERATIONS[module]
    if name in allowed:
        return Operation(name)
    for operation in _FOREIGN_OPERATIONS.get(name, ()):
        if operation in allowed:
            return operation
    raise WireSyntaxError(f"{module.wire_name} has no operation {name!r}; it has {', '.join(allowed)}")


def _read_invocation(
    block: Sequence[tuple[str, str]], instruction: tuple[str, str, str], drawn: Sequence[Region], notes: list[str]
) -> Invocation:
    contents = {tag: content for tag, content in block if tag != "instruction"}
    module = _module(contents["module"])
    name, target, value = instruction
    operation = _operation(module, name)
    if operation in _PROMPTED and operation.value != name and not value:
        target, value = "", target  # others write a prompt where we write a target
    repeated = [tag for tag, group in groupby(sorted(tag for tag, _ in block)) if len(list(group)) > 1]
    if set(repeated) - {"instruction"}:
        raise WireSyntaxError(f"<{repeated[0].title()}> appears twice in one block")
    output = contents.get("output", "").lower() or None
    if output and not _HANDLE.fullmatch(output):
        raise WireSyntaxError(f"<Output> holds one handle such as image-2, got {contents['output']!r}")
    try:
        return make_invocation(
            module,
            operation,
            target=_unescape(target),
            value=_unescape(value),
            inputs=tuple(_read_inputs(contents.get("input", ""))),
            regions=tuple(_read_regions(contents.get("region", ""), drawn, notes)),
            output=output,
        )
    except ValidationError as error:
        raise WireSyntaxError(f"{module.wire_name}: {error.errors()[0]['msg']}") from error


def _read_inputs(text: str) -> Iterator[Input]:
    for item in filter(None, map(str.strip, text.lower().split(","))):
        role, equals, handle = item.rpartition("=")
        role, handle = role.strip() if equals else "base", handle.strip()
        if role not in list(Role):
            raise WireSyntaxError(f"unknown input role {role!r}; the roles are {', '.join(Role)}")
        if not _HANDLE.fullmatch(handle):
            raise WireSyntaxError(f"<Input> holds handles such as base=image-1, got {item!r}")
        yield Input(role=Role(role), handle=handle)


def _read_regions(text: str, drawn: Sequence[Region], notes: list[str]) -> Iterator[Region]:
    for item in filter(None, map(str.strip, text.lower().split(";"))):
        if named := re.fullmatch(r"region-([0-9]+)", item):
            number = int(named[1])
            if not 1 <= number <= len(drawn):
                raise UnknownTargetError(f"{item} does not exist: the user drew {len(drawn)} region(s)")
            yield drawn[number - 1].model_copy(update={"name": item})
        elif box := _BOX.fullmatch(item):
            yield from _read_box(item, box, notes)
        else:
            raise WireSyntaxError(f"<Region> holds (x_left, y_top, x_right, y_bottom) or region-n, got {item!r}")


def _read_box(item: str, box: re.Match[str], notes: list[str]) -> Iterator[Region]:
    try:
        yield _box(box)
    except ValidationError as error:
        notes.append(f"region {item} was dropped: {error.errors()[0]['msg']}")


def _box(match: re.Match[str]) -> Region:
    source, *corners, first, last = match.groups()
    x_left, y_top, x_right, y_bottom = map(float, corners)
    frames = (int(first), int(last)) if first is not None else None
    return Region.box(x_left, y_top, x_right, y_bottom, source=source, frames=frames)
