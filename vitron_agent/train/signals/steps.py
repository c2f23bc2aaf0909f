"""Phrases within conversations: a request, the plan up to the step that names the phrase, and the signal tokens."""

import re
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

from vitron_agent.messages import Operation
from vitron_agent.model.tokens import PlannerTokenizer
from vitron_agent.planners.base import Medium, PastTurn, PlanRequest
from vitron_agent.planners.prompt import encode_prompt
from vitron_agent.train.data.noise import dress
from vitron_agent.train.data.text import sections
from vitron_agent.train.signals.phrases import Phrase
from vitron_agent.wire import SIGNAL, complete, read_plan, write_plan

OPERATIONS = {
    Operation.DETECT: "<Module>Image Grounding</Module><Instruction>detect: {}</Instruction>",
    Operation.SEGMENT: "<Module>Image Segmentation</Module><Instruction>segment: {}</Instruction>",
    Operation.REMOVE: "<Module>Image Editing</Module><Instruction>remove: {}</Instruction>",
    Operation.RECOLOR: "<Module>Image Editing</Module><Instruction>recolor: {} => red</Instruction>",
}
"""The steps whose experts look for a phrase; another task each (paper §3.4)."""
_AFTER_ANOTHER = 0.15
"""This share of the requests comes after one about something else; so the last phrase is the one that counts."""
_SECOND_STEP = 0.15
"""This share names two things, and the signal is that of the second step."""
_MEDIA = (Medium(handle="image-1", kind="image"),)


def step_ids(
    phrase: Phrase, operation: Operation, others: Sequence[Phrase], tokenizer: PlannerTokenizer, rng: Random
) -> list[int]:
    """Ids of a conversation up to the opening of a step's signal tokens.

    Args:
        phrase: What is looked for.
        operation: One of :data:`OPERATIONS`.
        others: What else may be spoken of before.
        tokenizer: With the added tokens.
        rng: Chooses the wording.
    """
    draw = rng.random()
    first = [rng.choice(others)] if draw < _SECOND_STEP else []
    named = [*first, phrase]
    history: tuple[PastTurn, ...] = ()
    if _SECOND_STEP <= draw < _SECOND_STEP + _AFTER_ANOTHER:
        other = rng.choice(others)
        history = (PastTurn(text=ask(other, operation, rng), plan=_plan([other], operation)),)
    text = " and ".join(ask(one, operation, rng) for one in named)
    request = PlanRequest(
        text=text, media=_MEDIA, attached=() if history else ("image-1",), current="image-1", history=history
    )
    written = tokenizer.encode_wire(write_plan(_plan(named, operation)))
    return [*encode_prompt(request, tokenizer), *written, tokenizer.ids[SIGNAL]]


def ask(phrase: Phrase, operation: Operation, rng: Random) -> str:
    """A request for one step."""
    patterns = [one for one in sections("phrasings")[operation.value] if set(re.findall(r"\{(\w+)\}", one)) <= _SLOTS]
    pattern = rng.choice(patterns)
    return dress(pattern.format(T=phrase.definite, t=phrase.text, C="red"), rng)


_SLOTS = frozenset({"T", "t", "C"})


def _plan(phrases: Sequence[Phrase], operation: Operation) -> Any:
    blocks = "".join(OPERATIONS[operation].format(phrase.text) for phrase in phrases)
    return complete(read_plan(blocks), [("image-1", "image")], "image-1", {"image": 2})


def draw_phrases(phrases: Sequence[Phrase], count: int, rng: Random) -> list[Phrase]:
    """Phrases, with replacement; those of things with many words come more rarely, each."""
    many = Counter(phrase.things for phrase in phrases)
    return rng.choices(phrases, weights=[many[phrase.things] ** -0.6 for phrase in phrases], k=count)
