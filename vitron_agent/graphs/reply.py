"""The reply's words, rendered from what was verified and from nothing else (DESIGN §6.2)."""

from collections.abc import Iterable

from vitron_agent.messages import Invocation, InvocationResult, Operation, Role
from vitron_agent.replies import EndStatus

_CHANGES = {"more": "raise", "less": "lower"}


def render(
    results: Iterable[InvocationResult], *, answer: str = "", lacking: str = "", halt: str = "", failure: str = ""
) -> str:
    """The text of a reply.

    Args:
        results: What became of each invocation, in order.
        answer: The planner's own words, where it called nothing.
        lacking: What the profile lacks for a part of the request that was therefore left out.
        halt: Why the turn ended early.
        failure: Why there was no plan that can be run.
    """
    parts = [sentence(result) for result in results]
    if answer:
        parts.append(answer)
    if lacking:
        parts.append(f"A part is left out: {_ended(lacking)}")
    if failure:
        parts.append(f"I can't do that: {_ended(failure)}")
    if halt:
        parts.append(f"Stopped: {_ended(halt)}" + (" What is named above is finished." if parts else ""))
    return " ".join(parts) or "There was nothing to do."


def status_of(results: Iterable[InvocationResult], *, halt: str = "", failure: str = "") -> EndStatus:
    """How a turn ended: ``failed`` only where nothing came to an honest end."""
    if halt:
        return "stopped"
    ends = {result.status for result in results}
    if failure or ("failed" in ends and not ends & {"done", "unchanged", "not_found"}):
        return "failed"
    return "done"


def sentence(result: InvocationResult) -> str:
    """One result in a sentence or two."""
    step = result.invocation
    if result.status == "done":
        words = _done(result)
    elif result.status == "not_found":
        # What is added is there; the place may be missing, and the note says what was looked for.
        words = f"I could not {wish(step)}." if step.operation is Operation.ADD else f"I could not find {_thing(step)}."
    elif result.status == "unchanged":
        words = f"I tried to {wish(step)}, but nothing changed."
    elif result.status == "failed":
        words = f"I could not {wish(step)}: {_ended(result.error)}"
    elif result.status == "rejected":
        words = f"As you decided, I did not {wish(step)}."
    else:
        words = f"I did not {wish(step)}: {_ended(result.error)}"
    return " ".join(filter(None, [words, *(_ended(note[:1].upper() + note[1:]) for note in result.notes)]))


def wish(step: Invocation) -> str:
    """What a step is to do, after "to": ``remove the lamp``."""
    thing = _thing(step)
    value = step.value
    source = step.input(Role.SOURCE)
    words = {
        Operation.GENERATE: f"make “{value}”",
        Operation.SEGMENT: f"select {thing}",
        Operation.DETECT: f"find {thing}",
        Operation.TRACK: f"follow {thing}",
        Operation.ANIMATE: f"set {step.input(Role.BASE)} in motion",
        Operation.REMOVE: f"remove {thing}",
        Operation.REPLACE: f"replace {thing} by {f'“{value}”' if value else 'what is in'}{_from(source, value)}",
        Operation.ADD: f"add “{step.target}”{_from(source, step.target)}{f' {value}' if value else ''}",
        Operation.MOVE: f"move {thing} {value or 'there'}",
        Operation.RECOLOR: f"make {thing} {value}",
        Operation.BACKGROUND: _background(value, source),
        Operation.STYLE: f"apply the style “{value}”{_to_part(step)}",
        Operation.ADJUST: _adjust(step),
        Operation.UNDO: "take that back",
        Operation.SELECT: f"go on with {step.input(Role.BASE)}",
        Operation.SEARCH: f"find a picture with {thing}",
    }
    return words[step.operation]


def _done(result: InvocationResult) -> str:
    step = result.invocation
    main = next((output.handle for output in result.outputs if output.handle), None)
    thing, count = _thing(step), len(result.findings)
    if step.operation is Operation.DETECT:
        words = f"Found {count} {'match' if count == 1 else 'matches'} for {thing}"
    elif step.operation is Operation.SEGMENT and main and main.startswith("partition"):
        words = f"Divided the picture into {count} parts" if count else "Divided the picture into its parts"
    elif step.operation is Operation.UNDO:
        return "Took that back."
    elif step.operation is Operation.SELECT:
        return f"Going on with {step.input(Role.BASE)}."
    elif step.operation is Operation.SEARCH:
        return ""  # its note says which picture was found
    else:
        words = _past(wish(step))
    extra = [f"{output.slot} {output.handle}" for output in result.outputs if output.handle not in {None, main}]
    return f"{words}: {main}{f' (and {chr(44).join(extra)})' if extra else ''}." if main else f"{words}."


_PAST = {
    "make": "Made", "select": "Selected", "follow": "Followed", "set": "Set", "remove": "Removed",
    "replace": "Replaced", "add": "Added", "move": "Moved", "apply": "Applied", "blur": "Blurred",
    "change": "Changed", "put": "Put", "raise": "Raised", "lower": "Lowered", "adjust": "Adjusted",
}  # fmt: skip


def _past(words: str) -> str:
    verb, _, rest = words.partition(" ")
    return f"{_PAST[verb]} {rest}"


def _thing(step: Invocation) -> str:
    if step.target:
        return f"the {step.target}" if step.operation not in _QUOTED else f"“{step.target}”"
    if step.regions or step.input(Role.MASK):
        return "what you marked"
    return "it" if step.input(Role.REFERENCE) is None else f"what {step.input(Role.REFERENCE)} shows"


_QUOTED = frozenset({Operation.DETECT, Operation.SEARCH})


def _background(value: str, source: str | None) -> str:
    if source:
        return f"put {source} in the background"
    if value in {"blur", "remove"}:
        return f"{value} the background"
    return f"change the background to {value}"


def _adjust(step: Invocation) -> str:
    what, _, how = step.value.partition(" ")
    direction, _, amount = how.partition(" ")
    if direction not in _CHANGES:
        return f"adjust the {step.value}{_to_part(step, 'of')}"
    return f"{_CHANGES[direction]} the {what}{_to_part(step, 'of')}{f' by {amount}' if amount else ''}"


def _to_part(step: Invocation, preposition: str = "to") -> str:
    pointed = step.target or step.regions or step.input(Role.MASK)
    return f" {preposition} {_thing(step)}" if pointed else ""


def _from(source: str | None, named: str) -> str:
    if source is None:
        return ""
    return f" from {source}" if named else f" {source}"


def _ended(words: str) -> str:
    """Words as a sentence with its full stop."""
    words = words.strip()
    return words if words.endswith((".", "!", "?")) else f"{words}."
