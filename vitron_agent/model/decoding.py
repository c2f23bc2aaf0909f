"""Writes plans greedily within the wire grammar.

Three things make it cheap: what the grammar forces costs no forward pass, output handles are filled in, and the words
of targets are drafted from the prompt, several to a pass.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from llguidance import LLMatcher
from torch import Tensor

from vitron_agent.errors import WireSyntaxError
from vitron_agent.messages import output_kind
from vitron_agent.model.grammar import Grammar, Scene
from vitron_agent.model.llm import LanguageModel, Writer
from vitron_agent.model.signals import Signals
from vitron_agent.model.tokens import OPENING, PlannerTokenizer
from vitron_agent.wire import read_plan

MAX_BLOCKS = 12
MAX_BLOCK_TOKENS = 400
MAX_ANSWER_TOKENS = 200
PLAN_THRESHOLD = 0.5
"""A reply is a plan if that is at least so probable."""
_LONGEST_DRAFT = 6
"""Checking so many tokens takes about as long as one and a half."""


class PlanDecoder:
    """Decodes plans with one language model."""

    def __init__(self, model: LanguageModel) -> None:
        self.tokenizer = model.tokenizer
        self.model = model
        self._grammar = Grammar(model.tokenizer)

    def write(
        self,
        prompt: Sequence[int],
        scene: Scene,
        on_text: Callable[[str], None] | None = None,
        on_signals: Callable[[Signals | None], None] | None = None,
    ) -> str:
        """Writes the plan, or the answer, that the model wants to follow ``prompt``.

        Args:
            prompt: Token ids, up to the opening of the assistant's reply.
            scene: What the plan may name.
            on_text: Receives the text piece by piece.
            on_signals: Receives the signals of each step, read behind its output handle: what an expert is told beside
                the text, which stays the same. None where the model has no heads, and for a move in the conversation,
                which no expert makes.

        Returns:
            The wire text.

        Raises:
            WireSyntaxError: The plan does not come to an end.
        """
        with self.model.lock:
            writer = self.model.open(prompt)
            reply = _Reply(self.tokenizer, prompt, on_text or (lambda _: None))
            for number in range(MAX_BLOCKS):
                start = len(reply.tokens)
                self._write_block(writer, reply, self._grammar.block(scene, first=number == 0))
                block = self.tokenizer.decode_wire(reply.tokens[start:])
                if not block or not reply.is_plan:
                    return reply.text
                kind = output_kind(read_plan(block, scene.regions).invocations[0])
                if kind is not None:
                    handle, scene = scene.after(kind)
                    output = self.tokenizer.encode_wire(f"<Output>{handle}</Output>")
                    writer.append(output)
                    reply.extend(output)
                if on_signals is not None:
                    on_signals(writer.signal() if self.model.heads is not None and kind is not None else None)
        raise WireSyntaxError(f"the plan has more than {MAX_BLOCKS} steps")

    def _write_block(self, writer: Writer, reply: "_Reply", grammar: str) -> None:
        """Writes until the grammar is at its end, or an answer is long enough."""
        matcher = LLMatcher(self._grammar.vocabulary, grammar)
        start = len(reply.tokens)
        while not matcher.is_stopped():
            if reply.is_plan and len(reply.tokens) - start > MAX_BLOCK_TOKENS:
                raise WireSyntaxError(f"a step of the plan is longer than {MAX_BLOCK_TOKENS} tokens")
            if not reply.is_plan and len(reply.tokens) > MAX_ANSWER_TOKENS:
                return
            draft = reply.draft()
            draft = draft[: matcher.validate_tokens(draft)]
            for position, hidden in enumerate(writer.look(draft)):
                token = self._choose(hidden, matcher) if reply.tokens else self._open(hidden, matcher)
                if token == self.tokenizer.im_end:
                    return
                forced = _forced(matcher)
                foreseen = position < len(draft) and token == draft[position]
                if foreseen:
                    writer.accept([token])
                writer.append(forced if foreseen else [token, *forced])
                reply.extend([token, *forced])
                if forced or not foreseen:
                    break

    def _open(self, hidden: Tensor, matcher: LLMatcher) -> int:
        """The first token: a plan's only if a plan is likelier than all answers together, which begin in many ways."""
        opening = self.tokenizer.ids[OPENING["Module"]]
        is_plan = self.model.llama.probability(hidden, opening) >= PLAN_THRESHOLD
        return self._choose(hidden, matcher, excluded=None if is_plan else opening)

    def _choose(self, hidden: Tensor, matcher: LLMatcher, excluded: int | None = None) -> int:
        """The likeliest token that the grammar allows; the matcher consumes it."""
        bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
        allowed = np.flatnonzero(np.unpackbits(bits, bitorder="little"))
        if excluded is not None:
            allowed = allowed[allowed != excluded]
        token = self.model.llama.best(hidden, torch.from_numpy(allowed).to(hidden.device))
        matcher.consume_token(token)
        return token


def _forced(matcher: LLMatcher) -> list[int]:
    """Tokens that the grammar leaves no choice about; the matcher consumes them."""
    tokens = matcher.compute_ff_tokens()
    matcher.consume_tokens(tokens)
    return tokens


@dataclass
class _Reply:
    """What was written so far."""

    tokenizer: PlannerTokenizer
    prompt: Sequence[int]
    on_text: Callable[[str], None]
    tokens: list[int] = field(default_factory=list)
    _reported: int = 0

    @property
    def text(self) -> str:
        return self.tokenizer.decode_wire(self.tokens)

    @property
    def is_plan(self) -> bool:
        return self.tokens[:1] == [self.tokenizer.ids[OPENING["Module"]]]

    def extend(self, tokens: Sequence[int]) -> None:
        self.tokens += tokens
        text = self.text
        if not text.endswith("\N{REPLACEMENT CHARACTER}"):  # a character's last bytes are still to come
            self.on_text(text[self._reported :])
            self._reported = len(text)

    def draft(self) -> list[int]:
        """What followed the last word, the last time that it stood in the prompt; nothing outside a plan's words."""
        if not self.is_plan or self.tokens[-1] >= self.tokenizer.num_base:
            return []
        for index in range(len(self.prompt) - 1, -1, -1):
            if self.prompt[index] == self.tokens[-1]:
                following = self.prompt[index + 1 : index + 1 + _LONGEST_DRAFT]
                return [token for token in following if 0 <= token < self.tokenizer.num_base]
        return []
