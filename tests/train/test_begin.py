"""A new adapter for a base of one's own is the base, with words for plans."""

from pathlib import Path

import pytest
import torch

from tests import tiny
from vitron_agent.model.adapter import continue_adapter
from vitron_agent.model.base import load_base
from vitron_agent.train.begin import main

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's


def test_it_changes_nothing_yet_and_stages_go_on_from_it(tmp_path: Path):
    base, _ = tiny.folders(tmp_path)
    main(["--base", str(base), "--rank", "3", "--alpha", "6", "--out", str(tmp_path / "begin")])
    plain, tokenizer = load_base(base)
    words = torch.tensor([tokenizer.encode_text(" make the cat red")])
    with torch.no_grad():
        before = plain(words).logits
        adapted = continue_adapter(plain, tokenizer, tmp_path / "begin")
        after = adapted.eval()(words).logits[..., : tokenizer.num_base]
    assert adapted.peft_config["default"].r == 3
    torch.testing.assert_close(after, before)
