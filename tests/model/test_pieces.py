"""The vocabulary is read as it was written, and cuts text as transformers' own reader would."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaTokenizer
from transformers.tokenization_utils_base import generate_merges

from tests import released
from vitron_agent.errors import WeightsError
from vitron_agent.model.pieces import load_tokenizer, read_pieces

TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.text(st.sampled_from("imagevdos <>/0xA\n"))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    released.write_tokenizer(found := tmp_path_factory.mktemp("pieces") / "tokenizer.model")
    return found


@pytest.fixture(scope="module")
def tokenizer(path: Path) -> LlamaTokenizer:
    return load_tokenizer(path)


def test_pieces_are_read_in_order(path: Path):
    assert read_pieces(path) == [(text, kind == 1) for text, kind in released.pieces()]


@pytest.fixture(scope="module")
def theirs() -> LlamaTokenizer:
    ids = {piece: index for index, (piece, _) in enumerate(released.pieces())}
    special = {piece for piece, kind in released.pieces() if kind != 1}
    return LlamaTokenizer(vocab=ids, merges=generate_merges(ids, skip_tokens=special))


@given(TEXTS)
def test_it_cuts_text_as_transformers_does_and_loses_nothing(
    tokenizer: LlamaTokenizer, theirs: LlamaTokenizer, text: str
):
    found = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
    assert found == theirs.encode(text, add_special_tokens=False, split_special_tokens=True)
    # A space is spelt "▁", and where the text begins with one, none is added.
    assert tokenizer.decode(found).lstrip(" ") == text.replace("▁", " ").lstrip(" ")
    assert not {0, 1, 2} & set(found)


@pytest.mark.parametrize("damage", [lambda data: data[:-3], lambda data: b"", lambda data: b"{}", lambda data: b"\x0a"])
def test_what_is_no_vocabulary_is_refused(damage, path: Path, tmp_path: Path):
    other = tmp_path / "tokenizer.model"
    other.write_bytes(damage(path.read_bytes()))
    with pytest.raises(WeightsError, match="fetch it again"):
        load_tokenizer(other)


def test_a_vocabulary_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(WeightsError, match=r"tokenizer\.model"):
        load_tokenizer(tmp_path / "tokenizer.model")
