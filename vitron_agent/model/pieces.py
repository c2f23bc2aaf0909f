"""Reads ``tokenizer.model``, the SentencePiece vocabulary that Llama checkpoints ship.

In Llama's BPE the order of the pieces is the order of the merges, so the list of pieces is all that is needed. It is
read from the file's protobuf messages here, instead of asking for two more packages.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vitron_agent.errors import WeightsError

if TYPE_CHECKING:
    from transformers import LlamaTokenizer

_NORMAL = 1
"""The type of a piece that is part of words; the others are control tokens and single bytes."""


class Piece(NamedTuple):
    """An entry of the vocabulary.

    Attributes:
        text: With ``▁`` for a space.
        merged: Text may become it; control tokens and bytes are written by their own ids only.
    """

    text: str
    merged: bool


def load_tokenizer(path: Path) -> "LlamaTokenizer":
    """Llama's tokenizer from a ``tokenizer.model``.

    Raises:
        WeightsError: It is no SentencePiece model.
    """
    from transformers import LlamaTokenizer

    pieces = read_pieces(path)
    ids = {piece.text: index for index, piece in enumerate(pieces)}
    return LlamaTokenizer(vocab=ids, merges=list(_merges(pieces)))


def read_pieces(path: Path) -> list[Piece]:
    """The pieces in the order of their ids.

    Raises:
        WeightsError: It is no SentencePiece model.
    """
    try:
        found = [_piece(value) for number, value in _fields(path.read_bytes()) if number == 1 and type(value) is bytes]
    except (OSError, IndexError, KeyError, ValueError) as error:
        raise WeightsError(f"{path} is no SentencePiece model ({error!r}); fetch it again") from error
    if not found:
        raise WeightsError(f"{path} holds no pieces; fetch it again")
    return found


def _merges(pieces: list[Piece]) -> Iterator[tuple[str, str]]:
    """All pairs that make a piece, in the order in which BPE takes them."""
    known = {piece.text for piece in pieces if piece.merged}
    for text, merged in pieces:
        if merged:
            # Shortest left half first, as transformers orders the pairs that make the same piece.
            halves = ((text[:at], text[at:]) for at in range(1, len(text)))
            yield from (pair for pair in halves if known.issuperset(pair))


def _piece(message: bytes) -> Piece:
    fields = dict(_fields(message))
    text = fields[1]
    if not isinstance(text, bytes):
        raise ValueError("a piece is no text")
    return Piece(text.decode(), fields.get(3, _NORMAL) == _NORMAL)


def _fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Number and value of each field of a protobuf message; floats are passed over."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        match key & 7:
            case 0:
                value, at = _varint(message, at)
                yield key >> 3, value
            case 2:
                size, at = _varint(message, at)
                if at + size > len(message):
                    raise ValueError("it ends too early")
                yield key >> 3, message[at : at + size]
                at += size
            case 1:
                at += 8
            case 5:
                at += 4
            case other:
                raise ValueError(f"wire type {other}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where the next thing begins."""
    number = shift = 0
    while data[at] & 0x80:
        number |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
    return number | data[at] << shift, at + 1
