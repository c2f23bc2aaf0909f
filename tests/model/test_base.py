"""Bases of transformers on tiny ones: what is no chat model is refused in words that help its reader."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from tests import tiny
from vitron_agent.config import Settings
from vitron_agent.errors import WeightsError
from vitron_agent.model import base
from vitron_agent.model.base import load_base


def test_a_base_with_a_tokenizer_of_transformers_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tiny.model().save_pretrained(tmp_path)
    PreTrainedTokenizerFast(tokenizer_object=tiny.tokenizer().base).save_pretrained(tmp_path)
    from_file = load_base(tmp_path)[1]
    monkeypatch.setattr(base, "Path", lambda _: Path("/nowhere"))  # a repository is no folder
    assert load_base(str(tmp_path))[1].encode_text("make the cat") == from_file.encode_text("make the cat")


@pytest.mark.parametrize("is_repository", [False, True])
def test_a_base_without_chat_tokens_is_refused(is_repository: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tiny.model().save_pretrained(tmp_path)
    words = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    PreTrainedTokenizerFast(tokenizer_object=words).save_pretrained(tmp_path)
    if is_repository:
        monkeypatch.setattr(base, "Path", lambda _: Path("/nowhere"))
    with pytest.raises(WeightsError, match=r"no <\|im_start\|>\); name a causal language model"):
        load_base(tmp_path)


def test_only_who_lacks_the_embedded_base_is_told_to_pull_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VITRON_CACHE", str(tmp_path))
    assert Settings.load().cache == tmp_path
    with pytest.raises(WeightsError, match="run: vitron pull embedded"):
        load_base()
    with pytest.raises(WeightsError, match="name a causal language model"):
        load_base(tmp_path / "typo")
