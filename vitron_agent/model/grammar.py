r"""The wire grammar (DESIGN §4) of one block, for llguidance: what the planner may write next in a given scene.

Only what exists can be named: known handles in the roles that a module takes, drawn regions, and the outputs of
earlier steps. Each block has its own grammar, because every block makes a handle known to the next.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby

from llguidance import LLTokenizer, TokenizerWrapper

from vitron_agent.artifacts import HANDLE_STEMS, Kind
from vitron_agent.messages import (
    INVOCATION_TYPES,
    OPERATIONS,
    Handle,
    Module,
    Operation,
    Region,
    Role,
    input_kinds,
    needs_base,
)  # fmt: skip
from vitron_agent.model.tokens import CLOSING, OPENING, ROLES, STEMS, TARGET, TITLES, VALUE, PlannerTokenizer

_WORD = r"([^<:=\\\s\x00-\x1f]|=+[^<:=>\\\s\x00-\x1f]|\\=>|\\[\\<:])+"
_TERMINALS = rf"""
PHRASE: /( {_WORD}){{1,24}}/
PROMPT: /( {_WORD}){{1,160}}/
CHANGE: / (brightness|contrast|saturation|warmth|sharpness) (more|less)( {_WORD}){{0,3}}/
SOFT: / soft/
COUNT: / [1-9][0-9]?/
BOX: /\([01]\.[0-9]{{3}}(, [01]\.[0-9]{{3}}){{3}}( \| [0-9]{{1,5}}, [0-9]{{1,5}})?\)/
ANSWER: /(.|\n)+/
"""
_OPERANDS: Mapping[Operation, tuple[str, str]] = {
    Operation.GENERATE: ("", "PROMPT"),
    Operation.SEGMENT: ("TARGET?", "SOFT?"),
    Operation.REMOVE: ("TARGET?", ""),
    Operation.REPLACE: ("TARGET?", "PHRASE?"),
    Operation.ADD: ("TARGET", "PHRASE?"),
    Operation.MOVE: ("TARGET?", "PHRASE"),
    Operation.RECOLOR: ("TARGET?", "PHRASE"),
    Operation.BACKGROUND: ("TARGET?", "PHRASE?"),
    Operation.STYLE: ("TARGET?", "PHRASE"),
    Operation.ADJUST: ("TARGET?", "CHANGE"),
    Operation.TRACK: ("TARGET?", ""),
    Operation.ANIMATE: ("TARGET?", "PROMPT?"),
    Operation.DETECT: ("TARGET", ""),
    Operation.UNDO: ("", "COUNT?"),
    Operation.SELECT: ("", ""),
    Operation.SEARCH: ("TARGET", ""),
}
"""Terminals of target and value, after the table of docs/invocations.md; ``?`` = may be left out."""


@dataclass(frozen=True)
class Scene:
    """What a plan may name.

    Attributes:
        media: Handles and kinds, oldest first.
        numbers: Next free number by handle stem; 1 where absent.
        regions: What the user drew.
        boxes: Whether boxes may be written in numbers (where the request has some).
        words: What targets may be made of, of letters, digits, apostrophes and hyphens; none = any words.
    """

    media: tuple[tuple[Handle, Kind], ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    regions: tuple[Region, ...] = ()
    boxes: bool = False
    words: tuple[str, ...] = ()

    def after(self, kind: Kind) -> tuple[Handle, "Scene"]:
        """The handle of a new output, and the scene in which it is known."""
        stem = HANDLE_STEMS[kind]
        number = self.numbers.get(stem, 1)
        handle = f"{stem}-{number}"
        numbers = {**self.numbers, stem: number + 1}
        return handle, replace(self, media=(*self.media, (handle, kind)), numbers=numbers)


class Grammar:
    """Writes grammars over one vocabulary."""

    def __init__(self, tokenizer: PlannerTokenizer) -> None:
        self._ids = tokenizer.ids
        self.vocabulary = LLTokenizer(TokenizerWrapper(_Vocabulary(tokenizer)), eos_token=tokenizer.im_end)

    def block(self, scene: Scene, *, first: bool) -> str:
        """Lark text of the next block, up to its inputs; of an answer instead if it is the first, else of nothing.

        ``<Output>`` is not part of it: its handle follows from what was written.
        """
        modules = " | ".join(self._module(module, scene) for module in Module)
        start = "block | ANSWER" if first else "block?"
        target = "|".join(map(re.escape, scene.words)) or _WORD
        named = f"TARGET: /( ({target})){{1,24}}/"
        return f"start: {start}\nblock: {self._id(OPENING['Module'])} ({modules})\n{named}{_TERMINALS}"

    def _id(self, token: str) -> str:
        return f"<[{self._ids[token]}]>"

    def _module(self, module: Module, scene: Scene) -> str:
        """One module's title, instruction, regions and inputs."""
        head = f"{self._id(TITLES[module])} {self._id(CLOSING['Module'])} {self._id(OPENING['Instruction'])}"
        if module is Module.CONVERSATION:
            moves = (self._move(operation, scene) for operation in OPERATIONS[module])
            return f"{head} ({' | '.join(moves)})"
        operations = " | ".join(map(self._operation, OPERATIONS[module]))
        inputs = self._inputs(module, scene) if needs_base(module) else ""
        return f"{head} ({operations}) {self._id(CLOSING['Instruction'])} {self._regions(scene)} {inputs}"

    def _move(self, operation: Operation, scene: Scene) -> str:
        inputs = self._inputs(Module.CONVERSATION, scene) if operation is Operation.SELECT else ""
        return f"{self._operation(operation)} {self._id(CLOSING['Instruction'])} {inputs}"

    def _operation(self, operation: Operation) -> str:
        parts = [self._id(operation.value)]
        for mark, operand in zip((TARGET, VALUE), _OPERANDS[operation], strict=True):
            if operand:
                optional = "?" if operand.endswith("?") else ""
                parts.append(f"({self._id(mark)} {operand.removesuffix('?')}){optional}")
        return " ".join(parts)

    def _regions(self, scene: Scene) -> str:
        choices = [self._handles(f"region-{number + 1}" for number in range(len(scene.regions)))]
        if scene.boxes:
            source = f"{self._handles(handle for handle, _ in scene.media)}?" if scene.media else ""
            choices.append(f"{source} BOX")
        if not any(choices):
            return ""
        region = f"({' | '.join(filter(None, choices))})"
        more = f"({self._id('; ')} {region})*"
        return f"({self._id(OPENING['Region'])} {region} {more} {self._id(CLOSING['Region'])})?"

    def _inputs(self, module: Module, scene: Scene) -> str:
        """A base, alone or with other roles after it; nothing where nothing exists yet."""
        base = self._handles(self._fitting(module, Role.BASE, scene))
        if not base:
            return ""
        others = [
            f"{self._id(', ')} {self._id(ROLES[role])} {handles}"
            for role in Role
            if role is not Role.BASE and role in INVOCATION_TYPES[module].takes
            if (handles := self._handles(self._fitting(module, role, scene)))
        ]
        choices = [base]
        for position, other in enumerate(others):
            rest = " ".join(f"({later})?" for later in others[position + 1 :])
            choices.append(f"{self._id(ROLES[Role.BASE])} {base} {other} {rest}")
        return f"{self._id(OPENING['Input'])} ({' | '.join(choices)}) {self._id(CLOSING['Input'])}"

    @staticmethod
    def _fitting(module: Module, role: Role, scene: Scene) -> list[Handle]:
        """Handles of a kind that the role takes.

        A base may be anything where nothing fits, so that a wrong plan is refused with its reason instead of being
        bent into another one; a thing comes from another picture only where there are two.
        """
        kinds = input_kinds(module, role)
        fitting = [handle for handle, kind in scene.media if kind in kinds]
        if role is Role.BASE:
            return fitting or [handle for handle, _ in scene.media]
        return fitting if role is Role.MASK or len(fitting) > 1 else []

    def _handles(self, handles: Iterable[Handle]) -> str:
        """A choice of handles: the added token of the stem, then digits."""
        split = sorted(handle.rsplit("-", 1) for handle in handles)
        choices = []
        for stem, group in groupby(split, key=lambda pair: pair[0]):
            numbers = " | ".join(f'"{number}"' for _, number in group)
            choices.append(f"{self._id(STEMS[stem])} ({numbers})")
        return f"({' | '.join(choices)})" if choices else ""


class _Vocabulary:
    """The vocabulary as llguidance wants it: the bytes of each token, and which tokens only ids can name."""

    def __init__(self, tokenizer: PlannerTokenizer) -> None:
        self._tokenizer = tokenizer
        self.eos_token_id = tokenizer.im_end
        self.bos_token_id = None
        byte_of = dict(_byte_characters())
        self.tokens = [b""] * len(tokenizer)
        self.special_token_ids = list(tokenizer.ids.values())
        for token, index in tokenizer.base.get_vocab().items():
            self.tokens[index] = bytes(byte_of[character] for character in token)
            if token.startswith("<") and token.endswith(">") and len(token) > 2:
                self.special_token_ids.append(index)
        for token, index in tokenizer.ids.items():
            self.tokens[index] = token.encode()

    def __call__(self, text: str) -> list[int]:
        return self._tokenizer.encode_text(text)


def _byte_characters() -> Iterator[tuple[str, int]]:
    """The characters that byte-level BPE writes bytes as: printable Latin-1 as itself, the others from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    yield from ((chr(byte), byte) for byte in printable)
    yield from ((chr(0x100 + index), byte) for index, byte in enumerate(others))
