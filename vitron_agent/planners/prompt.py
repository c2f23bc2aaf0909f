"""What the planner LLM reads and writes: one rendering for training and for inference.

A prompt, in SmolLM2's chat form (one message a line here)::

    system     Plan image and video work with modules, or answer in words.
    user       blur the background                                 <- earlier turns, the newest two
    assistant  <Module>Image Editing</Module><Instruction>...
    user       image-1 image-2 new image-3 now image-3 drawn region-1
               remove this                                         <- what there is, then the request
    assistant  <Module>...                                         <- rejected tries at this request, if any
    user       That cannot run: ...
    assistant

The system message is the same for ever and earlier turns only grow at their end, so both are kept in the model's
cache. Handles are added tokens, in the first line as in plans: naming one is copying one. Behind a handle there may
stand what it looks like, as media tokens (:mod:`vitron_agent.model.media`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from vitron_agent.errors import UsageError
from vitron_agent.messages import Handle, Plan
from vitron_agent.model.tokens import PlannerTokenizer
from vitron_agent.planners.base import PlanRequest
from vitron_agent.wire import write_plan

SYSTEM = "Plan image and video work with modules, or answer in words."
HISTORY_TURNS = 2
MAX_MEDIA = 8
"""Handles named in a prompt; every known handle can be written in a plan."""
MAX_SHOWN = 4
"""Pictures and clips whose look is in a prompt."""
MAX_REQUEST_TOKENS = 2048
PAST_CHARACTERS = 240
"""Earlier requests, answers and errors are cut to so many characters."""
Seen: TypeAlias = Mapping[str, Sequence[int]]
"""Media tokens by handle."""
_NOTHING: Seen = MappingProxyType({})
IGNORED = -100
"""Label of tokens that carry no loss."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt.

    Attributes:
        role: Who speaks.
        text: What is said.
        wire: The text is a plan in its wire form.
        head: The line that says what there is, before the request.
    """

    role: Literal["system", "user", "assistant"]
    text: str
    wire: bool = False
    head: str = ""


def render(request: PlanRequest) -> list[Message]:
    """The messages of a prompt, without the opening of the assistant's reply."""
    messages = [Message("system", SYSTEM)]
    for turn in request.history[-HISTORY_TURNS:]:
        messages += [Message("user", _shorten(turn.text)), _said(turn.plan)]
    messages.append(Message("user", request.text, head=context_line(request)))
    for rejection in request.rejections:
        messages += [
            Message("assistant", rejection.plan, wire=True),
            Message("user", f"That cannot run: {_shorten(rejection.error)}"),
        ]
    return messages


def context_line(request: PlanRequest) -> str:
    """``image-1 mask-1 new image-2 now image-2 drawn region-1``: what there is, came now, is meant by "it", was drawn.

    A drawing is followed by the handle that it was made on, where that is not the current one.
    """
    new = list(request.attached[-MAX_MEDIA:])
    old = [medium.handle for medium in request.media if medium.handle not in new]
    words = old[-MAX_MEDIA:]
    if new:
        words += ["new", *new]
    if request.current:
        words += ["now", request.current]
    if request.regions:
        words.append("drawn")
    for number, region in enumerate(request.regions[:MAX_MEDIA], start=1):
        words.append(f"region-{number}")
        if region.source and region.source != request.current:
            words.append(region.source)
    return " ".join(words) or "nothing"


def shown(request: PlanRequest) -> tuple[Handle, ...]:
    """The handles whose look belongs into a prompt: what came now or is meant by "it", and what was drawn.

    What the conversation has beside them is named, but not shown: a picture takes as long to read as a long request.
    """
    kinds = {medium.handle: medium.kind for medium in request.media}
    new = [handle for handle in request.attached if handle != request.current]
    named = dict.fromkeys([*new, *([request.current] if request.current else [])])
    pictures = [handle for handle in named if kinds.get(handle) in ("image", "video")]
    drawn = len(request.regions[:MAX_MEDIA])
    return (*pictures[-MAX_SHOWN:], *(f"region-{number}" for number in range(1, drawn + 1)))


def encode_prompt(request: PlanRequest, tokenizer: PlannerTokenizer, seen: Seen = _NOTHING) -> list[int]:
    """The prompt's token ids, up to and with the opening of the assistant's reply.

    Args:
        request: What to plan.
        tokenizer: With the added tokens.
        seen: Media tokens of pictures, clips and drawings, by handle.

    Raises:
        UsageError: The request is longer than the planner reads.
    """
    ids: list[int] = []
    for message in render(request):
        ids += _encode_message(message, tokenizer, seen)
    return ids + _opening("assistant", tokenizer)


def encode_target(plan: Plan, tokenizer: PlannerTokenizer) -> list[int]:
    """The ids of what the model should write, with the closing token."""
    return [*_encode_said(_said(plan, cut=False), tokenizer), tokenizer.im_end]


def build_example(
    request: PlanRequest, plan: Plan, tokenizer: PlannerTokenizer, seen: Seen = _NOTHING
) -> tuple[list[int], list[int]]:
    """One training example: token ids and labels.

    No loss on the prompt, nor on output handles, which decoding forces and the prompt doesn't tell.

    Returns:
        (input_ids, labels), of the same length; labels are IGNORED where there is no loss.
    """
    prompt = encode_prompt(request, tokenizer, seen)
    target = encode_target(plan, tokenizer)
    return prompt + target, [IGNORED] * len(prompt) + list(_mask_outputs(target, tokenizer))


def _mask_outputs(target: list[int], tokenizer: PlannerTokenizer) -> Iterator[int]:
    opening, closing = tokenizer.ids["<Output>"], tokenizer.ids["</Output>"]
    inside = False
    for token in target:
        inside = inside and token != closing
        yield IGNORED if inside else token
        inside = inside or token == opening


def _said(plan: Plan, *, cut: bool = True) -> Message:
    if plan.invocations:
        return Message("assistant", write_plan(plan.without_signals()), wire=True)
    text = write_plan(plan)
    return Message("assistant", _shorten(text) if cut else text)


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= PAST_CHARACTERS else text[:PAST_CHARACTERS] + " …"


def _opening(role: str, tokenizer: PlannerTokenizer) -> list[int]:
    return [tokenizer.im_start, *tokenizer.encode_text(f"{role}\n")]


def _encode_message(message: Message, tokenizer: PlannerTokenizer, seen: Seen) -> list[int]:
    body = _encode_said(message, tokenizer, seen)
    return [*_opening(message.role, tokenizer), *body, tokenizer.im_end, *tokenizer.encode_text("\n")]


def _encode_said(message: Message, tokenizer: PlannerTokenizer, seen: Seen = _NOTHING) -> list[int]:
    if message.wire:
        return tokenizer.encode_wire(message.text)
    if message.role != "user":
        return tokenizer.encode_text(message.text)
    # The leading space makes the first word the same token as anywhere else in a sentence.
    ids = tokenizer.encode_mentions(f" {message.text}")
    if len(ids) > MAX_REQUEST_TOKENS:
        raise UsageError(
            f"the request has {len(ids)} tokens and the planner reads at most {MAX_REQUEST_TOKENS}; shorten it"
        )
    if not message.head:
        return ids
    return [*tokenizer.encode_mentions(message.head, seen), *tokenizer.encode_text("\n"), *ids]
