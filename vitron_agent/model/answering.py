"""Writes answers in words about what is seen, greedily, and tells how sure of them the model is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from vitron_agent.model.llm import LanguageModel

MAX_TOKENS = 120


@dataclass(frozen=True)
class Answer:
    """What the model says.

    Attributes:
        text: Without tags.
        sure: How probable the answer's least probable token was, in [0, 1]: one doubtful word makes an answer doubtful.
    """

    text: str
    sure: float


@torch.inference_mode()
def write_answer(
    model: LanguageModel, prompt: Sequence[int], on_text: Callable[[str], None] = lambda _: None
) -> Answer:
    """Writes the answer that follows a prompt with media tokens; under the model's lock.

    Args:
        model: With the LoRA for what is seen, if it has one.
        prompt: Ids, up to the opening of the assistant's reply.
        on_text: Receives the text piece by piece.
    """
    tokenizer = model.tokenizer
    words = model.llama.embeddings[: tokenizer.num_base]  # an answer holds none of the added tokens
    writer = model.open(prompt, seeing=True)
    tokens: list[int] = []
    told, sure = "", 1.0
    while len(tokens) < MAX_TOKENS:
        probabilities = torch.mv(words, writer.look()[-1]).softmax(dim=0)
        token = int(probabilities.argmax())
        sure = min(sure, float(probabilities[token]))
        if token == tokenizer.im_end:
            break
        tokens.append(token)
        writer.append([token])
        text = tokenizer.decode_wire(tokens)
        if not text.endswith("\N{REPLACEMENT CHARACTER}"):  # a character's last bytes are still to come
            on_text(text[len(told) :])
            told = text
    return Answer(tokenizer.decode_wire(tokens).strip(), sure)
