"""New things in requests that people wrote: "find my car keys in this mess" -> "find my boom mic in this mess".

The phrases come from other requests for the same operation, so that a planner learns to copy what is said, of any
length, instead of what usually stands in such a sentence.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from random import Random

from vitron_agent.messages import Invocation, Operation, Plan
from vitron_agent.planners.base import PlanRequest

Phrases = Mapping[tuple[Operation, bool], tuple[str, ...]]
"""Targets by operation and by whether they are plural."""

_PERSONAL = re.compile(r"(?i)\b(he|him|his|she|her|hers|they|them|their|who)\b")


def phrases(plans: Iterable[Plan]) -> Phrases:
    """The targets of many plans."""
    found: dict[tuple[Operation, bool], set[str]] = defaultdict(set)
    for plan in plans:
        for item in plan.invocations:
            if item.target:
                found[_kind(item)].add(item.target)
    return {kind: tuple(sorted(targets)) for kind, targets in found.items()}


def swap(request: PlanRequest, plan: Plan, known: Phrases, rng: Random) -> tuple[PlanRequest, Plan] | None:
    """The same wish for another thing.

    Returns:
        None where the sentence would not stay right: the thing is not named in it once and literally, was named before,
        or is spoken of as a person.
    """
    named = [item for item in plan.invocations if item.target]
    if not named or _PERSONAL.search(request.text):
        return None
    old = rng.choice(named)
    new = rng.choice(known[_kind(old)])
    place = re.compile(rf"(?i)(\b(?:an?) )?\b{re.escape(old.target)}\b(?!')")
    past = " ".join(turn.text + repr(turn.plan) for turn in request.history)
    if len(place.findall(request.text)) != 1 or old.target in past or new in request.text.lower():
        return None
    if any(old.target in item.value or old.target in item.target != old.target for item in plan.invocations):
        return None
    steps = [
        item.model_copy(update={"target": new}) if item.target == old.target else item for item in plan.invocations
    ]
    text = place.sub(lambda found: _article(found[1], new) + new, request.text)
    return request.model_copy(update={"text": text}), plan.model_copy(update={"invocations": tuple(steps)})


def _kind(item: Invocation) -> tuple[Operation, bool]:
    return item.operation, item.target.endswith("s") and not item.target.endswith("ss")


def _article(found: str | None, noun: str) -> str:
    if not found:
        return ""
    return "an " if noun[0] in "aeiou" else "a "
