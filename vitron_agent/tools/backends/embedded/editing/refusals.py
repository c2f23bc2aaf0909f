"""What filters, masks and other pictures cannot make; said before anything runs, from the message alone."""

from collections.abc import Callable

from vitron_agent.messages import Invocation, Operation, Role
from vitron_agent.tools.backends.embedded.editing.adjust import read_adjustment
from vitron_agent.tools.backends.embedded.editing.background import read_background
from vitron_agent.tools.backends.embedded.editing.colors import nearest_names, read_color
from vitron_agent.tools.backends.embedded.editing.style import STYLES, read_style
from vitron_agent.tools.base import Lacking
from vitron_agent.tools.edit_words import is_here, means_behind, means_transparent, read_placement

_PLACES = "a direction with an amount (left 20%), a place (top right, center) or a thing in the picture (on the sofa)"


def refuse(invocation: Invocation) -> str | None:
    """Why an edit cannot be done without a generator, or is not understood, as a sentence; None if it can be."""
    rule = _RULES.get(invocation.operation)
    return rule(invocation) if rule else None


def _remove(invocation: Invocation) -> str | None:
    if not means_behind(invocation.target):
        return None
    return "to take the background away is not to remove a thing; it is background => remove"


def _replace(invocation: Invocation) -> str | None:
    if invocation.input(Role.SOURCE):
        return None
    return Lacking(
        f"putting a new {invocation.value or 'thing'} in place of {_thing(invocation)} needs a generator (profile "
        "'hub'); give a second picture that shows it as input 'source', and it is taken from there"
    )


def _add(invocation: Invocation) -> str | None:
    if not invocation.input(Role.SOURCE):
        return Lacking(
            f"adding a new {invocation.target or 'thing'} needs a generator (profile 'hub'); give a second picture "
            "that shows it as input 'source', and it is taken from there"
        )
    return _place(invocation, moving=False)


def _move(invocation: Invocation) -> str | None:
    if not is_here(invocation.value):
        return _place(invocation, moving=True)
    if not invocation.regions:
        return f"a move needs {_PLACES}, or a drawn region to go to"
    named = invocation.target or invocation.input(Role.MASK) or invocation.input(Role.REFERENCE)
    if named or len(invocation.regions) > 1:
        return None
    return (
        "one drawing is not enough for a move that names no thing; name it, or draw first the thing and then its place"
    )


def _place(invocation: Invocation, *, moving: bool) -> str | None:
    if is_here(invocation.value) or read_placement(invocation.value, moving=moving):
        return None
    return f"where {invocation.value!r} is, is not understood; say {_PLACES}, or draw a region"


def _recolor(invocation: Invocation) -> str | None:
    if read_color(invocation.value):
        return None
    near = ", ".join(nearest_names(invocation.value))
    return f"{invocation.value!r} is no colour that is known; near are: {near}; or give it as #rrggbb"


def _background(invocation: Invocation) -> str | None:
    value = invocation.value
    if invocation.input(Role.SOURCE) or means_transparent(value) or (value and read_background(value)):
        return None
    wanted = f"a background of {value!r}" if value else "a background that isn't named"
    return Lacking(
        f"{wanted} needs a generator (profile 'hub'); here it may be blur, a colour, a gradient (blue to white "
        "gradient), remove (transparent), or another picture as input 'source'"
    )


def _style(invocation: Invocation) -> str | None:
    if read_style(invocation.value):
        return None
    return Lacking(
        f"the style {invocation.value!r} needs a generator (profile 'hub'); here there are: {', '.join(sorted(STYLES))}"
    )


def _adjust(invocation: Invocation) -> str | None:
    if read_adjustment(invocation.value):
        return None
    return (
        f"{invocation.value!r} is no adjustment that is known; say brightness, contrast, saturation, warmth or "
        "sharpness, then more or less, and an amount in percent if you like (contrast less 30%)"
    )


def _thing(invocation: Invocation) -> str:
    return f"the {invocation.target}" if invocation.target else "what was marked"


_RULES: dict[Operation, Callable[[Invocation], str | None]] = {
    Operation.REMOVE: _remove,
    Operation.REPLACE: _replace,
    Operation.ADD: _add,
    Operation.MOVE: _move,
    Operation.RECOLOR: _recolor,
    Operation.BACKGROUND: _background,
    Operation.STYLE: _style,
    Operation.ADJUST: _adjust,
}
