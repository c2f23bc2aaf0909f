"""Rewords composed requests with a chat model, as the paper did with GPT-4, and keeps only faithful rewordings."""

import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vitron_agent.errors import ConfigError
from vitron_agent.train.data.invocations import Record

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_INSTRUCTION = (
    "Say the user's request to a picture editor in other words, as a different person would: another register, "
    "sentence structure and choice of verbs. Keep exactly what is wanted and in which order. Keep every one of these "
    "words or phrases as they are: {kept}. Answer with the new request alone."
)


def load_model(name: str) -> "BaseChatModel":
    """A chat model by LangChain's name for it, ``provider:model``.

    Raises:
        ConfigError: The package ``langchain`` is missing.
    """
    try:
        from langchain.chat_models import init_chat_model  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise ConfigError(
            "--rewrite-with needs the package langchain and the provider's, e.g. pip install langchain langchain-openai"
        ) from error
    model: BaseChatModel = init_chat_model(name)
    return model


def reworded(records: Iterator[Record], model: "BaseChatModel") -> Iterator[Record]:
    """Each record with its request in other words; the record as it was where the model lost something."""
    for record in records:
        kept = sorted(kept_phrases(record))
        instruction = _INSTRUCTION.format(kept=", ".join(map(repr, kept)) or "none")
        try:
            text = model.invoke([("system", instruction), ("human", record.request.text)]).text.strip()
        except Exception as error:  # a provider's; hours of work shall not end with one call
            sys.stderr.write(f"kept as it was: {record.request.text!r} ({type(error).__name__}: {error})\n")
            text = ""
        if text and all(_words(phrase) <= _words(text) for phrase in kept):
            request = record.request.model_copy(update={"text": text})
            yield record.model_copy(update={"request": request, "source": "rewritten"})
        else:
            yield record


def kept_phrases(record: Record) -> set[str]:
    """Targets, values and handles of the plan that the request names word for word."""
    plan = record.plan()
    phrases = {part for step in plan.invocations for part in (step.target, step.value)}
    phrases |= set(re.findall(r"\b[a-z]+-[0-9]+\b", record.request.text))
    return {phrase for phrase in phrases if phrase and _words(phrase) <= _words(record.request.text)}


def _words(text: str) -> set[str]:
    return set(re.findall(r"[\w#%-]+", text.lower()))
