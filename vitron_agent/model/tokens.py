r"""The vocabulary of the planner: SmolLM2's, and one token for each fixed piece of the wire form.

Added tokens have ids behind the base vocabulary and are never found by searching text for their names: only
:meth:`PlannerTokenizer.encode_wire`, which knows where in a block it stands, writes them. So "remove" in a user's
sentence stays an ordinary word, and a user who types ``<Module>`` or ``<|im_end|>`` types ordinary characters.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import tokenizers

from vitron_agent.artifacts import HANDLE_STEMS
from vitron_agent.messages import Module, Operation, Role
from vitron_agent.wire import SIGNAL, TAGS

if TYPE_CHECKING:
    from transformers import PreTrainedModel

OPENING = {tag: f"<{tag}>" for tag in TAGS}
CLOSING = {tag: f"</{tag}>" for tag in TAGS}
TITLES = {module: module.wire_name for module in Module}
TARGET = ":"
"""Opens the target. The target's text follows with its leading space, so that its words are the request's tokens."""
VALUE = " =>"
"""Opens the value, like TARGET."""
ROLES = {role: f"{role.value}=" for role in Role}
STEMS = {stem: f"{stem}-" for stem in (*HANDLE_STEMS.values(), "region")}
SEPARATORS = (", ", "; ")
ADDED_TOKENS: tuple[str, ...] = (
    *OPENING.values(), *CLOSING.values(), SIGNAL, *TITLES.values(), *(operation.value for operation in Operation),
    TARGET, VALUE, *ROLES.values(), *STEMS.values(), *SEPARATORS,
)  # fmt: skip
"""In the order of their ids. Shipped weights hold one row each: only ever append."""

_TAG = re.compile(rf"\\.|</?(?:{'|'.join(TAGS)})>|{re.escape(SIGNAL)}", re.DOTALL)
_OPERATION = re.compile(rf"(?:{'|'.join(Operation)})(?=:| =>|$)")
_MARK = re.compile(r"\\=>|\\.|:| =>", re.DOTALL)
_STEM = rf"(?:{'|'.join(map(re.escape, STEMS.values()))})(?=[0-9])"
_NAME = re.compile(rf"\([^)]*\)|{_STEM}|{'|'.join(ROLES.values())}|{'|'.join(SEPARATORS)}")
_MENTION = re.compile(rf" ?(?<![a-z-])({'|'.join(STEMS)})-([0-9]+)(?![0-9-])", re.IGNORECASE)


class _Piece(NamedTuple):
    text: str
    added: bool


class PlannerTokenizer:
    """Text to token ids and back, with the added tokens.

    Args:
        base: A byte-level tokenizer whose vocabulary holds ``<|im_start|>`` and ``<|im_end|>``.
    """

    def __init__(self, base: tokenizers.Tokenizer) -> None:
        self.base = base
        base.encode_special_tokens = True  # text from outside must not be able to write them
        self.num_base = base.get_vocab_size(with_added_tokens=True)
        self.ids = {token: self.num_base + index for index, token in enumerate(ADDED_TOKENS)}
        self.im_start = self._base_id("<|im_start|>")
        self.im_end = self._base_id("<|im_end|>")

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Reads a ``tokenizer.json``."""
        return cls(tokenizers.Tokenizer.from_file(str(path)))

    def __len__(self) -> int:
        return self.num_base + len(ADDED_TOKENS)

    def encode_text(self, text: str) -> list[int]:
        """Ordinary text, whatever it looks like."""
        return self.base.encode(text, add_special_tokens=False).ids

    def encode_mentions(self, text: str, seen: Mapping[str, Sequence[int]] | None = None) -> list[int]:
        """Like ``encode_text``, but a handle such as ``image-2`` is written as in a plan: easy to copy.

        Args:
            text: What is said.
            seen: Media tokens by handle; they follow the first mention.
        """
        unseen = dict(seen or {})
        ids: list[int] = []
        end = 0
        for match in _MENTION.finditer(text):
            ids += self.encode_text(text[end : match.start()])
            stem = match[1].lower()
            ids += [self.ids[STEMS[stem]], *self.encode_text(match[2]), *unseen.pop(f"{stem}-{match[2]}", ())]
            end = match.end()
        return ids + self.encode_text(text[end:])

    def encode_wire(self, text: str) -> list[int]:
        """A plan in its wire form; what does not follow the form is encoded as ordinary text."""
        ids: list[int] = []
        for piece in _wire_pieces(text):
            ids += [self.ids[piece.text]] if piece.added else self.encode_text(piece.text)
        return ids

    def decode_wire(self, ids: Iterable[int]) -> str:
        """The text of ``encode_wire`` or ``encode_text``; exact."""
        parts: list[str] = []
        for is_added, run in groupby(ids, key=lambda token: token >= self.num_base):
            if is_added:
                parts += (ADDED_TOKENS[token - self.num_base] for token in run)
            else:
                parts.append(self.base.decode(list(run), skip_special_tokens=False))
        return "".join(parts)

    def _base_id(self, token: str) -> int:
        found = self.base.token_to_id(token)
        if found is None:
            raise ValueError(f"the base vocabulary has no {token}")
        return int(found)


def extend(tokenizer: PlannerTokenizer, model: "PreTrainedModel") -> None:
    """Gives ``model`` a row for each added token: the mean of the rows of the words that it is written with.

    So does its output matrix where that is another one than its embeddings.
    """
    import torch

    words = model.resize_token_embeddings(len(tokenizer), mean_resizing=False).weight
    written = model.get_output_embeddings().weight  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for rows in (words, written):  # the same twice, where they are tied
            for token, index in tokenizer.ids.items():
                rows[index] = rows[tokenizer.encode_text(token)].mean(dim=0)


def _wire_pieces(text: str) -> Iterator[_Piece]:
    """Cuts a plan's text into added tokens and plain text; their concatenation is the text."""
    end, opened = 0, ""
    for match in _TAG.finditer(text):
        if match[0].startswith("\\"):
            continue
        yield from _content_pieces(opened, text[end : match.start()])
        yield _Piece(match[0], added=True)
        end, opened = match.end(), match[0]
    yield from _content_pieces("", text[end:])


def _content_pieces(opened: str, content: str) -> Iterator[_Piece]:
    """Cuts what stands between two tags, by the tag that opened it."""
    if opened == OPENING["Module"] and content in TITLES.values():
        yield _Piece(content, added=True)
    elif opened == OPENING["Instruction"] and (operation := _OPERATION.match(content)):
        yield _Piece(operation[0], added=True)
        yield from _operand_pieces(content[operation.end() :])
    elif opened in (OPENING["Region"], OPENING["Input"], OPENING["Output"]):
        # A box in numbers is ordinary text, its commas too.
        yield from _cut(content, (name for name in _NAME.finditer(content) if not name[0].startswith("(")))
    elif content:
        yield _Piece(content, added=False)


def _operand_pieces(text: str) -> Iterator[_Piece]:
    """Cuts ``: target => value`` at its first two marks that no backslash escapes."""
    marks = [match for match in _MARK.finditer(text) if not match[0].startswith("\\")]
    target = [match for match in marks[:1] if match[0] == TARGET]
    value = [match for match in marks if match[0] == VALUE][:1]
    yield from _cut(text, target + value)


def _cut(text: str, added: Iterable[re.Match[str]]) -> Iterator[_Piece]:
    end = 0
    for match in added:
        if match.start() > end:
            yield _Piece(text[end : match.start()], added=False)
        yield _Piece(match[0], added=True)
        end = match.end()
    if end < len(text):
        yield _Piece(text[end:], added=False)
