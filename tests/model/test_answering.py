"""Answers about what is seen, on a tiny random model."""

from functools import partial
from pathlib import Path

import pytest
import torch

from tests import tiny
from tests.model.test_vitron import asis, conversation, model, seeing_model
from vitron_agent.model import answering
from vitron_agent.model.answering import write_answer
from vitron_agent.model.llm import LanguageModel
from vitron_agent.model.vitron import VitronModel

pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")  # PEFT's


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    (base, _), plain, seeing = tiny.folders(tmp_path), tmp_path / "plain", tmp_path / "seeing model"
    model(str(base)).save_pretrained(plain)
    seeing_model(plain).save_pretrained(seeing)
    return base, seeing


def shown(fast: LanguageModel) -> list[int]:
    ids, media = conversation()
    seen = [number for index, item in enumerate(media) for number in fast.see(str(index), partial(asis, item))]
    return [seen[-1 - token] if token < 0 else token for token in ids]


def test_it_writes_what_the_whole_model_writes(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch):
    base, seeing = folders
    monkeypatch.setattr(answering, "MAX_TOKENS", 12)
    made, fast = VitronModel.from_pretrained(seeing).eval(), LanguageModel.load(base, seeing, device="cpu")
    ids, media = conversation()
    added = list(fast.tokenizer.ids.values())
    expected = made.generate(ids, media, do_sample=False, max_new_tokens=12, suppress_tokens=added)
    pieces: list[str] = []
    answer = write_answer(fast, shown(fast), pieces.append)
    assert answer.text == fast.tokenizer.decode_wire(expected).strip()
    assert answer.text.startswith("".join(pieces).strip())


@torch.no_grad()
def test_how_sure_it_is_is_the_probability_of_its_weakest_word(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    base, seeing = folders
    monkeypatch.setattr(answering, "MAX_TOKENS", 6)
    made, fast = VitronModel.from_pretrained(seeing).eval(), LanguageModel.load(base, seeing, device="cpu")
    answer = write_answer(fast, shown(fast))
    ids, media = conversation()
    least = 1.0
    for _ in range(6):
        logits = made(torch.tensor([ids]), torch.ones(1, len(ids)), media).logits[0, -1, : fast.tokenizer.num_base]
        token = int(logits.argmax())
        least = min(least, float(logits.softmax(dim=0)[token]))
        ids = [*ids, token]
        if token == fast.tokenizer.im_end:
            break
    assert answer.sure == pytest.approx(least, rel=1e-2)


def test_a_plan_that_follows_is_as_without_looking(folders: tuple[Path, Path]):
    base, seeing = folders
    fast, untouched = (LanguageModel.load(base, seeing, device="cpu") for _ in range(2))
    write_answer(fast, shown(fast))
    assert torch.equal(fast.open([5, 90, 7]).look(), untouched.open([5, 90, 7]).look())
